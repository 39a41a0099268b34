"""Evaluation: what is measured of an inversion, the protocol, and the command."""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import samm
from editing.command.__main__ import main
from editing.evaluation.comparison import Comparison, evaluate
from editing.evaluation.judges import Judges, Published
from editing.evaluation.measure import measure
from editing.evaluation.methods import METHODS, Bench, choose
from editing.evaluation.protocol import protocol
from editing.evaluation.tables import Figures, fid_of, frame, load_csv, means, table
from editing.moves.moves import Moves
from samm.crop.png import save_png
from samm.errors import PhotoError

LPIPS_ABSENT = Published("LPIPS", None, "the shelf is empty")
FID_ABSENT = Published("FID", None, "the shelf is bare")


@pytest.fixture(scope="module")
def judges(tiny) -> Judges:
    return Judges(tiny.perceptual, samm.load_descriptor(), None, LPIPS_ABSENT, FID_ABSENT)


def _apart(a_pm1: Tensor, b_pm1: Tensor) -> Tensor:
    """Stand in for LPIPS."""
    return (a_pm1 - b_pm1).abs().mean((1, 2, 3))


def _colors(pictures_u8: Tensor) -> Tensor:
    """Stand in for Inception: the mean color, three features."""
    return pictures_u8.float().mean((2, 3))


def _compare(names: list[str], judges: Judges, bench: Bench) -> Comparison:
    return Comparison(choose(names, bench), bench, judges)


def test_published_metrics_enter_the_figures_and_the_table(tiny, tiny_crop, judges):
    full = replace(judges, lpips=Published("LPIPS", _apart), fid=Published("FID", _colors))
    inversion = samm.draw_generated(samm.invert(tiny_crop, tiny), tiny)
    figures = measure("a", "samm", inversion, ("generated", "blended"), 1.0, full)
    assert figures.pictures["blended"]["lpips"] < figures.pictures["generator"]["lpips"]
    assert figures.features["photo"][0].tolist() == pytest.approx(tiny_crop.mean((0, 1)).tolist(), rel=1e-4)
    shifted = replace(figures, name="b", features={k: v + 10 for k, v in figures.features.items()})
    distances = fid_of([figures, shifted])
    apart = figures.features["generator"] - figures.features["photo"]
    assert distances["samm", "generator"] == pytest.approx(apart.square().sum().item(), rel=1e-3)
    text = table(means(frame([figures, shifted]), distances))
    assert "| ST-LPIPS | LPIPS | identity | FID | mask area |" in text
    assert f"| {distances['samm', 'generator']:.1f} |" in text
    comparison = _compare(["samm"], full, Bench(tiny, Moves(tiny)))
    stated = protocol(comparison, 2, 2, bool(distances))
    assert "LPIPS: AlexNet of torchmetrics" in stated
    assert "FID: 2048 Inception features of torch-fidelity" in stated
    assert fid_of([figures, replace(shifted, features={})]) == {}
    assert "FID: left out" in protocol(comparison, 2, 2, False)


# Measuring --------------------------------------------------------------------------------------------------


def test_figures_agree_with_the_inversion(tiny, tiny_crop, judges):
    inversion = samm.draw_generated(samm.invert(tiny_crop, tiny), tiny)
    figures = measure("a", "samm", inversion, ("generated", "aligned", "blended"), 2.5, judges)
    for picture, attribute in (("generator", "generated"), ("aligned", "aligned"), ("blended", "blended")):
        assert figures.pictures[picture]["psnr"] == inversion.report["psnr"][attribute]
        assert figures.pictures[picture]["ssim"] == inversion.report["ssim"][attribute]
    assert figures.pictures["blended"]["mask_area"] == inversion.report["kept"]["gathered"]
    assert figures.seconds == 2.5
    equal = replace(inversion, aligned_pm1=inversion.photo_pm1)
    scores = measure("a", "samm", equal, ("blended",), 1.0, judges).pictures["blended"]
    assert scores["psnr"] == math.inf
    assert scores["st_lpips"] == pytest.approx(0, abs=1e-6)
    assert scores["identity"] == pytest.approx(1)


def test_a_bad_photo_is_left_out_for_every_method(tmp_path, tiny, tiny_crop, judges):
    save_png(tiny_crop, tmp_path / "a.png")
    save_png(tiny_crop[:, :400].copy(), tmp_path / "b.png")
    paths, told, failed = [tmp_path / "b.png", tmp_path / "a.png"], [], []
    comparison = _compare(["error-mask", "encoder"], judges, Bench(tiny, Moves(tiny)))
    results = list(
        evaluate(
            paths,
            comparison,
            on_error=lambda path, error: failed.append(path.name),
            progress=lambda stage, done, total: told.append(stage),
        )
    )
    assert [(r.name, r.method) for r in results] == [("a", "error-mask"), ("a", "encoder")]
    assert [list(r.pictures) for r in results] == [["generator", "blended"], ["generator"]]
    assert "mask_area" in results[0].pictures["blended"]
    assert results[0].seconds > 0
    assert failed == ["b.png"]
    assert "encoder: Encoding" in told
    with pytest.raises(PhotoError, match="not cropped"):
        list(evaluate(paths, comparison))


def test_soft_pixels_are_neither_kept_nor_drawn(small, judges):
    hard, half = torch.zeros(1, 1, 256, 256), torch.zeros(1, 1, 256, 256)
    hard[..., :128] = 1
    half[..., :128] = 0.5
    shares = [
        measure(
            "a", "samm", replace(small, masks={256: mask}, readout=None), ("blended",), 1.0, judges
        ).pictures["blended"]
        for mask in (hard, half)
    ]
    assert shares[0]["mask_soft"] < 0.02  # but for the edge, which scaling makes soft
    assert shares[1]["mask_soft"] == pytest.approx(0.5, abs=0.02)


def test_the_protocol_names_what_is_absent_and_never_calls_st_lpips_lpips(tiny, judges):
    bench = Bench(tiny, Moves(tiny), samm.Options(iterations=3), 7)
    text = protocol(_compare(["samm", "pti"], judges, bench), 1, 3, False)
    assert "LPIPS: not available (the shelf is empty)." in text
    assert "FID: not available (the shelf is bare)." in text
    for stated in (
        "512²",
        "0…255",
        "no border cropped",
        "N = 3",
        "fp32",
        "at most 7 + 7 steps",
        "Photos: 1 of 3, the others not measured by all methods: square FFHQ crops",
    ):
        assert stated in text
    assert "Edits" not in text


# The command ------------------------------------------------------------------------------------------------


def _run(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments), "--preset", "tiny", "--device", "cpu"])


def test_the_command_compares_methods_and_writes_files(tmp_path, capsys, tiny_crop):
    for name in ("b", "a"):
        save_png(tiny_crop, tmp_path / f"{name}.png")
    out = tmp_path / "out"
    files = ["--csv", out / "all.csv", "--markdown", out / "all.md", "--json", out / "all.json"]
    methods = ["--methods", "encoder,samm-1", "--against", "encoder"]
    assert _run(tmp_path / "b.png", tmp_path / "a.png", *methods, *files) == 0
    printed = capsys.readouterr().out
    assert (out / "all.md").read_text(encoding="utf-8") == printed
    assert printed.count("| encoder |") == 1
    assert printed.count("| samm-1 |") == 3
    assert "| samm-1 − encoder | generator only |" in printed
    rows = list(csv.DictReader((out / "all.csv").open()))
    assert [r["photo"] for r in rows if r["method"] == "encoder"] == ["b", "a"]
    values = json.loads((out / "all.json").read_text())
    assert list(values["methods"]) == ["encoder", "samm-1"]
    assert values["edits"] == []
    assert set(values["methods"]["samm-1"]["means"]) == {"generator", "aligned", "blended"}


def test_wrong_wishes_are_sentences(tmp_path, capsys, tiny_crop):
    save_png(tiny_crop, tmp_path / "a.png")
    for arguments, sentence in (
        (["--methods", "best"], "There is no method best"),
        (["--methods", "difference-mask"], "name one with --edits"),
        (["--search", "0"], "search steps is 0"),
        (["--against", "encoder"], "--against encoder needs that method and another one"),
    ):
        assert _run(tmp_path, *arguments) == 1
        assert sentence in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_a_sentence_after_the_table(tmp_path, capsys, tiny_crop):
    save_png(tiny_crop, tmp_path / "a.png")
    (tmp_path / "table.md").mkdir()
    assert _run(tmp_path / "a.png", "--methods", "encoder", "--markdown", tmp_path / "table.md") == 1
    printed = capsys.readouterr()
    assert "| encoder |" in printed.out
    assert "The file table.md cannot be written" in printed.err


def test_two_photos_of_one_name_are_refused(tmp_path, capsys, tiny_crop):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save_png(tiny_crop, tmp_path / folder / "a.png")
    assert _run(tmp_path / "one", tmp_path / "two", "--methods", "encoder") == 1
    assert "Two photos are called a; rename one" in capsys.readouterr().err


def test_searches_say_beforehand_how_long_they_may_take(tmp_path, capsys, tiny_crop, quick, monkeypatch):
    monkeypatch.setattr("editing.command.evaluate.load", lambda *arguments: quick)
    save_png(tiny_crop, tmp_path / "a.png")
    save_png(tiny_crop, tmp_path / "b.png")
    for name in ("optimization", "pti"):
        monkeypatch.setitem(METHODS, name, replace(METHODS[name], run=METHODS["encoder"].run))
    assert _run(tmp_path, "--methods", "encoder", "--limit", "1") == 0
    assert capsys.readouterr().err == ""
    methods = ["--methods", "encoder,optimization,pti", "--search", "100"]
    assert _run(tmp_path, *methods, "--csv", tmp_path / "all.csv", "--limit", "1") == 0
    said = "optimization and pti will take up to 300 steps, on two CPU cores about 10 min.\n"
    assert capsys.readouterr().err == said
    assert _run(tmp_path, *methods, "--csv", tmp_path / "all.csv") == 0  # one photo is left
    assert capsys.readouterr().err == said
    assert _run(tmp_path, *methods, "--csv", tmp_path / "all.csv") == 0
    assert capsys.readouterr().err == ""


# Stopping and going on --------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path, tiny_crop, quick, monkeypatch) -> Path:
    """A folder with three photos, and a command that measures them quickly."""
    monkeypatch.setattr("editing.command.evaluate.load", lambda *arguments: quick)
    (tmp_path / "photos").mkdir()
    for name, factor in (("a", 1), ("b", 2), ("c", 3)):
        save_png(np.ascontiguousarray(tiny_crop // factor), tmp_path / "photos" / f"{name}.png")
    return tmp_path / "photos"


@pytest.fixture
def stop(monkeypatch) -> Callable[[str, int, BaseException], list[int]]:
    """Make a method raise at its nth call; gives a list that its calls are noted in."""

    def install(name: str, nth: int, error: BaseException) -> list[int]:
        calls, run = [], METHODS[name].run

        def counted(*args):
            calls.append(len(calls) + 1)
            if len(calls) == nth:
                raise error
            return run(*args)

        monkeypatch.setitem(METHODS, name, replace(METHODS[name], run=counted))
        return calls

    return install


def test_ctrl_c_keeps_what_was_finished(photos, tmp_path, capsys, stop):
    calls = stop("residual", 3, KeyboardInterrupt())
    files = [
        "--csv",
        tmp_path / "all.csv",
        "--markdown",
        tmp_path / "all.md",
        "--json",
        tmp_path / "all.json",
    ]
    assert _run(photos, "--methods", "encoder,residual", "--against", "encoder", *files) == 130
    printed = capsys.readouterr()
    assert "2 of 3 photos were measured by all methods." in printed.err
    assert "Stopped; what was finished has been saved." in printed.err
    assert "- Photos: 2 of 3, the others not measured" in printed.out
    assert "| residual − encoder |" in printed.out
    assert (tmp_path / "all.md").read_text(encoding="utf-8") == printed.out
    values = json.loads((tmp_path / "all.json").read_text())
    assert [p["name"] for p in values["photos"]] == ["a", "a", "b", "b"]
    # The third photo's encoder row is in no table but not lost.
    assert [(f.name, f.method) for f in load_csv(tmp_path / "all.csv")][:3] == [(n, "encoder") for n in "abc"]
    assert len(calls) == 3


def test_a_stopped_run_goes_on_and_ends_as_an_unbroken_one(photos, tmp_path, capsys, stop):
    methods, broken, whole = (
        ["--methods", "encoder,residual"],
        tmp_path / "broken.csv",
        tmp_path / "whole.csv",
    )
    encoder, residual = stop("encoder", 0, KeyboardInterrupt()), stop("residual", 2, KeyboardInterrupt())
    assert _run(photos, *methods, "--csv", broken) == 130
    capsys.readouterr()
    assert (len(encoder), len(residual)) == (2, 2)
    assert _run(photos, *methods, "--csv", broken) == 0
    assert (len(encoder), len(residual)) == (3, 4)  # the stopped one is tried again
    resumed = capsys.readouterr().out
    assert _run(photos, *methods, "--csv", whole) == 0
    unbroken = capsys.readouterr().out

    def timeless(file: Path) -> list[Figures]:
        return [replace(figures, seconds=0) for figures in load_csv(file)]

    assert timeless(broken) == timeless(whole)
    assert resumed.count("| encoder |") == unbroken.count("| encoder |") == 1
    assert _run(photos, *methods, "--csv", broken) == 0
    assert (len(encoder), len(residual)) == (6, 7)  # three for the unbroken run, and none since
    assert capsys.readouterr().out == resumed


def test_parts_by_method_and_by_photo_come_together(photos, tmp_path, capsys):
    csv_file = ["--csv", tmp_path / "all.csv"]
    assert _run(photos, "--methods", "residual", *csv_file) == 0
    assert _run(photos / "a.png", "--methods", "encoder", *csv_file) == 0
    assert "Photos: 1 square" in capsys.readouterr().out
    assert {(f.name, f.method) for f in load_csv(tmp_path / "all.csv")} == {
        ("a", "encoder"), ("a", "residual"), ("b", "residual"), ("c", "residual"),
    }  # fmt: skip


def test_other_settings_are_not_mixed(photos, tmp_path, capsys):
    csv_file = ["--csv", tmp_path / "all.csv"]
    assert _run(photos, "--methods", "residual", "--limit", "1", *csv_file) == 0
    before = (tmp_path / "all.csv").read_bytes()
    assert _run(photos, "--methods", "residual", "--steps", "1", *csv_file) == 1
    error = capsys.readouterr().err
    assert "all.csv holds figures of residual with other settings" in error
    assert "encoder steps 2, iterations 2" in error
    assert "encoder steps 1, iterations 2" in error
    assert (tmp_path / "all.csv").read_bytes() == before
    assert _run(photos, "--methods", "residual", "--limit", "1", "--search", "9", *csv_file) == 0


def test_a_photo_that_a_method_fails_on_does_not_stop_the_rest(photos, capsys, stop):
    stop("residual", 2, PhotoError("This photo is too odd; take another."))
    assert _run(photos, "--methods", "encoder,residual") == 1
    printed = capsys.readouterr()
    assert "b.png: This photo is too odd; take another." in printed.err
    assert "2 of 3 photos were measured by all methods." in printed.err
    assert "Photos: 2 of 3" in printed.out


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("out of memory"), "b.png: There is not enough memory; close other programs"),
        (KeyError("odd"), "b.png: Something unexpected went wrong (KeyError-"),
    ],
)
def test_an_error_that_nobody_expected_costs_one_photo(photos, capsys, stop, error, sentence):
    stop("residual", 2, error)
    assert _run(photos, "--methods", "encoder,residual") == 1
    printed = capsys.readouterr()
    assert "Photos: 2 of 3" in printed.out
    assert sentence in printed.err
    assert "2 of 3 photos were measured by all methods." in printed.err
