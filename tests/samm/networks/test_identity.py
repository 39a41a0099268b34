"""The identity network: its numbers on made pictures, and that it can serve as a loss."""

import pytest
import torch
from torch import Tensor

import samm
from samm.networks.identity import FaceRes
from samm.pixels import to_pm1
from samm.training.losses import identity_distance


@pytest.fixture(scope="module")
def network() -> FaceRes:
    return samm.load_descriptor("cpu")


def made_face(size: int, redness: float) -> Tensor:
    """A bright ellipse with two dark spots and a bar, (1, 3, size, size) in -1…1."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, size),) * 2, indexing="ij")
    face = torch.exp(-(((x / 0.6) ** 2 + ((y - 0.1) / 0.8) ** 2) ** 2))
    eyes = torch.exp(-(((x.abs() - 0.25) / 0.1) ** 2 + ((y + 0.06) / 0.06) ** 2))
    mouth = torch.exp(-((x / 0.25) ** 2 + ((y - 0.42) / 0.07) ** 2))
    red = face * (0.5 + redness) - 0.3 - eyes - 0.2 * mouth
    green = face * 0.3 - 0.3 - eyes - 0.5 * mouth
    blue = face * 0.1 - 0.2 - eyes - 0.4 * mouth
    return torch.stack([red, green, blue])[None].clamp(-1, 1)


# Of an independent forward pass with the same weights: every 128th number, their mean, years, probability.
KNOWN = {
    (256, 0.2): ([0.0, 0.19252, 0.0292, 0.01117, 0.0, 0.00334, 0.00007, 0.0], 0.0113301, 36.2325, 0.532097),
    (512, 0.5): ([0.0, 0.20105, 0.02281, 0.01499, 0.0, 0.00256, 0.00276, 0.0], 0.0114697, 33.394, 0.571143),
}


@pytest.mark.parametrize("made", KNOWN)
def test_numbers_of_known_pictures(network, made):
    some, mean, years, male = KNOWN[made]
    with torch.inference_mode():
        reading = network.read(made_face(*made))
        descriptor = network(made_face(*made))
    assert reading.descriptor.shape == (1, 1024)
    assert torch.equal(reading.descriptor, descriptor)
    assert descriptor.norm().item() == pytest.approx(1)
    assert descriptor[0, ::128].tolist() == pytest.approx(some, abs=1e-4)
    assert descriptor.mean().item() == pytest.approx(mean, abs=1e-5)
    assert reading.age.item() == pytest.approx(years, abs=0.01)
    assert reading.male.item() == pytest.approx(male, abs=1e-3)


def test_a_batch_is_read_face_by_face(network):
    faces = torch.cat([made_face(256, 0.2), made_face(256, 0.5)])
    with torch.inference_mode():
        both, first = network.read(faces), network.read(faces[:1])
    assert both.descriptor[0].tolist() == pytest.approx(first.descriptor[0].tolist(), abs=1e-5)
    assert both.age[0].item() == pytest.approx(first.age.item(), abs=1e-3)
    assert both.age[0] != both.age[1]


def test_faces_that_are_apart_describe_apart(network, crop):
    astronaut = to_pm1(crop)
    with torch.inference_mode():
        face, mirrored, made = (network(x) for x in (astronaut, astronaut.flip(3), made_face(256, 0.2)))
    assert (face * mirrored).sum() > 0.9
    assert (face * made).sum() < 0.5


def test_following_the_identity_loss_brings_a_face_nearer(network):
    target, picture = made_face(256, 0.2), made_face(256, 0.5).requires_grad_()
    before = identity_distance(network, picture, target)
    (slope,) = torch.autograd.grad(before, picture)
    assert slope.isfinite().all()
    assert slope.abs().amax() > 0
    step = 1e-3 * slope.sign()
    assert identity_distance(network, picture - step, target) < before
    assert identity_distance(network, target, target).item() == pytest.approx(0, abs=1e-5)
