"""Methods of the comparison: what each draws and keeps, how each edits, and which can run."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import samm
from editing.edit import edit, move_code
from editing.evaluation.methods import (
    METHODS,
    Bench,
    Edited,
    choose,
    difference_mask,
    error_mask,
)
from editing.moves.moves import Moves
from editing.recipe.recipe import Recipe
from samm.errors import OptionError
from samm.inversion import drawing_model
from samm.pixels import to_u8

OLDER = Recipe({"age": 2.0})


def run(name: str, crop: np.ndarray, bench: Bench) -> tuple[samm.Inversion, samm.Model]:
    return METHODS[name].run(crop, bench, None)


@pytest.fixture(scope="module")
def bench(quick, tools) -> Bench:
    return Bench(quick, tools, search_steps=1, edits=(OLDER,))


@pytest.fixture(scope="module")
def ran(tiny_crop, bench) -> Callable[[str], tuple[samm.Inversion, samm.Model]]:
    """The crop by a method's name, on that bench, and what draws it."""
    return cache(lambda name: run(name, tiny_crop, bench))


@pytest.fixture(scope="module")
def inverted(ran) -> Callable[[str], samm.Inversion]:
    return lambda name: samm.draw_generated(*ran(name))


@pytest.fixture(scope="module")
def edited(ran, tools) -> Callable[[str, Recipe], Edited]:
    """The edit of a method's inversion by a recipe."""

    def edit_by(name: str, recipe: Recipe) -> Edited:
        inversion, model = ran(name)
        return METHODS[name].edit(inversion, model, recipe, tools)

    return edit_by


@pytest.mark.parametrize("name", METHODS)
def test_a_method_lists_the_pictures_that_are_its_own(name, inverted, tiny_crop):
    inversion, own = inverted(name), METHODS[name].pictures
    pictures = {kind: getattr(inversion, kind) for kind in ("generated", "aligned", "blended")}
    assert all(picture.shape == tiny_crop.shape for picture in pictures.values())
    assert np.array_equal(pictures["generated"], pictures["aligned"]) == ("aligned" not in own)
    assert np.array_equal(pictures["aligned"], pictures["blended"]) == ("blended" not in own)
    assert (inversion.keep_photo.mean() > 0) == ("blended" in own)


def test_the_encoders_passes_are_counted_and_drawn_by_the_same_generator(inverted, bench, tiny_crop):
    one, two, full = map(inverted, ("encoder", "residual", "samm"))
    assert torch.equal(
        one.w_plus, run("residual", tiny_crop, replace(bench, options=samm.Options(1)))[0].w_plus
    )
    assert not torch.equal(one.w_plus, two.w_plus)
    assert np.array_equal(two.generated, full.generated)


def test_n_in_a_name_wins_over_the_options(quick, bench, tiny_crop):
    bench = replace(bench, options=samm.Options(iterations=1), mask_strength=0.5)
    expected = samm.invert(tiny_crop, quick, replace(bench.options, iterations=3, readout=False))
    assert np.array_equal(run("samm-3", tiny_crop, bench)[0].blended, expected.blended)
    assert not np.array_equal(run("samm", tiny_crop, bench)[0].blended, expected.blended)


def test_without_alignment_masks_count_and_flows_do_not(quick, bench, tiny_crop):
    before = samm.invert(tiny_crop, quick)
    plain, _ = run("samm-unaligned", tiny_crop, bench)
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
def test_an_edit_that_changes_nothing_gives_the_result_without_it(name, ran, edited):
    if name == "samm-recompute":
        pytest.skip("looks at the photo beside the last code, the inversion beside the last but one")
    same = edited(name, Recipe())
    assert np.array_equal(same.after.blended, same.before.blended)
    assert np.array_equal(same.after.aligned, same.before.aligned)
    assert torch.equal(same.after.keep_photo, same.before.keep_photo)
    if name != "difference-mask":  # whose mask is the edit's
        assert same.before is ran(name)[0]


def older_code(inversion: samm.Inversion, tools: Moves) -> torch.Tensor:
    return move_code(inversion, OLDER, tools)


def test_difference_mask_keeps_the_photo_where_the_edit_does_nothing(ran, edited, tools, tiny_crop):
    assert np.array_equal(edited("difference-mask", Recipe()).after.blended, tiny_crop)
    older = edited("difference-mask", OLDER)
    inversion, model = ran("difference-mask")
    drawn = to_u8(model.generator.synthesize(older_code(inversion, tools)))
    assert np.array_equal(older.after.aligned, drawn)
    released = older.before.mask == 0
    assert released.any()
    assert np.array_equal(older.after.blended[released], drawn[released])


def test_generator_only_methods_draw_the_moved_code_and_pti_with_its_own_generator(ran, edited, tools, quick):
    pictures = {}
    for name in ("residual", "pti"):
        inversion, model = ran(name)
        pictures[name] = edited(name, OLDER).after.blended
        own = drawing_model(model, inversion).generator
        drawn = own.synthesize(older_code(inversion, tools)).clamp(-1, 1)
        assert np.array_equal(pictures[name], to_u8(drawn))
    assert ran("pti")[0].tuned
    shared = to_u8(quick.generator.synthesize(older_code(ran("pti")[0], tools)).clamp(-1, 1))
    assert not np.array_equal(pictures["pti"], shared)


def test_error_mask_blends_the_edit_under_the_mask_of_the_photo(ran, tools, tiny_crop):
    inversion, model = ran("error-mask")
    left = torch.zeros(1, 1, 256, 256)
    left[..., :128] = 1
    edited = METHODS["error-mask"].edit(replace(inversion, masks={256: left}), model, OLDER, tools)
    drawn = to_u8(model.generator.synthesize(older_code(inversion, tools)))
    assert np.array_equal(edited.after.blended[:, :250], tiny_crop[:, :250])
    assert np.array_equal(edited.after.blended[:, 260:], drawn[:, 260:])


def test_samm_methods_differ_in_what_becomes_of_flows_and_masks(ran, edited, quick, tools):
    inversion, _ = ran("samm")
    rules = {"samm": "reuse", "samm-recompute": "recompute", "samm-adaptive": "adaptive"}
    pictures = {name: edited(name, OLDER).after.blended for name in (*rules, "samm-2")}
    for name, rule in rules.items():
        expected = edit(inversion, replace(OLDER, masks=rule), quick, tools).blended
        assert np.array_equal(pictures[name], expected), name
    assert np.array_equal(pictures["samm"], pictures["samm-2"])
    assert not np.array_equal(pictures["samm"], pictures["samm-recompute"])


# Choosing ---------------------------------------------------------------------------------------------------


def test_choosing(bench, quick):
    unedited, bare = replace(bench, edits=()), replace(bench, model=replace(quick, samm=None))
    assert list(choose(["samm-2", "encoder"], bench)) == ["samm-2", "encoder"]
    assert list(choose(["all"], bench)) == list(METHODS)
    few = list(choose(["all"], replace(bare, edits=())))
    assert few == ["encoder", "residual", "optimization", "pti", "error-mask"]
    assert METHODS.keys() - choose(["all"], unedited) == {
        "samm-recompute",
        "samm-adaptive",
        "difference-mask",
    }
    with pytest.raises(OptionError, match="There is no method sam; choose all or some of encoder, "):
        choose(["encoder", "sam"], bench)
    with pytest.raises(OptionError, match="samm-1 needs SAMM, for which the preset tiny has no weights"):
        choose(["samm-1"], bare)
    for name in ("difference-mask", "samm-recompute"):
        with pytest.raises(OptionError, match=f"{name} needs an edit; name one with --edits"):
            choose([name], unedited)


@pytest.mark.parametrize("steps", [0, 501])
def test_a_wrong_number_of_steps_is_refused_before_the_work(steps, bench):
    with pytest.raises(OptionError, match=f"search steps is {steps}; choose a value from 1 to 500"):
        replace(bench, search_steps=steps)
