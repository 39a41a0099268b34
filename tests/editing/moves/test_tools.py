"""What the tools keep, how much of it, and how it is dropped."""

from dataclasses import replace

import pytest
import torch

import samm
from editing.moves import tools as tools_module
from editing.moves.tools import Tools
from editing.moves.words.styleclip import Move
from editing.recipe.recipe import TextEdit
from samm.inversion import Progress


@pytest.fixture(scope="module")
def face(tiny, tiny_crop) -> samm.Inversion:
    return samm.invert(tiny_crop, tiny)


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """Note the phrases that are really looked up or searched, without the work."""
    phrases = []

    def look_up(tools: Tools, text: TextEdit) -> Move:
        phrases.append(text.target)
        return Move(styles=torch.zeros(1))

    def search(tools: Tools, target: str, inversion: samm.Inversion, tell: Progress) -> torch.Tensor:
        phrases.append(target)
        return torch.zeros_like(inversion.w_plus)

    monkeypatch.setattr(Tools, "_global", look_up)
    monkeypatch.setattr(Tools, "_optimize", search)
    return phrases


@pytest.mark.parametrize(("method", "limit"), [("global", "MOVES_KEPT"), ("optimize", "OPTIMA_KEPT")])
def test_of_too_many_words_the_ones_used_least_recently_are_dropped(
    method, limit, tiny, face, made, monkeypatch
):
    assert getattr(tools_module, limit) == {"MOVES_KEPT": 256, "OPTIMA_KEPT": 8}[limit]
    monkeypatch.setattr(tools_module, limit, 3)
    tools = Tools(tiny)

    def ask(*phrases: str) -> list[str]:
        made.clear()
        for phrase in phrases:
            tools.text_move(TextEdit(phrase, method=method), face)
        return list(made)

    assert ask("a", "b", "c") == ["a", "b", "c"]
    assert ask("a") == []  # used again, so "b" is the oldest now
    assert ask("d") == ["d"]
    assert ask("a", "c", "d") == []
    assert ask("b") == ["b"]
    assert ask("c", "d", "b") == []


def test_a_searched_face_can_be_forgotten_and_others_stay(tiny, face, made):
    tools = Tools(tiny)
    other = replace(face, w_plus=face.w_plus + 1)
    asked = [
        (TextEdit("glasses", method="optimize"), face),
        (TextEdit("beard", method="optimize"), face),
        (TextEdit("glasses", method="optimize"), other),
        (TextEdit("glasses"), face),
    ]
    for text, inversion in asked:
        tools.text_move(text, inversion)
    assert made == ["glasses", "beard", "glasses", "glasses"]

    # The same code in another object is the same face: a page unpacks its inversion anew each time.
    tools.forget(replace(face, w_plus=face.w_plus.clone()))
    made.clear()
    for text, inversion in reversed(asked):
        tools.text_move(text, inversion)
    assert made == ["beard", "glasses"]
    tools.forget(replace(face, w_plus=face.w_plus + 2))  # of which nothing is kept
