"""Where results go: names that nothing has yet, and records by which a later run sees what is finished.

The picture of each result carries a record in its PNG texts: a digest of photo and settings, and the number
of the crop among all of the photo. It survives renaming and moving, and names no file.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import tempfile
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editing.recipe.file import provenance
from editing.recipe.recipe import Recipe
from samm.crop.photo import open_stream, reason
from samm.crop.png import read_png_text, remedy
from samm.errors import OptionError, PhotoError

__all__ = ["SOFTWARE", "Results", "is_result", "make_folder", "open_results", "to_json", "write_text"]

SOFTWARE = {"Software": provenance(Recipe())["Software"]}  # marks pictures of ours that carry no recipe
_RECORD = "samm:made-from"
_LONGEST_NAME = 255  # bytes, where the system does not say


@dataclass(frozen=True)
class Results:
    """The folder that a run writes to.

    Attributes:
        folder: where.
        settings: all that decides what is made of a photo.
        records: of what earlier runs have finished there; empty if that does not matter.
    """

    folder: Path
    settings: str
    records: frozenset[str] = frozenset()

    def digest(self, photo: Path) -> str:
        """Sum up a photo and the settings.

        Raises:
            PhotoError: it cannot be read.
        """
        with open_stream(photo) as stream:
            return hashlib.sha256(stream.read() + self.settings.encode()).hexdigest()

    def record(self, digest: str, part: str) -> dict[str, str]:
        """Give the PNG text that says that a part of a photo, such as "1/2" or "whole", is finished."""
        return {_RECORD: f"{digest} {part}"}

    def has(self, record: dict[str, str]) -> bool:
        """Tell whether it was finished earlier."""
        return record[_RECORD] in self.records

    def has_all(self, digest: str, whole: bool) -> bool:
        """Tell whether all of a photo was finished earlier, with its `whole` photo if that is wanted."""
        parts = {record.partition(" ")[2] for record in self.records if record.startswith(digest)}
        counts = {part.partition("/")[2] for part in parts if part != "whole"}
        complete = any({f"{n}/{count}" for n in range(1, int(count) + 1)} <= parts for count in counts)
        return complete and (not whole or "whole" in parts)

    def free_name(self, photo: Path, endings: Iterable[str]) -> tuple[str, bool]:
        """Name the results of a photo like itself, or by a number if a file of that name is there.

        Args:
            photo: its name may be too long for endings, or not be text.
            endings: of the files to be written.

        Returns:
            The name, to which the endings can be added, and whether it is the photo's own.
        """
        endings = list(endings)
        limit = _longest_name(self.folder) - max(len(ending.encode()) for ending in endings) - len("-9999")
        stem = _shortened(_as_text(photo.stem), limit)
        for count in itertools.count(1):
            name = stem if count == 1 else f"{stem}-{count}"
            if not any(os.path.lexists(self.folder / (name + ending)) for ending in endings):
                return name, count == 1
        raise AssertionError  # the count does not end


def open_results(folder: Path, settings: str, resume: bool) -> Results:
    """Make the folder where there is none, see that it can be written to, and read its records to `resume`.

    Raises:
        OptionError: it cannot be made, read or written to.
    """
    make_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        pictures = list(folder.glob("*.png")) if resume else []
    except OSError as error:
        raise OptionError(
            f"Nothing can be written to {folder.name or folder} ({reason(error)}); {remedy(error)}."
        ) from error
    return Results(folder, settings, frozenset(_texts(path).get(_RECORD, "") for path in pictures))


def make_folder(folder: Path) -> None:
    """Make a folder for results."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OptionError(
            f"The folder {folder.name} cannot be made, since a file of that name is there; choose another "
            "place with --out."
        ) from error
    except OSError as error:
        raise OptionError(
            f"The folder {folder.name} cannot be made ({reason(error)}); choose another place with --out."
        ) from error


def write_text(file: Path | None, text: str) -> None:
    """Write a file that was asked for; None was not.

    Raises:
        OptionError: it cannot be written.
    """
    if file is None:
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"The file {file.name} cannot be written; choose another place for it.") from error


def is_result(path: Path) -> bool:
    """Tell whether a picture was written by this program."""
    return path.suffix.lower() == ".png" and _texts(path).get("Software") == SOFTWARE["Software"]


def to_json(value: Any) -> str:
    """Write plain values as JSON; numbers that it cannot say become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replace what JSON cannot say (the PSNR of equal pictures is infinite) by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _texts(path: Path) -> dict[str, str]:
    try:
        return read_png_text(path)
    except PhotoError:  # not ours, or damaged
        return {}


def _as_text(name: str) -> str:
    """Replace what is no letter for other systems: bytes that are no text, line ends and their like."""
    return "".join("_" if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in name)


def _longest_name(folder: Path) -> int:
    """Give how many bytes a file's name may have there."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows, and systems that do not know
        return _LONGEST_NAME


def _shortened(name: str, limit: int) -> str:
    """Cut a name to a number of bytes, between letters."""
    return name.encode()[:limit].decode(errors="ignore")
