"""Every fast path gives what the plain formula gives, in float32 to 1e-4."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from samm.method.alignment import warp
from samm.networks.generators.mobile import Block, MobileStyleGAN, StyledConv
from samm.networks.ops import haar_up
from samm.tiny import randomize


def _close(fast: Tensor, plain: Tensor) -> None:
    torch.testing.assert_close(fast, plain, atol=1e-4, rtol=1e-4)


def _random(module: torch.nn.Module) -> torch.nn.Module:
    randomize(module)
    for name, buffer in module.named_buffers():
        if "noise" in name:
            buffer.normal_(std=0.1)
    return module


def _plain_conv(conv: StyledConv, x: Tensor, style: Tensor) -> Tensor:
    """Modulate, convolve, add bias and noise, activate: one operation after another."""
    x = x * style[:, :, None, None]
    if hasattr(conv, "dw"):
        x = F.conv2d(x, conv.dw, padding=1, groups=x.shape[1])
        x = F.conv2d(x, conv.pw)
    else:
        x = F.conv2d(x, conv.pw, padding=1)
    return F.leaky_relu(x + conv.bias + conv.noise, 0.2)


def _plain_haar(bands: Tensor) -> Tensor:
    n, channels, height, width = bands.shape
    low, high = bands[:, : channels // 4], bands[:, channels // 4 :].unflatten(1, (-1, 3))
    pixels = []
    for down in (1, -1):
        for right in (1, -1):
            pixels.append(low + down * high[:, :, 0] + right * high[:, :, 1] + down * right * high[:, :, 2])
    stacked = torch.stack(pixels, 2).reshape(n, channels, height, width) / 2
    return F.pixel_shuffle(stacked, 2)


@pytest.mark.parametrize("depthwise", [True, False])
@pytest.mark.parametrize("n", [1, 3])
@torch.no_grad()
def test_a_styled_convolution_in_place(generator_rng, n, depthwise):
    conv = _random(StyledConv(8, 12, 16, depthwise))
    x = torch.randn(n, 8, 16, 16, generator=generator_rng)
    style = torch.randn(n, 8, generator=generator_rng)
    plain = _plain_conv(conv, x, style)
    for memory in (torch.contiguous_format, torch.channels_last):
        fast = conv(x.contiguous(memory_format=memory), style)
        assert fast.is_contiguous(memory_format=torch.channels_last)
        _close(fast, plain)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_the_inverse_haar_transform_written_in_place(generator_rng, memory):
    bands = torch.randn(2, 12, 8, 8, generator=generator_rng)
    style = torch.randn(2, 12, generator=generator_rng)
    given = bands.contiguous(memory_format=memory)
    _close(haar_up(given), _plain_haar(bands))
    fast = haar_up(given, style)
    _close(fast, _plain_haar(bands * style[:, :, None, None]))
    assert fast.is_contiguous(memory_format=memory)


@torch.no_grad()
def test_a_whole_drawing_and_its_gradient(generator_rng):
    generator = _random(MobileStyleGAN((8,) * 4))
    w_plus = torch.randn(2, generator.num_layers, 512, generator=generator_rng)

    def plain(code: Tensor) -> Tensor:
        styles = generator.styles(code)
        x = _plain_conv(generator.conv1, generator.const.expand(len(code), -1, -1, -1), styles[0])
        for i, block in enumerate(generator.blocks):
            assert isinstance(block, Block)
            up, first, second = styles[3 * i + 1 : 3 * i + 4]
            x = _plain_conv(block.conv1, _plain_haar(x * up[:, :, None, None]), first)
            x = _plain_conv(block.conv2, x, second)
        x = x * styles[-1][:, :, None, None]
        return _plain_haar(F.conv2d(x, generator.to_img) + generator.to_img_bias)

    with torch.inference_mode():
        _close(generator.synthesize(w_plus), plain(w_plus))
        _close(generator.synthesize(w_plus, size=8), F.adaptive_avg_pool2d(plain(w_plus), 8))
    gradients = []
    with torch.enable_grad():
        for draw in (generator.synthesize, plain):
            code = w_plus.clone().requires_grad_()
            draw(code).square().mean().backward()
            gradients.append(code.grad)
    _close(*gradients)


def test_warping_rows_of_channels(generator_rng):
    feature = torch.rand(2, 8, 32, 32, generator=generator_rng)
    flow = torch.rand(2, 2, 32, 32, generator=generator_rng) * 0.4 - 0.2  # some beyond the border
    last = feature.contiguous(memory_format=torch.channels_last)
    fast = warp(last, flow)
    assert fast.is_contiguous(memory_format=torch.channels_last)
    _close(fast, warp(feature, flow))
    assert torch.equal(warp(last, torch.zeros_like(flow)), feature)
    moved = warp(last, flow.requires_grad_())  # where something is differentiated, the plain path serves
    _close(moved.detach(), fast)
    assert moved.requires_grad
