"""Figures of edits: each metric where its answer is known, recipes as changes, tables, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import samm
from editing.command.__main__ import main
from editing.evaluation import edits as evaluation
from editing.evaluation.edits import Scores, changes, read_edits
from editing.evaluation.measure import Judges, measure_edit
from editing.evaluation.methods import METHODS, Change, Edited
from editing.evaluation.metrics import PSNR_LIMIT, Published, background
from editing.evaluation.tables import Figures, differences, edit_table, load_csv, summarize
from editing.moves.scorer import SCORES, Scorer
from editing.recipe.recipe import Recipe
from samm.crop.png import save_png
from samm.errors import OptionError
from samm.metrics import psnr


class Colors(nn.Module):
    """Score smiling and beards by red, ages by blue and all else by green."""

    def forward(self, pictures_pm1: Tensor) -> Tensor:
        red, green, blue = pictures_pm1.mean((2, 3)).unbind(1)
        scores = green[:, None].repeat(1, len(SCORES))
        scores[:, Scorer.column("smiling")] = red
        scores[:, Scorer.column("no_beard")] = -red
        scores[:, Scorer.column("age")] = blue
        return scores


@pytest.fixture
def scores(tiny, monkeypatch) -> Scores:
    """Scores by color whose deviations are 0.1 for red, 0.2 for green and 0.4 for blue."""
    drawn = torch.tensor([[-0.1, -0.2, -0.4], [0, 0, 0], [0.1, 0.2, 0.4]])
    monkeypatch.setattr(evaluation, "draw", lambda codes, model: drawn[..., None, None].expand(-1, -1, 8, 8))
    return Scores(Colors(), tiny)


def flat(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((32, 32, 3), (red, green, blue), np.uint8)


# What the scorer sees -------------------------------------------------------------------------------------


def test_scores_change_in_their_own_deviations(scores):
    level = 2 / 255  # of a range of 2
    photo, before, after = flat(90, 100, 100), flat(100, 100, 100), flat(120, 90, 140)
    found = scores.compare({"smile": 2.0}, photo, before, after)
    assert found["target"] == pytest.approx(20 * level / 0.1, rel=1e-4)
    assert found["target_photo"] == pytest.approx(30 * level / 0.1, rel=1e-4)
    # 22 sliders: beard by red, age by blue, nineteen by green.
    others = (20 * level / 0.1 + 40 * level / 0.4 + 19 * 10 * level / 0.2) / 21
    assert found["leak"] == pytest.approx(others, rel=1e-4)


def test_the_wanted_direction_counts(scores):
    before, after = flat(100, 100, 100), flat(110, 100, 100)
    more, less, beard, both = (
        scores.compare(attributes, before, before, after)["target"]
        for attributes in ({"smile": 1.0}, {"smile": -3.0}, {"beard": 1.0}, {"smile": 1.0, "age": 1.0})
    )
    assert more > 0
    assert less == pytest.approx(-more)
    assert beard == pytest.approx(more)  # it follows the opposite of no_beard
    assert both == pytest.approx(more / 2)


def test_an_edit_that_changes_nothing_changes_no_score(scores):
    found = scores.compare({"age": 2.0}, flat(1, 2, 3), flat(7, 8, 9), flat(7, 8, 9))
    assert found["target"] == found["leak"] == 0
    assert found["target_photo"] > 0


def test_deviations_are_taken_over_the_faces_that_proofs_draw(quick, monkeypatch):
    monkeypatch.setattr(evaluation, "DRAWN", 3)
    deviations = Scores(Colors(), quick).deviations
    assert deviations.shape == (len(SCORES),)
    assert (deviations > 0).all()
    assert torch.equal(deviations, Scores(Colors(), quick).deviations)


# What the picture keeps -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judges(quick) -> Judges:
    return Judges(quick.perceptual, samm.load_descriptor(), Published("LPIPS", None), Published("FID", None))


SEEN = Change("a change", lambda *arguments: None, lambda *pictures: {"target": 1.5}, "")


def test_a_result_that_is_the_photo_has_the_best_figures(small, judges):
    perfect = replace(small, aligned_pm1=small.photo_pm1)
    found = measure_edit(Edited(perfect, small.photo_u8), SEEN, judges)
    assert found["identity"] == pytest.approx(1)
    assert found["identity_before"] == pytest.approx(1)
    assert found["background_psnr"] == PSNR_LIMIT
    assert found["background_st_lpips"] == pytest.approx(0, abs=1e-6)
    assert found["target"] == 1.5


def test_a_change_of_the_face_alone_leaves_the_background(small, judges):
    face = small.photo_u8.copy()
    face[~background(512)] = 255 - face[~background(512)]
    found = measure_edit(Edited(replace(small, aligned_pm1=small.photo_pm1), face), SEEN, judges)
    assert found["background_psnr"] == PSNR_LIMIT
    # The ellipse's edge is averaged from 512 pixels to 256, so a trace of the face lies beside it.
    inverse = measure_edit(Edited(small, 255 - small.photo_u8), SEEN, judges)
    assert found["background_st_lpips"] < 0.02 * inverse["background_st_lpips"]
    assert found["identity"] < 0.9
    assert inverse["background_psnr"] < 15


def test_a_change_of_the_background_alone_leaves_identity(small, judges):
    wall = small.photo_u8.copy()
    wall[:, :40] = wall[:, -40:] = 0  # beside the box that the descriptor looks at
    found = measure_edit(Edited(replace(small, aligned_pm1=small.photo_pm1), wall), SEEN, judges)
    assert found["identity"] == pytest.approx(1, abs=1e-5)
    outside = background(512)
    assert found["background_psnr"] == pytest.approx(psnr(small.photo_u8[outside], wall[outside]))
    assert found["background_st_lpips"] > 0.001


def test_identity_is_measured_to_the_photo_and_to_the_result_before(small, judges):
    found = measure_edit(Edited(small, small.blended), SEEN, judges)
    assert found["identity_before"] == pytest.approx(1)
    assert found["identity"] < 0.9999
    back = measure_edit(Edited(small, small.photo_u8), SEEN, judges)
    assert back["identity"] == pytest.approx(1)
    assert back["identity_before"] == pytest.approx(found["identity"], abs=1e-5)


def test_what_was_kept_is_measured_where_the_mask_kept_it(small, judges):
    left = torch.zeros(1, 1, 256, 256)
    left[..., :128] = 1
    masked = replace(small, masks={256: left})
    picture = small.photo_u8.copy()
    picture[:, 300:] = 0
    assert measure_edit(Edited(masked, picture), SEEN, judges)["kept_psnr"] == PSNR_LIMIT
    picture[:, 100:200] += 9
    assert measure_edit(Edited(masked, picture), SEEN, judges)["kept_psnr"] < 40
    bare = replace(small, masks={256: torch.zeros(1, 1, 256, 256)})
    assert "kept_psnr" not in measure_edit(Edited(bare, picture), SEEN, judges)


# Recipes --------------------------------------------------------------------------------------------------


def test_edits_are_recipes_with_attributes():
    older, both = Recipe({"age": 2.0}), Recipe({"smile": 2.0, "glasses": -1.0})
    assert read_edits(["age +2", "smile +2, glasses -1"]) == [older, both]
    assert read_edits(["age +2; smile 2, glasses -1;", "age 2.0"]) == [older, both]
    assert read_edits([]) == []
    for text, sentence in (
        ("blonde hair 0.5", "The edit blonde hair 0.5 changes no attribute; name one"),
        ("age 0", "The edit no changes changes no attribute"),
        ("age +2, masks recompute", "says how masks are used; leave that to the methods"),
        ("age +2, mask strength 0.5", "leave that to the methods and to --mask-strength"),
        ("age +99", "strength of age is 99.0; choose a number from -4 to 4"),
    ):
        with pytest.raises(OptionError, match=sentence.replace("+", r"\+")):
            read_edits([text])


def test_a_recipe_is_applied_with_the_mask_strength_of_the_inversion(small, tiny, tools, scores):
    (nothing,) = changes([Recipe()], tools, scores)
    softer = replace(small, strength=0.5)
    for inversion in (small, softer):
        assert np.array_equal(nothing.apply(inversion, tiny, "reuse")[1], inversion.blended)
    (older,) = changes([Recipe({"age": 2.0})], tools, scores)
    assert older.name == "age +2.0"
    drawn, blended = older.apply(replace(small, strength=0), tiny, "reuse")
    assert np.array_equal(drawn, blended)
    assert older.score(small.photo_u8, small.photo_u8, small.photo_u8)["target"] == 0


# Tables ---------------------------------------------------------------------------------------------------


def _edited(method: str, name: str, target: float, seconds: float = 1.0, **more: float) -> Figures:
    values = {"target": target, "identity": 0.9, **more, "seconds": seconds}
    return Figures(name, method, {"generator": {"psnr": 1.0}}, None, 1.0, {"age +2.0": values})


def test_the_table_puts_the_methods_of_an_edit_together():
    results = [_edited("y", "a", 1, 9), _edited("z", "a", 3, 9, kept_psnr=50), _edited("y", "b", 2, 4)]
    results += [_edited("z", "b", 5, 2)]
    smile = [replace(r, edits={**r.edits, "smile +1.0": r.edits["age +2.0"]}) for r in results]
    lines = edit_table(summarize(smile)).splitlines()
    assert lines[0] == "| edit | method | target σ | identity to photo | kept PSNR dB | seconds |"
    assert lines[2] == "| age +2.0 | y | 1.50 [1.00, 2.00] | 0.900 [0.900, 0.900] | – | 4.00 |"
    assert lines[3] == "| age +2.0 | z | 4.00 [3.00, 5.00] | 0.900 [0.900, 0.900] | 50.00 | 2.00 |"
    assert [line.split(" | ")[:2] for line in lines[4:]] == [["| smile +1.0", "y"], ["| smile +1.0", "z"]]


def test_differences_are_taken_edit_by_edit():
    results = [_edited("y", "a", 1), _edited("z", "a", 3, kept_psnr=50), _edited("y", "b", 2)]
    results += [_edited("z", "b", 5, kept_psnr=40)]
    apart = differences(results, "y")
    assert [d.edits["age +2.0"]["target"] for d in apart] == [2, 3]
    assert "kept_psnr" not in apart[0].edits["age +2.0"]
    row = "| age +2.0 | z − y | +2.50 [+2.00, +3.00] | +0.000 [+0.000, +0.000] |"
    assert edit_table(summarize(apart), "+").splitlines()[2].startswith(row)


# The command ----------------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path, tiny_crop, quick, monkeypatch) -> Path:
    """A folder with two photos, and a command that measures them quickly."""
    monkeypatch.setattr("editing.command.evaluate.load", lambda *arguments: quick)
    monkeypatch.setattr(evaluation, "DRAWN", 3)
    (tmp_path / "photos").mkdir()
    save_png(tiny_crop, tmp_path / "photos" / "a.png")
    save_png(np.ascontiguousarray(tiny_crop[:, ::-1]), tmp_path / "photos" / "b.png")
    return tmp_path / "photos"


def _run(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def test_the_command_measures_edits_beside_inversions(photos, tmp_path, capsys):
    files = ["--csv", tmp_path / "all.csv", "--json", tmp_path / "all.json"]
    methods = ["--methods", "residual,samm-recompute,difference-mask", "--against", "residual"]
    assert _run(photos, *methods, "--edits", "age +3", "smile -2", *files) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n| edit | method | target σ | target from photo σ | leak σ |") == 2
    for edit in ("age +3.0", "smile −2.0"):
        assert f"| {edit} | samm-recompute − residual |" in printed
    for stated in ("outside the ellipse (x / 0.85)² + (y / 1)² = 1", "33% of it", "Target: mean change"):
        assert stated in printed
    assert "under the mask of age +3.0" in printed
    values = json.loads((tmp_path / "all.json").read_text())
    assert values["edits"] == ["age +3.0", "smile −2.0"]
    means = values["methods"]["residual"]["means"]["edits"]["age +3.0"]
    found = load_csv(tmp_path / "all.csv")
    leaks = [f.edits["age +3.0"]["leak"] for f in found if f.method == "residual"]
    assert means["leak"] == pytest.approx(sum(leaks) / 2)
    assert all(leak > 0 for leak in leaks)
    assert "kept_psnr" not in found[0].edits["age +3.0"]


def test_an_edit_more_is_added_to_the_figures_of_others(photos, tmp_path, capsys, monkeypatch):
    calls, run = [], METHODS["residual"].run
    counted = replace(METHODS["residual"], run=lambda *arguments: calls.append(1) or run(*arguments))
    monkeypatch.setitem(METHODS, "residual", counted)
    arguments = [photos / "a.png", "--methods", "residual", "--csv", tmp_path / "all.csv", "--edits"]
    for edits, total in ((["age +1"], 1), (["age +1"], 1), (["smile +1"], 2), (["smile +1", "age +1"], 2)):
        assert _run(*arguments, *edits) == 0
        assert len(calls) == total
    (found,) = load_csv(tmp_path / "all.csv")
    assert list(found.edits) == ["age +1.0", "smile +1.0"]
    printed = capsys.readouterr().out
    assert printed.rindex("| smile +1.0 | residual |") < printed.rindex("| age +1.0 | residual |")


def test_the_mask_of_another_first_edit_is_not_mixed_in(photos, tmp_path, capsys):
    arguments = [photos / "a.png", "--csv", tmp_path / "all.csv", "--methods"]
    assert _run(*arguments, "difference-mask", "--edits", "age +1") == 0
    assert _run(*arguments, "difference-mask", "--edits", "smile +1", "age +1") == 1
    assert "under the mask of smile +1.0); choose another file" in capsys.readouterr().err
    assert _run(*arguments, "residual", "--edits", "smile +1") == 0


def test_a_wrong_edit_is_a_sentence_before_the_work(photos, capsys):
    assert _run(photos, "--edits", "age +2", "blonde hair 0.5") == 1
    printed = capsys.readouterr()
    assert "changes no attribute" in printed.err
    assert printed.out == ""
