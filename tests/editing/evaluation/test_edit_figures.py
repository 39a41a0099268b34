"""Figures of edits: each metric where its answer is known, recipes, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import samm
from editing.command.__main__ import main
from editing.evaluation import judges as judging
from editing.evaluation import measure
from editing.evaluation.judges import Judges, Published, Scores
from editing.evaluation.measure import measure_edit
from editing.evaluation.methods import METHODS, Edited, read_edits
from editing.evaluation.tables import load_csv
from editing.moves.scorer import SCORES, Scorer
from editing.places import PSNR_LIMIT, background, region_of
from editing.recipe.recipe import Recipe
from samm.crop.png import save_png
from samm.errors import OptionError
from samm.method.regions import widen
from samm.metrics import psnr
from samm.networks.ops import area_resize


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
    monkeypatch.setattr(judging, "draw", lambda codes, model: drawn[..., None, None].expand(-1, -1, 8, 8))
    return Scores(Colors(), tiny)


def flat(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((32, 32, 3), (red, green, blue), np.uint8)


# What judges see -----------------------------------------------------------------------------------------


def seen(judges, small, scores, recipe, photo, before, after, drawn=None):
    """Measure an edit of flat pictures by these scores; it is drawn as it is seen if nothing else is said."""
    keep_photo = area_resize(small.keep_photo, len(photo))
    inversion = stub(photo, before, before, keep_photo)
    edited = Edited(inversion, stub(photo, after if drawn is None else drawn, after, keep_photo))
    return measure_edit(edited, recipe, replace(judges, scores=scores))


def stub(photo: np.ndarray, aligned: np.ndarray, blended: np.ndarray, keep_photo: torch.Tensor):
    """What judges look at of a picture, whatever its mask would make of it."""
    mask = keep_photo[0, 0].numpy()
    return SimpleNamespace(
        photo_u8=photo, aligned=aligned, blended=blended, keep_photo=keep_photo, mask=mask, masks={}
    )


def test_scores_change_in_their_own_deviations(scores, judges, small):
    level = 2 / 255  # of a range of 2
    photo, before, after = flat(90, 100, 100), flat(100, 100, 100), flat(120, 90, 140)
    found = seen(judges, small, scores, SMILE, photo, before, after)
    assert found["target"] == pytest.approx(20 * level / 0.1, rel=1e-4)
    assert found["target_photo"] == pytest.approx(30 * level / 0.1, rel=1e-4)
    # 22 sliders: beard by red, age by blue, nineteen by green.
    others = (20 * level / 0.1 + 40 * level / 0.4 + 19 * 10 * level / 0.2) / 21
    assert found["leak"] == pytest.approx(others, rel=1e-4)


def test_the_wanted_direction_counts(scores, judges, small):
    before, after = flat(100, 100, 100), flat(110, 100, 100)
    more, less, beard, both = (
        seen(judges, small, scores, Recipe(attributes), before, before, after)["target"]
        for attributes in ({"smile": 1.0}, {"smile": -3.0}, {"beard": 1.0}, {"smile": 1.0, "age": 1.0})
    )
    assert more > 0
    assert less == pytest.approx(-more)
    assert beard == pytest.approx(more)  # it follows the opposite of no_beard
    assert both == pytest.approx(more / 2)


def test_an_edit_that_changes_nothing_changes_no_score(scores, judges, small):
    found = seen(judges, small, scores, Recipe({"age": 2.0}), flat(1, 2, 3), flat(7, 8, 9), flat(7, 8, 9))
    assert found["target"] == found["target_drawn"] == found["leak"] == found["changed"] == 0
    assert found["years"] == pytest.approx(0, abs=1e-3)
    assert found["target_photo"] > 0
    assert found["inside"] == 1
    assert found["outside"] == pytest.approx(6)  # the result is six levels off the photo everywhere


def test_what_arrives_is_compared_with_what_was_drawn(scores, judges, small):
    before, after, drawn = flat(100, 100, 100), flat(110, 100, 100), flat(120, 100, 100)
    found = seen(judges, small, scores, SMILE, before, before, after, drawn)
    assert found["target"] / found["target_drawn"] == pytest.approx(0.5)


def test_what_no_edit_may_change_is_not_missed(scores, judges, small, monkeypatch):
    left = torch.zeros(1, 1, 128, 128)
    left[..., :64] = 1  # a hat on the left half
    monkeypatch.setattr(measure, "spared", lambda inversion: left)
    brighter = torch.full_like(small.photo_pm1, 0.1)
    drawn = (small.aligned_pm1.clamp(-0.9, 0.8) + brighter, small.aligned_pm1.clamp(-0.9, 0.8))
    found = measure_edit(
        Edited(replace(small, aligned_pm1=drawn[1]), replace(small, aligned_pm1=drawn[0])),
        SMILE,
        replace(judges, scores=scores),
    )
    assert found["target_open"] == pytest.approx(found["target_drawn"] / 2, rel=0.02)


def test_only_what_the_edit_leaves_alone_counts_as_outside(judges, small):
    mouth = region_of(["smile"], 512)
    perfect = replace(small, aligned_pm1=small.photo_pm1)
    drawn, picture = small.photo_u8.copy(), small.photo_u8.copy()
    drawn[mouth] = picture[mouth] = 255 - small.photo_u8[mouth]
    found = measure_edit(result(perfect, picture, drawn), SMILE, judges)
    assert found["outside"] < 0.2
    assert found["inside"] > 0.98
    around = widen(torch.from_numpy(mouth).float()[None, None], 2 * measure.REACH_PX)
    assert found["changed"] == pytest.approx(float(around.mean()), abs=0.03)
    picture[:40] = picture[:40] // 2
    harmed = measure_edit(result(perfect, picture, drawn), SMILE, judges)
    assert harmed["outside"] > found["outside"] + 1
    assert harmed["inside"] == found["inside"]  # what was drawn is the same


def test_the_mask_of_the_edit_is_measured(judges, small):
    half = torch.zeros(1, 1, 512, 512)
    half[..., :256], half[..., 256:384] = 1, 0.5
    found = measure_edit(
        Edited(small, stub(small.photo_u8, small.aligned, small.blended, half)), SMILE, judges
    )
    assert found["edit_mask_area"] == pytest.approx(0.625)
    assert found["edit_mask_soft"] == pytest.approx(0.25)


def test_deviations_are_taken_over_the_faces_that_proofs_draw(quick, monkeypatch):
    monkeypatch.setattr(judging, "DRAWN", 3)
    deviations = Scores(Colors(), quick).deviations
    assert deviations.shape == (len(SCORES),)
    assert (deviations > 0).all()
    assert torch.equal(deviations, Scores(Colors(), quick).deviations)


# What the picture keeps -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judges(quick) -> Judges:
    scores = Scores(Colors(), quick)
    scores.__dict__["deviations"] = torch.ones(len(SCORES))
    absent = Published("LPIPS", None), Published("FID", None)
    return Judges(quick.perceptual, samm.load_descriptor(), scores, *absent)


SMILE = Recipe({"smile": 2.0})


def result(before: samm.Inversion, picture: np.ndarray, drawn: np.ndarray | None = None) -> Edited:
    """An edit that is blended by the mask before it, and drawn as it is seen if nothing else is said."""
    drawn = picture if drawn is None else drawn
    return Edited(before, stub(before.photo_u8, drawn, picture, before.keep_photo))


def test_a_result_that_is_the_photo_has_the_best_figures(small, judges):
    perfect = replace(small, aligned_pm1=small.photo_pm1)
    found = measure_edit(result(perfect, small.photo_u8), SMILE, judges)
    assert found["identity"] == pytest.approx(1)
    assert found["identity_before"] == pytest.approx(1)
    assert found["background_psnr"] == PSNR_LIMIT
    assert found["background_st_lpips"] == pytest.approx(0, abs=1e-6)


def test_a_change_of_the_face_alone_leaves_the_background(small, judges):
    face = small.photo_u8.copy()
    face[~background(512)] = 255 - face[~background(512)]
    found = measure_edit(result(replace(small, aligned_pm1=small.photo_pm1), face), SMILE, judges)
    assert found["background_psnr"] == PSNR_LIMIT
    # The ellipse's edge is averaged from 512 pixels to 256, so a trace of the face lies beside it.
    inverse = measure_edit(result(small, 255 - small.photo_u8), SMILE, judges)
    assert found["background_st_lpips"] < 0.02 * inverse["background_st_lpips"]
    assert found["identity"] < 0.9
    assert inverse["background_psnr"] < 15


def test_a_change_of_the_background_alone_all_but_leaves_identity(small, judges):
    wall = small.photo_u8.copy()
    wall[:, :12] = wall[:, -12:] = 0
    found = measure_edit(result(replace(small, aligned_pm1=small.photo_pm1), wall), SMILE, judges)
    assert found["identity"] > 0.95
    outside = background(512)
    assert found["background_psnr"] == pytest.approx(psnr(small.photo_u8[outside], wall[outside]))
    assert found["background_st_lpips"] > 0.001


def test_identity_is_measured_to_the_photo_and_to_the_result_before(small, judges):
    found = measure_edit(result(small, small.blended), SMILE, judges)
    assert found["identity_before"] == pytest.approx(1)
    assert found["identity"] < 0.9999
    back = measure_edit(result(small, small.photo_u8), SMILE, judges)
    assert back["identity"] == pytest.approx(1)
    assert back["identity_before"] == pytest.approx(found["identity"], abs=1e-5)


def test_what_was_kept_is_measured_where_the_mask_kept_it(small, judges):
    left = torch.zeros(1, 1, 256, 256)
    left[..., :128] = 1
    masked = replace(small, masks={256: left})
    picture = small.photo_u8.copy()
    picture[:, 300:] = 0
    assert measure_edit(result(masked, picture), SMILE, judges)["kept_psnr"] == PSNR_LIMIT
    picture[:, 100:200] += 9
    assert measure_edit(result(masked, picture), SMILE, judges)["kept_psnr"] < 40
    bare = replace(small, masks={256: torch.zeros(1, 1, 256, 256)})
    assert "kept_psnr" not in measure_edit(result(bare, picture), SMILE, judges)


# Recipes --------------------------------------------------------------------------------------------------


def test_edits_are_recipes_with_attributes():
    older, both = Recipe({"age": 2.0}), Recipe({"smile": 2.0, "glasses": -1.0})
    assert read_edits(["age +2", "smile +2, glasses -1"]) == (older, both)
    assert read_edits(["age +2; smile 2, glasses -1;", "age 2.0"]) == (older, both)
    assert read_edits([]) == ()
    for text, sentence in (
        ("blonde hair 0.5", "The edit blonde hair 0.5 changes no attribute; name one"),
        ("age 0", "The edit no changes changes no attribute"),
        ("age +2, masks recompute", "says how masks are used; leave that to the methods"),
        ("age +2, mask strength 0.5", "leave that to the methods and to --mask-strength"),
        ("age +99", "strength of age is 99; choose a number from -4 to 4"),
    ):
        with pytest.raises(OptionError, match=sentence.replace("+", r"\+")):
            read_edits([text])


def test_a_recipe_is_applied_with_the_mask_strength_of_the_inversion(small, tiny, tools):
    by_rule = METHODS["samm"].edit
    for inversion in (small, replace(small, strength=0.5)):
        assert np.array_equal(by_rule(inversion, tiny, Recipe(), tools).after.blended, inversion.blended)
    older = by_rule(replace(small, strength=0.0), tiny, Recipe({"age": 2.0}), tools)
    assert np.array_equal(older.after.aligned, older.after.blended)


# The command ----------------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path, tiny_crop, quick, monkeypatch) -> Path:
    """A folder with two photos, and a command that measures them quickly."""
    monkeypatch.setattr("editing.command.evaluate.load", lambda *arguments: quick)
    monkeypatch.setattr(judging, "DRAWN", 3)
    (tmp_path / "photos").mkdir()
    save_png(tiny_crop, tmp_path / "photos" / "a.png")
    save_png(np.ascontiguousarray(tiny_crop[:, ::-1]), tmp_path / "photos" / "b.png")
    return tmp_path / "photos"


def _run(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


@pytest.mark.slow
def test_the_command_measures_edits_beside_inversions(photos, tmp_path, capsys):
    files = ["--csv", tmp_path / "all.csv", "--json", tmp_path / "all.json"]
    methods = ["--methods", "residual,samm-recompute,difference-mask", "--against", "residual"]
    assert _run(photos, *methods, "--edits", "age +3", "smile -2", *files) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n| edit | method | target σ | target from photo σ |") == 2
    for edit in ("age +3.0", "smile −2.0"):
        assert f"| {edit} | samm-recompute − residual |" in printed
    for stated in (
        "outside the ellipse (x / 0.85)² + (y / 1)² = 1",
        "33% of it",
        "Target: mean change",
        "Inside: share",
    ):
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
