"""Edits in their places, on pictures made for it."""

import torch

from editing.focus import changes_hair, focus, placed
from editing.hair import Hairless

SIZE = 256
EYE = slice(118, 122), slice(88, 104)  # of a crop


def _moved(generator_rng):
    before = 0.2 * torch.randn(1, 3, SIZE, SIZE, generator=generator_rng)
    return before, before + 0.5


def test_a_smile_stays_about_the_mouth(generator_rng):
    before, after = _moved(generator_rng)
    focused = focus(before, after, {"smile": 2.0})
    assert torch.allclose(focused[..., 178, 128], after[..., 178, 128], atol=0.01)
    assert torch.allclose(focused[..., :80, :], before[..., :80, :], atol=0.01)


def test_hair_takes_the_clear_change_and_leaves_the_tint():
    before = torch.zeros(1, 3, SIZE, SIZE)
    after = before + 0.1  # a tint everywhere
    after[..., :60, 60:196] = 0.8  # and a new color on the head
    focused = focus(before, after, {"blond_hair": 2.0})
    assert torch.allclose(focused[..., 10:40, 80:176], after[..., 10:40, 80:176], atol=0.01)
    assert focused[..., 120:, :].abs().max() < 0.01


def _blond():
    before = torch.zeros(1, 3, SIZE, SIZE)
    after = before.clone()
    after[..., :60, 60:196] = 0.8
    return before, after


def test_hair_color_leaves_out_a_bald_spot():
    none = torch.zeros(1, 1, 128, 128)
    spot = none.clone()
    spot[..., :20, 64:80] = 1
    colored = focus(*_blond(), {"blond_hair": 2.0}, Hairless(spot, none))
    assert colored[..., 10:30, 136:152].abs().max() < 0.02
    assert colored[..., 10:30, 80:112].min() > 0.75


def test_hair_color_changes_nothing_where_most_of_it_would_be_no_hair():
    before, after = _blond()
    none, wrap = torch.zeros(1, 1, 128, 128), torch.ones(1, 1, 128, 128)
    wrap[..., 34:40] = 0  # a rim
    assert torch.equal(focus(before, after, {"grey_hair": 2.0}, Hairless(none, wrap)), before)
    smile = focus(before, after, {"smile": 2.0}, Hairless(none, wrap))
    assert torch.equal(smile, focus(before, after, {"smile": 2.0}))


def test_which_attributes_live_in_the_hair():
    assert changes_hair(["smile", "black_hair"])
    assert not changes_hair(["smile", "age"])


def test_what_has_no_place_leaves_all_as_it_is_drawn(generator_rng):
    before, after = _moved(generator_rng)
    assert placed(["age", "yaw", "smile", "blond_hair"]) == {"smile", "blond_hair"}
    assert focus(before, after, {}) is after


def test_age_and_sex_leave_gaze_and_mouth_as_they_were(generator_rng):
    before, after = _moved(generator_rng)
    for attributes in ({"age": 2.0}, {"gender": -1.0, "age": -2.0}):
        spared = focus(before, after, attributes)
        assert torch.allclose(spared[..., 178:186, 110:146], before[..., 178:186, 110:146], atol=0.02)
        assert torch.allclose(spared[..., EYE[0], EYE[1]], before[..., EYE[0], EYE[1]], atol=0.05)
        assert torch.equal(spared[..., :90, :], after[..., :90, :])
    for attributes in ({"yaw": 2.0}, {"age": 2.0, "pitch": 1.0}):
        assert focus(before, after, attributes) is after


def test_only_glasses_that_are_put_on_leave_the_eyes(generator_rng):
    before, after = _moved(generator_rng)
    on, off = (focus(before, after, {"glasses": strength})[..., EYE[0], EYE[1]] for strength in (2.0, -2.0))
    assert torch.allclose(on, before[..., EYE[0], EYE[1]], atol=0.05)
    assert torch.allclose(off, after[..., EYE[0], EYE[1]], atol=0.05)
    both = focus(before, after, {"glasses": 2.0, "eyes_open": 1.0})[..., EYE[0], EYE[1]]
    assert torch.allclose(both, off, atol=0.05)


def test_glasses_that_are_put_on_are_frames_without_a_tint():
    before = torch.zeros(1, 3, 256, 256)
    after = before.clone()
    after[..., 105:150, 70:120] = 0.4  # a shining lens
    after[..., 105:109, 70:120] = after[..., 146:150, 70:120] = -0.8  # and its frame
    on, more = (
        focus(before, after, attributes) for attributes in ({"glasses": 2.0}, {"glasses": 2.0, "smile": 1.0})
    )
    assert on[..., 136:142, 80:110].abs().max() < 0.1  # below the eye, which is left alone anyway
    assert on[..., 147:149, 80:110].max() < -0.4
    assert (on - more)[..., 136:142, 80:110].abs().max() < 0.1  # a smile beside them changes nothing of that
    off = focus(before, after, {"glasses": -2.0})
    assert off[..., 136:142, 80:110].min() > 0.3
