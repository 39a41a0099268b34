"""Methods of the comparison: what each draws and keeps, how each edits, and which can run."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import samm
from editing.edit import edit, move_code
from editing.evaluation.methods import METHODS, Change, Settings, choose, difference_mask, error_mask
from editing.moves.moves import Moves
from editing.recipe.recipe import Recipe
from samm.errors import OptionError
from samm.inversion import drawing_model
from samm.pixels import to_u8

OLDER = Recipe({"age": 2.0})


@pytest.fixture(scope="module")
def change(tools) -> Callable[[Recipe], Change]:
    """Make a recipe a change that methods apply."""

    def make(recipe: Recipe) -> Change:
        def apply(inversion: samm.Inversion, model: samm.Model, rule: str) -> tuple[np.ndarray, np.ndarray]:
            edited = edit(inversion, replace(recipe, masks=rule), model, tools)
            return edited.aligned, edited.blended

        return Change("a change", apply, lambda *pictures: {}, "")

    return make


@pytest.fixture(scope="module")
def settings(change) -> Settings:
    return Settings(search_steps=1, changes=(change(OLDER),))


def run(
    name: str, crop: np.ndarray, model: samm.Model, settings: Settings | None = None
) -> tuple[samm.Inversion, samm.Model]:
    return METHODS[name].run(crop, model, settings or Settings(), None)


@pytest.fixture(scope="module")
def ran(quick, tiny_crop, settings) -> Callable[[str], tuple[samm.Inversion, samm.Model]]:
    """The crop by a method's name, with the settings above, and what draws it."""
    return cache(lambda name: run(name, tiny_crop, quick, settings))


@pytest.fixture(scope="module")
def inverted(ran) -> Callable[[str], samm.Inversion]:
    return lambda name: ran(name)[0]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_lists_the_pictures_that_are_its_own(name, inverted, tiny_crop):
    inversion, own = inverted(name), METHODS[name].pictures
    pictures = {kind: getattr(inversion, kind) for kind in ("generated", "aligned", "blended")}
    assert all(picture.shape == tiny_crop.shape for picture in pictures.values())
    assert np.array_equal(pictures["generated"], pictures["aligned"]) == ("aligned" not in own)
    assert np.array_equal(pictures["aligned"], pictures["blended"]) == ("blended" not in own)
    assert (inversion.keep_photo.mean() > 0) == ("blended" in own)


def test_the_encoders_passes_are_counted_and_drawn_by_the_same_generator(inverted, quick, tiny_crop):
    one, two, full = map(inverted, ("encoder", "residual", "samm"))
    assert torch.equal(one.w_plus, run("residual", tiny_crop, quick, Settings(samm.Options(1)))[0].w_plus)
    assert not torch.equal(one.w_plus, two.w_plus)
    assert np.array_equal(two.generated, full.generated)


def test_n_in_a_name_wins_over_the_options(quick, tiny_crop):
    settings = Settings(samm.Options(iterations=1))
    expected = samm.invert(tiny_crop, quick, replace(settings.options, iterations=3))
    assert np.array_equal(run("samm-3", tiny_crop, quick, settings)[0].blended, expected.blended)
    assert not np.array_equal(run("samm", tiny_crop, quick, settings)[0].blended, expected.blended)


def test_without_alignment_masks_count_and_flows_do_not(quick, tiny_crop):
    before = samm.invert(tiny_crop, quick)
    plain, _ = run("samm-unaligned", tiny_crop, quick)
    assert all(not flow.any() for flow in plain.flows.values())
    assert torch.equal(plain.masks[32], before.masks[32])  # the first level has seen the same features
    after = samm.invert(tiny_crop, quick)
    assert any(flow.any() for flow in after.flows.values())
    assert np.array_equal(before.blended, after.blended)


def test_searching_comes_nearer_to_the_photo_and_tuning_nearer_still(inverted):
    names = ("residual", "optimization", "pti")
    decibels = [inverted(name).report["psnr"]["generated"] for name in names]
    assert decibels == sorted(decibels)
    assert len(set(decibels)) == 3


def test_error_mask_keeps_what_the_generator_misses():
    photo, drawn = torch.zeros(2, 1, 3, 512, 512).unbind()
    photo[..., 128:256, 128:256] = 1
    mask = error_mask(photo, drawn)
    assert mask.shape == (1, 1, 256, 256)
    assert mask[..., 70:122, 70:122].min() == 1
    assert mask[..., :50, :].max() == 0
    assert mask[..., 150:, :].max() == 0
    assert error_mask(drawn, drawn).max() == 0


def test_difference_mask_keeps_what_the_edit_leaves_alone(quick, tiny_crop):
    before, after = torch.zeros(2, 1, 3, 512, 512).unbind()
    after[:, 1, 128:256, 128:256] = 1  # one channel is enough
    mask = difference_mask(before, after)
    assert mask[..., 70:122, 70:122].max() == 0
    assert mask[..., :50, :].min() == 1
    assert difference_mask(before, before).min() == 1


def test_difference_mask_blends_the_unedited_picture(ran, quick):
    inversion, _ = ran("difference-mask")
    keep_photo = inversion.mask
    assert (keep_photo == 0).any()
    plain = to_u8(quick.generator.synthesize(inversion.w_plus))
    assert np.array_equal(inversion.blended[keep_photo == 0], plain[keep_photo == 0])


# Editing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_an_edit_that_changes_nothing_gives_the_result_without_it(name, ran, change):
    if name == "samm-recompute":
        pytest.skip("looks at the photo beside the last code, the inversion beside the last but one")
    inversion, model = ran(name)
    edited = METHODS[name].edit(inversion, model, change(Recipe()))
    assert np.array_equal(edited.picture, edited.before.blended)
    if name != "difference-mask":  # whose mask is the edit's
        assert edited.before is inversion


def older_code(inversion: samm.Inversion, tools: Moves) -> torch.Tensor:
    return move_code(inversion, OLDER, tools)


def test_difference_mask_keeps_the_photo_where_the_edit_does_nothing(ran, change, tools, tiny_crop):
    edited = METHODS["difference-mask"].edit(*ran("difference-mask"), change(Recipe()))
    assert np.array_equal(edited.picture, tiny_crop)
    older = METHODS["difference-mask"].edit(*ran("difference-mask"), change(OLDER))
    inversion, model = ran("difference-mask")
    drawn = to_u8(model.generator.synthesize(older_code(inversion, tools)))
    released = older.before.mask == 0
    assert released.any()
    assert np.array_equal(older.picture[released], drawn[released])


def test_generator_only_methods_draw_the_moved_code_and_pti_with_its_own_generator(ran, change, tools, quick):
    pictures = {}
    for name in ("residual", "pti"):
        inversion, model = ran(name)
        pictures[name] = METHODS[name].edit(inversion, model, change(OLDER)).picture
        own = drawing_model(model, inversion).generator
        drawn = own.synthesize(older_code(inversion, tools)).clamp(-1, 1)
        assert np.array_equal(pictures[name], to_u8(drawn))
    assert ran("pti")[0].tuned
    shared = to_u8(quick.generator.synthesize(older_code(ran("pti")[0], tools)).clamp(-1, 1))
    assert not np.array_equal(pictures["pti"], shared)


def test_error_mask_blends_the_edit_under_the_mask_of_the_photo(ran, change, tools, tiny_crop):
    inversion, model = ran("error-mask")
    left = torch.zeros(1, 1, 256, 256)
    left[..., :128] = 1
    edited = METHODS["error-mask"].edit(replace(inversion, masks={256: left}), model, change(OLDER))
    drawn = to_u8(model.generator.synthesize(older_code(inversion, tools)))
    assert np.array_equal(edited.picture[:, :250], tiny_crop[:, :250])
    assert np.array_equal(edited.picture[:, 260:], drawn[:, 260:])


def test_samm_methods_differ_in_what_becomes_of_flows_and_masks(ran, change, quick, tools):
    inversion, model = ran("samm")
    rules = {"samm": "reuse", "samm-recompute": "recompute", "samm-adaptive": "adaptive"}
    pictures = {
        name: METHODS[name].edit(inversion, model, change(OLDER)).picture for name in (*rules, "samm-2")
    }
    for name, rule in rules.items():
        expected = edit(inversion, replace(OLDER, masks=rule), quick, tools).blended
        assert np.array_equal(pictures[name], expected), name
    assert np.array_equal(pictures["samm"], pictures["samm-2"])
    assert not np.array_equal(pictures["samm"], pictures["samm-recompute"])


# Choosing ---------------------------------------------------------------------------------------------------


def test_choosing(tiny, settings):
    assert list(choose(["samm-2", "encoder"], tiny, settings)) == ["samm-2", "encoder"]
    assert list(choose(["all"], tiny, settings)) == list(METHODS)
    bare = list(choose(["all"], replace(tiny, samm=None), Settings()))
    assert bare == ["encoder", "residual", "optimization", "pti", "error-mask"]
    unedited = choose(["all"], tiny, Settings())
    assert METHODS.keys() - unedited == {"samm-recompute", "samm-adaptive", "difference-mask"}
    with pytest.raises(OptionError, match="There is no method sam; choose all or some of encoder, "):
        choose(["encoder", "sam"], tiny, settings)
    with pytest.raises(OptionError, match="samm-1 needs SAMM, for which the preset tiny has no weights"):
        choose(["samm-1"], replace(tiny, samm=None), settings)
    for name in ("difference-mask", "samm-recompute"):
        with pytest.raises(OptionError, match=f"{name} needs an edit; name one with --edits"):
            choose([name], tiny, Settings())


@pytest.mark.parametrize("steps", [0, 501])
def test_a_wrong_number_of_steps_is_refused_before_the_work(steps):
    with pytest.raises(OptionError, match=f"search steps is {steps}; choose a value from 1 to 500"):
        Settings(search_steps=steps)
