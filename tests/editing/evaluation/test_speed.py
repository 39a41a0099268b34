"""Timing stages: what is counted, the floors that follow, and the command."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from editing.command import bench
from editing.command.__main__ import main
from editing.evaluation.speed import Rates, Timing, compare, count, measure_rates
from editing.evaluation.stages import list_stages

ASTRONAUT = Path(__file__).parents[3] / "examples" / "astronaut.jpg"


def test_operations_and_bytes_of_a_convolution_are_counted():
    x, weight = torch.rand(1, 8, 32, 32), torch.rand(16, 8, 3, 3)
    operations, moved = count(lambda: F.conv2d(x, weight, padding=1))
    assert operations == 2 * 16 * 8 * 9 * 32 * 32
    assert moved == 4 * (x.numel() + weight.numel() + 16 * 32 * 32)


def test_views_move_nothing_and_work_in_place_counts():
    x = torch.rand(100)
    assert count(lambda: x.view(10, 10).T) == (0, 0)
    assert count(lambda: x.add_(1))[1] >= 400


def test_a_product_that_is_added_in_place_counts_too():
    rows, weight, into = torch.ones(2, 5, 3), torch.ones(2, 3, 4), torch.zeros(2, 5, 4)
    assert count(lambda: into.baddbmm_(rows, weight))[0] == 2 * 2 * 5 * 3 * 4


def test_the_larger_floor_is_what_a_stage_is_held_against():
    rates = Rates(operations=1e9, bytes=1e8)
    row = Timing("a", (3.0, 1.0, 2.0), operations=1e9, moved=5e7).row(rates)
    assert row["median s"] == 2
    assert row["arithmetic floor s"] == 1
    assert row["memory floor s"] == 0.5
    assert row["times the floor"] == 2


def test_ratios_are_taken_pair_by_pair():
    a, b = {"x": Timing("x", (2.0, 9.0), 0, 0)}, {"x": Timing("x", (1.0, 3.0), 0, 0)}
    assert compare(a, b) == {"x": {"min": 2, "median": 2.5, "max": 3}}


def test_rates_of_this_machine_are_plausible():
    rates = measure_rates(torch.device("cpu"), 1)
    assert 1e8 < rates.operations < 1e15
    assert 1e8 < rates.bytes < 1e13


def test_every_stage_runs(tiny):
    stages = list_stages(ASTRONAUT, tiny)
    assert {"invert", "edit", "words", "strip", "edits-16", "refine-step", "redraw", "paste"} <= set(stages)
    for name in (
        "find",
        "crop",
        "encode",
        "draw-aligned",
        "samm",
        "read-out",
        "gather-and-blend",
        "mask-strength",
        "paste",
        "png",
    ):
        stages[name]()
    code, next_code = stages["refine-step"](), stages["refine-step"]()
    assert isinstance(code, torch.Tensor)
    assert isinstance(next_code, torch.Tensor)
    assert not torch.equal(code, next_code)  # each run is another step of one search


@pytest.mark.slow
def test_the_command_prints_and_writes_its_table(tmp_path, capsys):
    file = tmp_path / "bench.json"
    arguments = ["bench", "--preset", "tiny", "--runs", "2", "--only", "draw,mask-strength"]
    assert main([*arguments, "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "times the floor" in printed
    assert "threads" in printed
    stages = json.loads(file.read_text())["stages"]
    assert list(stages) == ["draw", "mask-strength"]
    assert len(stages["draw"]["seconds"]) == 2
    assert stages["draw"]["operations"] > 1e6


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--only", "dance"], "There is no stage dance"), (["--runs", "0"], "The number of runs is 0")],
)
def test_wrong_wishes_are_sentences(arguments, sentence, capsys):
    assert main(["bench", "--preset", "tiny", *arguments]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_two_sides_are_timed_in_turn(capsys):
    arguments = ["--preset", "tiny", "--runs", "2", "--only", "mask-strength"]
    assert main(["bench", *arguments, "--setting", "SAMM_SYSTEM_ALLOCATOR=1"]) == 0
    assert "this/other median" in capsys.readouterr().out


def test_sides_take_turns_and_stages_of_one_side_stay(monkeypatch, capsys):
    asked = []

    @contextmanager
    def side(choice, checkout, setting):
        yield checkout.name

    def ask(name, stage):
        asked.append((name, stage))
        return "2.0" if name == "other" else "1.0"

    known = {"other": '["draw", "old"]'}
    monkeypatch.setattr(bench, "_side", side)
    monkeypatch.setattr(bench, "_ask", ask)
    monkeypatch.setattr(bench, "_answer", lambda name: known.get(name, '["new", "draw"]'))
    assert main(["bench", "--runs", "2", "--against", "other"]) == 0
    drawn = [name == "other" for name, stage in asked if stage == "draw"]
    assert drawn == [False, True, True, False]
    rows = {words[0]: words[1:] for words in map(str.split, capsys.readouterr().out.splitlines())}
    assert rows["draw"] == ["1", "2", "0.5", "0.5", "0.5"]
    assert rows["new"] == ["1", "–", "–", "–", "–"]
    assert rows["old"] == ["–", "2", "–", "–", "–"]
