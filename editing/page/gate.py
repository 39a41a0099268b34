"""The gate: which files named from outside may be opened, by whom, and what is deleted when a visitor leaves.

A browser, a program or a stranger names files by text: in the photo, the recipe, the layers of the brush, in
any call by number. Opening what the text says would read any picture of the server's disk, and deleting it
would delete any file. So no path from outside is ever opened, looked up or deleted. It is only compared with
our own records, letter by letter, and what is opened and deleted is the path of the record:

- *Uploads.* Gradio stores an upload in a folder named by a hash of its content, salted with a seed of the
  installation: two visitors with the same photo share one file, and whoever leaves first would delete the
  other's. `editing.page.wall` therefore gives each request to `/upload` a folder of its own, named by 128
  random bits that nobody but the sender of that request is told.
- *Whose.* The request to `/upload` carries no session: `gradio_client` sends neither cookie nor hash, and a
  cookie would not tell two tabs of a browser apart. Knowing the random folder is what proves the upload to be
  one's own, and the first session that uses one keeps it: to any other the name is worth nothing from then,
  even when it leaks. Calls without a session (`curl`) prove their right by the name alone and keep nothing.
- *Addresses* are never asked. The one under which this page serves an upload is read as the upload's name.
- *Examples* are admitted by their plain name, or as the copies in Gradio's folder that the page shows.

Everything else, be it a file, a folder, an address or nothing at all, gets the same sentence before the disk
or the network is asked, so the answer cannot tell what exists. That recorded paths are plain files without
links on their way is checked all the same, in case something else than this server writes there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gradio.processing_utils import hash_file
from gradio.utils import get_upload_folder

from editing.kept import EXAMPLES
from samm.errors import PhotoError

__all__ = ["EXAMPLES", "GATE", "REFUSED", "Gate", "has_example", "is_plain_file", "new_upload_folder"]

REFUSED = "This is no file that you uploaded here, or it was deleted since; upload it and use that upload."
_DEEPEST = 20  # levels of lists and mappings in one value; the page's own have five
_MOST_UPLOADS = 20  # of one session; what it uploads besides goes first
_UNUSED_MB = 1000  # of all uploads that no call has used yet; the oldest go first
_SERVED = "/gradio_api/file="
_FILE_META = {"_type": "gradio.FileData"}


@dataclass(eq=False)
class _Upload:
    """What one request to `/upload` has brought: a folder of its own, and the session that uses it."""

    folder: Path
    megabytes: float = 0.0
    session: str | None = None
    at_s: float = field(default_factory=time.monotonic)


class Gate:
    """The records of one server. Handlers run in threads, so each record is read and changed under a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}  # by the path that the sender was told

    def record(self, folder: Path, paths: Iterable[str]) -> None:
        """Remember what an upload has stored in a folder that holds nothing else."""
        upload = _Upload(folder)
        with self._lock:
            self._uploads.update(dict.fromkeys(map(str, paths), upload))
        self._keep_few_unused()

    def _keep_few_unused(self) -> None:
        """Delete the oldest uploads that no call has used, where they are too many."""
        with self._lock:
            unused = {id(upload): upload for upload in self._uploads.values() if upload.session is None}
        newest = sorted(unused.values(), key=lambda upload: upload.at_s, reverse=True)
        for upload in newest[:2]:  # the others are measured; Gradio may still be moving the first one's files
            upload.megabytes = _megabytes(upload.folder)
        sizes = accumulate(upload.megabytes for upload in newest)
        old = [upload for upload, size in zip(newest, sizes, strict=True) if size > _UNUSED_MB]
        self._delete(lambda upload: upload.session is None and upload in old)

    def admit(self, value: Any, session: str | None, depth: int = _DEEPEST) -> Any:
        """Give a value from outside with nothing in it that names a file but the files that are admitted.

        Of a file only its path is passed on: a name or an address beside it would be for others to misuse.

        Args:
            value: as it was in the request, of JSON's types.
            session: of the caller; None for a call without one.
            depth: how many levels may follow.

        Raises:
            PhotoError: it names another file, or an address.
        """
        if isinstance(value, dict):
            if value.get("path") is not None or value.get("url") is not None:
                return {"path": str(self.file(value, session)), "meta": _FILE_META}
            return {key: self.admit(part, session, _deeper(depth)) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.admit(part, session, _deeper(depth)) for part in value]
        return value

    def file(self, value: Any, session: str | None) -> Path:
        """Give the one file that a value names, and keep it for this session.

        Args:
            value: with the text `path` in it.
            session: of the caller; None for a call without one.

        Raises:
            PhotoError: it names no upload of this session and no example.
        """
        path = self.recorded(value)
        with self._lock:
            upload = self._uploads.get(str(path))
            if upload and upload.session not in (None, session):
                raise PhotoError(REFUSED)
            if upload:
                upload.session = session
        self._keep_newest(session)
        return path

    def _keep_newest(self, session: str | None) -> None:
        """Delete the oldest uploads of a session that brings more and more."""
        if session is None:
            return
        with self._lock:
            own = {id(upload): upload for upload in self._uploads.values() if upload.session == session}
            old = sorted(own.values(), key=lambda upload: upload.at_s)[:-_MOST_UPLOADS]
        self._delete(lambda upload: upload in old)

    def recorded(self, value: Any) -> Path:
        """Give the file that a value names, whoever's; for handlers behind the wall, which asked whose.

        Raises:
            PhotoError: it names no upload and no example.
        """
        name = value.get("path") if isinstance(value, dict) else None
        if isinstance(name, str):
            name = _told(name)
            with self._lock:
                path = Path(name) if name in self._uploads else _example(name)
            if path is not None and is_plain_file(path):
                return path
        raise PhotoError(REFUSED)

    def leave(self, session: str) -> None:
        """Delete the uploads that a session has used, and no others."""
        self._delete(lambda upload: upload.session == session)

    def sweep(self, age_s: float) -> None:
        """Delete uploads that are older, whoever sent them."""
        self._delete(lambda upload: time.monotonic() - upload.at_s > age_s)

    def _delete(self, is_over: Callable[[_Upload], bool]) -> None:
        with self._lock:
            over = {name: upload for name, upload in self._uploads.items() if is_over(upload)}
            for name in over:
                del self._uploads[name]
        for folder in {upload.folder for upload in over.values()}:
            shutil.rmtree(folder, ignore_errors=True)


GATE = Gate()


def new_upload_folder() -> Path:
    """Make the folder of one upload."""
    folder = Path(get_upload_folder()).resolve() / "uploads" / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder


def _megabytes(folder: Path) -> float:
    """Sum up a folder's files; a small one counts as a megabyte, since many of them are too much as well."""
    with contextlib.suppress(OSError):  # it may just be deleted
        files = (path for path in folder.rglob("*") if path.is_file())
        return sum(max(path.stat().st_size / 1e6, 1.0) for path in files)
    return 0.0


def is_plain_file(path: Path) -> bool:
    """Tell whether a path leads straight to a regular file in the upload folder: no links, no `..`."""
    root = Path(get_upload_folder()).resolve()
    if ".." in path.parts or not path.is_relative_to(root):
        return False
    with contextlib.suppress(OSError, ValueError):  # ValueError: a null character in the name
        between = [root.joinpath(*path.relative_to(root).parts[:depth]) for depth in range(len(path.parts))]
        if any(part.is_symlink() for part in between):
            return False
        return stat.S_ISREG(os.lstat(path).st_mode)
    return False


def _deeper(depth: int) -> int:
    if depth == 0:
        raise PhotoError(REFUSED)
    return depth - 1


def has_example(folder: Path) -> bool:
    """Tell whether a folder holds the copy of an example, which stays for everybody."""
    return any((folder / path.name).is_file() for path in EXAMPLES.glob("*.jpg"))


def _told(name: str) -> str:
    """Give the path in the address under which this page serves a file; agents name their uploads by it."""
    return unquote(name.split(_SERVED, 1)[1]) if _SERVED in name else name


def _example(name: str) -> Path | None:
    """Give Gradio's copy of an example that is named by its plain name or by the path of that copy."""
    base = name.rsplit("/", 1)[-1].rsplit("\\", 1)[-1]
    if base not in {path.name for path in EXAMPLES.glob("*.jpg")}:
        return None
    copy = Path(get_upload_folder()).resolve() / hash_file(EXAMPLES / base) / base
    if name not in (base, str(copy)):
        return None
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(EXAMPLES / base, copy)
    return copy
