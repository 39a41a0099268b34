"""The check of an edit: what it measures, and what it says."""

from dataclasses import replace

import pytest
import torch

import samm
from editing.check import LEAST_LIKENESS, MOST_OUTSIDE, Check, check
from editing.edit import undrawn
from editing.recipe.recipe import Recipe, TextEdit

SMILE = Recipe({"smile": 2.0})


@pytest.fixture(scope="module")
def descriptor():
    return samm.load_descriptor("cpu")


def _edited(small, recipe, picture):
    return replace(
        undrawn(small, recipe), aligned_pm1=picture, gathered=torch.zeros(1, 1, small.size, small.size)
    )


def test_the_photo_itself_passes(small, descriptor):
    seen = check(small, _edited(small, SMILE, small.photo_pm1), descriptor)
    assert seen.likeness == pytest.approx(1, abs=1e-3)
    assert seen.outside == pytest.approx(0, abs=0.01)
    assert seen.problem is None


def test_a_change_in_the_corners_is_outside_of_a_smile(small, descriptor):
    picture = small.photo_pm1.clone()
    picture[..., : small.size // 4, :] = -picture[..., : small.size // 4, :]
    assert check(small, _edited(small, SMILE, picture), descriptor).outside > 10


def test_another_face_is_told(small, descriptor):
    other = small.photo_pm1.flip(2)  # upside down, as far as anybody's
    seen = check(small, _edited(small, SMILE, other), descriptor)
    assert seen.likeness < LEAST_LIKENESS
    assert "somebody else" in str(seen.problem)


@pytest.mark.parametrize(
    "recipe", [Recipe({"yaw": 1.0}), Recipe({"smile": 1.0}, texts=(TextEdit("beard"),)), Recipe()]
)
def test_what_may_change_anything_is_judged_by_likeness_alone(recipe, small, descriptor):
    assert check(small, _edited(small, recipe, -small.photo_pm1), descriptor).outside is None


def test_what_is_wrong_is_said_in_a_sentence():
    assert Check(LEAST_LIKENESS, MOST_OUTSIDE).problem is None
    assert "0.79" in str(Check(0.79, 0.0).problem)
    assert "around it" in str(Check(0.9, MOST_OUTSIDE + 1).problem)
