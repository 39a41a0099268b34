"""The whole inversion: what it promises about its value, its determinism and its figures."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import samm
from samm.crop.domains import CARS
from samm.likeness.refinement import RefineConfig, refine_steps
from samm.method.clearing import clear_mask
from samm.method.gathering import gather
from samm.metrics import psnr, ssim
from samm.pixels import to_pm1, to_u8

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def small(tiny, tiny_crop) -> samm.Inversion:
    return samm.draw_generated(samm.invert(tiny_crop, tiny), tiny)


def test_the_generator_alone_is_drawn_when_somebody_looks(small, tiny, tiny_crop):
    plain = samm.invert(tiny_crop, tiny)
    assert plain.generated is None
    assert set(plain.report["psnr"]) == {"aligned", "blended"}
    assert np.array_equal(small.generated, to_u8(tiny.generator.synthesize(plain.w_plus)))
    assert np.array_equal(small.blended, plain.blended)
    assert samm.draw_generated(small, tiny) is small


def test_same_photo_same_bytes(small, tiny, tiny_crop):
    assert pickle.dumps(samm.invert(tiny_crop, tiny).blended) == pickle.dumps(small.blended)


def test_the_result_is_whole_and_survives_pickling(small, tiny):
    again = pickle.loads(pickle.dumps(small))
    size = tiny.resolution
    for picture in (again.photo_u8, again.generated, again.aligned, again.blended):
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
    assert again.w_plus.shape == (1, tiny.generator.num_layers, 512)
    assert list(again.masks) == list(again.flows) == [32, 64, 128, 256]
    assert all(mask.shape == (1, 1, r, r) for r, mask in again.masks.items())
    assert all(flow.shape == (1, 2, r, r) for r, flow in again.flows.items())
    predicted = gather(small.masks.values(), size)
    assert torch.equal(again.gathered, clear_mask(predicted, small.photo_pm1, to_pm1(small.aligned)))
    assert torch.equal(replace(small, readout=None).gathered, predicted)


def test_mask_strength_ends(small):
    assert np.array_equal(replace(small, strength=0).blended, small.aligned)
    more = replace(small, strength=2)
    assert np.array_equal(replace(more, strength=1).blended, small.blended)
    assert more.keep_photo.mean() > small.keep_photo.mean()
    assert psnr(more.photo_u8, more.blended) > psnr(small.photo_u8, small.blended)
    assert more.report["mask_strength"] == 2
    with pytest.raises(samm.OptionError, match="The mask strength is 3; choose a number from 0 to 2"):
        replace(small, strength=3)


def test_a_better_inversion_keeps_strength_and_paint(small, quick):
    keep = torch.zeros(1, 1, 512, 512)
    keep[..., :100] = 1
    refined = samm.refine(replace(small, strength=0, keep=keep), quick, 1)
    assert np.array_equal(refined.blended[:, :100], small.photo_u8[:, :100])
    assert np.array_equal(refined.blended[:, 100:], refined.aligned[:, 100:])


def test_a_crop_of_a_photo_is_inverted_as_its_pixels_are(small, tiny, tiny_crop):
    photo = samm.open(EXAMPLES / "astronaut.jpg")
    crop = photo.faces[0]
    inversion = samm.invert(crop, tiny)
    assert inversion.crop is crop
    assert np.array_equal(inversion.blended, samm.invert(crop.pixels(512), tiny).blended)
    with pytest.raises(samm.OptionError, match="crop of a car, and the preset tiny draws faces"):
        samm.invert(photo.locate(CARS)[0], tiny)


def test_progress_tells_every_stage(tiny, tiny_crop):
    told = []
    samm.invert(tiny_crop, tiny, progress=lambda *event: told.append(event))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == [
        "Encoding",
        "Aligning features",
        "Matching the photo",
        "Gathering masks",
        "Blending",
    ]
    assert [done for stage, done, _ in told if stage == "Aligning features"] == [0, 1, 2, 3, 4]


def test_report_is_plain_and_complete(small):
    report = small.report
    assert set(report["psnr"]) == set(report["ssim"]) == {"generated", "aligned", "blended"}
    assert set(report["kept"]) == {"32", "64", "128", "256", "gathered"}
    assert all(0 < share < 1 for share in report["kept"].values())
    assert report["psnr"]["blended"] > report["psnr"]["aligned"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoder_steps": 0},
        {"encoder_steps": 11},
        {"iterations": 0},
        {"refine_steps": -1},
        {"tune_steps": 501},
    ],
)
def test_options_out_of_range_are_sentences(wrong):
    with pytest.raises(samm.OptionError, match="choose a value from"):
        samm.Options(**wrong)


def test_a_crop_of_another_size_is_our_mistake(tiny):
    with pytest.raises(ValueError, match=r"\(512, 512, 3\)"):
        samm.invert(np.zeros((256, 256, 3), np.uint8), tiny)


def test_bfloat16_stays_near_float32(small, tiny_crop, tiny):
    half = samm.invert(tiny_crop, replace(tiny, precision="bf16"))
    assert np.abs(half.blended.astype(int) - small.blended).mean() < 6  # random networks amplify rounding


def test_refinement_lowers_the_error_and_reports_its_steps(small, tiny):
    refined = samm.refine(small, tiny, 6)
    assert refined.refined == 6
    assert samm.draw_generated(refined, tiny).report["psnr"]["generated"] > small.report["psnr"]["generated"]
    assert np.array_equal(refined.photo_u8, small.photo_u8)
    assert refined.seconds["Encoding"] > small.seconds["Encoding"]  # the first pass counts
    both = samm.invert(small.photo_u8, tiny, samm.Options(refine_steps=6))
    assert np.array_equal(both.blended, refined.blended)


def test_refinement_stops_when_asked_and_keeps_the_best(small, tiny):
    def stop_after_three(stage: str, done: int, total: int) -> bool:
        return stage == "Refining" and done >= 3

    refined = samm.refine(small, tiny, 50, stop_after_three)
    assert refined.refined == 3
    assert samm.draw_generated(refined, tiny).report["psnr"]["generated"] >= small.report["psnr"]["generated"]


def test_refinement_ends_early_when_nothing_is_gained(tiny):
    photo, keep = torch.zeros(1, 3, 256, 256), torch.ones(1, 1, 256, 256)  # everything is kept: no gradient
    start = tiny.generator.w_mean.expand(1, tiny.generator.num_layers, -1)
    codes = list(refine_steps(photo, keep, tiny.generator, tiny.perceptual, start, 100))
    assert len(codes) <= RefineConfig().patience + 2
    assert torch.equal(codes[-1], start)


def test_refinement_ignores_what_the_mask_keeps(tiny, generator_rng):
    """Where the photo is kept, its content must not move the code."""
    keep = torch.zeros(1, 1, 256, 256)
    keep[..., :128, :] = 1
    photo = torch.rand(1, 3, 256, 256, generator=generator_rng) * 2 - 1
    start = tiny.generator.w_mean.expand(1, tiny.generator.num_layers, -1)

    def mse_code(picture: torch.Tensor) -> torch.Tensor:
        config = RefineConfig(perceptual=0)  # the perceptual network sees across the border
        *_, code = refine_steps(picture, keep, tiny.generator, tiny.perceptual, start, 3, config=config)
        return code

    hat = photo.clone()
    hat[..., :128, :] = -1
    assert torch.equal(mse_code(photo), mse_code(hat))
    bottom = photo.clone()
    bottom[..., 128:, :] = -1
    assert not torch.equal(mse_code(photo), mse_code(bottom))


def test_refinement_by_identity_finds_a_face_that_is_more_alike(tiny, generator_rng):
    """With L_id alone the search lowers what it stands for, and with a weight of 0 it is not asked."""
    descriptor, size = samm.load_descriptor(), 128
    truth = tiny.generator.mapping(torch.randn(1, 512, generator=generator_rng))
    codes = [
        code[:, None].expand(1, tiny.generator.num_layers, 512)
        for code in (truth, tiny.generator.w_mean[None])
    ]
    photo, drawn = (tiny.generator.synthesize(code, size=size).clamp(-1, 1) for code in codes)
    keep = torch.zeros(1, 1, size, size)

    def search(weight: float, judge: object) -> torch.Tensor:
        config = RefineConfig(perceptual=0, identity=weight)
        *_, code = refine_steps(photo, keep, tiny.generator, tiny.perceptual, codes[1], 4, judge, config)
        return code

    def alike(picture: torch.Tensor) -> float:
        return float((descriptor(picture) * descriptor(photo)).sum())

    found = tiny.generator.synthesize(search(100, descriptor), size=size)
    assert alike(found) > alike(drawn)
    assert torch.equal(search(0, descriptor), search(0, None))


def test_metrics_against_direct_formulas():
    rng = np.random.default_rng(5)
    a = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
    b = np.clip(a + rng.normal(0, 20, a.shape), 0, 255).astype(np.uint8)
    assert psnr(a, a) == float("inf")
    mse = np.mean((a.astype(float) - b) ** 2)
    assert psnr(a, b) == pytest.approx(20 * np.log10(255 / np.sqrt(mse)))

    taps = np.exp(-((np.arange(11) - 5) ** 2) / 4.5)
    window = np.outer(taps, taps) / taps.sum() ** 2

    def mean(x: np.ndarray) -> np.ndarray:
        views = np.lib.stride_tricks.sliding_window_view(x, (11, 11), axis=(0, 1))
        return np.einsum("hwcij,ij->hwc", views, window)

    x, y = a.astype(float), b.astype(float)
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 2.55**2, 7.65**2
    direct = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert ssim(a, b) == pytest.approx(direct.mean(), abs=1e-5)
    assert ssim(a, a) == pytest.approx(1)


def test_a_real_photo_is_inverted_as_well_as_when_this_was_written(inversion, embedded):
    """Regression figures of the embedded weights on the astronaut; update them with the weights."""
    report = samm.draw_generated(inversion, embedded).report
    assert report["psnr"] == pytest.approx(FIGURES["psnr"], abs=0.05)
    assert report["kept"]["gathered"] == pytest.approx(FIGURES["kept"], abs=0.003)
    assert inversion.w_plus[0, ::5, 0].tolist() == pytest.approx(FIGURES["w_plus"], abs=2e-3)


FIGURES = {
    "psnr": {"generated": 14.986, "aligned": 24.927, "blended": 31.206},
    "kept": 0.2472,
    "w_plus": [-0.0503, 0.2644, 0.1468, 0.1542],
}
