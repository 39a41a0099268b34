"""Edits on the tiny preset: what is exact, what only blends again, mask rules, strips, and the tools."""

import pickle
import sys
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch

import samm
from editing import hair
from editing.carrying import carry, face_motion
from editing.edit import edit, edit_all, move_code
from editing.masks import COMPARE_SIZE
from editing.moves import moves as moves_module
from editing.moves.move import moved_styles
from editing.moves.moves import Moves
from editing.moves.words.mapper import Mapper, save_mapper
from editing.moves.words.optimize import SEARCH_STEPS
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import MASKS, ComponentEdit, Recipe, TextEdit
from editing.strip import grid, join, strengths, strip
from samm.errors import OptionError
from samm.method.alignment import aligner
from samm.method.gathering import gather
from samm.networks.ops import area_resize
from samm.pixels import to_pm1, to_u8

BLONDE = TextEdit("blonde hair", strength=1.2)
OLDER = Recipe({"age": 2.0}, masks="reuse")


@pytest.fixture
def drawn(tiny, monkeypatch) -> list[int]:
    """Note how many pictures each call of the generator draws; none is there from an earlier test."""
    calls, draw = [], tiny.generator.draw
    monkeypatch.setattr(sys.modules[edit.__module__], "_LATEST", WeakKeyDictionary())

    def count(styles, *args, **options):
        calls.append(len(styles[0]))
        return draw(styles, *args, **options)

    monkeypatch.setattr(tiny.generator, "draw", count)
    return calls


def differ(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


# What is exact --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masks", ["reuse", "adaptive"])
def test_an_empty_recipe_is_the_inversion_and_draws_nothing(masks, small, tiny, tools, drawn):
    plain = edit(small, Recipe(masks=masks), tiny, tools)
    assert np.array_equal(plain.blended, small.blended)
    assert np.array_equal(plain.aligned, small.aligned)
    assert torch.equal(plain.w_plus, small.w_plus)
    assert torch.equal(plain.keep_photo, small.keep_photo)
    assert not drawn


@pytest.mark.parametrize("masks", ["reuse", "adaptive"])
def test_an_empty_recipe_is_the_inversion_also_among_others(masks, small, tiny, tools, drawn):
    plain, _ = edit_all(small, [Recipe(masks=masks), OLDER], tiny, tools)
    assert drawn == [1]
    assert np.array_equal(plain.blended, small.blended)
    assert np.array_equal(plain.aligned, small.aligned)


def test_an_empty_recipe_gives_what_the_mask_strength_says(small, tiny, tools):
    """Also when the inversion itself was made at another strength: only the recipe's counts."""
    softer = replace(small, strength=0.5)
    assert np.array_equal(edit(softer, Recipe(mask_strength=0.5), tiny, tools).blended, softer.blended)
    assert np.array_equal(edit(softer, Recipe(), tiny, tools).blended, small.blended)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (Recipe({"age": 3.0, "smile": -1.5}), Recipe({"age": -3.0, "smile": 1.5})),
        (
            Recipe(components=(ComponentEdit(3, 1.5, (0, 8)),)),
            Recipe(components=(ComponentEdit(3, -1.5, (0, 8)),)),
        ),
    ],
)
def test_opposite_strengths_mirror_about_the_inversion(there, back, small, tools):
    one, other = move_code(small, there, tools), move_code(small, back, tools)
    assert (one - small.w_plus).abs().max() > 0.01
    torch.testing.assert_close(one - small.w_plus, small.w_plus - other, atol=1e-6, rtol=0)


def test_words_mirror_too_and_are_looked_up_once(small, tiny, tools):
    move = tools.text_move(BLONDE, small)
    assert tools.text_move(replace(BLONDE, strength=-3.0), small) is move
    middle = tiny.generator.styles(small.w_plus)
    sides = [moved_styles(tiny.generator, small.w_plus, [(move, strength)]) for strength in (2, -2)]
    for plus, minus, between in zip(*sides, middle, strict=True):
        torch.testing.assert_close((plus + minus) / 2, between, atol=1e-5, rtol=1e-5)
    pair = [Recipe(texts=(replace(BLONDE, strength=s),), masks="reuse") for s in (1.2, -1.2)]
    for edited in edit_all(small, pair, tiny, tools):
        assert differ(edited.aligned, small.aligned) > 1


def test_a_component_moves_only_its_rows(small, tools):
    moved = move_code(small, Recipe(components=(ComponentEdit(3, 1.5, (2, 5)),)), tools) - small.w_plus
    assert moved[0].any(1).nonzero()[:, 0].tolist() == [2, 3, 4]


# Blending -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def older(small, tiny, tools):
    return edit(small, OLDER, tiny, tools)


def test_a_slider_draws_exactly_once(small, tiny, tools, drawn):
    edit(small, Recipe({"age": 2.0, "yaw": 1.0}, masks="reuse"), tiny, tools)
    assert drawn == [1]


def test_what_has_a_place_is_put_into_a_drawing_of_what_has_none(small, tiny, tools, drawn):
    both = edit(small, Recipe({"age": 2.0, "smile": 2.0}), tiny, tools)
    assert drawn == [1, 1]
    older = edit(small, Recipe({"age": 2.0}), tiny, tools)
    assert differ(both.aligned[:128], older.aligned[:128]) <= 1  # above the eyes
    assert differ(both.aligned[320:400, 192:320], older.aligned[320:400, 192:320]) > 1


def test_age_spares_the_expression_unless_words_may_be_about_it(small, tiny, tools):
    mouth = (slice(356, 372), slice(236, 276))
    alone, with_words = (
        edit(small, Recipe({"age": 3.0}, texts=texts), tiny, tools) for texts in ((), (BLONDE,))
    )
    left, changed = (
        np.abs(edited.aligned[mouth].astype(float) - small.photo_u8[mouth]).mean()
        for edited in (alone, with_words)
    )
    assert left < 0.5 * changed


def test_a_drawing_that_several_recipes_start_from_is_made_once(small, tiny, tools, drawn):
    recipes = grid(Recipe(), "age", "smile", 3)
    edit_all(small, recipes, tiny, tools)
    assert sum(drawn) == len(recipes) - 1  # without the empty one; each base is a recipe of the grid


def test_hair_that_is_none_keeps_its_color(small, tiny, tools, monkeypatch):
    blond = Recipe({"blond_hair": 2.0})
    assert differ(edit(small, blond, tiny, tools).blended, small.photo_u8) > 10
    monkeypatch.setattr(hair, "covered", lambda *pictures: torch.ones(1, 1, 128, 128))
    assert differ(edit(small, blond, tiny, tools).blended, small.photo_u8) <= 1


def test_mask_strength_only_blends_again(older, small, drawn):
    generator_alone = replace(older, recipe=replace(OLDER, mask_strength=0))
    assert np.array_equal(generator_alone.blended, older.aligned)
    assert generator_alone.strength == 0
    assert not generator_alone.keep_photo.any()
    as_predicted = replace(generator_alone, recipe=OLDER)
    assert torch.equal(as_predicted.keep_photo, older.gathered)
    assert np.array_equal(as_predicted.blended, older.blended)
    assert not drawn


def test_paint_keeps_the_photo_and_drawing_wins(older, small, tiny, tools, drawn):
    keep, draw = torch.zeros(2, 1, 1, 512, 512)
    keep[..., :256], draw[..., :128] = 1, 1
    painted = replace(older, keep=keep, draw=draw)
    assert np.array_equal(painted.blended[:, :128], older.aligned[:, :128])
    assert np.array_equal(painted.blended[:, 128:256], small.photo_u8[:, 128:256])
    assert np.array_equal(painted.blended[:, 256:], older.blended[:, 256:])
    assert not drawn
    at_once = edit(small, OLDER, tiny, tools, keep, draw)
    assert np.array_equal(at_once.blended, painted.blended)
    assert np.array_equal(edit(small, Recipe(), tiny, tools, keep).blended[:, :256], small.photo_u8[:, :256])


def test_an_edit_survives_pickling(older):
    again = pickle.loads(pickle.dumps(older))
    assert again.recipe == older.recipe
    assert np.array_equal(again.blended, older.blended)
    assert torch.equal(again.keep_photo, older.keep_photo)


def test_what_follows_from_an_inversion_is_made_once_and_not_pickled(small, tiny, tools):
    edit(small, Recipe({"age": 1.0}), tiny, tools)
    photo_pm1, views_pm1 = small.photo_pm1, small.views_pm1
    again = edit(small, Recipe({"age": 2.0}), tiny, tools)
    assert small.photo_pm1 is photo_pm1
    assert small.views_pm1 is views_pm1
    # Edits have not written into them.
    assert torch.equal(photo_pm1, to_pm1(small.photo_u8))
    for view, picture in zip(views_pm1, (small.photo_u8, small.drawn, small.anchor), strict=True):
        assert torch.equal(view, area_resize(to_pm1(picture), COMPARE_SIZE))
    fresh = pickle.loads(pickle.dumps(small))
    assert not {"blended", "keep_photo", "photo_pm1", "views_pm1"} & fresh.__dict__.keys()
    assert np.array_equal(edit(fresh, Recipe({"age": 2.0}), tiny, tools).blended, again.blended)


# Masks ----------------------------------------------------------------------------------------------------


def test_the_three_rules_give_masks(small, tiny, tools):
    recipe = Recipe({"smile": 2.0})
    by_rule = dict(
        zip(MASKS, edit_all(small, [replace(recipe, masks=rule) for rule in MASKS], tiny, tools), strict=True)
    )
    for edited in by_rule.values():
        assert edited.keep_photo.shape == (1, 1, 512, 512)
        assert 0 <= edited.keep_photo.min() <= edited.keep_photo.max() <= 1
    assert torch.equal(by_rule["reuse"].gathered, small.gathered)
    assert not torch.equal(by_rule["recompute"].gathered, small.gathered)
    assert np.array_equal(by_rule["adaptive"].aligned, by_rule["reuse"].aligned)
    assert not torch.equal(by_rule["adaptive"].gathered, small.gathered)


def test_recomputing_is_a_fresh_alignment(small, tiny, tools):
    recipe = Recipe({"age": 2.0}, masks="recompute")
    edited = edit(small, recipe, tiny, tools)
    view = area_resize(to_pm1(small.photo_u8), tiny.encoder.input_size)
    with torch.no_grad():
        features = tiny.encoder.features(view, tiny.generator, small.w_plus)
        adapt, alignment = aligner(tiny.samm, features, small.options.iterations)
        follow, correction = small.readout.follow(adapt)
        aligned = tiny.generator.synthesize(edited.w_plus, follow) + correction(512)
        aligned = aligned.clamp(-1, 1)
    moves = face_motion(small.anchor_pm1, aligned)
    carried = carry(small.photo_pm1, small.anchor_pm1, aligned, moves)
    assert np.array_equal(edited.aligned, to_u8(carried))
    assert torch.equal(edited.gathered, gather(alignment.masks.values(), 512))


def test_a_preset_without_samm_can_be_edited(tiny_crop):
    model = replace(samm.load("tiny-stylegan2-restyle", "cpu"), samm=None)
    alone = samm.invert(np.ascontiguousarray(tiny_crop[::2, ::2]), model, samm.Options(encoder_steps=1))
    edits = edit_all(alone, [replace(OLDER, masks=rule) for rule in MASKS], model, Moves(model))
    for edited in edits:
        assert not edited.keep_photo.any()
        assert np.array_equal(edited.blended, edited.aligned)
        assert differ(edited.blended, alone.blended) > 1


# Several at once ------------------------------------------------------------------------------------------


def test_several_recipes_are_each_alone_and_in_order(small, tiny, tools, drawn):
    text = Recipe(texts=(BLONDE,), masks="reuse")
    recipes = [
        Recipe({"age": 2.0}, masks="recompute"), OLDER, Recipe(masks="reuse"), text,
        Recipe({"smile": -2.0}, masks="recompute"), Recipe({"smile": 3.0}, mask_strength=0, masks="reuse"),
        *strip(OLDER, "yaw", 3),
    ]  # fmt: skip
    together = edit_all(small, recipes, tiny, tools)
    # A group for each way to get masks, and one that is there twice only once; the encoder looks at one.
    assert drawn == [1, 1, 1, 1, 1, 1, 2]
    assert [edited.recipe for edited in together] == recipes
    for edited in together:
        alone = edit_all(small, [edited.recipe], tiny, tools)[0]
        assert differ(edited.aligned, alone.aligned) <= 1
        assert differ(edited.blended, alone.blended) <= 1
        assert torch.equal(edited.w_plus, alone.w_plus)
        torch.testing.assert_close(edited.keep_photo, alone.keep_photo, atol=2e-3, rtol=0)


def test_while_one_slider_moves_the_rest_of_the_recipe_is_drawn_once(small, tiny, tools, drawn):
    recipes = [Recipe({"age": 2.0, "smile": strength}) for strength in (0.5, 1.0, 1.5)]
    moved = [edit(small, recipe, tiny, tools) for recipe in recipes]
    assert drawn == [1, 1, 1, 1]  # the age alone, and each smile
    edit_all(small, recipes[2:], tiny, tools, 128)
    assert drawn == [1, 1, 1, 1, 1, 1]  # of another size
    copy = replace(small)
    for recipe, edited in zip(recipes, moved, strict=True):
        afresh = edit(copy, recipe, tiny, tools)
        assert np.array_equal(edited.aligned, afresh.aligned)
        assert torch.equal(edited.keep_photo, afresh.keep_photo)


def test_small_pictures_are_the_large_ones_averaged(older, small, tiny, tools):
    (little,) = edit_all(small, [OLDER], tiny, tools, 128)
    assert little.blended.shape == (128, 128, 3)
    assert little.keep_photo.shape == (1, 1, 128, 128)
    averaged = to_u8(area_resize(to_pm1(older.aligned), 128))
    assert np.abs(averaged.astype(int) - little.aligned).mean() < 4  # clamping comes after averaging


def test_strips_go_from_low_to_high():
    recipes = strip(Recipe({"age": 1.0, "smile": 2.0}), "smile", 5)
    values = [recipe.attributes.get("smile", 0.0) for recipe in recipes]
    attribute = ATTRIBUTES["smile"]
    assert values == sorted(values)
    assert (values[0], values[2], values[-1]) == (attribute.low, 0, attribute.high)
    assert len(recipes) == 5
    assert all(recipe.attributes["age"] == 1 for recipe in recipes)
    assert len(strengths("age", 7)) == 7
    with pytest.raises(OptionError, match="no attribute wisdom; choose one of age,"):
        strip(Recipe(), "wisdom")


def test_grids_go_row_by_row_and_join_to_one_picture(older):
    recipes = grid(Recipe(), "age", "smile", 3)
    low, high = ATTRIBUTES["age"].low, ATTRIBUTES["age"].high
    assert [recipe.attributes.get("age", 0) for recipe in recipes] == [low, 0, high] * 3
    assert [recipe.attributes.get("smile", 0) for recipe in recipes[::3]] == [low, 0, high]
    with pytest.raises(OptionError, match="two attributes; both are age"):
        grid(Recipe(), "age", "age")
    shades = [
        replace(
            older, aligned_pm1=torch.full((1, 3, 2, 2), shade / 127.5 - 1), gathered=torch.zeros(1, 1, 2, 2)
        )
        for shade in range(6)
    ]
    assert join(shades, 3)[::2, ::2, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


# Moves ----------------------------------------------------------------------------------------------------


def test_an_unknown_word_warns_and_an_unknown_phrase_is_refused(small, tools):
    assert tools.warnings(Recipe(texts=(BLONDE,))) == []
    (warning,) = tools.warnings(Recipe(texts=(BLONDE, TextEdit("a quixotic smile"))))
    assert "“quixotic”" in warning
    assert "“a quixotic smile”" in warning
    with pytest.raises(OptionError, match="knows no word of “quixotic zeugma”"):
        tools.text_move(TextEdit("quixotic zeugma"), small)


def test_a_higher_focus_moves_fewer_channels(small, tools):
    low, high = (tools.text_move(TextEdit("blonde hair", focus=beta), small).styles for beta in (0.05, 0.15))
    assert 0 < high.count_nonzero() < low.count_nonzero()


def test_channels_of_one_generator_are_not_used_for_another(small):
    with pytest.raises(OptionError, match="Nothing was measured yet .* channels --preset stylegan2-e4e"):
        Moves(replace(samm.load("tiny-stylegan2-e4e", "cpu"), preset="stylegan2-e4e")).text_move(
            BLONDE, small
        )


def test_a_search_can_be_stopped_and_its_result_is_kept(small, tiny):
    tools, told = Moves(tiny), []
    text = TextEdit("glasses", method="optimize")

    def stop(*event: object) -> bool:
        told.append(event)
        return True

    move = tools.text_move(text, small, stop)
    assert told == [("Searching", 1, SEARCH_STEPS)]
    assert move.w_plus.shape == small.w_plus.shape
    assert move.w_plus.any()
    edited = edit(small, Recipe(texts=(text,), masks="reuse"), tiny, tools)
    assert differ(edited.aligned, small.aligned) > 0
    assert len(told) == 1


def test_a_search_works_after_words_that_need_none(small, tiny, monkeypatch):
    """A text model first used while nothing is differentiated must still serve a search."""
    monkeypatch.setattr("editing.moves.words.optimize.SEARCH_STEPS", 1)
    tools = Moves(tiny)
    both = (TextEdit("glasses"), TextEdit("glasses", method="optimize"))
    first, second = (edit(small, Recipe(texts=(text,), masks="reuse"), tiny, tools) for text in both)
    assert differ(first.aligned, second.aligned) > 0


def test_a_mapper_has_to_be_trained_and_is_then_applied(small, tiny, tmp_path, monkeypatch):
    tools, text = Moves(tiny), TextEdit("elf ears", method="mapper", strength=0.5)
    with pytest.raises(
        OptionError, match="train one with python -m editing.training mapper --phrase 'elf ears'"
    ):
        tools.text_move(text, small)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        mapper = Mapper("elf ears")
    save_mapper(mapper, tmp_path / "mapper_elf_ears.safetensors")
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    with torch.no_grad():
        torch.testing.assert_close(tools.text_move(text, small).w_plus, mapper(small.w_plus))


def test_a_file_can_take_the_place_of_a_direction(small, tiny, tmp_path, generator_rng, monkeypatch):
    monkeypatch.setattr(moves_module, "SAMPLES", 500)
    vector = torch.randn(512, generator=generator_rng)
    np.save(tmp_path / "mine.npy", 7 * vector.numpy())
    tools = Moves(tiny, {"age": tmp_path / "mine.npy"})
    step = move_code(small, OLDER, tools) - small.w_plus
    unit = vector / vector.norm()
    torch.testing.assert_close(step / step.norm(dim=2, keepdim=True), unit.expand_as(step))
    assert tools.direction("smile").vector.shape == (14, 512)
    with pytest.raises(OptionError, match="no attribute wisdom"):
        Moves(tiny, {"wisdom": tmp_path / "mine.npy"})


def test_a_full_clip_that_nothing_was_fitted_for_says_what_to_run(small, tiny, monkeypatch):
    fresh = Moves(tiny).text_model
    monkeypatch.setattr(fresh, "name", "Huge-CLIP", raising=False)
    monkeypatch.setattr(moves_module, "load_text_model", lambda *args: fresh)
    published = replace(tiny, preset="mobile")
    with pytest.raises(OptionError, match=r"editing\.training channels --preset mobile --clip Huge-CLIP"):
        Moves(published, clip="Huge-CLIP").text_move(BLONDE, small)


def test_every_attribute_has_a_direction_for_any_generator(tools):
    for name in ATTRIBUTES:
        direction = tools.direction(name)
        assert direction.vector.shape == (14, 512)
        assert direction.sigma > 0
        lengths = direction.vector.norm(dim=1)
        assert torch.allclose(lengths[lengths > 0], torch.ones(()), atol=1e-3)
