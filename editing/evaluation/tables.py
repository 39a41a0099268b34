"""Figures of a comparison: values of each photo, their means, differences, tables and files.

`measure` makes them. In a data frame they are a line for each photo, method and picture or edit. A CSV file
holds every digit of that, so that a comparison can go on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import pandas as pd
import torch
from torch import Tensor

from editing.evaluation.statistics import bootstrap_interval, frechet_distance
from samm.errors import OptionError, PhotoError

__all__ = [
    "EDIT_METRICS",
    "METRICS",
    "PICTURES",
    "Figures",
    "differences",
    "edit_table",
    "finished",
    "frame",
    "load_csv",
    "markdown",
    "means",
    "plain",
    "save_csv",
    "table",
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
    "fid": ("FID", 1),
    "mask_area": ("mask area", 3),
    "mask_soft": ("soft share", 3),
    "seconds": ("seconds", 2),
}
EDIT_METRICS = {
    "target": ("target σ", 2),
    "target_photo": ("target from photo σ", 2),
    "arrives": ("arrives", 2),
    "arrives_open": ("arrives but for hats", 2),
    "leak": ("leak σ", 2),
    "years": ("years", 1),
    "identity": ("identity to photo", 3),
    "identity_before": ("identity to un-edited", 3),
    "outside": ("outside of 255", 2),
    "changed": ("changed", 3),
    "inside": ("inside", 3),
    "background_psnr": ("background PSNR dB", 2),
    "background_st_lpips": ("background ST-LPIPS", 3),
    "kept_psnr": ("kept PSNR dB", 2),
    "edit_mask_area": ("mask area", 3),
    "edit_mask_soft": ("soft share", 3),
    "seconds": ("seconds", 2),
}
_KEYS = ["method", "photo", "picture", "edit"]
# What is worked out from others when photos are averaged is in no file.
_SHARES = {"arrives": "target_drawn", "arrives_open": "target_open"}  # and what each is a share of
_VALUES = [
    metric
    for metric in dict.fromkeys((*METRICS, *_SHARES.values(), *EDIT_METRICS))
    if metric not in ("fid", *_SHARES)
]
_COLUMNS = [*_KEYS, *_VALUES, "settings"]
_GROUP = ["method", "picture", "edit", "metric"]
_EDITED = "edited"
_ALL_EDITS = "mean of edits"


@dataclass(frozen=True)
class Figures:
    """Figures of one photo under one method.

    Attributes:
        name: of the photo.
        method: its name.
        pictures: metric by picture, named as in `PICTURES`.
        seconds: from crop to pictures, on the wall.
        edits: metric of `EDIT_METRICS` by edit.
        settings: what they were made with, for `save_csv`; see `editing.evaluation.comparison.signatures`.
        features: by picture, and by "photo", Inception features (1, D); empty where FID is not available.
    """

    name: str
    method: str
    pictures: dict[str, dict[str, float]]
    seconds: float
    edits: dict[str, dict[str, float]] = field(default_factory=dict)
    settings: str = ""
    features: dict[str, Tensor] = field(default_factory=dict, repr=False)


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


def frame(results: Iterable[Figures]) -> pd.DataFrame:
    """Lay figures out: a line for each photo, method and picture or edit, methods together, photos in order.

    Raises:
        PhotoError: there are none.
    """
    rows = []
    for r in results:
        same = {"method": r.method, "photo": r.name, "settings": r.settings}
        for picture, values in r.pictures.items():
            rows.append({**same, "picture": picture, "edit": "", "seconds": r.seconds, **values})
        for edit, values in r.edits.items():
            rows.append({**same, "picture": _EDITED, "edit": edit, **values})
    if not rows:
        raise PhotoError("No photo could be measured; check the files named above.")
    order = {method: place for place, method in enumerate(dict.fromkeys(row["method"] for row in rows))}
    return pd.DataFrame(sorted(rows, key=lambda row: order[row["method"]]), columns=_COLUMNS)


def differences(results: Sequence[Figures], against: str) -> pd.DataFrame:
    """Subtract a method's figures from the others', photo by photo, picture by picture and edit by edit.

    Averaged, their intervals are free of what the photos differ by, and one without 0 is a difference. What
    only one of the two methods has is left out.
    """
    figures = frame(results).drop(columns="settings").set_index(_KEYS)
    base = figures.xs(against, level="method")
    parts = []
    for method in dict.fromkeys(figures.index.get_level_values("method")):
        if method == against:
            continue
        other = figures.xs(method, level="method")
        other = other[other.index.isin(base.index)]
        apart = (other - base.reindex(other.index)).drop(columns=[*_SHARES.values()]).reset_index()
        parts.append(apart.assign(method=f"{method} − {against}"))
    return pd.concat(parts, ignore_index=True).reindex(columns=_COLUMNS)


def means(figures: pd.DataFrame, fid: Mapping[tuple[str, str], float] | None = None) -> pd.DataFrame:
    """Average figures over photos, and where there are several edits also over these.

    The first photo's seconds are left out where there are more, for it also pays for what is loaded once.

    Args:
        figures: from `frame` or `differences`.
        fid: by method and picture, see `fid_of`.

    Returns:
        By method, picture, edit and metric: mean, low and high of its 95 % interval, and number of photos.
    """
    long = _with_all_edits(figures).melt(_KEYS, _VALUES, var_name="metric").dropna(subset="value")
    later = set()  # photos of a method after its first
    for (method,), part in _groups(figures, ["method"]):
        photos = list(dict.fromkeys(part["photo"]))
        later |= {(method, photo) for photo in photos[1:] or photos}
    rows = []
    for (method, *rest, metric), part in _groups(long, _GROUP):
        photos, values = part["photo"].tolist(), part["value"].tolist()
        if metric == "seconds":
            values = [v for photo, v in zip(photos, values, strict=True) if (method, photo) in later]
        rows.append((method, *rest, metric, fmean(values), *bootstrap_interval(values), len(values)))
    rows += _arriving(long)
    for (method, picture), distance in (fid or {}).items():
        rows.append((method, picture, "", "fid", distance, distance, distance, 1))
    return pd.DataFrame(rows, columns=[*_GROUP, "mean", "low", "high", "photos"]).set_index(_GROUP)


def _arriving(long: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Give the shares of the drawn targets' means that the results' mean has, as rows of `means`."""
    rows = []
    for (method, picture, edit), part in _groups(long, _GROUP[:3]):
        values = {metric: group["value"].tolist() for (metric,), group in _groups(part, ["metric"])}
        for metric, whole in _SHARES.items():
            if (drawn := values.get(whole)) and fmean(drawn):
                share = fmean(values["target"]) / fmean(drawn)
                interval = bootstrap_interval(values["target"], drawn)
                rows.append((method, picture, edit, metric, share, *interval, len(drawn)))
    return rows


def _with_all_edits(figures: pd.DataFrame) -> pd.DataFrame:
    """Add the mean of a photo's edits, where there are several, as one edit more."""
    edited = figures.loc[figures["edit"].ne("")]
    if len(set(edited["edit"])) < 2:
        return figures
    rows = [
        {**dict(zip(_KEYS, key, strict=False)), **part[_VALUES].mean(), "edit": _ALL_EDITS}
        for key, part in _groups(edited, _KEYS[:3])
    ]
    return pd.concat([figures, pd.DataFrame(rows)], ignore_index=True)


def _groups(lines: pd.DataFrame, by: list[str]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Group lines, in the order in which groups first appear."""
    for key, part in lines.groupby(by, sort=False):
        yield cast(tuple[str, ...], key), part


def fid_of(results: Sequence[Figures]) -> dict[tuple[str, str], float]:
    """Give the FID by method and picture, where there are several photos and none was read from a file."""
    groups: dict[str, list[Figures]] = {}
    for r in results:
        groups.setdefault(r.method, []).append(r)
    distances = {}
    for method, group in groups.items():
        if len(group) < 2 or not all(r.features for r in group):
            continue
        features = {p: torch.cat([r.features[p] for r in group]) for p in group[0].features}
        for picture in features.keys() - {"photo"}:
            distances[method, picture] = frechet_distance(features["photo"], features[picture])
    return distances


# Tables ---------------------------------------------------------------------------------------------------


def table(averages: pd.DataFrame, sign: str = "") -> str:
    """Lay methods and their pictures out as one Markdown table: mean [95 % interval]; sign "+" shows both."""
    titles = dict(PICTURES.values())
    keys = [key for key in dict.fromkeys(key[:3] for key in averages.index) if not key[2]]
    order = {method: place for place, method in enumerate(dict.fromkeys(key[0] for key in keys))}
    keys.sort(key=lambda key: order[key[0]])
    labels = [{"method": method, "picture": titles[picture]} for method, picture, _ in keys]
    return _table(averages, keys, labels, METRICS, sign)


def edit_table(averages: pd.DataFrame, sign: str = "") -> str:
    """Lay edits out as one Markdown table, the methods of an edit together; see `table`."""
    keys = [key for key in dict.fromkeys(key[:3] for key in averages.index) if key[2]]
    order = {edit: place for place, edit in enumerate(dict.fromkeys(key[2] for key in keys))}
    keys.sort(key=lambda key: order[key[2]])
    labels = [{"edit": edit, "method": method} for method, _, edit in keys]
    return _table(averages, keys, labels, EDIT_METRICS, sign)


def _table(
    averages: pd.DataFrame,
    keys: Sequence[tuple[str, str, str]],
    labels: Sequence[dict[str, str]],
    metrics: Mapping[str, tuple[str, int]],
    sign: str,
) -> str:
    found = {index[3] for index in averages.index if index[:3] in set(keys)}
    rows = [
        {
            **label,
            **{
                title: _mean_cell(averages, (*key, metric), sign, decimals)
                for metric, (title, decimals) in metrics.items()
                if metric in found
            },
        }
        for key, label in zip(keys, labels, strict=True)
    ]
    return markdown(rows)


def _mean_cell(averages: pd.DataFrame, index: tuple[str, ...], sign: str, decimals: int) -> str:
    """Write a mean, and its interval where more than one value makes one."""
    if index not in averages.index:
        return "–"
    mean = averages.loc[index]
    value, low, high = (f"{mean[name]:{sign}.{decimals}f}" for name in ("mean", "low", "high"))
    return f"{value} [{low}, {high}]" if mean["photos"] > 1 else value


def markdown(rows: Sequence[Mapping[str, Any]], write: Callable[[Any], str] = str) -> str:
    """Lay rows of one shape out as a Markdown table, titles from the keys."""
    lines = [list(rows[0]), *([write(value) for value in row.values()] for row in rows)]
    head, *body = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


# Files ----------------------------------------------------------------------------------------------------


def save_csv(file: Path, results: Iterable[Figures]) -> None:
    """Write `frame` to a file, which at any moment holds either the figures before or all of these.

    Raises:
        OptionError: it cannot be written.
    """
    results = list(results)
    lines = frame(results) if results else pd.DataFrame(columns=_COLUMNS)
    beside = file.with_name(file.name + ".part")
    try:
        lines.to_csv(beside, index=False, lineterminator="\n")
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
        text = file.read_text(encoding="utf-8")
        lines = pd.read_csv(StringIO(text), dtype=str, na_filter=False)
        if list(lines.columns) != _COLUMNS or not text.endswith("\n"):
            raise ValueError("other columns, or a line cut off")
        return [
            _read(photo, method, group.to_dict("records"))
            for (photo, method), group in _groups(lines, ["photo", "method"])
        ]
    except (OSError, ValueError, StopIteration) as error:
        raise OptionError(
            f"The file {file.name} does not hold figures as this version writes them, so they cannot be "
            "continued; choose another file, or move this one away."
        ) from error


def _read(photo: str, method: str, rows: Sequence[dict[str, str]]) -> Figures:
    """Read the lines of one photo under one method."""
    found = [{name: float(row[name]) for name in _VALUES if row[name]} for row in rows]
    pictures = {row["picture"]: values for row, values in zip(rows, found, strict=True) if not row["edit"]}
    return Figures(
        name=photo,
        method=method,
        pictures={p: {m: v for m, v in values.items() if m != "seconds"} for p, values in pictures.items()},
        seconds=next(values["seconds"] for values in pictures.values()),
        edits={row["edit"]: values for row, values in zip(rows, found, strict=True) if row["edit"]},
        settings=rows[0]["settings"],
    )


def plain(results: Sequence[Figures], averages: pd.DataFrame) -> dict[str, Any]:
    """Give all figures as plain values for JSON: by method the means and intervals, and every photo's."""
    methods: dict[str, Any] = {}
    for row in averages.reset_index().to_dict("records"):
        method, picture, edit, metric = (row[name] for name in _GROUP)
        of_method = methods.setdefault(method, {"means": {}, "intervals": {}})
        for kind, value in (("means", row["mean"]), ("intervals", [row["low"], row["high"]])):
            group = of_method[kind].setdefault("edits", {}) if edit else of_method[kind]
            group.setdefault(edit or picture, {})[metric] = value
    photos = [
        {"name": r.name, "method": r.method, "pictures": r.pictures, "seconds": r.seconds, "edits": r.edits}
        for r in results
    ]
    return {"methods": methods, "photos": photos}
