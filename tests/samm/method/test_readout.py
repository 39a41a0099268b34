"""The read-out: a linear layer for each map, fitted to one photo and held still under edits."""

import pickle

import numpy as np
import pytest
import torch

import samm
from editing import edit, parse
from samm.method.alignment import Alignment, replay
from samm.method.readout import fit_readout, probe_codes, probe_maps, record
from samm.networks.ops import area_resize
from samm.pixels import to_pm1, to_u8

SIZE = 128
CHANNELS = {16: 6, 64: 8, 128: 8}


@pytest.fixture
def maps(generator_rng):
    return {r: torch.randn(1, c, r, r, generator=generator_rng) for r, c in CHANNELS.items()}


@pytest.fixture
def everywhere():
    """A mask that keeps nothing."""
    return torch.zeros(1, 1, SIZE, SIZE)


def _colored(feature, generator_rng):
    """A picture that is a linear function of a map, as large as it."""
    kernel = torch.randn(3, feature.shape[1], 1, 1, generator=generator_rng) / feature.shape[1]
    return torch.nn.functional.conv2d(feature, kernel) + 0.25


def test_a_linear_picture_is_recovered(maps, everywhere, generator_rng):
    missing = _colored(maps[128], generator_rng)
    rest = missing - fit_readout(maps, missing, everywhere, {}).free(maps, SIZE)
    assert rest.square().mean() < 0.01 * missing.square().mean()


def test_what_is_kept_from_the_photo_hardly_counts(maps, everywhere, generator_rng):
    missing = _colored(maps[128], generator_rng)
    keep, marred = everywhere.clone(), missing.clone()
    keep[..., :64], marred[..., :64] = 1, -1.0
    rest = (missing - fit_readout(maps, marred, keep, {}).free(maps, SIZE))[..., 64:]
    assert rest.square().mean() < 0.07 * missing.square().mean()


def test_what_counts_more_is_fitted_better(maps, everywhere, generator_rng):
    missing = torch.randn(1, 3, SIZE, SIZE, generator=generator_rng)  # more than the maps can draw
    importance = torch.ones(1, 1, SIZE, SIZE)
    importance[..., :64] = 50.0

    def rest(importance):
        return (missing - fit_readout(maps, missing, everywhere, {}, importance).free(maps, SIZE)).square()

    plain, weighted = rest(1.0), rest(importance)
    assert weighted[..., :64].mean() < plain[..., :64].mean()
    assert weighted[..., 64:].mean() > plain[..., 64:].mean()


def test_probes_hold_the_correction_still(maps, everywhere, generator_rng):
    """Half of the channels change under edits, and the other half says the same of the photo."""
    feature = torch.cat([maps[64], maps[64] + 0.1 * torch.randn(maps[64].shape, generator=generator_rng)], 1)
    missing = _colored(maps[64], generator_rng)
    moved = feature.clone()
    moved[:, :8] += torch.randn(1, 8, 64, 64, generator=generator_rng)
    fit = fit_readout({64: feature}, missing, everywhere[..., :64, :64], {64: moved})
    drifts, errors = [], []
    for readout in (fit.free, fit.held):
        before, after = readout({64: feature}, 64), readout({64: moved}, 64)
        drifts.append(float((after - before).square().mean()))
        errors.append(float((missing - before).square().mean() / missing.square().mean()))
    assert drifts[1] < 0.1 * drifts[0]
    assert errors[1] < 0.1


def test_a_recorded_drawing_gives_the_same_as_a_followed_one(tiny, small):
    keep, maps = record()
    tiny.generator.synthesize(small.w_plus, keep)
    follow, correction = small.readout.follow(None)
    tiny.generator.synthesize(small.w_plus, follow)
    assert torch.equal(correction(256), small.readout(maps, 256))
    assert correction(256).shape == (1, 3, 256, 256)


def test_probes_stop_early_and_are_the_same_each_time(tiny, small):
    codes = probe_codes(tiny.generator, small.w_plus)
    assert codes.shape[1:] == small.w_plus.shape[1:]
    assert torch.equal(codes, probe_codes(tiny.generator, small.w_plus))
    maps = probe_maps(tiny.generator, codes, None)
    assert max(maps) == 64
    assert len(maps[64]) == len(codes)


def test_it_is_small_and_survives_pickling(small):
    packed = pickle.dumps(small.readout)
    assert len(packed) < 100_000
    again = pickle.loads(packed)
    for r, head in small.readout.heads.items():
        assert head.weight.dtype == torch.float16
        assert torch.equal(head.weight, again.heads[r].weight)


def test_it_is_nearer_to_the_photo_and_the_same_each_time(tiny, tiny_crop, small):
    again = samm.invert(tiny_crop, tiny)
    assert np.array_equal(again.aligned, small.aligned)
    plain = samm.invert(tiny_crop, tiny, samm.Options(readout=False))
    for kind in ("aligned", "blended"):
        assert small.report["psnr"][kind] > plain.report["psnr"][kind] + 0.5
    assert torch.equal(plain.w_plus, small.w_plus)


def test_without_it_the_picture_is_what_the_generator_draws(tiny, tiny_crop):
    plain = samm.invert(tiny_crop, tiny, samm.Options(readout=False))
    assert plain.readout is None
    drawn = tiny.generator.synthesize(plain.w_plus, replay(Alignment(plain.flows, plain.masks)))
    assert np.array_equal(plain.aligned, to_u8(drawn))


@pytest.mark.parametrize("preset", ["tiny", "tiny-stylegan2-e4e", "tiny-stylegan2-e4e-cars"])
def test_every_kind_of_generator_has_it(preset, tiny_crop):
    model = samm.load(preset, "cpu")
    crop = to_u8(area_resize(to_pm1(tiny_crop), model.resolution))
    inversion = samm.invert(crop, model, samm.Options(encoder_steps=1))
    plain = samm.invert(crop, model, samm.Options(encoder_steps=1, readout=False))
    assert inversion.report["psnr"]["aligned"] > plain.report["psnr"]["aligned"]


def test_an_edit_is_matched_by_its_own_features(small, tiny, tools):
    follow, correction = small.readout.follow(replay(Alignment(small.flows, small.masks)))
    drawn = tiny.generator.synthesize(small.w_plus, follow)
    assert np.abs(to_u8(drawn + correction(small.size)).astype(int) - small.anchor).max() <= 1
    older = edit(small, parse("age +3"), tiny, tools)
    assert not np.array_equal(older.aligned, small.aligned)
    plain = edit(small, parse(""), tiny, tools)
    assert np.array_equal(plain.blended, small.blended)
