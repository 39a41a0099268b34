"""The command line on real files: results, reports, bad input, exit codes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editing.command.__main__ import main
from samm.crop.photo import open_photo
from samm.crop.png import save_png

EXAMPLES = Path(__file__).parents[3] / "examples"


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments] + ["--preset", "tiny", "--device", "cpu"])


@pytest.fixture
def photos(tmp_path):
    """A folder with two good photos and one text file that claims to be one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(EXAMPLES / "hopper.jpg", folder / "b.jpg")
    shutil.copy(EXAMPLES / "astronaut.jpg", folder / "c.jpg")
    (folder / "a.jpg").write_text("no picture")
    return folder


def test_a_bad_photo_is_reported_and_does_not_stop_the_rest(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("invert", photos, "--out", out, "--masks", "--whole-photo", "--sheet") == 1
    assert "a.jpg: This file is not a picture we can read." in capsys.readouterr().err
    kinds = ["crop", "generator", "aligned", "inversion", "whole", "mask", "sheet"]
    kinds += [f"mask_{r}" for r in (32, 64, 128, 256)]
    expected = {f"{stem}_{kind}.png" for stem in "bc" for kind in kinds} | {"b.json", "c.json"}
    assert {path.name for path in out.iterdir()} == expected
    report = json.loads((out / "b.json").read_text())
    assert set(report["psnr"]) == {"generated", "aligned", "blended"}
    assert np.asarray(Image.open(out / "b_mask_32.png")).shape == (32, 32)
    assert np.asarray(Image.open(out / "b_sheet.png")).shape == (512, 5 * 512, 3)


@pytest.mark.slow
def test_refining_and_tuning_are_options_and_reported(tmp_path):
    for name, steps in (("fast", ()), ("tuned", ("--refine", 2, "--tune", 1))):
        assert run("invert", EXAMPLES / "hopper.jpg", "--masks", "--out", tmp_path / name, *steps) == 0
    fast, tuned = (json.loads((tmp_path / name / "hopper.json").read_text()) for name in ("fast", "tuned"))
    assert (fast["refined"], fast["tuned"]) == (0, 0)
    assert (tuned["refined"], tuned["tuned"]) == (2, 1)
    assert (tuned["options"]["refine_steps"], tuned["options"]["tune_steps"]) == (2, 1)
    assert {"Refining", "Tuning"} <= tuned["seconds"].keys()
    assert tuned["psnr"]["generated"] > fast["psnr"]["generated"]


def test_whole_photo_keeps_its_size_and_what_lies_outside(tmp_path):
    assert run("invert", EXAMPLES / "hopper.jpg", "--out", tmp_path, "--whole-photo") == 0
    before, after = open_photo(EXAMPLES / "hopper.jpg"), open_photo(tmp_path / "hopper_whole.png")
    assert before.shape == after.shape
    quad = np.array(json.loads((tmp_path / "hopper.json").read_text())["quad"])
    below = int(np.ceil(quad[:, 1].max())) + 1
    assert np.array_equal(before[below:], after[below:])
    assert not np.array_equal(before, after)


def test_only_what_was_asked_for_is_written(tmp_path):
    assert run("invert", EXAMPLES / "hopper.jpg", "--out", tmp_path / "deep" / "out") == 0
    assert {p.name for p in (tmp_path / "deep" / "out").iterdir()} == {"hopper_inversion.png", "hopper.json"}


def test_faces_can_be_chosen(tmp_path, capsys):
    pair = np.concatenate([open_photo(EXAMPLES / "hopper.jpg")] * 2, 1)
    save_png(pair, tmp_path / "pair.png")
    assert run("invert", tmp_path / "pair.png", "--out", tmp_path / "out", "--face", "all") == 0
    names = {p.name for p in (tmp_path / "out").glob("*.png")}
    assert names == {"pair_face1_inversion.png", "pair_face2_inversion.png"}
    capsys.readouterr()
    assert run("invert", tmp_path / "pair.png", "--out", tmp_path / "out") == 0
    assert "2 faces found and number 1 by size taken" in capsys.readouterr().out
    assert run("invert", tmp_path / "pair.png", "--out", tmp_path / "out", "--face", "3") == 1
    assert "There is no face 3; 2 faces found" in capsys.readouterr().err
    assert run("invert", tmp_path / "pair.png", "--out", tmp_path / "out", "--face", "zero") == 1
    assert "There is no face zero" in capsys.readouterr().err


def test_no_face_says_how_to_crop_by_hand_and_that_works(tmp_path, capsys):
    save_png(np.full((200, 300, 3), 90, np.uint8), tmp_path / "wall.png")
    assert run("invert", tmp_path / "wall.png", "--out", tmp_path / "out") == 1
    assert "No face found. Try a photo where both eyes are visible" in capsys.readouterr().err
    assert run("invert", tmp_path / "wall.png", "--out", tmp_path / "out", "--crop", "150,100,160,5") == 0


def test_same_names_from_two_folders_do_not_overwrite_each_other(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(EXAMPLES / "hopper.jpg", tmp_path / name / "me.jpg")
    assert run("invert", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "out") == 0
    assert {p.name for p in (tmp_path / "out").glob("*.png")} == {"me_inversion.png", "me-2_inversion.png"}


def test_wrong_options_are_sentences(tmp_path, capsys):
    assert run("invert", EXAMPLES / "hopper.jpg", "--out", tmp_path, "--mask-strength", "3") == 1
    assert "The mask strength is 3; choose a number from 0 to 2" in capsys.readouterr().err
    assert run("invert", EXAMPLES / "hopper.jpg", "--out", tmp_path, "--tune", "501") == 1
    assert "tune steps is 501; choose a value from 0 to 500" in capsys.readouterr().err
    assert run("invert", tmp_path / "nothing.jpg", "--out", tmp_path) == 1
    assert "There is no file nothing.jpg" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run("invert", EXAMPLES / "hopper.jpg", "--out", tmp_path / "file") == 1
    assert "cannot be made" in capsys.readouterr().err


def test_a_folder_without_permission_is_a_sentence(photos, tmp_path, capsys, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(photos), "iterdir", refuse)
    assert run("invert", photos, "--out", tmp_path / "out") == 1
    assert "The folder photos cannot be read" in capsys.readouterr().err


def test_evaluate_prints_a_table_and_writes_json(tmp_path, capsys, tiny_crop):
    for name in ("a", "b"):
        save_png(tiny_crop, tmp_path / f"{name}.png")
    save_png(tiny_crop[:, :400].copy(), tmp_path / "oblong.png")
    file = tmp_path / "figures" / "all.json"
    assert run("evaluate", tmp_path, "--json", file) == 1
    printed = capsys.readouterr()
    assert "oblong.png is 400×512 pixels and thus not cropped" in printed.err
    assert "| blended |" in printed.out
    figures = json.loads(file.read_text())
    means = figures["methods"]["samm"]["means"]
    for picture in ("generator", "aligned", "blended"):
        assert {"psnr", "ssim", "st_lpips", "identity"} <= set(means[picture])
    assert {"mask_area", "mask_soft"} <= set(means["blended"])
    assert [photo["name"] for photo in figures["photos"]] == ["a", "b"]
    assert run("evaluate", tmp_path, "--limit", "1", "--json", file) == 0
    assert len(json.loads(file.read_text())["photos"]) == 1


@pytest.mark.parametrize("arguments", [("--limit", "-1"), ("--limit", "0")])
def test_counts_begin_at_one(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run("evaluate", tmp_path, *arguments)
    assert ended.value.code == 2
    assert "is too few; choose 1 or more" in capsys.readouterr().err


def test_equal_pictures_give_null_in_json(tmp_path):
    """The PSNR of a picture with itself is infinite, which JSON cannot say."""
    from editing.command.results import to_json

    assert json.loads(to_json({"psnr": float("inf"), "list": [1.0, float("nan")]})) == {
        "psnr": None,
        "list": [1.0, None],
    }
