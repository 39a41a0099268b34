"""Figures of a comparison: values of each photo, their means, differences, tables and files.

`evaluation` measures them. A CSV file holds every digit of them, so that a comparison can go on where it was.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from editing.evaluation.metrics import bootstrap_interval, frechet_distance
from samm.errors import OptionError, PhotoError

__all__ = [
    "EDIT_METRICS",
    "METRICS",
    "PICTURES",
    "Figures",
    "Mean",
    "Summary",
    "differences",
    "edit_table",
    "finished",
    "load_csv",
    "plain",
    "save_csv",
    "summarize",
    "table",
    "to_csv",
]

# Attribute of Inversion -> name in files, title in tables.
PICTURES = {
    "generated": ("generator", "generator only"),
    "aligned": ("aligned", "aligned, un-blended"),
    "blended": ("blended", "blended"),
}
# Metric -> title, decimals.
METRICS = {
    "psnr": ("PSNR dB", 2),
    "ssim": ("SSIM", 3),
    "st_lpips": ("ST-LPIPS", 3),
    "lpips": ("LPIPS", 3),
    "identity": ("identity", 3),
}
EDIT_METRICS = {
    "target": ("target σ", 2),
    "target_photo": ("target from photo σ", 2),
    "leak": ("leak σ", 2),
    "identity": ("identity to photo", 3),
    "identity_before": ("identity to un-edited", 3),
    "background_psnr": ("background PSNR dB", 2),
    "background_st_lpips": ("background ST-LPIPS", 3),
    "kept_psnr": ("kept PSNR dB", 2),
    "seconds": ("seconds", 2),
}
_VALUES = tuple(dict.fromkeys((*METRICS, "mask_area", *EDIT_METRICS)))
_COLUMNS = ("method", "photo", "picture", "edit", *_VALUES, "settings")
_EDITED = "edited"


@dataclass(frozen=True)
class Figures:
    """Figures of one photo under one method.

    Attributes:
        name: of the photo.
        method: its name.
        pictures: metric by picture, named as in `PICTURES`.
        mask_area: mean of the mask that the result was blended with; None where nothing is blended.
        seconds: from crop to pictures, on the wall.
        edits: metric of `EDIT_METRICS` by edit.
        settings: what they were made with, for `save_csv`; see `editing.evaluation.measure.signatures`.
        features: by picture, and by "photo", Inception features (1, D); empty where FID is not available.
    """

    name: str
    method: str
    pictures: dict[str, dict[str, float]]
    mask_area: float | None
    seconds: float
    edits: dict[str, dict[str, float]] = field(default_factory=dict)
    settings: str = ""
    features: dict[str, Tensor] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Mean:
    """A mean over `count` photos and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Summary:
    """One method over all photos; see `Figures`. `fid` is by picture, and empty where not available."""

    method: str
    photos: int
    pictures: dict[str, dict[str, Mean]]
    mask_area: Mean | None
    seconds: Mean
    edits: dict[str, dict[str, Mean]]
    fid: dict[str, float]


def finished(
    results: Iterable[Figures], photos: Sequence[str], methods: Sequence[str], edits: Sequence[str] = ()
) -> list[Figures]:
    """Pick the photos that every method has finished, and of their edits the named ones; all in given order.

    A comparison that was cut off so still compares methods on the same photos.
    """
    found = {(r.name, r.method): r for r in results if all(edit in r.edits for edit in edits)}
    whole = [photo for photo in photos if all((photo, method) in found for method in methods)]
    return [
        replace(found[photo, method], edits={edit: found[photo, method].edits[edit] for edit in edits})
        for photo in whole
        for method in methods
    ]


def summarize(results: Sequence[Figures]) -> list[Summary]:
    """Average each method over its photos, in the order in which methods first appear.

    Raises:
        PhotoError: there is nothing to average.
    """
    if not results:
        raise PhotoError("No photo could be measured; check the files named above.")
    return [_summary(method, figures) for method, figures in _by_method(results).items()]


def differences(results: Sequence[Figures], against: str) -> list[Figures]:
    """Subtract a method's figures from the others', photo by photo, picture by picture and edit by edit.

    Summarized, their intervals are free of what the photos differ by, and one without 0 is a difference.
    What only one of the two methods has is left out.
    """
    by_method = _by_method(results)
    base = by_method.pop(against)
    return [_minus(a, b) for others in by_method.values() for a, b in zip(others, base, strict=True)]


def _minus(a: Figures, b: Figures) -> Figures:
    return Figures(
        name=a.name,
        method=f"{a.method} − {b.method}",
        pictures=_values_minus(a.pictures, b.pictures),
        mask_area=None if a.mask_area is None or b.mask_area is None else a.mask_area - b.mask_area,
        seconds=a.seconds - b.seconds,
        edits=_values_minus(a.edits, b.edits),
    )


def _values_minus(
    a: Mapping[str, dict[str, float]], b: Mapping[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    return {
        name: {metric: value - b[name][metric] for metric, value in values.items() if metric in b[name]}
        for name, values in a.items()
        if name in b
    }


def _by_method(results: Iterable[Figures]) -> dict[str, list[Figures]]:
    groups: dict[str, list[Figures]] = {}
    for figures in results:
        groups.setdefault(figures.method, []).append(figures)
    return groups


def _summary(method: str, results: list[Figures]) -> Summary:
    areas = [r.mask_area for r in results if r.mask_area is not None]
    timed = results[1:] or results  # the first photo also pays for what is loaded and laid out once
    edits = _means([r.edits for r in results])
    for edit, seconds in _means([r.edits for r in timed]).items():
        edits[edit]["seconds"] = seconds["seconds"]
    whole = all(r.features for r in results)  # those read from a CSV file have none
    return Summary(
        method=method,
        photos=len(results),
        pictures=_means([r.pictures for r in results]),
        mask_area=_mean(areas) if areas else None,
        seconds=_mean([r.seconds for r in timed]),
        edits=edits,
        fid={
            picture: frechet_distance(
                *(torch.cat([r.features[p] for r in results]) for p in ("photo", picture))
            )
            for picture in results[0].features
            if whole and picture != "photo" and len(results) > 1
        },
    )


def _means(results: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Mean]]:
    """Average metrics by name, each over the photos that have it."""
    metrics = {
        name: dict.fromkeys(metric for values in results for metric in values[name]) for name in results[0]
    }
    return {
        name: {
            metric: _mean([values[name][metric] for values in results if metric in values[name]])
            for metric in found
        }
        for name, found in metrics.items()
    }


def _mean(values: Sequence[float]) -> Mean:
    return Mean(fmean(values), *bootstrap_interval(values), len(values))


# Tables ---------------------------------------------------------------------------------------------------


def table(summaries: Sequence[Summary], sign: str = "") -> str:
    """Lay methods and their pictures out as one Markdown table: mean [95 % interval]; sign "+" shows both."""
    metrics = [m for m in METRICS if m in next(iter(summaries[0].pictures.values()))]
    fid = any(summary.fid for summary in summaries)
    titles = ["method", "picture", *(METRICS[m][0] for m in metrics)]
    titles += [*(["FID"] if fid else []), "mask area", "seconds"]
    rows = []
    for summary in summaries:
        for picture, means in summary.pictures.items():
            title = next(title for name, title in PICTURES.values() if name == picture)
            cells = [summary.method, title, *(_cell(means.get(m), sign, METRICS[m][1]) for m in metrics)]
            if fid:
                cells.append(f"{summary.fid[picture]:.1f}" if picture in summary.fid else "–")
            cells.append(_cell(summary.mask_area if picture == "blended" else None, sign, 3))
            cells.append(_cell(summary.seconds, sign, 2))
            rows.append(cells)
    return _lay_out(titles, rows)


def edit_table(summaries: Sequence[Summary], sign: str = "") -> str:
    """Lay edits out as one Markdown table, the methods of an edit together; see `table`."""
    edits = list(dict.fromkeys(edit for summary in summaries for edit in summary.edits))
    found = {m for summary in summaries for means in summary.edits.values() for m in means}
    metrics = [m for m in EDIT_METRICS if m in found]
    rows = [
        [edit, s.method, *(_cell(s.edits[edit].get(m), sign, EDIT_METRICS[m][1]) for m in metrics)]
        for edit in edits
        for s in summaries
    ]
    return _lay_out(["edit", "method", *(EDIT_METRICS[m][0] for m in metrics)], rows)


def _lay_out(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([_row(titles), "|" + "---|" * len(titles), *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(mean: Mean | None, sign: str, decimals: int) -> str:
    """Write a mean, and its interval where more than one value makes one."""
    if mean is None:
        return "–"
    value, low, high = (f"{number:{sign}.{decimals}f}" for number in (mean.value, mean.low, mean.high))
    return f"{value} [{low}, {high}]" if mean.count > 1 else value


# Files ----------------------------------------------------------------------------------------------------


def to_csv(results: Iterable[Figures]) -> str:
    """Write a line for each photo, method and picture or edit, methods together and photos in order."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for r in (figures for group in _by_method(results).values() for figures in group):
        same = {"method": r.method, "photo": r.name, "settings": r.settings}
        for picture, values in r.pictures.items():
            area = {"mask_area": r.mask_area} if picture == "blended" and r.mask_area is not None else {}
            writer.writerow({**same, "picture": picture, **values, **area, "seconds": r.seconds})
        for edit, values in r.edits.items():
            writer.writerow({**same, "picture": _EDITED, "edit": edit, **values})
    return text.getvalue()


def save_csv(file: Path, results: Iterable[Figures]) -> None:
    """Write `to_csv` to a file, which at any moment holds either the figures before or all of these.

    Raises:
        OptionError: it cannot be written.
    """
    beside = file.with_name(file.name + ".part")
    try:
        beside.write_text(to_csv(results), encoding="utf-8")
        os.replace(beside, file)
    except OSError as error:
        raise OptionError(f"The file {file.name} cannot be written; choose another place for it.") from error
    finally:
        beside.unlink(missing_ok=True)


def load_csv(file: Path) -> list[Figures]:
    """Read what `save_csv` wrote, all but the Inception features; nothing where there is no such file.

    Raises:
        OptionError: the file cannot be read, or has other columns or damaged lines.
    """
    if not file.exists():
        return []
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            rows, columns = list(reader), tuple(reader.fieldnames or ())
        if columns != _COLUMNS:
            raise ValueError("other columns")
        groups: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in rows:
            groups.setdefault((row["photo"], row["method"]), []).append(row)
        return [_read(group) for group in groups.values()]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise OptionError(
            f"The file {file.name} does not hold figures as this version writes them, so they cannot be "
            "continued; choose another file, or move this one away."
        ) from error


def _read(rows: Sequence[dict[str, str]]) -> Figures:
    """Read the lines of one photo under one method."""
    values = [{name: float(row[name]) for name in _VALUES if row[name] != ""} for row in rows]
    lines = [(row["picture"], row["edit"], found) for row, found in zip(rows, values, strict=True)]
    drawn = {picture: found for picture, edit, found in lines if not edit}
    return Figures(
        name=rows[0]["photo"],
        method=rows[0]["method"],
        pictures={picture: {m: found[m] for m in METRICS if m in found} for picture, found in drawn.items()},
        mask_area=drawn.get("blended", {}).get("mask_area"),
        seconds=next(iter(drawn.values()), {})["seconds"],
        edits={edit: found for _, edit, found in lines if edit},
        settings=rows[0]["settings"],
    )


def plain(results: Sequence[Figures], summaries: Sequence[Summary]) -> dict[str, Any]:
    """Give all figures as plain values for JSON; `means` is the first method's."""
    methods = {
        s.method: {"means": _values(s, _value), "intervals": _values(s, _interval), "fid": s.fid}
        for s in summaries
    }
    photos = [
        {
            "name": r.name,
            "method": r.method,
            "pictures": r.pictures,
            "mask_area": r.mask_area,
            "seconds": r.seconds,
            "edits": r.edits,
        }
        for r in results
    ]
    return {"means": methods[summaries[0].method]["means"], "methods": methods, "photos": photos}


def _values(summary: Summary, read: Callable[[Mean], Any]) -> dict[str, Any]:
    def read_all(groups: Mapping[str, Mapping[str, Mean]]) -> dict[str, dict[str, Any]]:
        return {name: {m: read(mean) for m, mean in means.items()} for name, means in groups.items()}

    return {
        **read_all(summary.pictures),
        "mask_area": read(summary.mask_area) if summary.mask_area else None,
        "seconds": read(summary.seconds),
        **({"edits": read_all(summary.edits)} if summary.edits else {}),
    }


def _value(mean: Mean) -> float:
    return mean.value


def _interval(mean: Mean) -> list[float]:
    return [mean.low, mean.high]
