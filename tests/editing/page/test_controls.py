"""Between controls and recipes, by every tab's own part."""

import re
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from visits import HOPPER, OLDER, ROOT, begin, step

from editing.effects import HAIR_COLORS
from editing.page import ids, layout
from editing.page.drawing import changed_control
from editing.page.lab.directions import LAYERS
from editing.page.layout import INPUTS, PARTS
from editing.page.parts import followed, read_recipe, settings
from editing.page.regions.kept import read_paint
from editing.page.session import Paint, Visit
from editing.page.tabs import effects, tune
from editing.page.tabs.words import STRENGTH_LIMIT, rows, with_strength
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import ComponentEdit, Recipe, TextEdit
from samm.crop.crop import Photo

SLIDERS = (
    *(name for name in ATTRIBUTES if name not in HAIR_COLORS),
    *(*ids.COMPONENTS, *ids.WORDS, *ids.CROP_SLIDERS),
    *(ids.MASK_STRENGTH, ids.STRENGTH, ids.EFFECT_STRENGTH, ids.HAIR_STRENGTH),
)


def set_values(visit: Visit) -> dict:
    """What the controls give back after a visit has set them."""
    updates = settings(PARTS, visit)
    return {name: "All" if name == ids.LAYERS else updates[name].value for name in INPUTS}


@pytest.fixture
def visitor_with(small, detector, tmp_path):
    """A function that gives a visitor whose present step is a recipe."""
    photo = Photo(HOPPER)
    visit = begin(small, photo, photo.locate(small.domain, detector), tmp_path)
    return lambda recipe: visit.stepped(step(recipe))


RECIPES = {
    "nothing": Recipe(),
    "every attribute": Recipe({name: a.low for name, a in ATTRIBUTES.items()}),
    "every other end": Recipe({name: a.high for name, a in ATTRIBUTES.items()}),
    "words": Recipe(texts=(TextEdit("blonde hair", strength=0.8), TextEdit("bangs", "a forehead", -1, 0.3))),
    "strong words": Recipe(texts=(TextEdit("blonde hair", strength=5),)),
    "component with rows of its own": Recipe(components=(ComponentEdit(3, 1.5, (2, 7)),)),
    "component without a slider": Recipe(components=(ComponentEdit(79, -2.0),)),
    "component beyond its slider": Recipe(components=(ComponentEdit(0, 12.0), ComponentEdit(1, -20.0))),
    "component to a coordinate": Recipe(components=(ComponentEdit(4, 0.0, (0, 4), absolute=True),)),
    "component twice": Recipe(components=(ComponentEdit(2, 1.0, (0, 4)), ComponentEdit(2, 2.0, (4, 8)))),
    "between a slider's steps": Recipe({"age": 1.2345}, components=(ComponentEdit(5, 0.1234),)),
    "masks": Recipe({"smile": 1.0}, mask_strength=0.3, masks="recompute"),
    "stored masks": Recipe({"smile": 1.0}, masks="reuse"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_loaded_recipe_is_what_the_controls_say_afterward(name, visitor_with):
    visit = visitor_with(RECIPES[name])
    assert read_recipe(PARTS, visit, set_values(visit)) == RECIPES[name]
    for slider in tune.SLIDERS:
        shown = settings(PARTS, visit)[slider]
        assert shown.minimum <= shown.value <= shown.maximum, slider


def test_sliders_end_where_it_looks_good_unless_more_is_asked_for_or_is_there(visitor_with):
    def ends(visit: Visit) -> list[tuple[float, float]]:
        updates = settings(PARTS, visit) | followed([effects.TAB], visit)
        sliders = [updates[name] for name in ("age", "smile", ids.HAIR_STRENGTH, ids.EFFECT_STRENGTH)]
        return [(slider.minimum, slider.maximum) for slider in sliders]

    beyond = ATTRIBUTES["age"].safe[1] + 0.5
    visit = replace(visitor_with(Recipe({"age": beyond, "black_hair": 1.0, "smile": -1.0})), effect="smile")
    safe = ATTRIBUTES["smile"].safe
    assert ends(visit) == [(-4, 4), safe, (0, ATTRIBUTES["black_hair"].safe[1]), safe]
    assert ends(replace(visit, stronger=True)) == [(-4, 4), (-4, 4), (0, 4), (-4, 4)]
    assert ends(replace(visit, effect="age"))[-1] == (-4, 4)
    assert replace(visit, stronger=True).begun().stronger  # with the next photo, too
    for attribute in ATTRIBUTES.values():
        assert attribute.low <= attribute.safe[0] < 0 < attribute.safe[1] <= attribute.high, attribute.name


def test_the_order_of_absolute_and_relative_components_is_kept(visitor_with):
    recipe = Recipe(components=(ComponentEdit(7, 1.0), ComponentEdit(2, 3.0, absolute=True)))
    visit = visitor_with(recipe)
    read = read_recipe(PARTS, visit, set_values(visit))
    assert set(read.components) == set(recipe.components)


@pytest.mark.parametrize("layers", LAYERS)
def test_a_moved_component_takes_the_chosen_layers(layers, visitor_with):
    visit = visitor_with(Recipe(components=(ComponentEdit(0, 12.0, (1, 3)), ComponentEdit(1, 2.0, (1, 3)))))
    values = set_values(visit) | {"component_0": 5.0, "component_4": -1.0, "layers": layers}
    rows = LAYERS[layers]
    assert read_recipe(PARTS, visit, values).components == (
        ComponentEdit(0, 5.0, rows),
        ComponentEdit(1, 2.0, (1, 3)),  # was not moved
        ComponentEdit(4, -1.0, rows),
    )


def test_a_component_moved_to_zero_is_gone(visitor_with):
    visit = visitor_with(Recipe(components=(ComponentEdit(2, 1.0, (0, 4)), ComponentEdit(2, 2.0, (4, 8)))))
    assert read_recipe(PARTS, visit, set_values(visit) | {"component_2": 0}) == Recipe()


def test_a_strength_beyond_the_slider_stays_until_the_slider_is_moved():
    words = (TextEdit("blonde hair", strength=4.5), TextEdit("bangs", strength=-5))
    limit = STRENGTH_LIMIT
    assert with_strength(words, 0, limit) == words
    assert with_strength(words, 1, -limit) == words
    assert with_strength(words, 0, limit - 0.1)[0].strength == pytest.approx(2.9)
    assert with_strength(words, 0, -limit)[0].strength == -limit


def test_each_phrase_gets_a_row_with_its_name_and_the_rest_are_hidden():
    updates = rows([TextEdit("blonde hair", strength=0.8), TextEdit("bangs", strength=-5)])
    assert [updates[f"row_{row}"].visible for row in range(8)] == [True, True] + [False] * 6
    assert (updates["word_0"].label, updates["word_0"].value) == ("blonde hair", 0.8)
    assert (updates["word_1"].label, updates["word_1"].value) == ("bangs", -STRENGTH_LIMIT)
    assert updates["remove_1"].value == "Remove “bangs”"


def test_what_needs_an_inversion_is_off_without_one(visitor_with):
    for visit, ready in ((Visit(), False), (visitor_with(OLDER), True)):
        updates = settings(PARTS, visit)
        for name in ("age", "component_19", "mask_strength", "recompute", "add", "download", "chip_11"):
            assert updates[name].interactive is ready, name


@pytest.mark.parametrize(
    ("new", "control"),
    [
        (Recipe({"age": 2.1}), "age"),
        (Recipe({"age": 2, "smile": 1}), "smile"),
        (Recipe(), "age"),
        (Recipe({"age": 1, "smile": 1}), ""),
        (Recipe({"age": 2}), ""),
        (Recipe({"age": 2}, components=(ComponentEdit(3, 1),)), "component_3"),
        (Recipe({"age": 2}, (TextEdit("bangs"),)), "bangs"),
        (Recipe({"age": 2}, mask_strength=0.5), "mask_strength"),
        (Recipe({"age": 2}, masks="recompute"), ""),
        (Recipe({"age": 1}, (TextEdit("bangs"),)), ""),
    ],
)
def test_the_one_control_that_made_a_change_is_named(new, control):
    assert changed_control(OLDER, new) == control


def stroke(painted: slice, level: int, alpha: int = 255) -> np.ndarray:
    layer = np.zeros((8, 8, 4), np.uint8)
    layer[painted] = (level, level, level, alpha)
    return layer


@pytest.mark.parametrize("editor", [None, {}, {"layers": []}, {"layers": [stroke(slice(8), 255, alpha=0)]}])
def test_an_untouched_or_wholly_erased_canvas_is_no_paint(editor):
    assert read_paint(editor) is None


def test_white_keeps_black_draws_and_the_last_stroke_wins():
    layers = [stroke(slice(0, 4), 255), stroke(slice(3, 6), 0), stroke(slice(5, 7), 255)]
    paint = read_paint({"layers": layers, "background": None})
    keep, draw = paint.areas[..., 0].astype(int).tolist()
    assert keep == [1, 1, 1, 0, 0, 1, 1, 0]
    assert draw == [0, 0, 0, 1, 1, 0, 0, 0]


def test_paint_at_a_pictures_size_covers_the_same_part_with_a_soft_edge_around_it():
    left = np.zeros((512, 512), bool)
    left[:, :256] = True
    keep, draw = Paint.of(left, ~left).at(1024)
    assert keep.shape == draw.shape == (1, 1, 1024, 1024)
    assert torch.equal(keep[..., :510], torch.ones(1, 1, 1024, 510))  # all that was painted, in full
    assert torch.equal(keep[..., 564:], torch.zeros(1, 1, 1024, 460))
    assert keep.diff(dim=-1).abs().max() < 8 / 255  # soft around it
    assert torch.allclose(keep, draw.flip(-1), atol=1e-6)


def test_the_page_has_each_element_once_and_none_without_an_id(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "FOLDER", tmp_path / "page_test")
    monkeypatch.setattr(layout.gpu, "load", lambda: None)
    sliders = [block for block in layout.build().blocks.values() if isinstance(block, gr.Slider)]
    assert sorted(block.elem_id for block in sliders) == sorted(set(SLIDERS))


def test_style_sheet_and_script_name_only_elements_that_there_are():
    known = {value for name, value in vars(ids).items() if name.isupper() and isinstance(value, str)}
    page = Path(ROOT / "editing" / "page")
    style = re.sub(r"/\*.*?\*/|\{[^}]*\}", "", (page / "style.css").read_text(), flags=re.DOTALL)
    named = re.findall(r"#([a-z_]+)", style + (page / "page.js").read_text())
    assert len(named) > 20
    assert set(named) <= known
