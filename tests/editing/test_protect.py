"""One-click protection: what is found in real portraits, where it lies, and what an edit leaves of it."""

import numpy as np
import torch

from editing.edit import edit
from editing.protect import REGIONS, regions


def at(mask: torch.Tensor, x: float, y: float) -> float:
    """The value at a place given in shares of the crop."""
    size = mask.shape[-1]
    return float(mask[0, 0, int(y * size), int(x * size)])


def test_a_bare_head_has_a_background_and_nothing_else_to_protect(inversion):
    found = regions(inversion)
    assert [*found] == ["background"]
    mask = found["background"]
    assert mask.shape == (1, 1, 1024, 1024)
    assert 0 <= float(mask.min()) <= float(mask.max()) <= 1
    assert at(mask, 0.03, 0.1) > 0.95
    for x, y in ((0.5, 0.6), (0.5, 0.12), (0.25, 0.3), (0.75, 0.3)):  # face and hair
        assert at(mask, x, y) < 0.05


def test_a_cap_is_a_hat_that_ends_above_the_eyes(example):
    found = regions(example("cap"))
    assert set(found) == {"hat", "background"}
    for x, y in ((0.5, 0.1), (0.3, 0.3), (0.7, 0.3)):
        assert at(found["hat"], x, y) > 0.95
    for x, y in ((0.5, 0.5), (0.5, 0.7), (0.05, 0.2)):
        assert at(found["hat"], x, y) < 0.05


def test_what_is_held_before_the_face_can_be_protected(example):
    found = regions(example("microphone"))
    assert set(found) == {"hand", "background"}
    assert at(found["hand"], 0.43, 0.85) > 0.95
    assert at(found["hand"], 0.5, 0.55) < 0.05


def test_a_protected_hat_is_the_photo_s_to_the_last_bit(example, embedded):
    keep = regions(example("cap"))["hat"]
    edited = edit(example("cap"), "age +3", embedded, keep=keep)
    hat = keep[0, 0].numpy() == 1
    assert hat.mean() > 0.1
    assert np.array_equal(edited.blended[hat], example("cap").photo_u8[hat])


def test_any_inversion_can_be_asked(small):
    found = regions(small)
    assert set(found) <= set(REGIONS)
    assert all(mask.shape == (1, 1, 512, 512) for mask in found.values())
