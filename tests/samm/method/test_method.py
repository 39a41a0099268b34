"""The equations and algorithms, each against a direct formula or a property that must hold."""

import pytest
import torch
import torch.nn.functional as F

from samm.errors import OptionError
from samm.method.alignment import FLOW_LIMIT, SAMM, Level, aligner, replay, warp, warp_masked
from samm.method.blending import blend, final_mask
from samm.method.gathering import gather
from samm.method.masking import area_excess, binary_loss, dose_mask, paint_mask, update_mask
from samm.networks.ops import area_resize, haar_up


def test_haar_up_by_pixel_formula(generator_rng):
    bands = torch.randn(2, 8, 3, 3, generator=generator_rng)
    low, high = bands[:, :2], bands[:, 2:].view(2, 2, 3, 3, 3)
    lh, hl, hh = high[:, :, 0], high[:, :, 1], high[:, :, 2]
    picture = haar_up(bands)
    torch.testing.assert_close(picture[:, :, 0::2, 0::2], (low + lh + hl + hh) / 2)
    torch.testing.assert_close(picture[:, :, 0::2, 1::2], (low + lh - hl - hh) / 2)
    torch.testing.assert_close(picture[:, :, 1::2, 0::2], (low - lh + hl - hh) / 2)
    torch.testing.assert_close(picture[:, :, 1::2, 1::2], (low - lh - hl + hh) / 2)


def test_haar_up_keeps_energy_and_halves_to_low_band(generator_rng):
    bands = torch.randn(1, 12, 4, 4, generator=generator_rng)
    picture = haar_up(bands)
    torch.testing.assert_close(picture.square().sum(), bands.square().sum())
    torch.testing.assert_close(F.avg_pool2d(picture, 2), bands[:, :3] / 2)


def test_area_resize_is_the_mean_of_pixels():
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(area_resize(picture, 2), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    assert area_resize(picture, 4) is picture


def test_zero_flow_is_exactly_the_identity(generator_rng):
    feature = torch.randn(2, 5, 32, 32, generator=generator_rng)
    assert torch.equal(warp(feature, torch.zeros(2, 2, 32, 32)), feature)


def test_flow_of_one_pixel_shifts_by_one_pixel_and_repeats_the_border(generator_rng):
    feature = torch.randn(1, 3, 16, 16, generator=generator_rng)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0] = 2 / 15  # x, one pixel: corners are aligned, so 2 is the way from first to last
    warped = warp(feature, flow)
    torch.testing.assert_close(warped[..., :-1], feature[..., 1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(warped[..., -1], feature[..., -1], atol=1e-5, rtol=0)


def test_a_mask_of_zero_leaves_the_feature_alone(generator_rng):
    feature = torch.randn(1, 3, 16, 16, generator=generator_rng)
    flow = torch.full((1, 2, 16, 16), FLOW_LIMIT)
    assert torch.equal(warp_masked(feature, flow, torch.zeros(1, 1, 16, 16)), feature)


def _level(generator: torch.Generator) -> Level:
    level = Level(6, 5, 16)
    with torch.no_grad():
        for value in level.parameters():
            value.normal_(std=0.3, generator=generator)
    return level.eval()


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_algorithm_1_by_its_own_words(iterations, generator_rng):
    level = _level(generator_rng)
    f = torch.randn(1, 6, 16, 16, generator=generator_rng)
    g = torch.randn(1, 5, 16, 16, generator=generator_rng)
    flow, mask = level(f, g, iterations)

    delta, m, g_hat = torch.zeros(1, 2, 16, 16), None, g
    for _ in range(iterations):
        f_code, g_code = F.instance_norm(level.f(f)), F.instance_norm(level.g(g_hat))
        o = level.out(level.body(torch.cat([f_code - g_code, f_code], 1)))
        delta = (delta + 0.08 * torch.tanh(o[:, :2])).clamp(-0.08, 0.08)
        q = torch.sigmoid(o[:, 2:])
        m = q if m is None else m * (q - m + 1)
        g_hat = warp(g, delta) * m + g * (1 - m)
    torch.testing.assert_close(flow, delta)
    torch.testing.assert_close(mask, m)
    assert flow.abs().max() <= FLOW_LIMIT
    assert 0 <= mask.min() <= mask.max() <= 1


def test_an_untrained_level_starts_with_zero_flow_and_an_even_mask():
    flow, mask = Level(6, 5, 16)(torch.randn(1, 6, 8, 8), torch.randn(1, 5, 8, 8), 1)
    assert not flow.any()
    torch.testing.assert_close(mask, torch.full_like(mask, torch.tensor(-1.0).sigmoid().item()))


def test_replayed_flows_and_masks_repeat_the_pass(tiny):
    w_plus = tiny.generator.mapping(torch.randn(1, 512))[:, None].repeat(1, tiny.generator.num_layers, 1)
    features = tiny.encoder.features(torch.rand(1, 3, 256, 256) * 2 - 1, tiny.generator, w_plus)
    adapt, alignment = aligner(tiny.samm, features, 2)
    first = tiny.generator.synthesize(w_plus, adapt)
    assert torch.equal(first, tiny.generator.synthesize(w_plus, replay(alignment)))
    assert not torch.equal(first, tiny.generator.synthesize(w_plus))


def test_mask_update_stays_in_range_and_cannot_create():
    grid = torch.linspace(0, 1, 101)
    mask, proposal = torch.meshgrid(grid, grid, indexing="ij")
    updated = update_mask(mask, proposal)
    assert 0 <= updated.min() <= updated.max() <= 1 + 1e-6
    assert not updated[0].any()
    torch.testing.assert_close(updated[-1], grid)  # a full mask takes the proposal as it is


def test_gathering_by_algorithm_2(generator_rng):
    masks = [torch.rand(1, 1, r, r, generator=generator_rng) for r in (4, 8, 16, 32)]
    up = [F.interpolate(m, size=(64, 64), mode="bilinear", align_corners=False) for m in masks]
    alpha = up[0]
    for b in up[1:]:
        alpha = b * alpha + alpha * (1 - alpha)
    torch.testing.assert_close(gather(masks, 64), alpha.clamp(0, 1))


def test_every_level_has_a_gradient_into_the_gathered_mask(generator_rng):
    masks = [
        torch.rand(1, 1, r, r, generator=generator_rng).mul(0.8).add(0.1).requires_grad_()
        for r in (4, 8, 16, 32)
    ]
    gather(masks, 64).sum().backward()
    assert all(m.grad.abs().sum() > 0 for m in masks)


def test_gathering_nothing_is_our_mistake():
    with pytest.raises(ValueError, match="no mask"):
        gather([], 64)


def test_blend_ends(generator_rng):
    photo, generated = torch.rand(2, 1, 3, 8, 8, generator=generator_rng)
    assert torch.equal(blend(photo, generated, torch.ones(1, 1, 8, 8)), photo)
    assert torch.equal(blend(photo, generated, torch.zeros(1, 1, 8, 8)), generated)


def test_mask_strength_ends():
    mask = torch.linspace(0, 1, 11)
    assert not dose_mask(mask, 0).any()
    assert dose_mask(mask, 1) is mask
    torch.testing.assert_close(dose_mask(mask, 2), 1 - (1 - mask) ** 2)


@pytest.mark.parametrize("strength", [-0.1, 2.1, float("nan")])
def test_mask_strength_out_of_range_is_a_sentence(strength):
    with pytest.raises(OptionError, match="from 0 to 2"):
        dose_mask(torch.zeros(1), strength)


def test_painted_areas_win_over_mask_and_strength():
    mask = torch.full((1, 1, 1, 3), 0.5)
    keep, draw = torch.tensor([[[[1.0, 0, 0]]]]), torch.tensor([[[[0, 1.0, 0]]]])
    assert final_mask(mask, 1, keep, draw).flatten().tolist() == [1.0, 0.0, 0.5]
    assert paint_mask(mask, keep, keep).flatten()[0] == 0  # drawing is applied last


def test_mask_losses():
    assert area_excess(torch.full((4,), 0.2), 0.3) == 0
    torch.testing.assert_close(area_excess(torch.full((4,), 0.5), 0.3), torch.tensor(0.2))
    assert binary_loss(torch.tensor([0.0, 1.0])) == 0
    torch.testing.assert_close(binary_loss(torch.tensor([0.5, 0.1])), torch.tensor(0.3))


def test_samm_has_the_documented_size():
    samm = SAMM({32: 256, 64: 128, 128: 64, 256: 32}, {32: 512, 64: 512, 128: 256, 256: 128})
    assert sum(p.numel() for p in samm.parameters()) == 1_042_860
    assert samm.resolutions == (32, 64, 128, 256)
