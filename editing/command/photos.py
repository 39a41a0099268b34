"""The loop over photos: list them, find what to crop, invert it, hand it to a command; no failure ends it."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor
from tqdm import tqdm

from editing.command.choices import PhotoChoice
from editing.command.console import complain, explain, say
from editing.command.results import Results, is_result, open_results
from editing.edit import Edit
from samm.crop.cars import center_quad, crop_car
from samm.crop.domains import FACES, Domain
from samm.crop.faces import NO_FACE, face_warnings, find_faces
from samm.crop.listing import survey
from samm.crop.paste import paste_back
from samm.crop.photo import open_photo
from samm.crop.png import save_png
from samm.crop.quad import crop_face, manual_quad
from samm.errors import OptionError, PhotoError, UserError
from samm.inversion import Inversion, Options, Progress, invert
from samm.models import Model, load_detector
from samm.networks.detector import Detector

__all__ = ["Job", "Place", "Result", "each_photo", "expand", "whole_photo"]

_WHOLE = "_whole.png"


@dataclass(frozen=True)
class Place:
    """A crop of a photo.

    Attributes:
        quad: (4, 2), its corners.
        suffix: of the results' name.
        warnings: sentences.
    """

    quad: np.ndarray
    suffix: str = ""
    warnings: tuple[str, ...] = ()


class Result(Protocol):
    """What a command has made of an inversion."""

    @property
    def picture(self) -> Inversion | Edit:
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
    detector: Detector | None

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
    faces = model.domain == FACES
    if choice.face and not faces:
        raise OptionError(
            f"--face chooses among faces, but the preset {model.preset} draws {model.domain.name}s; leave it "
            "out, or place the crop with --crop."
        )
    paths, failures = expand(choice.names, choice.out)
    if not paths:
        return max(failures, 1)
    settings = repr((model.preset, model.precision, options, choice.face, choice.crop, choice.whole_photo))
    results = open_results(choice.out, settings + job.settings, choice.resume)
    run = _Run(choice, model, options, job, results, load_detector() if faces else None)
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


def whole_photo(
    photo: np.ndarray, quad: np.ndarray, drawn: np.ndarray, keep_photo: Tensor, domain: Domain
) -> np.ndarray:
    """Paste what was drawn back into a photo, without the domain's bars; see `samm.crop.paste.paste_back`.

    Args:
        photo: uint8 (H, W, 3).
        quad: (4, 2), where the crop was taken.
        drawn: the generator's picture before blending, uint8 (S, S, 3).
        keep_photo: the mask to blend with, (1, 1, S, S) in 0…1.
        domain: of the model.
    """
    keep = domain.trim(keep_photo[0, 0].numpy())
    return paste_back(photo, domain.inner(quad), domain.trim(drawn), keep)


def _one_photo(path: Path, run: _Run, tell: Progress) -> int:
    """Make all results of a photo; give the number of crops that failed."""
    results, digest = run.results, run.results.digest(path)
    if results.has_all(digest, run.joins):
        say(f"{path.name}: finished earlier.")
        return 0
    photo = open_photo(path)
    places = list(_places(photo, run.detector, run.choice))
    whole, failures = photo, 0
    for number, place in enumerate(places, 1):
        record = results.record(digest, f"{number}/{len(places)}")
        is_saved = results.has(record)
        if is_saved and not run.joins:
            continue
        try:
            result = _draw(path, photo, place, run, tell)
            if not is_saved:
                _save(path, photo, place, result, record, run)
            if run.joins:
                whole = _paste(whole, place, result, run)
        except Exception as error:  # of whatever kind: the other faces are not to blame
            failures += 1
            complain(f"{path.name}{f', face {number}' if len(places) > 1 else ''}: {explain(error)}")
    if run.joins and failures < len(places):
        record = {} if failures else results.record(digest, "whole")
        name = _name(path, [_WHOLE], run)
        save_png(whole, results.folder / (name + _WHOLE), {**run.job.text, **record})
    return failures


def _draw(path: Path, photo: np.ndarray, place: Place, run: _Run, tell: Progress) -> Result:
    """Crop, invert, and let the command draw; say what is to be known of it."""
    cut = crop_face if run.model.domain == FACES else crop_car
    inversion = invert(cut(photo, place.quad, run.model.resolution), run.model, run.options, tell)
    for warning in (*place.warnings, *([inversion.notice] if inversion.notice else [])):
        say(f"{path.name}: {warning}")
    return run.job.draw(inversion)


def _paste(photo: np.ndarray, place: Place, result: Result, run: _Run) -> np.ndarray:
    picture = result.picture
    return whole_photo(photo, place.quad, picture.aligned, picture.keep_photo, run.model.domain)


def _save(
    path: Path, photo: np.ndarray, place: Place, result: Result, record: dict[str, str], run: _Run
) -> None:
    """Write the files of one crop, all or none, and say so."""
    alone = run.choice.whole_photo and not run.joins
    endings = [place.suffix + ending for ending in (*run.job.endings, *([_WHOLE] if alone else []))]
    name = _name(path, endings, run)
    stem = run.results.folder / (name + place.suffix)
    try:
        if alone:
            save_png(_paste(photo, place, result, run), stem.with_name(stem.name + _WHOLE), run.job.text)
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


def _places(photo: np.ndarray, detector: Detector | None, choice: PhotoChoice) -> Iterator[Place]:
    """Find what to crop; without a detector, the middle."""
    if choice.crop:
        x, y, size, turn = (*choice.crop, 0.0)[:4]
        yield Place(manual_quad((x, y), size, turn))
        return
    if detector is None:
        yield Place(center_quad(photo))
        return
    faces = find_faces(photo, detector)
    if not faces:
        raise PhotoError(
            NO_FACE.replace("place the crop yourself below", "place the crop yourself with --crop")
        )
    if choice.face == "all":
        for number, face in enumerate(faces, 1):
            suffix = f"_face{number}" if len(faces) > 1 else ""
            yield Place(face.quad, suffix, tuple(face_warnings(face)))
        return
    number = choice.face or 1
    if number > len(faces):
        found = f"{len(faces)} face" + ("s" if len(faces) > 1 else "")
        raise PhotoError(f"There is no face {number}; {found} found, so choose one of 1…{len(faces)}.")
    face, notes = faces[number - 1], face_warnings(faces[number - 1])
    if len(faces) > 1:
        notes.append(
            f"{len(faces)} faces found and number {number} by size taken; --face N or all takes others."
        )
    yield Place(face.quad, f"_face{number}" if number > 1 else "", tuple(notes))


def _lies_in(path: Path, folder: Path) -> bool:
    return os.path.realpath(path.parent) == os.path.realpath(folder)
