"""How an edit meets the masks: what is given back to the generator, and what is not."""

import pytest
import torch

from editing.masks import adaptive_mask

SIZE = 256
FACE, EDGE, FAR = (
    (slice(96, 160), slice(96, 160)),
    (slice(96, 160), slice(170, 182)),
    (slice(0, 24), slice(0, 24)),
)


@pytest.fixture
def keep_photo():
    """The generator draws a disk in the middle; the photo keeps the rest."""
    axis = torch.arange(SIZE) - SIZE / 2
    return (axis[:, None] ** 2 + axis**2 > 40**2).float().view(1, 1, SIZE, SIZE)


@pytest.fixture
def photo():
    return torch.zeros(1, 3, SIZE, SIZE)


def _painted(picture, area, value):
    painted = picture.clone()
    painted[0, :, area[0], area[1]] = value
    return painted


def test_without_a_change_the_mask_is_the_same_to_the_last_bit(keep_photo, photo):
    drawn = 0.3 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(adaptive_mask(0.7 * keep_photo, photo, drawn, drawn), 0.7 * keep_photo)


def test_a_change_beside_the_face_is_the_generators(keep_photo, photo):
    mask = adaptive_mask(keep_photo, photo, photo, _painted(photo, EDGE, 0.8))
    assert mask[0, 0, 120:136, 169:172].max() < 0.4
    assert mask[0, 0, FAR[0], FAR[1]].min() == 1


def test_a_change_far_from_the_face_is_not(keep_photo, photo):
    mask = adaptive_mask(keep_photo, photo, photo, _painted(photo, FAR, 0.8))
    assert torch.equal(mask, keep_photo)


def test_a_small_change_is_not(keep_photo, photo):
    mask = adaptive_mask(keep_photo, photo, photo, _painted(photo, EDGE, 0.1))
    assert torch.equal(mask, keep_photo)


def test_what_the_generator_could_not_draw_stays_the_photos(keep_photo, photo):
    """A hat: photo and un-edited picture disagree there, whatever the edit does under it."""
    hat = _painted(photo, EDGE, -0.9)
    mask = adaptive_mask(keep_photo, hat, photo, _painted(photo, EDGE, 0.8))
    assert mask[0, 0, 120:136, 171:180].min() > 0.95


def test_a_hole_in_the_face_is_closed_where_the_edit_changed_it(keep_photo, photo):
    """An eye that the mask had kept must not look out of an aged face."""
    holed = keep_photo.clone()
    holed[0, 0, 120:126, 120:126] = 0.9
    mask = adaptive_mask(holed, photo, photo, _painted(photo, FACE, 0.6))
    assert mask[0, 0, 120:126, 120:126].max() < 0.05


@pytest.mark.parametrize("size", [256, 512])
def test_the_mask_only_sinks_and_stays_in_range(size):
    dice = torch.Generator().manual_seed(1)
    keep = torch.rand(1, 1, size, size, generator=dice)
    photo, before, after = (torch.rand(1, 3, size, size, generator=dice) * 2 - 1 for _ in range(3))
    mask = adaptive_mask(keep, photo, before, after)
    assert mask.min() >= 0
    assert (mask <= keep).all()
