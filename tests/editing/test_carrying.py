"""What an edited picture carries over from the photo, on pictures made for it."""

import torch

from editing import carrying
from editing.carrying import carry, face_motion, smoothing
from samm.method.regions import blur

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


def _face(generator_rng):
    """Drawings of the same features, those of the second 3 pixels further down, and where they are."""
    before = 4 * blur(torch.randn(1, 3, SIZE, SIZE, generator=generator_rng), 5.0)
    after = torch.roll(before, 3, 2)
    return before, after, (..., slice(110, 180), slice(90, 166))


def test_detail_moves_along_with_the_face(generator_rng):
    before, after, inside = _face(generator_rng)
    pores = 0.05 * blur(torch.randn(1, 3, SIZE, SIZE, generator=generator_rng), 0.8)
    flow = face_motion(before, after)
    carried = carry(before + pores, before, after, flow)
    left = (carried - after)[inside]

    def alike(detail):
        return float(torch.corrcoef(torch.stack([left.flatten(), detail[inside].flatten()]))[0, 1])

    assert alike(torch.roll(pores, 3, 2)) > 0.5
    assert alike(pores) < 0.2


def test_nothing_moves_where_the_face_stays(generator_rng):
    before, _, _ = _face(generator_rng)
    after = before.clone()
    after[..., :40, :] += 0.8  # other hair
    assert not face_motion(before, after).any()


def test_a_fold_beside_a_mouth_that_moves_goes_before_the_pores_do(generator_rng):
    photo, drawn = _pictures(generator_rng)
    folded = photo.clone()
    fold = (..., slice(180, 200), slice(90, 92))
    folded[fold] -= 0.6
    edited = drawn + 0.1 * blur(torch.randn(1, 1, SIZE, SIZE, generator=generator_rng), 1.0)
    still, moving = torch.zeros(1, 2, 128, 128), torch.zeros(1, 2, 128, 128)
    moving[..., 80:110, 30:100] = 2 * 3 / 128
    depths = [(carry(folded, drawn, edited, flow) - edited)[fold].mean() for flow in (still, moving)]
    assert depths[1].abs() < 0.6 * depths[0].abs()


def test_a_younger_face_keeps_less_of_its_skin_and_all_of_gaze_mouth_and_hair(generator_rng, monkeypatch):
    photo, drawn = _pictures(generator_rng)
    grain = float((photo - drawn).std())
    glasses = 0.0
    monkeypatch.setattr(carrying, "glasses_chance", lambda _: glasses)

    def left(younger, *place):
        carried = carry(photo, drawn, drawn.clone(), smoothed=smoothing(younger, photo))
        return float((carried - drawn)[(..., *place)].std()) / grain

    forehead, eye, under_eye, hair = (
        (slice(78, 90), slice(100, 156)),
        (slice(118, 123), slice(90, 102)),
        (slice(140, 144), slice(84, 100)),
        (slice(0, 30), slice(0, 256)),
    )
    assert left(1.0, *forehead) > left(2.0, *forehead)
    assert abs(left(2.0, *forehead) - left(9.0, *forehead)) < 1e-6
    for place in (forehead, under_eye):
        assert left(2.0, *place) < 0.5
    for place in (eye, hair):
        assert left(2.0, *place) > 0.9
    glasses = 1.0  # whose frames would go with the wrinkles
    assert left(2.0, *under_eye) > 0.8
    assert left(2.0, *forehead) < 0.5
    assert smoothing(-2.0, photo) is None
