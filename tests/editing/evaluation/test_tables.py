"""Figures of a comparison: means, differences, tables and files."""

import csv
import io
import math
from dataclasses import replace

import pandas as pd
import pytest

from editing.evaluation.tables import (
    Figures,
    differences,
    edit_table,
    finished,
    frame,
    load_csv,
    markdown,
    means,
    plain,
    save_csv,
    table,
)
from editing.places import PSNR_LIMIT
from samm.errors import OptionError, PhotoError


def _figures(method: str, name: str, psnr: float, seconds: float = 1.0) -> Figures:
    scores = {"psnr": psnr, "ssim": 0.5, "st_lpips": 0.25, "identity": 0.75}
    return Figures(name, method, {"generator": scores, "blended": {**scores, "mask_area": 0.125}}, seconds)


def _generator_only(figures: Figures) -> Figures:
    return replace(figures, pictures={"generator": figures.pictures["generator"]})


def _row(averages: pd.DataFrame, *key: str) -> dict[str, float]:
    return averages.loc[key].to_dict()


def test_means_are_over_photos_and_seconds_without_the_first():
    results = [_figures("x", "a", 10, seconds=90), _figures("x", "b", 20, 2), _figures("x", "c", 30, 4)]
    averages = means(frame(results))
    psnr = _row(averages, "x", "blended", "", "psnr")
    assert psnr == {"mean": 20, "low": 10, "high": 30, "photos": 3}
    assert _row(averages, "x", "blended", "", "seconds")["mean"] == 3
    assert "fid" not in averages.index.get_level_values("metric")
    with pytest.raises(PhotoError, match="No photo could be measured"):
        frame([])


def test_the_table_keeps_the_methods_order_and_brackets_only_means_of_several():
    one = table(means(frame([_figures("z", "a", 10), _figures("y", "a", 12)]))).splitlines()
    assert one[0] == "| method | picture | PSNR dB | SSIM | ST-LPIPS | identity | mask area | seconds |"
    assert one[2] == "| z | generator only | 10.00 | 0.500 | 0.250 | 0.750 | – | 1.00 |"
    assert one[3] == "| z | blended | 10.00 | 0.500 | 0.250 | 0.750 | 0.125 | 1.00 |"
    assert one[4].startswith("| y | generator only | 12.00 |")
    two = table(means(frame([_figures("z", "a", 10), _figures("z", "b", 12)]))).splitlines()
    assert two[3].startswith("| z | blended | 11.00 [10.00, 12.00] | 0.500 [0.500, 0.500] |")


def test_a_distance_of_all_photos_has_no_interval():
    text = table(means(frame([_figures("z", "a", 10), _figures("z", "b", 12)]), {("z", "blended"): 12.34}))
    assert "| identity | FID | mask area |" in text
    assert "| 0.750 [0.750, 0.750] | 12.3 | 0.125 [0.125, 0.125] |" in text
    assert "| 0.750 [0.750, 0.750] | – | – |" in text


def test_differences_are_taken_photo_by_photo():
    base = [_generator_only(_figures("y", name, psnr)) for name, psnr in (("a", 10), ("b", 30))]
    results = [_figures("z", "a", 11, seconds=3), base[0], _figures("z", "b", 32), base[1]]
    apart = differences(results, "y")
    assert apart[["method", "photo", "picture"]].to_numpy().tolist() == [
        ["z − y", "a", "generator"],
        ["z − y", "b", "generator"],
    ]
    assert apart["psnr"].tolist() == [1, 2]
    assert apart["seconds"].tolist() == [2, 0]
    row = "| z − y | generator only | +1.50 [+1.00, +2.00] | +0.000 [+0.000, +0.000] |"
    assert table(means(apart), "+").splitlines()[2].startswith(row)
    assert differences(results, "z")["psnr"].tolist() == [-1, -2]


def _edited(method: str, name: str, target: float, seconds: float = 1.0, **more: float) -> Figures:
    values = {"target": target, "identity": 0.9, **more, "seconds": seconds}
    return Figures(name, method, {"generator": {"psnr": 1.0}}, 1.0, {"age +2.0": values})


def test_the_table_puts_the_methods_of_an_edit_together():
    results = [_edited("y", "a", 1, 9), _edited("z", "a", 3, 9, kept_psnr=50), _edited("y", "b", 2, 4)]
    results += [_edited("z", "b", 5, 2)]
    smile = [
        replace(r, edits={**r.edits, "smile +1.0": {**r.edits["age +2.0"], "target": 0}}) for r in results
    ]
    lines = edit_table(means(frame(smile))).splitlines()
    assert lines[0] == "| edit | method | target σ | identity to photo | kept PSNR dB | seconds |"
    assert lines[2] == "| age +2.0 | y | 1.50 [1.00, 2.00] | 0.900 [0.900, 0.900] | – | 4.00 |"
    assert lines[3] == "| age +2.0 | z | 4.00 [3.00, 5.00] | 0.900 [0.900, 0.900] | 50.00 | 2.00 |"
    assert [line.split(" | ")[:2] for line in lines[4:6]] == [["| smile +1.0", "y"], ["| smile +1.0", "z"]]
    assert lines[6].startswith("| mean of edits | y | 0.75 [0.50, 1.00] |")
    assert "mean of edits" not in edit_table(means(frame(results)))


def test_what_arrives_is_a_quotient_of_means():
    results = [_edited("y", "a", 1, target_drawn=2), _edited("y", "b", 2, target_drawn=2)]
    arrives = _row(means(frame(results)), "y", "edited", "age +2.0", "arrives")
    assert arrives == {"mean": 0.75, "low": 0.5, "high": 1, "photos": 2}
    assert "| arrives |" in edit_table(means(frame(results)))
    both = [*results, _edited("z", "a", 1, target_drawn=2), _edited("z", "b", 2, target_drawn=2)]
    assert "arrives" not in edit_table(means(differences(both, "y")), "+")


def test_what_arrives_is_also_compared_with_what_was_drawn_beside_hats():
    results = [
        _edited("y", "a", 1, target_drawn=2, target_open=1),
        _edited("y", "b", 2, target_drawn=2, target_open=2),
    ]
    arrives = _row(means(frame(results)), "y", "edited", "age +2.0", "arrives_open")
    assert arrives == {"mean": 1, "low": 1, "high": 1, "photos": 2}
    assert "| arrives but for hats |" in edit_table(means(frame(results)))


def test_differences_are_taken_edit_by_edit():
    results = [_edited("y", "a", 1), _edited("z", "a", 3, kept_psnr=50), _edited("y", "b", 2)]
    results += [_edited("z", "b", 5, kept_psnr=40)]
    apart = differences(results, "y")
    assert apart.loc[apart["edit"] == "age +2.0", "target"].tolist() == [2, 3]
    assert all(math.isnan(value) for value in apart["kept_psnr"])
    row = "| age +2.0 | z − y | +2.50 [+2.00, +3.00] | +0.000 [+0.000, +0.000] |"
    assert edit_table(means(apart), "+").splitlines()[2].startswith(row)


def test_csv_has_a_line_for_each_picture_methods_together(tmp_path):
    results = [
        _figures("z", "a", 1),
        _generator_only(_figures("y", "a", 10.123456)),
        _figures("z", "b", math.inf),
    ]
    save_csv(tmp_path / "all.csv", results)
    text = (tmp_path / "all.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(r["method"], r["photo"], r["picture"]) for r in rows] == [
        ("z", "a", "generator"),
        ("z", "a", "blended"),
        ("z", "b", "generator"),
        ("z", "b", "blended"),
        ("y", "a", "generator"),
    ]
    assert rows[4]["psnr"] == "10.123456"
    assert [r["mask_area"] for r in rows] == ["", "0.125", "", "0.125", ""]


def test_a_csv_file_gives_back_every_digit(tmp_path):
    edits = {"age +2.0": {"target": 1 / 3, "identity": 0.9, "seconds": 0.1}, "smile −1.0, age +1.0": {}}
    edits["smile −1.0, age +1.0"] = {"target": -2e-17, "kept_psnr": PSNR_LIMIT, "seconds": 2.5}
    bare = replace(_generator_only(_figures("y", "ü, 1", math.inf)), edits=edits, settings="x; y")
    bare = replace(bare, pictures={"generator": {**bare.pictures["generator"], "lpips": 0.1 + 0.2}})
    results = [_figures("z", "ü, 1", 1 / 7, 0.3), bare, _figures("y", "NA", 1), _figures("y", "007", 1)]
    save_csv(tmp_path / "all.csv", results)
    assert sorted(load_csv(tmp_path / "all.csv"), key=str) == sorted(results, key=str)
    assert load_csv(tmp_path / "none.csv") == []
    assert [file.name for file in tmp_path.iterdir()] == ["all.csv"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("st_lpips", "lpips2"),
        lambda text: text.replace("0.125", "an eighth"),
        lambda text: text[: text.rindex(",0.125")],
        lambda text: "",
        lambda text: "\x00\x01",
        lambda text: text.replace("generator,,", "edited,age +2,").replace("blended,,", "edited,smile +2,"),
    ],
)
def test_another_or_a_damaged_file_is_not_continued(tmp_path, damage):
    file = tmp_path / "all.csv"
    save_csv(file, [_figures("z", "a", 1)])
    file.write_text(damage(file.read_text()))
    with pytest.raises(OptionError, match="all.csv does not hold figures as this version writes them"):
        load_csv(file)


def test_only_photos_that_every_method_has_finished_are_compared():
    edited = {"age +2.0": {"target": 1.0}}
    results = [replace(_figures(m, n, 1), edits=edited) for n in "cab" for m in "zy"]
    results[5] = replace(results[5], edits={})  # y of b lacks the edit
    whole = finished(results, ["a", "b", "c", "d"], ["y", "z"], ["age +2.0"])
    assert [(r.name, r.method) for r in whole] == [("a", "y"), ("a", "z"), ("c", "y"), ("c", "z")]
    assert [r.name for r in finished(results, ["a", "b"], ["y"])] == ["a", "b"]
    assert all(r.edits == {} for r in finished(results, ["a"], ["z"]))


def test_plain_values_hold_means_intervals_and_photos():
    results = [_figures("z", "a", 10), _figures("y", "a", 12), _figures("z", "b", 14), _figures("y", "b", 16)]
    results = [replace(r, edits={"age +2.0": {"target": 1.5}}) for r in results]
    values = plain(results, means(frame(results)))
    assert values["methods"]["z"]["means"]["blended"]["psnr"] == 12
    assert values["methods"]["y"]["intervals"]["blended"]["psnr"] == [12, 16]
    assert values["methods"]["y"]["means"]["edits"]["age +2.0"]["target"] == 1.5
    assert [(p["name"], p["method"]) for p in values["photos"]] == [
        ("a", "z"),
        ("a", "y"),
        ("b", "z"),
        ("b", "y"),
    ]


def test_any_rows_become_a_table():
    text = markdown(
        [{"a": 1, "b": None}, {"a": 2.5, "b": "x"}], lambda value: "–" if value is None else str(value)
    )
    assert text.splitlines() == ["| a | b |", "|---|---|", "| 1 | – |", "| 2.5 | x |"]
