"""The proofs: their figures mean what they say, on models that take seconds."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import samm
from editing.command.__main__ import main
from editing.evaluation import rules, sliders
from editing.evaluation.claims import claim_table
from editing.evaluation.exactness import prove_exactness
from editing.evaluation.judges import Judges, Published, Scores
from editing.evaluation.samples import draw, sample_codes
from editing.moves.directions import move
from editing.moves.moves import Moves
from editing.moves.scorer import SCORES
from editing.places import region_of, share_inside
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import Recipe
from samm.crop.png import save_png


@pytest.fixture(scope="module")
def tools(tiny):
    return Moves(tiny)


@pytest.fixture(scope="module")
def tiny_inversion(tiny):
    crop = np.random.default_rng(0).integers(0, 256, (tiny.resolution, tiny.resolution, 3), np.uint8)
    return samm.invert(crop, tiny)


def test_a_zero_recipe_and_mirrored_moves_are_exact(tiny, tools, tiny_inversion):
    figures = prove_exactness(tiny_inversion, tiny, tools, rounds=1)
    assert figures["zero_recipe"] == 0
    assert figures["mirror"] < 1e-5


class Brightness(nn.Module):
    """Every score rises with brightness."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.mean((1, 2, 3))[:, None].expand(-1, len(SCORES))


@pytest.fixture(scope="module")
def judges(tiny) -> Judges:
    absent = Published("LPIPS", None), Published("FID", None)
    return Judges(tiny.perceptual, samm.load_descriptor(), Scores(Brightness(), tiny), *absent)


def test_a_slider_is_judged_by_the_score_it_names(tiny, tools, judges, monkeypatch):
    table = {name: ATTRIBUTES[name] for name in ("smile", "beard")}
    monkeypatch.setattr(sliders, "ATTRIBUTES", table)
    smile, beard = sliders.prove_sliders(tiny, tools, judges, 4)
    assert (smile.name, beard.name) == ("smile", "beard")
    for row in (smile, beard):
        assert 0 < row.identity <= 1 + 1e-6
        assert 0 <= row.right_way <= 1
        assert 0 < row.inside < 1
        assert np.isfinite(row.years)
    assert sliders.prove_sliders(tiny, tools, judges, 4) == [smile, beard]


def test_years_and_region_are_of_the_moved_faces(tiny, tools, judges, monkeypatch):
    monkeypatch.setattr(sliders, "ATTRIBUTES", {"age": ATTRIBUTES["age"]})
    codes = sample_codes(tiny, 3)
    low, plain, high = (
        draw(move(codes, tools.direction("age"), strength), tiny) for strength in (-2.0, 0.0, 2.0)
    )
    (age,) = sliders.prove_sliders(tiny, tools, judges, 3)
    read = judges.of_faces[0].read
    with torch.inference_mode():
        years = (read(high).age - read(low).age).mean()
    assert age.years == pytest.approx(years.item(), abs=1e-3)
    region = region_of(["age"], 256)
    shares = torch.cat([share_inside(plain, end, region) for end in (low, high)])
    assert age.inside == pytest.approx(shares.mean().item(), abs=1e-4)


def test_rules_are_compared_on_the_same_faces(tiny, tools, judges, tiny_inversion, monkeypatch):
    monkeypatch.setattr(rules, "MASK_EDITS", (Recipe({"age": 3}), Recipe({"yaw": -2})))
    rows = rules.prove_rules([tiny_inversion], tiny, tools, judges)
    assert [row.rule for row in rows] == ["reuse", "recompute", "adaptive"]
    reuse, _, adaptive = rows
    assert adaptive.kept < reuse.kept  # the photo's pixels change less
    assert all(np.isfinite([row.kept, row.ghosts, row.area]).all() for row in rows)


def edit_of(drawn: np.ndarray, blended: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(aligned=drawn, blended=blended)


def test_ghosts_are_edges_that_neither_picture_has():
    flat = torch.zeros(1, 3, 64, 64)
    edge = np.zeros((64, 64, 3), np.uint8) + 128
    edge[:, 32:] = 255
    plain = np.full((64, 64, 3), 128, np.uint8)
    assert rules._ghosts(flat, edit_of(plain, edge)) > 0.5
    assert rules._ghosts(flat, edit_of(edge, edge)) == 0


def test_tables_are_markdown():
    table = claim_table([{"name": "age", "right_way": 0.98765, "drags": {"young": -1.23}, "none": None}])
    assert table.splitlines() == [
        "| name | right way | drags | none |",
        "|---|---|---|---|",
        "| age | 0.988 | young -1.2 | – |",
    ]


def test_the_command_prints_and_writes_the_claims_that_are_asked_for(
    tiny, tiny_crop, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("editing.command.prove.load", lambda **arguments: tiny)
    save_png(tiny_crop, tmp_path / "a.png")
    file = tmp_path / "out" / "claims.json"
    assert main(["prove", "--faces", str(tmp_path), "--only", "exactness", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "**exactness**" in printed
    assert "| zero recipe | mirror |" in printed
    figures = json.loads(file.read_text())
    assert list(figures) == ["exactness"]
    assert figures["exactness"][0]["zero_recipe"] == 0
    save_png(tiny_crop[:, :400].copy(), tmp_path / "a.png")
    assert main(["prove", "--faces", str(tmp_path), "--only", "exactness"]) == 1
    assert "a.png is 400×512 pixels and thus not cropped" in capsys.readouterr().err
