"""Ids of the page's elements: handlers give updates by them, and style sheet, script and tests find by them.

Sliders of the attribute table have the attributes' own names.
"""

from __future__ import annotations

from editing.recipe.recipe import MAX_TEXTS

# No elements: the visitor's state, and all controls that a visit sets, see `editing.page.parts`.
VISIT = "session"
CONTROLS = "all controls"

PAGE, LEFT, RIGHT, ABOUT, MISSING, TABS = "page", "left", "right", "about", "missing", "tabs"

# Regions: photo
SOURCE, PHOTO, EXAMPLES, FACES, UNDO_TURN = "source", "photo", "examples", "faces", "undo_turn"
DOUBT, USE_ANYWAY, OTHER_PHOTO = "doubt", "use_anyway", "other_photo"
# inversion
INVERSION, INVERT, STOP, LIKENESS = "controls", "invert", "stop", "likeness"
CROP, CROP_PREVIEW, USE_CROP = "crop", "crop_preview", "use_crop"
CROP_SLIDERS = CROP_X, CROP_Y, CROP_SIZE, CROP_TURN = "crop_x", "crop_y", "crop_size", "crop_turn"
# result
RESULT, STATUS, VIEW, SHOWN, COMPARE, STAGE, KEPT = (
    *("result", "status", "view", "shown", "compare", "stage", "kept"),
)
# history
MORE, LEVELS, MASKS, STEPS, UNDO, REDO, RESET, HISTORY = (
    *("more", "levels", "masks", "steps", "undo", "redo", "reset", "history"),
)
# downloads
DOWNLOADS, PARCEL, RECIPE_IN = "downloads", "parcel", "recipe_in"
DOWNLOAD, DOWNLOAD_PHOTO, DOWNLOAD_MASKS = "download", "download_photo", "download_masks"
DOWNLOAD_CARD, DOWNLOAD_FILM = "download_card", "download_film"
DOWNLOAD_RECIPE, DOWNLOAD_LATENT = "download_recipe", "download_latent"

# Tabs: attributes
MORE_ATTRIBUTES = "more_attributes"
# words
PHRASE, TARGET, ADD, CHIPS, CHIP = "phrase", "target", "add", "chips", "chip"
WORDS_ADVANCED, NEUTRAL, STRENGTH, FOCUS = "words_advanced", "neutral", "strength", "focus"
ROWS, WORDS, REMOVES = (
    tuple(f"{kind}_{row}" for row in range(MAX_TEXTS)) for kind in ("row", "word", "remove")
)
# explore
LAYERS = "layers"
COMPONENTS = tuple(f"component_{index}" for index in range(20))
# masks
MASK_STRENGTH, OVERLAY, BRUSH, MASK_RESET = "mask_strength", "overlay", "mask_edit", "mask_reset"
MASKS_ADVANCED, RECOMPUTE = "masks_advanced", "recompute"
# strip
STRIP_BY, STRIP_DOWN, STRIP_DRAW, STRIP = "strip_by", "strip_down", "strip_draw", "strip"
