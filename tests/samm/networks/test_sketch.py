"""Sketches: what is read off a generator's map in place of its largest blocks."""

import pytest
import torch

from samm.networks.generators.mobile import SKETCHED


@pytest.fixture(scope="module")
def styles(embedded):
    z = torch.randn(2, 512, generator=torch.Generator().manual_seed(6))
    w = embedded.generator.w_mean + 0.7 * (embedded.generator.mapping(z) - embedded.generator.w_mean)
    return embedded.generator.styles(w[:, None].expand(-1, embedded.generator.num_layers, -1))


@torch.no_grad()
def test_the_embedded_sketch_agrees_with_the_drawing(embedded, styles):
    drawn, sketched = embedded.generator.draw(styles, size=256), embedded.generator.sketch(styles, 256)
    assert sketched.shape == drawn.shape
    assert 10 * torch.log10(4 / (drawn - sketched).square().mean()) > 20  # 25 for codes of an encoder
    shuffled = (drawn - sketched.flip(0)).square().mean()
    assert (drawn - sketched).square().mean() < 0.1 * shuffled


@torch.no_grad()
def test_a_large_sketch_and_one_without_a_reader_are_drawings(embedded, tiny):
    assert embedded.generator.reader is not None
    assert tiny.generator.reader is None
    for model, size in ((embedded, 4 * SKETCHED), (tiny, SKETCHED)):
        styles = model.generator.styles(model.generator.w_mean.expand(1, model.generator.num_layers, -1))
        assert torch.equal(model.generator.sketch(styles, size), model.generator.draw(styles, size=size))


@torch.no_grad()
def test_small_sketches_are_averaged_ones_and_draw_no_further_than_they_read(embedded, styles):
    generator = embedded.generator
    whole, small = generator.sketch(styles, 2 * SKETCHED), generator.sketch(styles, SKETCHED)
    torch.testing.assert_close(small, torch.nn.functional.avg_pool2d(whole, 2), atol=1e-5, rtol=1e-5)
    late = generator.sketched(styles)[1]
    assert sum(style.shape[1] for style in late) == generator.reader.center.numel()
