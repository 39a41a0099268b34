"""Methods of the comparison: what each draws and keeps, and which can run."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import samm
from samm.errors import OptionError
from samm.methods import METHODS, Settings, choose, difference_mask, error_mask
from samm.photo import to_u8

SETTINGS = Settings(search_steps=1, move=lambda w_plus: w_plus + 0.5)


def run(name: str, crop: np.ndarray, model: samm.Model, settings: Settings = SETTINGS) -> samm.Inversion:
    return METHODS[name].run(crop, model, settings, None)


@pytest.fixture(scope="module")
def inverted(quick, tiny_crop) -> Callable[[str], samm.Inversion]:
    """The crop by a method's name, with the settings above."""
    return cache(lambda name: run(name, tiny_crop, quick))


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
    assert torch.equal(one.w_plus, run("residual", tiny_crop, quick, Settings(samm.Options(1))).w_plus)
    assert not torch.equal(one.w_plus, two.w_plus)
    assert np.array_equal(two.generated, full.generated)


def test_n_in_a_name_wins_over_the_options(quick, tiny_crop):
    settings = Settings(samm.Options(iterations=1, mask_strength=0.5))
    expected = samm.invert(tiny_crop, quick, replace(settings.options, iterations=3))
    assert np.array_equal(run("samm-3", tiny_crop, quick, settings).blended, expected.blended)
    assert not np.array_equal(run("samm", tiny_crop, quick, settings).blended, expected.blended)


def test_without_alignment_masks_count_and_flows_do_not(quick, tiny_crop):
    before = samm.invert(tiny_crop, quick)
    plain = run("samm-unaligned", tiny_crop, quick)
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
    still = run("difference-mask", tiny_crop, quick, replace(SETTINGS, move=lambda w_plus: w_plus))
    assert np.array_equal(still.blended, tiny_crop)


def test_difference_mask_blends_the_unedited_picture(quick, tiny_crop):
    inversion = run("difference-mask", tiny_crop, quick, replace(SETTINGS, move=lambda w_plus: -w_plus))
    keep_photo = inversion.keep_photo[0, 0].numpy()
    assert (keep_photo == 0).any()
    plain = to_u8(quick.generator.synthesize(inversion.w_plus))
    assert np.array_equal(inversion.blended[keep_photo == 0], plain[keep_photo == 0])


def test_choosing(tiny):
    assert list(choose(["samm-2", "encoder"], tiny, SETTINGS)) == ["samm-2", "encoder"]
    assert list(choose(["all"], tiny, SETTINGS)) == list(METHODS)
    bare = list(choose(["all"], replace(tiny, samm=None), Settings()))
    assert bare == ["encoder", "residual", "optimization", "pti", "error-mask"]
    with pytest.raises(OptionError, match="There is no method sam; choose all or some of encoder, "):
        choose(["encoder", "sam"], tiny, SETTINGS)
    with pytest.raises(OptionError, match="samm-1 needs SAMM, for which the preset tiny has no weights"):
        choose(["samm-1"], replace(tiny, samm=None), SETTINGS)
    with pytest.raises(OptionError, match="difference-mask needs an edit"):
        choose(["difference-mask"], tiny, Settings())


@pytest.mark.parametrize("steps", [0, 501])
def test_a_wrong_number_of_steps_is_refused_before_the_work(steps):
    with pytest.raises(OptionError, match=f"search steps is {steps}; choose a value from 1 to 500"):
        Settings(search_steps=steps)
