"""A stand-in for the Hugging Face Hub: one file, slowly; and a program that asks for it."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from editing.evaluation.stress.site import ROOT

__all__ = ["ask", "closed", "kill_when", "serving", "silent"]

_REVISION = "0123456789" * 4
_BLOCK = 1 << 17
_ASKS = """
import sys
from samm.checkpoints import WeightFile
from samm.errors import UserError
name, digest, size = sys.argv[1:]
try:
    WeightFile(name, digest, "here", "", "somebody/something", "REVISION", int(size)).path()
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
""".replace("REVISION", _REVISION)


@contextmanager
def closed() -> Iterator[str]:
    """Give an address at which nobody listens."""
    yield "http://127.0.0.1:9"


@contextmanager
def silent() -> Iterator[str]:
    """Give an address at which somebody listens, but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def serving(file: Path) -> Iterator[str]:
    """Serve a file as the Hub does, some ten megabytes a second."""
    data = file.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(data, 200)

        def do_GET(self) -> None:
            begin = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
            self._answer(data[begin:], 206 if begin else 200)
            try:
                for at in range(begin, len(data), _BLOCK):
                    self.wfile.write(data[at : at + _BLOCK])
                    time.sleep(0.01)
            except OSError:  # whoever asked was killed
                pass

        def _answer(self, part: bytes, status: int) -> None:
            self.send_response(status)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", _REVISION)
            self.send_header("Content-Length", str(len(part)))
            if status == 206:
                self.send_header(
                    "Content-Range", f"bytes {len(data) - len(part)}-{len(data) - 1}/{len(data)}"
                )
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def ask(address: str, file: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Have a program of its own fetch the file's copy at an address into a cache."""
    return subprocess.run(
        _command(file), cwd=ROOT, env=_variables(address, cache), capture_output=True, text=True
    )


def kill_when(address: str, file: Path, cache: Path, bytes_in: int) -> bool:
    """Begin to fetch, and kill the program when at least so many bytes have come; False if it was quicker."""
    program = subprocess.Popen(
        _command(file), cwd=ROOT, env=_variables(address, cache), stderr=subprocess.DEVNULL
    )
    while program.poll() is None:
        begun = [path.stat().st_size for path in cache.rglob("*.incomplete")]
        if begun and sum(begun) >= bytes_in:
            break
        time.sleep(0.01)
    program.kill()
    return program.wait() < 0


def _command(file: Path) -> list[str]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return [sys.executable, "-c", _ASKS, file.name, digest, str(file.stat().st_size)]


def _variables(address: str, cache: Path) -> dict[str, str]:
    settings = {
        "HF_ENDPOINT": address,
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    return {**os.environ, **settings, "PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
