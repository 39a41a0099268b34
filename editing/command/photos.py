"""The loop over photos: list them, find what to crop, invert it, hand it to a command; no failure ends it.

While one photo is drawn, the next is read and cropped, and the results of the one before are written. Several
processes, on one machine or many, that `torchrun` started share a list without a word between them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
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

__all__ = ["Job", "Place", "Result", "each_photo", "expand", "own_share"]

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
    """What stays the same from photo to photo, and what is counted over all of them."""

    choice: PhotoChoice
    model: Model
    options: Options
    job: Job
    results: Results
    writer: _Writer
    failures: list[str] = field(default_factory=list)  # their sentences

    @property
    def joins(self) -> bool:
        """Whether all faces go into one whole photo."""
        return self.choice.whole_photo and self.choice.face == "all"

    @contextlib.contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Tell of a failure, of whatever kind, and go on: others are not to blame."""
        try:
            yield
        except Exception as error:
            self.failures.append(f"{name}: {explain(error)}")
            complain(self.failures[-1])


class _Writer:
    """Does one thing at a time, in turn, in a thread of its own; at most one waits in memory."""

    def __init__(self, thread: ThreadPoolExecutor):
        self._thread = thread
        self._pending: Future[None] | None = None

    def submit(self, write: Callable[..., None], *arguments: object) -> None:
        self.wait()
        self._pending = self._thread.submit(write, *arguments)

    def wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None


@dataclass(frozen=True)
class _Opened:
    """A photo that has been read: where it is to be cropped, and what is to be said of it."""

    photo: Photo
    digest: str
    places: Sequence[Place]
    notes: Sequence[str]


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
    paths = own_share(paths)
    with (
        ThreadPoolExecutor(1, "read") as reader,
        ThreadPoolExecutor(1, "write") as writer,
        tqdm(total=len(paths), unit="photo", disable=None, leave=False) as bar,
    ):
        run = _Run(choice, model, options, job, results, _Writer(writer))
        for path, opening in _ahead(reader, paths, run):

            def tell(stage: str, done: int, total: int, name: str = path.name) -> None:
                bar.set_postfix_str(f"{name}: {stage}" + (f" {done}/{total}" if total > 1 else ""))

            with run.attempt(path.name):
                _one_photo(path, opening.result(), run, tell)
            bar.update()
        run.writer.wait()
    return failures + len(run.failures)


def _ahead(
    reader: ThreadPoolExecutor, paths: Sequence[Path], run: _Run
) -> Iterator[tuple[Path, Future[_Opened | None]]]:
    """Give each photo, being opened; the next is begun when one is asked for."""
    if not paths:
        return
    following = reader.submit(_open, paths[0], run)
    for number, path in enumerate(paths, 1):
        opening = following
        opening.exception()  # wait: one photo ahead is memory enough
        if number < len(paths):
            following = reader.submit(_open, paths[number], run)
        yield path, opening


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


def own_share(paths: Sequence[Path]) -> list[Path]:
    """Give what this one of the processes that torchrun started works on; all where it started none.

    Photos whose results may get the same name fall to the same process, which numbers them.
    """
    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    names = [os.fsencode(re.sub(r"(_face\d+)?(-\d+)*$", "", path.stem.casefold())) for path in paths]
    numbers = [int.from_bytes(blake2b(name, digest_size=8).digest(), "big") for name in names]
    return [path for path, number in zip(paths, numbers, strict=True) if number % count == rank]


def _one_photo(path: Path, opened: _Opened | None, run: _Run, tell: Progress) -> None:
    """Make all results of a photo; None was finished earlier."""
    if opened is None:
        say(f"{path.name}: finished earlier.")
        return
    for note in opened.notes:
        say(f"{path.name}: {note}")
    before = len(run.failures)
    pictures = _pictures(path, opened, run, tell)
    if not run.joins:
        for _ in pictures:
            pass
        return
    whole = join(opened.photo, pictures)
    failed = len(run.failures) - before
    if failed < len(opened.places):
        record = {} if failed else run.results.record(opened.digest, "whole")
        name = _name(path, [_WHOLE], run)
        save_png(whole, run.results.folder / (name + _WHOLE), {**run.job.text, **record})


def _pictures(path: Path, opened: _Opened, run: _Run, tell: Progress) -> Iterator[Picture]:
    """Draw all crops of a photo, and hand them over to be saved."""
    count = len(opened.places)
    for number, place in enumerate(opened.places, 1):
        record = run.results.record(opened.digest, f"{number}/{count}")
        is_saved = run.results.has(record)
        if is_saved and not run.joins:
            continue
        name = path.name + (f", face {number}" if count > 1 else "")
        with run.attempt(name):
            result = _draw(path, place, run, tell)
            if run.joins:
                if not is_saved:
                    _save(path, place, result, record, run)
                yield result.picture
            else:
                run.writer.submit(_try_to_save, name, path, place, result, record, run)


def _try_to_save(
    name: str, path: Path, place: Place, result: Result, record: dict[str, str], run: _Run
) -> None:
    """Write one crop's files, or tell of the failure."""
    with run.attempt(name):
        _save(path, place, result, record, run)


def _open(path: Path, run: _Run) -> _Opened | None:
    """Read a photo, turn it upright, unless somebody said not to, and cut out what was asked for.

    None: all of it was finished earlier.
    """
    digest = run.results.digest(path)
    if run.results.has_all(digest, run.joins):
        return None
    photo = Photo.open(path)
    notes = list(photo.file.notes)
    if not (run.choice.no_turn or run.choice.crop):
        photo = photo.upright(run.model.domain)
        if photo.turned_deg:
            notes.append(turn_warning(photo.turned_deg, "--no-turn"))
    places = list(_places(photo, run))
    for place in places:
        with contextlib.suppress(UserError):  # told when this one is drawn
            place.crop.pixels(run.model.resolution)
    return _Opened(photo, digest, places, notes)


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
