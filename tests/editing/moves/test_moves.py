"""What moves are kept, how much of it, and how it is dropped."""

from dataclasses import replace

import pytest
import torch

import samm
from editing.moves import moves as moves_module
from editing.moves.move import Move
from editing.moves.moves import Moves
from editing.recipe.recipe import TextEdit
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
