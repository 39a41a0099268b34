"""Generators and encoders: shapes and promises of every preset, and figures of the embedded weights."""

import pytest
import torch

import samm
from samm.method.alignment import FLOW_LIMIT, SAMM, aligner
from samm.models import PRESETS
from samm.networks.encoders import Code
from samm.networks.encoders.residual import WIDTHS
from samm.networks.generators.mobile import MobileStyleGAN
from samm.networks.generators.stylegan2 import CHANNELS, StyleGAN2
from samm.networks.ops import area_resize
from samm.tiny import randomize

LEVELS = (32, 64, 128, 256)


@pytest.fixture(
    scope="module", params=["mobile", *sorted(name for name in PRESETS if name.startswith("tiny"))]
)
def model(request) -> samm.Model:
    """Every preset that needs no published file, which is every network at least in tiny form."""
    shared = {"mobile": "embedded", "tiny": "tiny"}.get(request.param)
    return request.getfixturevalue(shared) if shared else samm.load(request.param, "cpu")


def _w_plus(model: samm.Model, n: int = 1) -> torch.Tensor:
    z = torch.randn(n, 512, generator=torch.Generator().manual_seed(3))
    return model.generator.mapping(z)[:, None].repeat(1, model.generator.num_layers, 1)


@pytest.fixture(scope="module")
def full(model) -> torch.Tensor:
    """The picture of a code at full size."""
    return model.generator.synthesize(_w_plus(model))


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(4)) * 2 - 1


@pytest.fixture(scope="module")
def code(model, photo) -> Code:
    return model.encoder.encode(photo, model.generator, 2)


def test_generator_contract(model, full):
    generator, w_plus = model.generator, _w_plus(model)
    seen = {}
    picture = generator.synthesize(w_plus, lambda r, g: seen.setdefault(r, g))
    assert picture.shape == (1, 3, model.resolution, model.resolution)
    assert set(LEVELS) <= seen.keys()
    assert all(feature.shape[2:] == (r, r) for r, feature in seen.items())
    assert torch.equal(picture, full)  # noise is stored: same code, same picture
    assert not torch.equal(picture, generator.synthesize(w_plus.flip(2)))


def test_small_pictures_are_the_averaged_full_one(model, full):
    for size in (256, model.resolution // 2):
        small = model.generator.synthesize(_w_plus(model), size=size)
        torch.testing.assert_close(small, area_resize(full, size), atol=2e-5, rtol=0)


def test_styles_are_a_second_way_to_the_same_picture(model):
    generator, w_plus = model.generator, _w_plus(model)
    picture = generator.draw(generator.styles(w_plus), lambda r, g: 0.5 * g, 256)
    assert torch.equal(picture, generator.synthesize(w_plus, lambda r, g: 0.5 * g, 256))


@pytest.mark.parametrize(
    "make",
    [lambda: MobileStyleGAN((8,) * 4), lambda: StyleGAN2(64, dict.fromkeys(CHANNELS, 8))],
    ids=["mobile", "stylegan2"],
)
@torch.no_grad()
def test_every_style_is_drawn_with_and_some_only_color(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = make()
        randomize(generator)
        w_plus = torch.randn(1, generator.num_layers, 512)
    plain_features: dict[int, torch.Tensor] = {}
    styles = generator.styles(w_plus)
    plain = generator.draw(styles, lambda r, g: plain_features.setdefault(r, g))
    only_color = set()
    for index in range(len(styles)):
        features: dict[int, torch.Tensor] = {}
        moved = [style + (i == index) * style.std() for i, style in enumerate(styles)]
        picture = generator.draw(moved, lambda r, g, kept=features: kept.setdefault(r, g))
        assert not torch.equal(picture, plain)
        if all(torch.equal(features[r], plain_features[r]) for r in plain_features):
            only_color.add(index)
    # The last block's second convolution comes after the last feature that can be seen.
    assert only_color == {*generator.rgb_styles, len(styles) - 2}


def test_style_space_has_the_documented_channels(embedded):
    widths = [style.shape[1] for style in embedded.generator.styles(_w_plus(embedded))]
    assert (len(widths), sum(widths)) == (23, 6752)
    assert widths[:4] == [512, 512, 128, 512]
    assert embedded.generator.rgb_styles == (22,)
    ups, firsts, seconds = (sum(widths[i:22:3]) for i in (1, 2, 3))
    assert (ups, firsts, seconds, widths[22]) == (2944, 736, 2496, 64)


def test_encoder_contract(model, photo, code):
    assert code.w_plus.shape == (1, model.generator.num_layers, 512)
    assert all(code.features[r].shape[2:] == (r, r) for r in LEVELS)
    again = model.encoder.features(photo, model.generator, code.w_plus)
    assert all(again[r].shape == code.features[r].shape for r in LEVELS)


def test_samm_contract(model, code):
    assert model.samm.resolutions == LEVELS
    adapt, alignment = aligner(model.samm, code.features, 2)
    model.generator.synthesize(code.w_plus, adapt, 256)
    for r in LEVELS:
        assert alignment.flows[r].shape == (1, 2, r, r)
        assert 0 < alignment.flows[r].abs().max() <= FLOW_LIMIT
        assert alignment.masks[r].shape == (1, 1, r, r)
        assert 0 <= alignment.masks[r].min() < alignment.masks[r].max() <= 1


def test_batches_agree_with_single_pictures(tiny):
    w_plus = _w_plus(tiny, 3)
    batch = tiny.generator.synthesize(w_plus)
    for row, picture in zip(w_plus, batch, strict=True):
        torch.testing.assert_close(tiny.generator.synthesize(row[None])[0], picture, atol=1e-5, rtol=0)


def test_a_code_of_the_wrong_shape_is_named(tiny):
    with pytest.raises(ValueError, match=r"\(N, 14, 512\), got \(1, 16, 512\)"):
        tiny.generator.synthesize(torch.zeros(1, 16, 512))


def test_parameter_counts_are_the_documented_ones(embedded):
    assert sum(p.numel() for p in embedded.encoder.parameters()) == 24_283_968
    buffers = sum(b.numel() for name, b in embedded.generator.named_buffers() if "noise" in name)
    weights = {name: p.numel() for name, p in embedded.generator.named_parameters()}
    reader = sum(count for name, count in weights.items() if name.startswith("reader."))
    drawing = sum(weights.values()) - reader
    assert (round(drawing / 1e6, 2), round(buffers / 1e6, 2), round(reader / 1e6, 2)) == (9.41, 0.70, 0.31)


def test_the_mean_of_w_is_the_mean_of_mapped_noise(embedded):
    z = torch.randn(16384, 512, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        mean = embedded.generator.mapping(z).mean(0)
    torch.testing.assert_close(mean, embedded.generator.w_mean, atol=2e-3, rtol=0)


def test_tiny_parts_are_seeded(tiny):
    again = samm.load("tiny", "cpu")
    for name in ("generator", "encoder", "samm"):
        for a, b in zip(getattr(tiny, name).parameters(), getattr(again, name).parameters(), strict=True):
            assert torch.equal(a, b)


def test_loading_leaves_the_random_state_alone():
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    samm.load("tiny", "cpu")
    assert torch.equal(torch.rand(1), expected)


def test_other_widths_give_other_sizes():
    generator = MobileStyleGAN(widths=(8,) * 5)
    assert (generator.num_layers, generator.resolution) == (10, 128)
    assert SAMM(WIDTHS, dict.fromkeys(WIDTHS, 8)).resolutions == (32, 64, 128, 256)
