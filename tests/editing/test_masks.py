"""How an edit meets the masks: what it draws anew, and what stays the photo's."""

import pytest
import torch

from editing.masks import adaptive_mask
from samm.method.clearing import clear_mask
from samm.method.regions import close, open_, widen

SIZE = 256
FACE, EDGE, FAR = (
    (slice(96, 160), slice(96, 160)),
    (slice(96, 160), slice(170, 190)),
    (slice(8, 40), slice(8, 40)),
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


def test_without_a_change_all_is_the_photos(keep_photo, photo):
    drawn = 0.3 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    assert adaptive_mask(0.7 * keep_photo, keep_photo, photo, drawn, drawn, drawn).min() == 1


def test_what_the_edit_changes_is_drawn_and_the_rest_is_the_photos(keep_photo, photo):
    mask = adaptive_mask(keep_photo, keep_photo, photo, photo, photo, _painted(photo, FACE, 0.5))
    assert mask[0, 0, FACE[0], FACE[1]].max() < 0.05
    assert mask[0, 0, :80].min() == mask[0, 0, :, :80].min() == 1


def test_a_strong_change_beside_the_face_is_drawn(keep_photo, photo):
    """A head that turns moves there."""
    mask = adaptive_mask(keep_photo, keep_photo, photo, photo, photo, _painted(photo, EDGE, 0.8))
    assert mask[0, 0, 120:136, 174:186].max() < 0.02


def test_a_slight_change_is_drawn_in_the_face_and_not_in_the_backdrop(keep_photo, photo):
    assert (
        adaptive_mask(keep_photo, keep_photo, photo, photo, photo, _painted(photo, FACE, 0.09))[
            0, 0, 128, 128
        ]
        < 0.05
    )
    assert adaptive_mask(keep_photo, keep_photo, photo, photo, photo, _painted(photo, FAR, 0.09)).min() > 0.95


def test_what_the_generator_could_not_draw_stays_the_photos(keep_photo, photo):
    """A hat: the mask keeps it and the drawing before the read-out differs, whatever the edit does there."""
    hat = _painted(photo, EDGE, -0.9)
    corrected = _painted(photo, EDGE, -0.8)
    after = _painted(photo, EDGE, -0.6)
    assert (
        adaptive_mask(keep_photo, keep_photo, hat, photo, corrected, after)[0, 0, 120:136, 176:184].min()
        > 0.95
    )
    without = adaptive_mask(keep_photo, keep_photo, hat, corrected, corrected, after)
    assert without[0, 0, 120:136, 176:184].max() < 0.5


def test_a_speck_of_change_is_left_out_and_a_speck_of_photo_goes(keep_photo, photo):
    speck = (slice(20, 23), slice(20, 23))
    assert adaptive_mask(keep_photo, keep_photo, photo, photo, photo, _painted(photo, speck, 0.5)).min() == 1
    holed = _painted(_painted(photo, FACE, 0.5), (slice(124, 132), slice(124, 132)), 0.0)
    assert adaptive_mask(keep_photo, keep_photo, photo, photo, photo, holed)[0, 0, 128, 128] < 0.02


@pytest.mark.parametrize("size", [256, 512])
def test_the_mask_stays_in_range_at_any_size(size):
    dice = torch.Generator().manual_seed(1)
    keep = torch.rand(1, 1, size, size, generator=dice)
    pictures = (torch.rand(1, 3, size, size, generator=dice) * 2 - 1 for _ in range(4))
    mask = adaptive_mask(keep, keep, *pictures)
    assert mask.shape == keep.shape
    assert 0 <= mask.min() <= mask.max() <= 1


# Clearing -------------------------------------------------------------------------------------------------


def test_clearing_keeps_what_is_wrong_and_draws_what_fits(keep_photo, photo):
    """Half of what was kept can be drawn by now."""
    corrected = photo.clone()
    corrected[..., :64] = 0.8
    mask = clear_mask(keep_photo, photo, corrected)
    assert mask[..., 8:56].min() > 0.98
    assert mask[..., 76:].max() == 0


def test_clearing_does_not_keep_what_was_drawn_before(keep_photo, photo):
    mask = clear_mask(keep_photo, photo, photo + 0.8)
    assert mask[0, 0, 108:148, 108:148].max() == 0


def test_clearing_drops_islands_and_fills_holes(keep_photo, photo):
    dotted = keep_photo.clone()
    dotted[0, 0, 126:132, 126:132] = 1  # an eye
    dotted[0, 0, 20:28, 20:28] = 0
    mask = clear_mask(dotted, photo, photo + 0.8)
    assert mask[0, 0, 128, 128] == 0
    assert mask[0, 0, 24, 24] == 1


# Regions --------------------------------------------------------------------------------------------------


def test_opening_and_closing_leave_large_outlines_alone():
    mask = torch.zeros(1, 1, 64, 64)
    mask[0, 0, 10:40, 10:12] = 1  # a thin arm of the square below it
    mask[0, 0, 10:30, 10:30] = 1
    opened = mask.clone()
    mask[0, 0, 50:53, 50:53] = 1  # too small for a square of 5
    assert torch.equal(open_(mask, 2), opened)
    assert torch.equal(close(1 - mask, 2), 1 - opened)
    assert widen(mask, 2).sum() > mask.sum()


def test_skin_that_is_smoothed_is_drawn_where_nothing_else_changes_but_for_what_is_kept(keep_photo, photo):
    skin = torch.zeros(1, 1, 128, 128)
    skin[..., 40:88, 40:120] = 0.8  # reaches into what the mask keeps
    mask = adaptive_mask(keep_photo, keep_photo, photo, photo, photo, photo, smoothed=skin)
    assert torch.allclose(mask[0, 0, 120:136, 120:136], torch.tensor(0.2), atol=0.02)
    assert mask[0, 0, 120:136, 190:].min() > 0.98
