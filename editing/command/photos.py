"""The loop over photos: list them, find what to crop, invert it, hand it to a command; no failure ends it."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from editing.command.choices import PhotoChoice
from editing.command.console import complain, explain, say
from editing.command.results import Results, is_result, open_results
from editing.people import join
from samm.crop.crop import Crop, Photo
from samm.crop.faces import NO_FACE
from samm.crop.listing import survey
from samm.crop.png import save_png
from samm.crop.turn import turn_warning
from samm.errors import OptionError, PhotoError, UserError
from samm.inversion import Inversion, Options, Progress, invert
from samm.models import Model
from samm.picture import Picture

__all__ = ["Job", "Place", "Result", "each_photo", "expand"]

_WHOLE = "_whole.png"


@dataclass(frozen=True)
class Place:
    """A crop of a photo, the suffix of its results' names, and what a person should know of it."""

    crop: Crop
    suffix: str = ""
    warnings: tuple[str, ...] = ()


class Result(Protocol):
    """What a command has made of an inversion."""

    @property
    def picture(self) -> Picture:
        """The drawn picture with its mask."""
        ...

    def save(self, stem: Path, place: Place, record: dict[str, str]) -> str:
        """Write all files, under a name to which the job's endings are added; give a line that says so.

        The picture comes last, with the record among its PNG texts: where it is, all is.
        """
        ...


class Job(Protocol):
    """What a command makes of every inversion."""

    @property
    def settings(self) -> str:
        """All that decides the results, beside photo, crop, model and options."""
        ...

    @property
    def endings(self) -> tuple[str, ...]:
        """Of the names of the files of a result, but for whole photos; such as "_edit.png"."""
        ...

    @property
    def text(self) -> dict[str, str]:
        """PNG texts of its pictures."""
        ...

    def draw(self, inversion: Inversion) -> Result:
        """Make what is to be saved."""
        ...


@dataclass(frozen=True)
class _Run:
    """What stays the same from photo to photo."""

    choice: PhotoChoice
    model: Model
    options: Options
    job: Job
    results: Results

    @property
    def joins(self) -> bool:
        """Whether all faces go into one whole photo."""
        return self.choice.whole_photo and self.choice.face == "all"


def each_photo(choice: PhotoChoice, model: Model, options: Options, job: Job) -> int:
    """Invert every face, or the car, that was chosen, and let a command draw and save it.

    A photo that fails, for whatever reason, is told in one sentence and does not stop the rest; nothing
    half-finished stays of it.

    Args:
        choice: which photos and faces, and where results go.
        model: inverts.
        options: how.
        job: what the command makes of an inversion.

    Returns:
        The number of failures.

    Raises:
        OptionError: a face was chosen but the model draws no faces, or the folder cannot be written to.
    """
    if choice.face and not model.domain.searched:
        raise OptionError(
            f"--face chooses among faces, but the preset {model.preset} draws {model.domain.name}s; leave it "
            "out, or place the crop with --crop."
        )
    paths, failures = expand(choice.names, choice.out)
    if not paths:
        return max(failures, 1)
    settings = repr(
        (model.preset, model.precision, options, choice.face, choice.crop, choice.whole_photo, choice.no_turn)
    )
    results = open_results(choice.out, settings + job.settings, choice.resume)
    run = _Run(choice, model, options, job, results)
    with tqdm(paths, unit="photo", disable=None, leave=False) as bar:
        for path in bar:

            def tell(stage: str, done: int, total: int, name: str = path.name) -> None:
                bar.set_postfix_str(f"{name}: {stage}" + (f" {done}/{total}" if total > 1 else ""))

            try:
                failures += _one_photo(path, run, tell)
            except Exception as error:  # of whatever kind: the other photos are not to blame
                failures += 1
                complain(f"{path.name}: {explain(error)}")
    return failures


def expand(names: Iterable[Path], out: Path | None = None) -> tuple[list[Path], int]:
    """List the photos behind files, folders and patterns, each once; what fails is told and counted.

    Of a run that writes to `out`, what is left out of folders is told in one line, too. Among it are results
    of earlier runs.
    """
    photos: dict[str, Path] = {}
    skipped, failures = Counter[str](), 0
    for name in names:
        try:
            listing = survey(name)
        except UserError as error:
            failures += 1
            complain(str(error))
            continue
        skipped += listing.skipped
        for path in listing.photos:
            if path != name and out is not None and _lies_in(path, out) and is_result(path):
                skipped["result of an earlier run"] += 1
            else:
                photos.setdefault(os.path.abspath(path), path)
    if skipped and out is not None:
        complain("Left out: " + ", ".join(f"{count} × {why}" for why, count in skipped.items()) + ".")
    return list(photos.values()), failures


def _one_photo(path: Path, run: _Run, tell: Progress) -> int:
    """Make all results of a photo; give the number of crops that failed."""
    results, digest = run.results, run.results.digest(path)
    if results.has_all(digest, run.joins):
        say(f"{path.name}: finished earlier.")
        return 0
    photo = _open(path, run)
    places, failed = list(_places(photo, run)), []
    pictures = _pictures(path, places, digest, run, tell, failed)
    if not run.joins:
        for _ in pictures:
            pass
        return len(failed)
    whole = join(photo, pictures)
    if len(failed) < len(places):
        record = {} if failed else results.record(digest, "whole")
        name = _name(path, [_WHOLE], run)
        save_png(whole, results.folder / (name + _WHOLE), {**run.job.text, **record})
    return len(failed)


def _pictures(
    path: Path, places: Sequence[Place], digest: str, run: _Run, tell: Progress, failed: list[int]
) -> Iterator[Picture]:
    """Draw and save all crops of a photo; numbers of those that fail are added to `failed`."""
    results = run.results
    for number, place in enumerate(places, 1):
        record = results.record(digest, f"{number}/{len(places)}")
        is_saved = results.has(record)
        if is_saved and not run.joins:
            continue
        try:
            result = _draw(path, place, run, tell)
            if not is_saved:
                _save(path, place, result, record, run)
        except Exception as error:  # of whatever kind: the other faces are not to blame
            failed.append(number)
            complain(f"{path.name}{f', face {number}' if len(places) > 1 else ''}: {explain(error)}")
        else:
            yield result.picture


def _open(path: Path, run: _Run) -> Photo:
    """Read a photo and turn it upright, unless somebody said not to; say what was done to it."""
    photo = Photo.open(path)
    for note in photo.file.notes:
        say(f"{path.name}: {note}")
    if run.choice.no_turn or run.choice.crop:
        return photo
    upright = photo.upright(run.model.domain)
    if upright.turned_deg:
        say(f"{path.name}: {turn_warning(upright.turned_deg, '--no-turn')}")
    return upright


def _draw(path: Path, place: Place, run: _Run, tell: Progress) -> Result:
    """Invert, and let the command draw; say what is to be known of it."""
    inversion = invert(place.crop, run.model, run.options, tell)
    for warning in (*place.warnings, *([inversion.notice] if inversion.notice else [])):
        say(f"{path.name}: {warning}")
    return run.job.draw(inversion)


def _save(path: Path, place: Place, result: Result, record: dict[str, str], run: _Run) -> None:
    """Write the files of one crop, all or none, and say so."""
    alone = run.choice.whole_photo and not run.joins
    endings = [place.suffix + ending for ending in (*run.job.endings, *([_WHOLE] if alone else []))]
    name = _name(path, endings, run)
    stem = run.results.folder / (name + place.suffix)
    try:
        if alone:
            save_png(result.picture.whole(), stem.with_name(stem.name + _WHOLE), run.job.text)
        line = result.save(stem, place, record)
    except BaseException:  # a stop, too
        for ending in endings:
            with contextlib.suppress(OSError):
                run.results.folder.joinpath(name + ending).unlink()
        raise
    say(f"{stem.name}: {line}")


def _name(path: Path, endings: list[str], run: _Run) -> str:
    """Name the results of a photo, and tell where the name is not simply the photo's."""
    name, is_own = run.results.free_name(path, endings)
    if not is_own:
        say(f"{path.name}: results of this name are there, so these are called {name}.")
    return name


def _places(photo: Photo, run: _Run) -> Iterator[Place]:
    """Say what of a photo was asked for."""
    choice, domain = run.choice, run.model.domain
    if choice.crop:
        yield Place(photo.crop(*choice.crop, domain=domain))
        return
    crops = photo.locate(domain)
    if not crops:
        raise PhotoError(
            NO_FACE.replace("place the crop yourself below", "place the crop yourself with --crop")
        )
    if choice.face == "all":
        for number, crop in enumerate(crops, 1):
            yield Place(crop, f"_face{number}" if len(crops) > 1 else "", tuple(crop.warnings))
        return
    number = choice.face or 1
    if number > len(crops):
        found = f"{len(crops)} face" + ("s" if len(crops) > 1 else "")
        raise PhotoError(f"There is no face {number}; {found} found, so choose one of 1…{len(crops)}.")
    crop = crops[number - 1]
    notes = crop.warnings
    if len(crops) > 1:
        notes.append(
            f"{len(crops)} faces found and number {number} by size taken; --face N or all takes others."
        )
    yield Place(crop, f"_face{number}" if number > 1 else "", tuple(notes))


def _lies_in(path: Path, folder: Path) -> bool:
    return os.path.realpath(path.parent) == os.path.realpath(folder)
