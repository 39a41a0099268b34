"""Evaluation: intervals, the published metrics' wiring, tables, files, and the command."""

import csv
import hashlib
import io
import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

import samm
from editing.command.__main__ import main
from editing.evaluation.measure import Comparison, Judges, evaluate, measure, protocol
from editing.evaluation.methods import METHODS, Settings, choose
from editing.evaluation.metrics import (
    PSNR_LIMIT,
    Published,
    background,
    bootstrap_interval,
    frechet_distance,
    load_fid,
    load_lpips,
    psnr_within,
)
from editing.evaluation.tables import (
    Figures,
    differences,
    finished,
    load_csv,
    plain,
    save_csv,
    summarize,
    table,
    to_csv,
)
from samm.crop.png import save_png
from samm.errors import OptionError, PhotoError
from samm.metrics import psnr

LPIPS_ABSENT = Published("LPIPS", None, "the shelf is empty")
FID_ABSENT = Published("FID", None, "the shelf is bare")


@pytest.fixture(scope="module")
def judges(tiny) -> Judges:
    return Judges(tiny.perceptual, samm.load_descriptor(), LPIPS_ABSENT, FID_ABSENT)


def _apart(a_pm1: Tensor, b_pm1: Tensor) -> Tensor:
    """Stand in for LPIPS."""
    return (a_pm1 - b_pm1).abs().mean((1, 2, 3))


def _colors(pictures_u8: Tensor) -> Tensor:
    """Stand in for Inception: the mean color, three features."""
    return pictures_u8.float().mean((2, 3))


def _compare(names: list[str], model: samm.Model, judges: Judges, settings: Settings) -> Comparison:
    return Comparison(choose(names, model, settings), model, judges, settings)


def _figures(method: str, name: str, psnr: float, seconds: float = 1.0) -> Figures:
    scores = {"psnr": psnr, "ssim": 0.5, "st_lpips": 0.25, "identity": 0.75}
    return Figures(name, method, {"generator": scores, "blended": scores}, 0.125, seconds)


# Intervals and the Fréchet distance -------------------------------------------------------------------------


def test_an_interval_holds_the_mean_and_narrows_with_more_photos():
    values = np.random.default_rng(1).normal(20, 2, 400)
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    # A normal mean's interval is ±1.96 σ/√n.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    few_low, few_high = bootstrap_interval(values[:25])
    assert few_high - few_low > 2 * (high - low)


def test_an_interval_is_the_same_at_every_call_and_shared_by_methods():
    values = list(np.random.default_rng(2).normal(20, 2, 12))
    low, high = bootstrap_interval(values)
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval([v + 1 for v in values]) == pytest.approx((low + 1, high + 1))


@pytest.mark.parametrize(
    ("values", "expected"), [([3.0], (3, 3)), ([0.0, 1.0], (0, 1)), ([math.inf] * 3, (math.inf, math.inf))]
)
def test_intervals_that_are_known(values, expected):
    assert bootstrap_interval(values) == expected


def test_frechet_distance_against_the_formula(generator_rng):
    a = torch.randn(40, 5, generator=generator_rng) @ torch.randn(5, 5, generator=generator_rng)
    b = 2 * torch.randn(30, 5, generator=generator_rng) + 1
    mean_a, mean_b = a.double().mean(0), b.double().mean(0)
    cov_a, cov_b = a.double().T.cov(), b.double().T.cov()
    root = torch.linalg.eigvals(cov_a @ cov_b).sqrt().real.sum()
    expected = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * root
    assert frechet_distance(a, b) == pytest.approx(expected.item())
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a + 2) == pytest.approx(5 * 4, rel=1e-5)
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(a[:1], b)


# Regions ----------------------------------------------------------------------------------------------------


def test_the_background_is_the_corners_of_a_crop():
    outside = background(256)
    assert outside.mean() == pytest.approx(1 - math.pi / 4 * 0.85, abs=0.003)
    assert np.array_equal(outside, outside[::-1, ::-1])
    assert not outside[30:226, 60:196].any()  # eyes, mouth, chin, forehead
    assert outside[:, :18].all()
    assert not outside[0, 120:136].any()  # it reaches the upper edge


def test_psnr_within_a_region_sees_nothing_else_and_stays_finite():
    photo = np.random.default_rng(3).integers(20, 200, (64, 64, 3), np.uint8)
    edited, outside = photo.copy(), background(64)
    edited[~outside] += 30  # the face alone
    assert psnr_within(photo, edited, outside) == PSNR_LIMIT == pytest.approx(58.92, abs=0.01)
    assert psnr_within(photo, edited, ~outside) == pytest.approx(20 * math.log10(255 / 30))
    assert psnr_within(photo, edited, np.ones((64, 64), bool)) == psnr(photo, edited)
    with pytest.raises(ValueError, match="no pixel"):
        psnr_within(photo, edited, np.zeros((64, 64), bool))


# Published metrics ------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Callable[[str, bytes], Path]:
    """Put a file into an otherwise empty cache of torch.hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)

    def put(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return put


def _library(monkeypatch, name: str, **content: object) -> None:
    """Make `import name` give a module with this content."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(".".join(parts[:depth])))
    for attribute, value in content.items():
        setattr(sys.modules[name], attribute, value)
    if len(parts) > 1:
        setattr(sys.modules[".".join(parts[:-1])], parts[-1], sys.modules[name])


class _Network(torch.nn.Module):
    """What a fake library builds; remembers with what."""

    def __init__(self, *args: object, **options: object):
        super().__init__()
        self.made_with = (*args, options)

    def forward(self, *pictures: Tensor) -> tuple[Tensor, ...]:
        return (torch.stack([p.float().mean() for p in pictures]),)


def test_absent_libraries_are_reasons(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    lpips, fid = load_lpips(), load_fid()
    assert lpips.network is None
    assert fid.network is None
    assert "torchmetrics" in lpips.reason
    assert "torch_fidelity" in fid.reason


def test_lpips_is_taken_only_with_whole_weights(monkeypatch, shelf):
    content = b"weights"
    name = f"alexnet-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    weights = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=f"https://example.org/{name}"))
    _library(monkeypatch, "torchmetrics.image.lpip", LearnedPerceptualImagePatchSimilarity=_Network)
    _library(monkeypatch, "torchvision.models", AlexNet_Weights=weights)
    assert load_lpips().reason == f"its weights {name} are not in the cache of torch.hub"
    shelf(name, content[:3])
    assert load_lpips().reason == f"its weights {name} in the cache of torch.hub are damaged"
    shelf(name, content)
    found = load_lpips()
    assert found.reason == ""
    assert found.network.made_with == ({"net_type": "alex"},)
    assert not found.network.training


def test_fid_reads_2048_features_from_the_cached_file(monkeypatch, shelf):
    address = "https://example.org/inception-2015-12-05.pth"
    inception = SimpleNamespace(URL_INCEPTION_V3=address, FeatureExtractorInceptionV3=_Network)
    _library(monkeypatch, "torch_fidelity", feature_extractor_inceptionv3=inception)
    assert "inception-2015-12-05.pth are not in" in load_fid().reason
    file = shelf("inception-2015-12-05.pth", b"weights")
    made = []
    monkeypatch.setattr(
        inception, "FeatureExtractorInceptionV3", lambda *a, **k: made.append((a, k)) or _Network()
    )
    features = load_fid().network(torch.full((1, 3, 4, 4), 9, dtype=torch.uint8))
    assert features.tolist() == [9]
    assert made == [(("inception-v3-compat", ["2048"]), {"feature_extractor_weights_path": str(file)})]


def test_published_metrics_enter_the_figures_and_the_table(tiny, tiny_crop, judges):
    full = replace(judges, lpips=Published("LPIPS", _apart), fid=Published("FID", _colors))
    inversion = samm.invert(tiny_crop, tiny)
    figures = measure("a", "samm", inversion, ("generated", "blended"), 1.0, full)
    assert figures.pictures["blended"]["lpips"] < figures.pictures["generator"]["lpips"]
    assert figures.features["photo"][0].tolist() == pytest.approx(tiny_crop.mean((0, 1)).tolist(), rel=1e-4)
    shifted = replace(figures, name="b", features={k: v + 10 for k, v in figures.features.items()})
    (summary,) = summarize([figures, shifted])
    apart = figures.features["generator"] - figures.features["photo"]
    assert summary.fid["generator"] == pytest.approx(apart.square().sum().item(), rel=1e-3)
    text = table([summary])
    assert "| ST-LPIPS | LPIPS | identity | FID | mask area |" in text
    assert f"| {summary.fid['generator']:.1f} |" in text
    comparison = _compare(["samm"], tiny, full, Settings())
    stated = protocol([summary], comparison, 2)
    assert "LPIPS: AlexNet of torchmetrics" in stated
    assert "FID: 2048 Inception features of torch-fidelity" in stated
    resumed = summarize([figures, replace(shifted, features={})])
    assert resumed[0].fid == {}
    assert "FID: left out" in protocol(resumed, comparison, 2)


# Measuring --------------------------------------------------------------------------------------------------


def test_figures_agree_with_the_inversion(tiny, tiny_crop, judges):
    inversion = samm.invert(tiny_crop, tiny)
    figures = measure("a", "samm", inversion, ("generated", "aligned", "blended"), 2.5, judges)
    for picture, attribute in (("generator", "generated"), ("aligned", "aligned"), ("blended", "blended")):
        assert figures.pictures[picture]["psnr"] == inversion.report["psnr"][attribute]
        assert figures.pictures[picture]["ssim"] == inversion.report["ssim"][attribute]
    assert figures.mask_area == inversion.report["kept"]["gathered"]
    assert figures.seconds == 2.5
    equal = replace(inversion, blended=inversion.crop)
    scores = measure("a", "samm", equal, ("blended",), 1.0, judges).pictures["blended"]
    assert scores["psnr"] == math.inf
    assert scores["st_lpips"] == pytest.approx(0, abs=1e-6)
    assert scores["identity"] == pytest.approx(1)


def test_a_bad_photo_is_left_out_for_every_method(tmp_path, tiny, tiny_crop, judges):
    save_png(tiny_crop, tmp_path / "a.png")
    save_png(tiny_crop[:, :400].copy(), tmp_path / "b.png")
    paths, told, failed = [tmp_path / "b.png", tmp_path / "a.png"], [], []
    comparison = _compare(["error-mask", "encoder"], tiny, judges, Settings())
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
    assert results[1].mask_area is None
    assert results[0].seconds > 0
    assert failed == ["b.png"]
    assert "encoder: Encoding" in told
    with pytest.raises(PhotoError, match="not cropped"):
        list(evaluate(paths, comparison))


# Tables and files -------------------------------------------------------------------------------------------


def test_means_are_over_photos_and_seconds_without_the_first():
    results = [_figures("x", "a", 10, seconds=90), _figures("x", "b", 20, 2), _figures("x", "c", 30, 4)]
    (summary,) = summarize(results)
    assert summary.pictures["blended"]["psnr"].value == 20
    assert (summary.pictures["blended"]["psnr"].low, summary.pictures["blended"]["psnr"].high) == (10, 30)
    assert summary.seconds.value == 3
    assert summary.fid == {}
    with pytest.raises(PhotoError, match="No photo could be measured"):
        summarize([])


def test_the_table_keeps_the_methods_order_and_brackets_only_means_of_several():
    one = table(summarize([_figures("z", "a", 10), _figures("y", "a", 12)])).splitlines()
    assert one[2] == "| z | generator only | 10.00 | 0.500 | 0.250 | 0.750 | – | 1.00 |"
    assert one[3] == "| z | blended | 10.00 | 0.500 | 0.250 | 0.750 | 0.125 | 1.00 |"
    assert one[4].startswith("| y | generator only | 12.00 |")
    two = table(summarize([_figures("z", "a", 10), _figures("z", "b", 12)])).splitlines()
    assert two[3].startswith("| z | blended | 11.00 [10.00, 12.00] | 0.500 [0.500, 0.500] |")


def test_differences_are_taken_photo_by_photo():
    base = [replace(_figures("y", name, psnr), mask_area=None) for name, psnr in (("a", 10), ("b", 30))]
    base = [replace(f, pictures={"generator": f.pictures["generator"]}) for f in base]
    results = [_figures("z", "a", 11, seconds=3), base[0], _figures("z", "b", 32), base[1]]
    apart = differences(results, "y")
    assert [(d.method, d.name, list(d.pictures)) for d in apart] == [
        ("z − y", "a", ["generator"]),
        ("z − y", "b", ["generator"]),
    ]
    assert [d.pictures["generator"]["psnr"] for d in apart] == [1, 2]
    assert [d.seconds for d in apart] == [2, 0]
    row = "| z − y | generator only | +1.50 [+1.00, +2.00] | +0.000 [+0.000, +0.000] |"
    assert table(summarize(apart), "+").splitlines()[2].startswith(row)
    assert differences(results, "z")[1].pictures["generator"]["psnr"] == -2


def test_the_protocol_names_what_is_absent_and_never_calls_st_lpips_lpips(tiny, judges):
    settings = Settings(samm.Options(iterations=3), 7)
    comparison = _compare(["samm", "pti"], tiny, judges, settings)
    text = protocol(summarize([_figures("samm", "a", 10)]), comparison, 3)
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
    assert "| LPIPS |" not in table(summarize([_figures("samm", "a", 10)]))


def test_csv_has_a_line_for_each_picture_methods_together():
    generator_only = replace(_figures("y", "a", 10.123456), mask_area=None)
    generator_only = replace(generator_only, pictures={"generator": generator_only.pictures["generator"]})
    results = [_figures("z", "a", 1), generator_only, _figures("z", "b", math.inf)]
    text = to_csv(results)
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
    assert text == to_csv(results)


def test_a_csv_file_gives_back_every_digit(tmp_path):
    edits = {"age +2.0": {"target": 1 / 3, "identity": 0.9, "seconds": 0.1}, "smile −1.0, age +1.0": {}}
    edits["smile −1.0, age +1.0"] = {"target": -2e-17, "kept_psnr": PSNR_LIMIT, "seconds": 2.5}
    bare = replace(_figures("y", "ü, 1", math.inf), mask_area=None, edits=edits, settings="x; y")
    bare = replace(bare, pictures={"generator": {**bare.pictures["generator"], "lpips": 0.1 + 0.2}})
    results = [_figures("z", "ü, 1", 1 / 7, 0.3), bare]
    save_csv(tmp_path / "all.csv", results)
    assert load_csv(tmp_path / "all.csv") == results
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
    file.write_text(damage(to_csv([_figures("z", "a", 1)])))
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
    values = plain(results, summarize(results))
    assert values["means"]["blended"]["psnr"] == 12
    assert values["methods"]["y"]["intervals"]["blended"]["psnr"] == [12, 16]
    assert [(p["name"], p["method"]) for p in values["photos"]] == [
        ("a", "z"),
        ("a", "y"),
        ("b", "z"),
        ("b", "y"),
    ]


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
    assert "2 passes" in error
    assert "1 passes" in error
    assert (tmp_path / "all.csv").read_bytes() == before
    assert _run(photos, "--methods", "residual", "--limit", "1", "--search", "9", *csv_file) == 0


def test_a_photo_that_a_method_fails_on_does_not_stop_the_rest(photos, capsys, stop):
    stop("residual", 2, PhotoError("This photo is too odd; take another."))
    assert _run(photos, "--methods", "encoder,residual") == 1
    printed = capsys.readouterr()
    assert "b.png: This photo is too odd; take another." in printed.err
    assert "2 of 3 photos were measured by all methods." in printed.err
    assert "Photos: 2 of 3" in printed.out


def test_an_error_of_ours_shows_the_table_and_itself(photos, capsys, stop):
    stop("residual", 2, RuntimeError("out of memory"))
    assert _run(photos, "--methods", "encoder,residual") == 1
    printed = capsys.readouterr()
    assert "Photos: 1 of 3" in printed.out
    assert printed.err.endswith(
        "There is not enough memory; close other programs, or make the photo smaller.\n"
    )
