"""Effects of one click, each as it looks on this face, and the strength of the one that was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from editing.effects import EFFECTS, HAIR_COLORS, Effect, with_hair_color
from editing.kept import PREVIEW_PX
from editing.page import files, gpu, ids
from editing.page.drawing import change, restore
from editing.page.line import TILE
from editing.page.opening import is_shipped, welcome
from editing.page.packing import unpack
from editing.page.parts import Tab, Updates
from editing.page.presence import presence
from editing.page.session import Inverted, Visit
from editing.page.wiring import RESTORED, Handler, Wiring
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import Recipe

__all__ = ["TAB", "TILES", "on_previews", "on_strength", "previewed"]

TILES = {effect.name: f"tile_{effect.name}" for effect in EFFECTS}  # ids, by name


def lay_out() -> None:
    """Lay out the tiles and the one strength."""
    example = welcome()
    with gr.Row(elem_id=ids.TILES):
        for effect in EFFECTS:
            gr.Button(
                effect.label,
                icon=example and example.previews.get(effect.name),
                elem_id=TILES[effect.name],
                elem_classes="tile",
                interactive=False,
                min_width=72,
                size="sm",
            )
    gr.Slider(
        *ATTRIBUTES["age"].ends(),
        0,
        step=0.1,
        label="How much",
        elem_id=ids.EFFECT_STRENGTH,
        visible=False,
        interactive=True,
        buttons=["reset"],
    )


def wire(wiring: Wiring) -> None:
    """Connect tiles and strength."""
    for effect in EFFECTS:
        wiring.draws(wiring[TILES[effect.name]].click, _chooser(effect), (), RESTORED)
    rests = wiring.previews([ids.EFFECT_STRENGTH], _with_strength, [ids.EFFECT_STRENGTH])
    wiring.draws(rests, on_strength, [ids.EFFECT_STRENGTH], RESTORED)


def previewed(wiring: Wiring, event: Any) -> None:
    """Draw the previews after an event that has inverted a face; whoever edits goes before them."""
    options = {"concurrency_id": "previews", "concurrency_limit": 4}
    wiring.on(event, on_previews, (), list(TILES.values()), **options)


def _chooser(effect: Effect) -> Handler:
    """Make the handler of one tile: on, or off again where it is on."""

    def on_effect(visit: Inverted) -> Iterator[Updates]:
        if visit.effect == effect.attribute and effect.is_in(visit.recipe):
            recipe = visit.recipe.with_attribute(effect.attribute, 0)
        else:
            recipe = effect.on(visit.recipe)
        yield from restore(replace(visit, effect=effect.attribute), recipe)

    return on_effect


def on_strength(visit: Inverted, strength: float) -> Iterator[Updates]:
    """Give the chosen effect another strength; its slider is where the hand is, and stays there."""
    for updates in change(visit, _with_strength(visit, strength), visit.words):
        moved = {ids.CONTROLS: updates[ids.VISIT]} if ids.VISIT in updates else {}
        yield {**updates, **moved, ids.EFFECT_STRENGTH: gr.skip()}


def _with_strength(visit: Inverted, strength: float) -> Recipe:
    if not visit.effect:
        return visit.recipe
    if visit.effect in HAIR_COLORS:
        return with_hair_color(visit.recipe, visit.effect, strength)
    return visit.recipe.with_attribute(visit.effect, strength)


def on_previews(visit: Visit) -> Iterator[Updates]:
    """Show each effect on this face, one after the other."""
    stop = presence(visit.tab).beginning("previews")
    if not isinstance(visit, Inverted) or is_shipped(visit):
        return
    inversion = unpack(visit.inversion)
    yield {TILES[effect.name]: gr.Button(icon=visit.steps[0].thumbnail) for effect in EFFECTS}
    size = min(PREVIEW_PX, inversion.size)
    drawn = gpu.drawn(inversion, [effect.on(Recipe()) for effect in EFFECTS], size, TILE)
    for effect, picture in zip(EFFECTS, drawn, strict=True):
        if stop.is_set():
            return
        yield {TILES[effect.name]: gr.Button(icon=files.put(picture, visit.folder, "jpg"))}


def follow(visit: Inverted) -> Updates:
    """Mark the effects that the picture has, and show the strength of the chosen one."""
    tiles = {}
    for effect in EFFECTS:
        variant = "primary" if effect.is_in(visit.recipe) else "secondary"
        tiles[TILES[effect.name]] = gr.Button(variant=variant, interactive=True)
    strength = visit.recipe.attributes.get(visit.effect, 0)
    if not strength:
        return {**tiles, ids.EFFECT_STRENGTH: gr.Slider(visible=False)}
    attribute = ATTRIBUTES[visit.effect]
    slider = gr.Slider(
        *attribute.ends(strength, full=visit.stronger),
        strength,
        label=f"How much: {attribute.label.lower()}",
        info=attribute.info,
        visible=True,
    )
    return {**tiles, ids.EFFECT_STRENGTH: slider}


def settings(visit: Visit) -> Updates:
    """Switch the tiles on."""
    ready = isinstance(visit, Inverted)
    tiles = {name: gr.Button(variant="secondary", interactive=ready) for name in TILES.values()}
    return {**tiles, ids.EFFECT_STRENGTH: gr.skip() if ready else gr.Slider(visible=False)}


TAB = Tab(
    label="Effects",
    lay_out=lay_out,
    wire=wire,
    settings=settings,
    follow=follow,
    follows=(*TILES.values(), ids.EFFECT_STRENGTH),
)
