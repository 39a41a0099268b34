"""Scores: columns and signs by numbers, and what the embedded scorer sees in a real photo."""

import pytest
import torch

from editing.moves import scorer
from editing.moves.scorer import (
    CELEBA,
    MEASURES,
    SCORES,
    YES_NO,
    Scorer,
    load_scorer,
    probabilities,
    signed,
)
from editing.recipe.attributes import ATTRIBUTES
from samm.errors import WeightsError
from samm.pixels import to_pm1


def sees(scores: torch.Tensor) -> dict[str, float]:
    """Name what is seen in one face, scores (1, K): probabilities, and measures in their units."""
    return dict(zip(SCORES, probabilities(scores)[0].tolist(), strict=True))


@pytest.fixture(scope="module")
def seen(crop) -> dict[str, float]:
    with torch.inference_mode():
        return sees(load_scorer()(to_pm1(crop)))


def test_columns_are_celebas_then_lenses_then_measures():
    assert len(CELEBA) == len(set(CELEBA)) == 40
    assert (*CELEBA, "dark_lenses", *MEASURES) == SCORES
    assert SCORES[:YES_NO][-1] == "dark_lenses"
    assert Scorer.column("-no_beard") == Scorer.column("no_beard") == CELEBA.index("no_beard")
    for attribute in ATTRIBUTES.values():
        assert attribute.score.removeprefix("-") in SCORES
        assert set(attribute.keep) <= ATTRIBUTES.keys() - {attribute.name}


def test_signs_and_probabilities(generator_rng):
    scores = torch.randn(3, len(SCORES), generator=generator_rng)
    assert torch.equal(signed(scores, "smiling"), scores[:, SCORES.index("smiling")])
    assert torch.equal(signed(scores, "-smiling"), -scores[:, SCORES.index("smiling")])
    chances = probabilities(scores)
    torch.testing.assert_close(chances[:, :YES_NO], 1 / (1 + (-scores[:, :YES_NO]).exp()))
    assert torch.equal(chances[:, YES_NO:], scores[:, YES_NO:])


def test_measures_come_in_their_units_whatever_the_size_of_the_picture(generator_rng):
    scorer = Scorer().eval()
    picture = torch.randn(1, 3, 40, 40, generator=generator_rng).clamp(-1, 1)
    with torch.inference_mode():
        plain = scorer(picture)
        scorer.shift.fill_(40.0)
        scorer.scale.fill_(10.0)
        torch.testing.assert_close(scorer(picture), 40 + 10 * plain)
        assert scorer(picture.repeat(2, 1, 2, 2)).shape == (2, len(SCORES))


def test_the_astronaut_is_seen_as_she_is(seen):
    for plain_to_see in ("smiling", "mouth_slightly_open", "high_cheekbones", "no_beard", "wavy_hair"):
        assert seen[plain_to_see] > 0.8, plain_to_see
    for absent in ("eyeglasses", "dark_lenses", "bald", "mustache", "goatee", "wearing_hat", "black_hair"):
        assert seen[absent] < 0.2, absent
    assert seen["male"] < 0.4
    assert 25 < seen["age"] < 60  # she was 44
    assert abs(seen["yaw"]) < 0.1
    assert abs(seen["roll"]) < 3  # degrees; the crop puts the eyes level
    assert 0.5 < seen["skin_lightness"] < 0.9


def test_darker_and_mirrored_views_change_what_they_should(crop, seen):
    dim = crop // 2
    with torch.inference_mode():
        darker, mirrored = map(sees, load_scorer()(torch.cat([to_pm1(dim), to_pm1(crop).flip(3)])).split(1))
    assert darker["skin_lightness"] < seen["skin_lightness"] - 0.1
    for view in (darker, mirrored):
        assert view["smiling"] > 0.8
        assert view["eyeglasses"] < 0.2
    assert mirrored["yaw"] == pytest.approx(-seen["yaw"], abs=0.05)


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("samm.checkpoints.EMBEDDED", tmp_path)
    with pytest.raises(WeightsError, match=r"scorer\.safetensors is missing"):
        load_scorer()


def test_a_photo_that_stays_is_scored_once(monkeypatch):
    asked = []

    def counted(image):
        asked.append(image)
        return image.mean((2, 3)).repeat(1, 16)

    monkeypatch.setattr(scorer, "shared_scorer", lambda device: counted)
    photo = torch.full((1, 3, 8, 8), 0.5)
    first = scorer.photo_scores(photo)
    assert scorer.photo_scores(photo) is first
    assert len(asked) == 1
    other = scorer.photo_scores(photo.clone() * 2)  # another photo has scores of its own
    assert torch.equal(other, 2 * first)
    assert len(asked) == 2
