"""The paper's SAMM at full size: its figures, its keys, and what it compares."""

import pytest
import torch
import torch.nn.functional as F

from samm.method.alignment import align
from samm.method.paper_samm import PaperLevel, PaperSAMM


def test_full_size_counts_are_the_papers():
    with torch.device("meta"):
        samm = PaperSAMM()
    counts = {r: [0, 0] for r in samm.resolutions}
    for name, parameter in samm.named_parameters():
        counts[int(name.split(".")[1])][".feats." in name] += parameter.numel()
    assert list(counts) == [32, 64, 128, 256]
    assert [level for level, _ in counts.values()] == [18_912_352, 18_912_352, 4_737_632, 1_189_216]
    assert sum(level for level, _ in counts.values()) == 43_751_552
    assert sum(feats for _, feats in counts.values()) == 222_592
    for (level, _), c in zip(counts.values(), (512, 512, 256, 128), strict=True):
        assert level == 72 * c**2 + 74 * c + 96


def test_keys_are_the_documented_ones():
    keys = PaperLevel(3, 4).state_dict().keys()
    norm_conv = {0: "wb", 1: "w", 2: "w", 3: "w", 4: "wb"}
    names = {"w": "weight", "b": "bias"}
    expected = {
        f"{block}.residual.{i}.{names[p]}" for block in "ab" for i, ps in norm_conv.items() for p in ps
    }
    expected |= {"feats.weight", "feats.bias"}
    expected |= {"b.shortcut.0.weight", "b.shortcut.1.weight", "b.shortcut.1.bias"}
    assert keys == expected


@pytest.fixture
def level(generator_rng) -> PaperLevel:
    level = PaperLevel(3, 4)
    for parameter in level.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator_rng)
    return level.requires_grad_(False)


def test_it_compares_normalized_features(level, generator_rng):
    f, g = torch.randn(2, 3, 8, 8, generator=generator_rng), torch.randn(2, 4, 8, 8, generator=generator_rng)
    seen: list[torch.Tensor] = []
    level.a.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    flow, mask = level(f, g, 3)

    def normalize(x: torch.Tensor) -> torch.Tensor:
        deviation = (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        return (x - x.mean((2, 3), keepdim=True)) / deviation

    f_code = normalize(F.conv2d(f, level.feats.weight, level.feats.bias))
    assert len(seen) == 3
    torch.testing.assert_close(seen[0], torch.cat([normalize(g) - f_code, f_code], 1))
    assert all(torch.equal(later[:, 4:], seen[0][:, 4:]) for later in seen)  # f is coded once
    assert not torch.equal(seen[0], seen[1])  # and g as aligned so far
    assert flow.shape == (2, 2, 8, 8)
    assert mask.shape == (2, 1, 8, 8)


def test_its_blocks_against_their_description(level, generator_rng):
    x = torch.randn(1, 8, 6, 6, generator=generator_rng)

    def norm(x: torch.Tensor, layer: torch.nn.Module) -> torch.Tensor:
        return F.instance_norm(x, weight=layer.weight, bias=layer.bias)

    for block in (level.a, level.b):
        n1, c1, act, c2, n2 = block.residual
        inner = F.conv2d(norm(x, n1), c1.weight, padding=1)
        inner = torch.where(inner > 0, inner, act.weight[:, None, None] * inner)
        residual = norm(F.conv2d(inner, c2.weight, padding=1), n2)
        shortcut = x
        if block is level.b:
            shortcut = norm(F.conv2d(x, block.shortcut[0].weight), block.shortcut[1])
        torch.testing.assert_close(block(x), shortcut + residual)


def test_the_head_is_bounded(generator_rng):
    g = torch.randn(1, 4, 8, 8, generator=generator_rng)
    flow, mask = align(g, lambda aligned: torch.full((1, 3, 8, 8), 50.0), 3)
    assert torch.equal(flow, torch.full_like(flow, 0.08))
    assert torch.equal(mask, torch.ones_like(mask))
