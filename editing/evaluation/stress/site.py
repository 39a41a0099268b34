"""A page of one's own to try things on: served with tiny networks by another process, and asked over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samm.errors import UserError

__all__ = ["META", "ROOT", "Busy", "Refused", "Site", "serve", "start"]

ROOT = Path(__file__).parents[3]
META = {"meta": {"_type": "gradio.FileData"}}
_API = "/gradio_api"
_STARTS_S, _ANSWERS_S = 120, 600


class Refused(UserError):
    """The page has answered with a sentence in place of a result."""


class Busy(Refused):
    """The page has said that too many are waiting."""


@dataclass
class Site:
    """A running page.

    Attributes:
        port: on loopback.
        folder: of log and files.
        process: that serves.
        numbers: of its functions, by the names that programs call them by.
        config: what the page tells browsers of its parts and functions.
    """

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    numbers: dict[str, int] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    def ask(
        self, method: str, route: str, body: bytes | None = None, kind: str = "application/json"
    ) -> bytes:
        """Make one request and give the answer's body; `Refused` where it is no 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWERS_S)
        with contextlib.closing(connection):
            connection.request(method, route, body, {"content-type": kind} if body is not None else {})
            answer = connection.getresponse()
            data = answer.read()
        if answer.status == 503:
            raise Busy(_detail(data))
        if answer.status != 200:
            raise Refused(_detail(data))
        return data

    def upload(self, data: bytes, name: str = "photo.jpg") -> dict[str, Any]:
        """Upload a file, and give what names it in calls."""
        mark = secrets.token_hex(16)
        head = f'--{mark}\r\ncontent-disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{mark}--\r\n".encode()
        answer = self.ask("POST", f"{_API}/upload", body, f"multipart/form-data; boundary={mark}")
        return {"path": json.loads(answer)[0], **META}

    def call(self, name: str, data: list[Any], session: str = "") -> list[Any]:
        """Call a function as programs do, and give its results; `Refused` with its sentence without any."""
        session = session or secrets.token_hex(6)
        body = {"fn_index": self.numbers[name], "data": data, "session_hash": session}
        self.ask("POST", f"{_API}/queue/join", json.dumps(body).encode())
        lines = self.ask("GET", f"{_API}/queue/data?session_hash={session}").splitlines()
        for message in (json.loads(line[5:]) for line in lines if line.startswith(b"data:")):
            if message["msg"] == "process_completed":
                output = message["output"]
                if not message["success"]:
                    raise Refused(
                        str(output.get("error") or "The page has ended the call without a sentence")
                    )
                return output["data"]
        raise Refused("The queue has ended without an answer")

    def press(self, name: str, session: str, **chosen: Any) -> list[Any]:
        """Call a function as the page does, with what is chosen by element and all else as it begins."""
        parts = {part["id"]: part for part in self.config["components"]}
        inputs = [parts[each] for each in self.config["dependencies"][self.numbers[name]]["inputs"]]
        data = [chosen.get(part["props"].get("elem_id"), part["props"].get("value")) for part in inputs]
        return self.call(name, data, session)

    def fetch(self, file: Mapping[str, Any]) -> bytes:
        """Download one of a function's files."""
        return self.ask("GET", f"{_API}/file={file['path']}")

    @contextmanager
    def visit(self) -> Iterator[str]:
        """Keep a visitor's connection open, and give the name of the session; leave at the end."""
        session = secrets.token_hex(6)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWERS_S)
        connection.request("GET", f"{_API}/heartbeat/{session}")
        answer = connection.getresponse()
        try:
            yield session
        finally:
            if connection.sock:
                connection.sock.shutdown(socket.SHUT_RDWR)
            answer.close()
            connection.close()

    def files(self) -> list[Path]:
        """List what lies on disk for visitors: all but the examples, which everybody is shown."""
        pages = self.folder.glob("cache/page_*/*")
        kept = (folder for folder in pages if folder.name in ("visits", "uploads"))
        return [path for folder in kept for path in folder.rglob("*") if path.is_file()]

    def age_files(self) -> None:
        """Make all files on disk two hours older, as if the visitors had gone long ago."""
        then = time.time() - 7200
        for path in self.folder.glob("cache/page_*/*/*"):
            os.utime(path, (then, then))

    def memory_mb(self) -> float:
        """Give the memory that the page's process holds; 0 where the system does not tell."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def log(self) -> str:
        """Give all that the page has logged."""
        return (self.folder / "page.log").read_text(encoding="utf-8", errors="replace")

    def asked_hosts(self) -> list[str]:
        """List the tries to reach another host."""
        return (self.folder / "sockets").read_text().splitlines()

    def kill(self) -> None:
        """End the page at once, as a failing machine does."""
        self.process.kill()
        self.process.wait()


def start(
    folder: Path, variables: Mapping[str, str] | None = None, limit: Callable[[], None] | None = None
) -> Site:
    """Start a page with its files in a folder, and wait until it answers.

    Args:
        folder: for page.log, sockets and cache.
        variables: of the environment, beside those of this process.
        limit: runs in the new process first, such as to take resources away.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "SAMM_TINY": "1",
        "SAMM_STRESS_SOCKETS": str(folder / "sockets"),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    folder.mkdir(parents=True, exist_ok=True)
    script = Path(__file__).with_name("watched.py")
    with (folder / "page.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(script)],
            cwd=ROOT,
            env={**os.environ, **settings, **(variables or {})},
            stdout=log,
            stderr=log,
            preexec_fn=limit,
        )
    site = Site(port, folder, process)
    deadline = time.monotonic() + _STARTS_S
    while not site.numbers:
        try:
            site.config = json.loads(site.ask("GET", "/config"))
            site.numbers = {part["api_name"]: part["id"] for part in site.config["dependencies"]}
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                site.kill()
                raise RuntimeError(f"the page has not started: {site.log()[-2000:]}") from None
            time.sleep(0.1)
    return site


@contextmanager
def serve(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Site]:
    """Start a page, and end it with all its files."""
    site = start(folder, variables)
    try:
        yield site
    finally:
        if site.process.poll() is None:
            site.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                site.process.wait(20)
            site.kill()
        shutil.rmtree(folder / "cache", ignore_errors=True)


def _detail(data: bytes) -> str:
    """Give the sentence in an answer that is no success."""
    with contextlib.suppress(ValueError, AttributeError):
        answer = json.loads(data)
        return str(answer.get("detail") or answer.get("error"))
    return data.decode(errors="replace")[:300]
