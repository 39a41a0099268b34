"""The proofs: their figures mean what they say, on models that take seconds."""

import json

import numpy as np
import pytest
import torch

import samm
from editing.evaluation import claims as prove
from editing.moves.moves import Moves
from editing.recipe.recipe import Recipe


@pytest.fixture(scope="module")
def tools(tiny):
    return Moves(tiny)


@pytest.fixture(scope="module")
def tiny_inversion(tiny):
    crop = np.random.default_rng(0).integers(0, 256, (tiny.resolution, tiny.resolution, 3), np.uint8)
    return samm.invert(crop, tiny)


def test_a_zero_recipe_and_mirrored_moves_are_exact(tiny, tools, tiny_inversion):
    figures = prove.prove_exactness(tiny_inversion, tiny, tools, rounds=1)
    assert figures["zero_recipe"] == 0
    assert figures["mirror"] < 1e-5


class LinearJudge:
    """Judge by brightness alone: every score rises with it, and all faces are one."""

    def __call__(self, pictures):
        return pictures.mean((1, 2, 3))[:, None].expand(-1, len(prove.SCORES)), torch.ones(len(pictures), 1)


def test_a_slider_is_judged_by_the_score_it_names(tiny, tools, monkeypatch):
    table = {name: prove.ATTRIBUTES[name] for name in ("smile", "beard")}
    monkeypatch.setattr(prove, "ATTRIBUTES", table)
    smile, beard = prove.prove_sliders(tiny, tools, LinearJudge(), 4)
    assert (smile.name, beard.name) == ("smile", "beard")
    assert smile.identity == 1
    assert 0 <= beard.right_way <= 1
    again = prove.prove_sliders(tiny, tools, LinearJudge(), 4)
    assert again == [smile, beard]


def test_rules_are_compared_on_the_same_faces(tiny, tools, tiny_inversion, monkeypatch):
    monkeypatch.setattr(prove, "MASK_EDITS", (Recipe({"age": 3}), Recipe({"yaw": -2})))
    rows = prove.prove_masks([tiny_inversion], tiny, tools, prove.Judge(torch.device("cpu")))
    assert [row.rule for row in rows] == ["reuse", "recompute", "adaptive"]
    reuse, _, adaptive = rows
    assert adaptive.area <= reuse.area
    assert all(np.isfinite([row.kept, row.ghosts, row.area]).all() for row in rows)


def test_ghosts_are_edges_that_neither_picture_has():
    from types import SimpleNamespace

    flat = torch.zeros(1, 3, 64, 64)
    edge = np.zeros((64, 64, 3), np.uint8) + 128
    edge[:, 32:] = 255
    plain = np.full((64, 64, 3), 128, np.uint8)
    assert prove._ghosts(flat, SimpleNamespace(aligned=plain, blended=edge)) > 0.5
    assert prove._ghosts(flat, SimpleNamespace(aligned=edge, blended=edge)) == 0


def test_tables_are_markdown():
    table = prove._table([{"name": "age", "right_way": 0.98765, "drags": {"young": -1.23}, "none": None}])
    assert table.splitlines() == [
        "| name | right way | drags | none |",
        "|---|---|---|---|",
        "| age | 0.988 | young -1.2 | – |",
    ]


def test_figures_can_be_written_as_json(tiny, tools, tiny_inversion):
    assert (
        json.loads(json.dumps(prove.prove_exactness(tiny_inversion, tiny, tools, rounds=1)))["zero_recipe"]
        == 0
    )
