"""A whole comparison: what an earlier run left in a file is taken over, and tables come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from editing.evaluation.comparison import Comparison, evaluate, signatures
from editing.evaluation.methods import METHODS, SECONDS_A_STEP
from editing.evaluation.protocol import protocol
from editing.evaluation.tables import (
    Figures,
    differences,
    edit_table,
    fid_of,
    finished,
    frame,
    load_csv,
    means,
    plain,
    save_csv,
    table,
)
from editing.recipe.line import describe
from samm.errors import OptionError

__all__ = ["compare"]


def compare(
    paths: Sequence[Path],
    comparison: Comparison,
    against: str | None,
    csv: Path | None,
    show: Callable[[str, dict[str, Any]], None],
    complain: Callable[[str], None],
    explain: Callable[[Exception], str] = str,
) -> bool:
    """Measure photos by all methods and show tables and protocol; say whether all went well.

    What was finished is shown after Ctrl-C and after errors of ours too, since it took time.

    Args:
        paths: of photos with different names.
        comparison: what to measure by.
        against: a method that the others are also subtracted from.
        csv: is written as figures come, and what it holds is not measured again.
        show: takes the tables and the protocol as Markdown, and all figures as plain values.
        complain: takes sentences about photos that fail, and about long searches.
        explain: makes a sentence of whatever a photo failed by.

    Raises:
        OptionError: `against` is not one of several methods, or the CSV file holds figures of other settings
            or cannot be written.
    """
    if against and (against not in comparison.methods or len(comparison.methods) == 1):
        raise OptionError(f"--against {against} needs that method and another one in --methods.")
    names, edits = [path.stem for path in paths], [describe(edit) for edit in comparison.bench.edits]
    figures = _earlier(csv, signatures(comparison)) if csv else {}
    done = {key for key, found in figures.items() if all(edit in found.edits for edit in edits)}
    missing = [method for name in names for method in comparison.methods if (name, method) not in done]
    _announce(missing, comparison.bench.search_steps, complain)
    failed: list[Path] = []

    def on_error(path: Path, error: Exception) -> None:
        failed.append(path)
        complain(f"{path.name}: {explain(error)}")

    try:
        with tqdm(paths, unit="photo", disable=None, leave=False) as bar:

            def tell(stage: str, step: int, steps: int) -> None:
                bar.set_postfix_str(stage + (f" {step}/{steps}" if steps > 1 else ""))

            for new in evaluate(bar, comparison, on_error, tell, done):
                before = figures.get((new.name, new.method), new)
                figures[new.name, new.method] = replace(new, edits={**before.edits, **new.edits})
                if csv:
                    save_csv(csv, figures.values())
    finally:
        results = finished(figures.values(), names, list(comparison.methods), edits)
        measured = len(results) // len(comparison.methods)
        if measured < len(paths):
            complain(f"{measured} of {len(paths)} photos were measured by all methods.")
        if results:
            show(*_summary(results, comparison, against, len(paths)))
    return not failed


def _earlier(file: Path, made_with: Mapping[str, str]) -> dict[tuple[str, str], Figures]:
    """Read what an earlier run measured, by photo and method, and see that the file can be written."""
    figures = {(found.name, found.method): found for found in load_csv(file)}
    for found in figures.values():
        if found.settings != made_with.get(found.method, found.settings):
            raise OptionError(
                f"The file {file.name} holds figures of {found.method} with other settings "
                f"({found.settings}) than now ({made_with[found.method]}); choose another file."
            )
    save_csv(file, figures.values())
    return figures


def _announce(methods: Sequence[str], search_steps: int, complain: Callable[[str], None]) -> None:
    """Say how long the searches of methods, each named once a photo, may take."""
    searching = [name for name in methods if METHODS[name].searches]
    steps = search_steps * sum(METHODS[name].searches for name in searching)
    if steps:
        minutes = max(steps * SECONDS_A_STEP / 60, 1)
        named = " and ".join(dict.fromkeys(searching))
        complain(f"{named} will take up to {steps:,} steps, on two CPU cores about {minutes:,.0f} min.")


def _summary(
    results: Sequence[Figures], comparison: Comparison, against: str | None, asked: int
) -> tuple[str, dict[str, Any]]:
    """Give tables and protocol, and all figures as plain values."""
    bench, fid = comparison.bench, fid_of(results)
    averages = [(means(frame(results), fid), "")]
    if against:
        averages.append((means(differences(results, against)), "+"))
    layouts = [table, edit_table] if bench.edits else [table]
    tables = [lay_out(*average) for lay_out in layouts for average in averages]
    measured = len(results) // len(comparison.methods)
    text = "\n\n".join([*tables, protocol(comparison, measured, asked, bool(fid))]) + "\n"
    used = {
        "preset": bench.model.preset,
        "precision": bench.model.precision,
        "options": {**asdict(bench.options), "mask_strength": bench.mask_strength},
        "search_steps": bench.search_steps,
        "edits": [describe(edit) for edit in bench.edits],
    }
    return text, {**plain(results, averages[0][0]), "protocol": text, **used}
