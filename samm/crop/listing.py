"""Which photos are meant by the names of files and folders, and by patterns."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from samm.crop.photo import is_heif, is_picture, reason
from samm.errors import PhotoError

__all__ = ["HEIC", "OTHER", "Listing", "list_photos", "survey"]

# Why a file is left out.
HEIC = "HEIC (save as JPEG, set the camera to “Most Compatible”, or install pillow-heif to have them read)"
OTHER = "no picture that can be read"

# What a file is called that is meant to be a picture.
_SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".jfif", ".jif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
}


@dataclass(frozen=True)
class Listing:
    """What a name stands for.

    Attributes:
        photos: the files to read.
        skipped: how many other files there are, by reason.
    """

    photos: tuple[Path, ...]
    skipped: Counter[str]


def list_photos(paths: Iterable[str | Path]) -> list[Path]:
    """List the photos that are meant by files, folders and patterns, in the given order; see `survey`.

    Raises:
        PhotoError: A folder may not be read or holds no picture, or nothing matches a pattern.
    """
    return [photo for path in paths for photo in survey(path).photos]


def survey(path: str | Path) -> Listing:
    """Look up what a name stands for.

    A file stands for itself, whatever it holds: `open_photo` judges it. A folder stands for the pictures
    directly in it, by name, hidden ones left out; a pattern, such as `photos/*.jp*g` or `**/*.png`, for those
    that match it. What is a picture is told by content; a file that is called one but is not is kept, so that
    its damage comes to light.

    Raises:
        PhotoError: The folder may not be read or holds no picture, or nothing matches the pattern.
    """
    name = os.path.expanduser(path)
    # Unlike `Path.is_dir`, this says no to what it may not look at, and `open_photo` will tell why.
    if os.path.isdir(name):
        return _in_folder(Path(name))
    if os.path.lexists(name) or not set(name) & set("*?["):
        return Listing((Path(name),), Counter())
    return _matching(name)


def _in_folder(folder: Path) -> Listing:
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        raise PhotoError(
            f"The folder {folder.name or folder} cannot be read ({reason(error)}); "
            "change its permissions or name the photos one by one."
        ) from error
    listing = _sort_out(files)
    if not listing.photos:
        but = f" but {listing.skipped[HEIC]} × {HEIC}" if listing.skipped[HEIC] else ""
        raise PhotoError(
            f"The folder {folder.name or folder} holds no pictures{but}; choose one with JPEG, PNG or WebP "
            "photos."
        )
    return listing


def _matching(pattern: str) -> Listing:
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
    listing = _sort_out([path for path in found if path.is_file()])
    if not listing.photos:
        raise PhotoError(f"No picture matches {pattern}; check the pattern and the folder.")
    return listing


def _sort_out(files: Iterable[Path]) -> Listing:
    """Tell pictures from other files, and count the others."""
    photos, skipped = [], Counter[str]()
    for path in files:
        if is_picture(path) or path.suffix.lower() in _SUFFIXES:
            photos.append(path)
        else:
            skipped[HEIC if _is_heic(path) else OTHER] += 1
    return Listing(tuple(photos), skipped)


def _is_heic(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return is_heif(stream)
    except OSError:
        return False
