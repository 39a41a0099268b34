"""StyleGAN2: its operations against slow direct formulas, its published layout, and its hook."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from samm.models import STYLEGAN2_FFHQ
from samm.networks.generators.stylegan2 import CHANNELS, StyleGAN2
from samm.networks.ops import EqualLinear, modulated_conv2d, upfirdn2d


@pytest.fixture(scope="module")
def generator() -> StyleGAN2:
    """Random, 32 pixels, 8 rows; with noise that shows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = small()
    for name, value in generator.named_parameters():
        if name.endswith("noise.weight"):
            value.fill_(0.1)
    return generator


def small(**options) -> StyleGAN2:
    return StyleGAN2(32, dict.fromkeys(CHANNELS, 8), **options).requires_grad_(False)


@pytest.fixture
def w_plus(generator_rng) -> torch.Tensor:
    return torch.randn(1, 8, 512, generator=generator_rng)


@pytest.mark.parametrize(
    ("up", "down", "pad"), [(1, 1, (1, 1)), (2, 1, (2, 1)), (1, 2, (0, 3)), (2, 3, (1, 0))]
)
def test_upfirdn2d_against_the_sum(up, down, pad, generator_rng):
    x = torch.randn(2, 3, 5, 4, generator=generator_rng)
    kernel = torch.randn(3, 3, generator=generator_rng)  # not symmetric: a turned kernel would be noticed
    height, width = 5 * up + sum(pad), 4 * up + sum(pad)
    spread = torch.zeros(2, 3, height, width)
    for i, j in itertools.product(range(5), range(4)):
        spread[:, :, pad[0] + i * up, pad[0] + j * up] = x[:, :, i, j]
    expected = torch.zeros(2, 3, (height - 3) // down + 1, (width - 3) // down + 1)
    for i, j in itertools.product(range(expected.shape[2]), range(expected.shape[3])):
        for u, v in itertools.product(range(3), range(3)):
            expected[:, :, i, j] += kernel[2 - u, 2 - v] * spread[:, :, i * down + u, j * down + v]
    torch.testing.assert_close(upfirdn2d(x, kernel, up, down, pad), expected)


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_modulated_convolution_against_one_kernel_per_picture(up, demodulate, generator_rng):
    x = torch.randn(2, 3, 4, 4, generator=generator_rng)
    weight = torch.randn(5, 3, 3, 3, generator=generator_rng)
    style = torch.randn(2, 3, generator=generator_rng)
    pictures = modulated_conv2d(x, weight, style, demodulate, up)
    for picture, feature, s in zip(pictures, x, style, strict=True):
        kernel = torch.empty_like(weight)
        for o, i in itertools.product(range(5), range(3)):
            kernel[o, i] = weight[o, i] * s[i]
        if demodulate:
            kernel = (
                kernel / torch.stack([(k.square().sum() + 1e-8).sqrt() for k in kernel])[:, None, None, None]
            )
        if up:
            expected = torch.zeros(5, 9, 9)
            for i, j in itertools.product(range(4), range(4)):
                expected[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += torch.einsum(
                    "oiuv,i->ouv", kernel, feature[:, i, j]
                )
        else:
            expected = torch.zeros(5, 4, 4)
            padded = F.pad(feature, (1, 1, 1, 1))
            for i, j in itertools.product(range(4), range(4)):
                expected[:, i, j] = (kernel * padded[None, :, i : i + 3, j : j + 3]).sum((1, 2, 3))
        torch.testing.assert_close(picture, expected)


def test_equalized_linear_scales_weight_and_bias():
    layer = EqualLinear(16, 4, bias=1.0, lr_mul=0.01)
    x = torch.ones(1, 16)
    expected = 0.01 / 4 * layer.weight.sum(1) + 0.01
    torch.testing.assert_close(layer(x)[0], expected)


def test_up_sampling_keeps_a_flat_picture_flat(generator):
    flat = generator.to_rgbs[0].upsample(torch.ones(1, 3, 8, 8))
    assert flat.shape == (1, 3, 16, 16)
    torch.testing.assert_close(
        flat[:, :, 2:-2, 2:-2], torch.ones(1, 3, 12, 12)
    )  # zeros come in at the border


def published_shapes(resolution: int) -> dict[str, tuple[int, ...]]:
    """List the keys and shapes of a `g_ema`, written from the layout's description, not from our modules."""
    shapes: dict[str, tuple[int, ...]] = {"input.input": (1, 512, 4, 4)}
    for i in range(1, 9):
        shapes |= {f"style.{i}.weight": (512, 512), f"style.{i}.bias": (512,)}

    def modulated(name: str, c_in: int, c_out: int, edge: int) -> None:
        shapes[f"{name}.conv.weight"] = (1, c_out, c_in, edge, edge)
        shapes[f"{name}.conv.modulation.weight"] = (c_in, 512)
        shapes[f"{name}.conv.modulation.bias"] = (c_in,)

    def styled(name: str, c_in: int, c_out: int) -> None:
        modulated(name, c_in, c_out, 3)
        shapes[f"{name}.noise.weight"] = (1,)
        shapes[f"{name}.activate.bias"] = (c_out,)

    def to_rgb(name: str, c_in: int) -> None:
        modulated(name, c_in, 3, 1)
        shapes[f"{name}.bias"] = (1, 3, 1, 1)

    styled("conv1", 512, 512)
    to_rgb("to_rgb1", 512)
    shapes["noises.noise_0"] = (1, 1, 4, 4)
    for k in range(int(math.log2(resolution)) - 2):
        r = 8 * 2**k
        styled(f"convs.{2 * k}", CHANNELS[r // 2], CHANNELS[r])
        styled(f"convs.{2 * k + 1}", CHANNELS[r], CHANNELS[r])
        to_rgb(f"to_rgbs.{k}", CHANNELS[r])
        shapes[f"convs.{2 * k}.conv.blur.kernel"] = shapes[f"to_rgbs.{k}.upsample.kernel"] = (4, 4)
        for i in (1, 2):
            shapes[f"noises.noise_{2 * k + i}"] = (1, 1, r, r)
    return shapes


@pytest.mark.parametrize(("resolution", "rows"), [(1024, 18), (512, 16)])
def test_keys_and_shapes_are_the_published_ones(resolution, rows):
    with torch.device("meta"):
        generator = StyleGAN2(resolution)
    shapes = {key: tuple(value.shape) for key, value in generator.state_dict().items()}
    assert shapes.pop("w_mean") == (512,)
    assert shapes == published_shapes(resolution)
    assert generator.num_layers == rows


def test_full_size_figures_are_those_of_the_published_file():
    with torch.device("meta"):
        generator = StyleGAN2()
    mapping = sum(p.numel() for p in generator.style.parameters())
    synthesis = sum(p.numel() for p in generator.parameters()) - mapping
    assert (synthesis, mapping) == (28_268_812, 2_101_248)
    # Beside its values the file has only names and padding, some hundred bytes for each.
    values = sum(value.nbytes for value in generator.state_dict().values())
    assert 0 < STYLEGAN2_FFHQ.size - values < 1000 * len(generator.state_dict())


def test_style_space_is_that_of_the_published_code():
    """StyleCLIP's order: 26 vectors of 9,088 channels, of which 6,048 do not belong to a ToRGB."""
    with torch.device("meta"):
        generator = StyleGAN2()
        widths = [style.shape[1] for style in generator.styles(torch.zeros(1, 18, 512))]
    assert widths == [512] * 15 + [256] * 3 + [128] * 3 + [64] * 3 + [32] * 2
    assert generator.rgb_styles == tuple(range(1, 26, 3))
    assert sum(widths) - sum(widths[i] for i in generator.rgb_styles) == 6048


def test_styles_read_the_rows_of_their_layers(generator, w_plus):
    plain = generator.styles(w_plus)
    readers = []
    for row in range(8):
        code = w_plus.clone()
        code[:, row] += 1
        moved = generator.styles(code)
        readers.append(
            [i for i, (a, b) in enumerate(zip(plain, moved, strict=True)) if not torch.equal(a, b)]
        )
    # A ToRGB shares its row with the first convolution of the next block.
    assert readers == [[0], [1, 2], [3], [4, 5], [6], [7, 8], [9], [10]]


def test_rows_act_where_the_paper_puts_them(generator, w_plus):
    def features(code: torch.Tensor) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
        seen: dict[int, torch.Tensor] = {}
        picture = generator.synthesize(code, lambda r, g: seen.setdefault(r, g))
        return seen, picture

    plain, picture = features(w_plus)
    for row in range(8):
        code = w_plus.clone()
        code[:, row] += 1
        moved, other = features(code)
        changed = [r for r in plain if not torch.equal(plain[r], moved[r])]
        # The first convolution at 8·2^k reads row 2k + 1; what it reads, and all before, shows from there on.
        assert changed == [r for k, r in enumerate((8, 16, 32)) if row <= 2 * k + 1]
        assert not torch.equal(picture, other)


def test_the_hook_meets_the_feature_before_or_after_its_activation(generator, w_plus):
    paper = small(adapt_after="convolution")
    paper.load_state_dict(generator.state_dict())
    before: dict[int, torch.Tensor] = {}
    after: dict[int, torch.Tensor] = {}
    picture = paper.synthesize(w_plus, lambda r, g: before.setdefault(r, g))
    assert torch.equal(picture, generator.synthesize(w_plus, lambda r, g: after.setdefault(r, g)))
    assert list(before) == list(after) == [8, 16, 32]
    for k, r in enumerate(before):
        noise = getattr(paper.noises, f"noise_{2 * k + 1}")
        torch.testing.assert_close(paper.convs[2 * k].finish(before[r], noise), after[r])
        assert not torch.equal(before[r], after[r])


@pytest.mark.parametrize("adapt_after", ["convolution", "activation"])
def test_what_the_hook_returns_is_drawn(adapt_after, w_plus):
    generator = small(adapt_after=adapt_after)
    plain = generator.synthesize(w_plus)
    assert not torch.equal(plain, generator.synthesize(w_plus, lambda r, g: g * 0 if r == 16 else g))


def test_noise_is_stored_and_drawn_at_its_strength(generator, w_plus):
    picture = generator.synthesize(w_plus)
    assert torch.equal(picture, generator.synthesize(w_plus))
    quiet = small()
    silence = {key: torch.zeros(1) for key in generator.state_dict() if key.endswith("noise.weight")}
    quiet.load_state_dict(generator.state_dict() | silence)
    assert not torch.equal(picture, quiet.synthesize(w_plus))
