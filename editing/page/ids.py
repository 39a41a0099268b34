"""Ids of the page's elements: handlers give updates by them, and style sheet, script and tests find by them.

Sliders of the attribute table have the attributes' own names.
"""

from __future__ import annotations

from editing.recipe.recipe import MAX_TEXTS

# No elements: the visitor's state, all controls that a visit sets, and all that follows from its picture; see
# `editing.page.parts`.
VISIT, CONTROLS, FOLLOWED = "session", "all controls", "all that follows"

PAGE, HEADER, MAIN, SIDE, STEPS, BELOW, TABS = (
    *("page", "header", "main", "side", "steps", "below", "tabs"),
)
ABOUT, HOW, METHOD, MISSING, USE = "about", "how", "method", "missing", "use"

# Regions: photo
EXAMPLES, SOURCE, PHOTO = "examples", "source", "photo"
CROP_PREVIEW, USE_CROP = "crop_preview", "use_crop"
CROP_SLIDERS = CROP_X, CROP_Y, CROP_SIZE, CROP_TURN = "crop_x", "crop_y", "crop_size", "crop_turn"
# choice
FACES, UNDO_TURN, DOUBT = "faces", "undo_turn", "doubt"
USE_ANYWAY, OTHER_PHOTO = "use_anyway", "other_photo"
# stage
STATE, STATUS, INVERT, SHOWN, COMPARE, STAGE, BRUSH, STOP = (
    *("state", "status", "invert", "shown", "compare", "stage", "mask_edit", "stop"),
)
PROBLEM, EDITS, ACTIONS, UNDO, REDO, HOLD, PAST, RESET, HISTORY = (
    *("problem", "edits", "actions", "undo", "redo", "hold", "past", "reset", "history"),
)
EDIT_CHIPS = tuple(f"edit_{number}" for number in range(10))
# kept
KEPT_ROW, KEPT, PROTECT, BRUSH_ON = "kept_row", "kept", "protect", "brush_on"
# better
BETTER, BETTER_TEXT, BETTER_STOP = "better", "better_text", "better_stop"
# downloads
SAVE, SHARE, PARCEL, MORE = "download_photo", "share", "parcel", "more"
DOWNLOADS, DOWNLOAD, DOWNLOAD_CARD, DOWNLOAD_FILM = (
    *("downloads", "download", "download_card", "download_film"),
)

# Tabs: effects
TILES, EFFECT_STRENGTH = "tiles", "effect_strength"
# words
PHRASE, TARGET, ADD, CHIPS, CHIP = "phrase", "target", "add", "chips", "chip"
WORDS_ADVANCED, NEUTRAL, STRENGTH, FOCUS = "words_advanced", "neutral", "strength", "focus"
ROWS, WORDS, REMOVES = (
    tuple(f"{kind}_{row}" for row in range(MAX_TEXTS)) for kind in ("row", "word", "remove")
)
# fine-tune
STRONGER, HAIR, HAIR_STRENGTH = "stronger", "hair", "hair_strength"
# lab
VIEW, LIKENESS, MASKS = "view", "likeness", "masks"
LAYERS = "layers"
COMPONENTS = tuple(f"component_{index}" for index in range(20))
MASK_STRENGTH, OVERLAY, MASK_RESET, RECOMPUTE = "mask_strength", "overlay", "mask_reset", "recompute"
STRIP_BY, STRIP_DOWN, STRIP_DRAW, STRIP = "strip_by", "strip_down", "strip_draw", "strip"
PROGRAMS, RECIPE_IN = "programs", "recipe_in"
DOWNLOAD_MASKS, DOWNLOAD_RECIPE, DOWNLOAD_LATENT = "download_masks", "download_recipe", "download_latent"
