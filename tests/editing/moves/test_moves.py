"""What moves are kept, how much of it, and how it is dropped."""

from dataclasses import replace

import pytest
import torch

import samm
from editing.moves import moves as moves_module
from editing.moves.age import STRENGTHS, YEARS
from editing.moves.move import Move
from editing.moves.moves import Moves
from editing.recipe.recipe import Recipe, TextEdit
from samm.inversion import Progress


@pytest.fixture(scope="module")
def face(tiny, tiny_crop) -> samm.Inversion:
    return samm.invert(tiny_crop, tiny)


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """Note the phrases that are really looked up or searched, without the work."""
    phrases = []

    def look_up(moves: Moves, text: TextEdit) -> Move:
        phrases.append(text.target)
        return Move(styles=torch.zeros(1))

    def search(moves: Moves, target: str, inversion: samm.Inversion, tell: Progress) -> torch.Tensor:
        phrases.append(target)
        return torch.zeros_like(inversion.w_plus)

    monkeypatch.setattr(Moves, "_global", look_up)
    monkeypatch.setattr(Moves, "_search", search)
    return phrases


@pytest.mark.parametrize(("method", "limit"), [("global", "MOVES_KEPT"), ("optimize", "OPTIMA_KEPT")])
def test_of_too_many_words_the_ones_used_least_recently_are_dropped(
    method, limit, tiny, face, made, monkeypatch
):
    assert getattr(moves_module, limit) == {"MOVES_KEPT": 256, "OPTIMA_KEPT": 8}[limit]
    monkeypatch.setattr(moves_module, limit, 3)
    moves = Moves(tiny)

    def ask(*phrases: str) -> list[str]:
        made.clear()
        for phrase in phrases:
            moves.text_move(TextEdit(phrase, method=method), face)
        return list(made)

    assert ask("a", "b", "c") == ["a", "b", "c"]
    assert ask("a") == []  # used again, so "b" is the oldest now
    assert ask("d") == ["d"]
    assert ask("a", "c", "d") == []
    assert ask("b") == ["b"]
    assert ask("c", "d", "b") == []


def test_an_age_is_a_move_of_the_age_slider_from_how_old_the_face_looks(tiny, face, monkeypatch):
    moves = Moves(tiny)
    direction = moves.direction("age")

    def looks(years: float) -> None:
        monkeypatch.setattr("editing.moves.moves.apparent_age", lambda image_pm1: years)

    def strength(phrase: str) -> float:
        step = moves.text_move(TextEdit(phrase), face).w_plus
        rows = direction.vector.any(1)
        return float((step[rows] * direction.vector[rows]).sum(1).mean() / direction.sigma)

    looks(YEARS[2])
    for years, expected in zip(YEARS, STRENGTHS, strict=True):
        assert strength(f"{years:.0f} years old") == pytest.approx(expected, abs=0.1)
    assert strength("10 years older") > 0 > strength("ten years younger")
    looks(80)  # beyond the curve, whose ends hold
    assert strength("80 years old") == 0
    assert strength("1 year old") == -4
    assert strength("twice as old") == 0


def test_unknown_words_and_ages_are_told(tiny):
    moves = Moves(tiny)
    texts = (
        TextEdit("a quixotic 1990s beard 長い", "a marble face"),
        TextEdit("20 years old"),
        TextEdit("a beard"),
    )
    unknown, age = moves.warnings(Recipe({"age": 1}, texts))
    assert "“quixotic”, “1990s”, “長い”, “marble”" in unknown
    assert age == "The age in “20 years old” is reached by the age slider, to about ten years."


def test_a_searched_face_can_be_forgotten_and_others_stay(tiny, face, made):
    moves = Moves(tiny)
    other = replace(face, w_plus=face.w_plus + 1)
    asked = [
        (TextEdit("glasses", method="optimize"), face),
        (TextEdit("beard", method="optimize"), face),
        (TextEdit("glasses", method="optimize"), other),
        (TextEdit("glasses"), face),
    ]
    for text, inversion in asked:
        moves.text_move(text, inversion)
    assert made == ["glasses", "beard", "glasses", "glasses"]

    # The same code in another object is the same face: a page unpacks its inversion anew each time.
    moves.forget(replace(face, w_plus=face.w_plus.clone()))
    made.clear()
    for text, inversion in reversed(asked):
        moves.text_move(text, inversion)
    assert made == ["beard", "glasses"]
    moves.forget(replace(face, w_plus=face.w_plus + 2))  # of which nothing is kept
