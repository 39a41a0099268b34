"""What an edited picture carries over from the photo, on pictures made for it."""

import torch

from editing.carrying import carry

SIZE = 256


def _pictures(generator_rng):
    """A photo with fine grain, and a drawing of it without."""
    drawn = torch.full((1, 3, SIZE, SIZE), -0.2)
    grain = 0.1 * torch.randn(1, 3, SIZE, SIZE, generator=generator_rng)
    return drawn + 0.05 + grain, drawn


def test_where_an_edit_does_nothing_the_photo_itself_is_there(generator_rng):
    photo, drawn = _pictures(generator_rng)
    assert torch.allclose(carry(photo, drawn, drawn.clone()), photo, atol=1e-6)


def test_a_new_color_keeps_the_grain_and_lets_the_old_color_go(generator_rng):
    photo, drawn = _pictures(generator_rng)
    painted = drawn + 0.6  # everywhere alike: no structure is new
    carried = carry(photo, drawn, painted)
    assert torch.allclose(carried - carried.mean(), photo - photo.mean(), atol=0.1)
    assert abs(float(carried.mean() - painted.mean())) < 0.01


def test_a_new_structure_is_drawn_without_what_lay_there(generator_rng):
    photo, drawn = _pictures(generator_rng)
    edited = drawn.clone()
    edited[..., 112:144, 96:160] += 0.9  # sunglasses, say; inside is their edge
    carried = carry(photo, drawn, edited)
    inside, outside = (..., slice(108, 148), slice(92, 100)), (..., slice(0, 48), slice(None))
    left = carried[inside] - edited[inside]
    assert left.abs().mean() < 0.3 * (photo - drawn)[inside].abs().mean()
    assert torch.allclose(carried[outside], photo[outside], atol=1e-4)


def test_small_pictures_of_a_strip_are_carried_too(generator_rng):
    photo, drawn = (torch.nn.functional.avg_pool2d(x, 4) for x in _pictures(generator_rng))
    assert torch.allclose(carry(photo, drawn, drawn.clone()), photo, atol=1e-6)
