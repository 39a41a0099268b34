"""Which photos a folder holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from samm.crop.photo import reason
from samm.errors import PhotoError

__all__ = [
    "PICTURE_SUFFIXES",
    "list_photos",
]

PICTURE_SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".jp2",
        ".jpeg",
        ".jpg",
        ".mpo",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)


def list_photos(paths: Iterable[str | Path]) -> list[Path]:
    """Expand folders to the pictures directly inside them, by name; pass files through in the given order.

    A file named outright is kept whatever its suffix: `open_photo` judges it by its content.

    Raises:
        PhotoError: A folder may not be read or holds no picture.
    """
    photos: list[Path] = []
    for path in map(Path, paths):
        # Unlike `Path.is_dir`, this says no to what it may not look at, and `open_photo` will tell why.
        photos += _photos_in(path) if os.path.isdir(path) else [path]
    return photos


def _photos_in(folder: Path) -> list[Path]:
    """List the pictures directly in a folder, sorted by name, hidden ones left out."""
    try:
        photos = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise PhotoError(
            f"The folder {folder.name} cannot be read ({reason(error)}); "
            "change its permissions or name the photos one by one."
        ) from error
    if not photos:
        raise PhotoError(
            f"The folder {folder.name} holds no pictures; choose one with JPEG, PNG or WebP photos."
        )
    return photos
