"""A page under attack: how to start it and to call it by every way, and the values to try on it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[3]
HOPPER, CAP = ROOT / "examples" / "hopper.jpg", ROOT / "examples" / "cap.jpg"
SECRET = "canary-4f1d09"
META = {"meta": {"_type": "gradio.FileData"}}
API = "/gradio_api"
FILES = ("image", "imageslider", "file", "uploadbutton", "imageeditor", "gallery")  # parts that take files
HTTP = httpx.Client(timeout=60)


@dataclass
class Site:
    """The page under attack."""

    address: str
    cache: Path
    log: Path
    picture: Path  # a canary with a face in it
    text: Path  # a canary that is a valid recipe, too
    trap: str  # address of a server that must not be asked
    asked: list[str] = field(default_factory=list)  # what it was asked
    config: dict[str, Any] = field(default_factory=dict)

    def url(self, route: str) -> str:
        return f"{self.address}{API}{route}"

    def upload(self, data: bytes, name: str = "me.jpg") -> str:
        """Upload a file and give the path that the page tells."""
        (path,) = HTTP.post(self.url("/upload"), files={"files": (name, data)}).json()
        return path

    def number(self, name: str) -> int:
        """Give the number of a handler."""
        return next(d["id"] for d in self.config["dependencies"] if d["api_name"] == name)

    def inputs(self, number: int) -> list[dict[str, Any]]:
        """Give the parts that a handler reads."""
        parts = {part["id"]: part for part in self.config["components"]}
        return [parts[index] for index in self.config["dependencies"][number]["inputs"]]

    def values(self, number: int) -> list[Any]:
        """Give what the page would send to a handler before anybody has touched it."""
        return [
            None if part["type"] in ("state", *FILES) else part["props"].get("value")
            for part in self.inputs(number)
        ]

    def join(self, number: int, data: list[Any], session: str = "", event: Any = None) -> dict[str, Any]:
        """Call a handler as the page does, and give what it ends with."""
        session = session or secrets.token_hex(6)
        body = {"fn_index": number, "data": data, "session_hash": session, "event_data": event}
        joined = HTTP.post(self.url("/queue/join"), json=body)
        if joined.status_code != 200:
            return {"error": joined.text}
        stream = HTTP.stream("GET", self.url("/queue/data"), params={"session_hash": session})
        with stream as lines:
            for message in (json.loads(line[5:]) for line in lines.iter_lines() if line.startswith("data:")):
                if message["msg"] == "process_generating":
                    continue
                if message["msg"] == "process_completed":
                    return message["output"]
        raise AssertionError("the queue has ended without an answer")

    def call(self, name: str, data: list[Any]) -> str:
        """Call a function by name, as `curl` would, and give all that it says."""
        event = HTTP.post(self.url(f"/call/{name}"), json={"data": data}).json()
        return HTTP.get(self.url(f"/call/{name}/{event.get('event_id')}")).text

    def run(self, number: int, data: list[Any], session: str | None = None) -> httpx.Response:
        """Call a handler past the queue."""
        body = {"fn_index": number, "data": data, "session_hash": session}
        return HTTP.post(self.url("/run/predict"), json=body)

    def leave(self, session: str) -> None:
        """Close a visitor's page."""
        self.run(self.number("on_leave"), [], session)

    def results(self) -> set[Path]:
        """List the files that were made for visitors."""
        return {path for path in self.cache.glob("page_*/visits/**/*") if path.is_file()}


@contextmanager
def _trap() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and what it was asked."""
    asked: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(HOPPER.read_bytes())

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


@contextmanager
def attacked(folder: Path) -> Iterator[Site]:
    """Start the page with its files in a folder and canaries beside them; nothing may be left at its end."""
    outside = folder / "outside"
    outside.mkdir()
    picture, text = outside / "face.jpg", outside / "notes.json"
    picture.write_bytes(CAP.read_bytes() + SECRET.encode())  # behind the picture's end
    text.write_text(json.dumps({"recipe": 1, "attributes": {SECRET: 1}}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "SAMM_TINY": "1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
    log = folder / "page.log"
    with _trap() as (trap, asked), log.open("w") as stream:
        site = Site(f"http://127.0.0.1:{port}", folder / "cache", log, picture, text, trap, asked)
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **settings}, stdout=stream, stderr=stream
        )
        try:
            deadline = time.monotonic() + 120
            while not site.config:
                try:
                    site.config = HTTP.get(f"{site.address}/config").json()
                except httpx.TransportError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        pytest.fail(log.read_text()[-2000:])
                    time.sleep(0.2)
            yield site
        finally:
            process.terminate()
            process.wait(20)
    assert not list(site.cache.glob("page_*"))  # nothing stays after SIGTERM


@contextmanager
def watched(site: Site) -> Iterator[None]:
    """After each attack the canaries are there, nobody was asked, and the log has no traceback of it."""
    length = len(site.log.read_text())
    yield
    assert site.picture.is_file()
    assert site.text.is_file()
    assert site.asked == []
    log = site.log.read_text()[length:]
    assert "Traceback" not in log
    assert SECRET not in log


def planted(site: Site) -> dict[str, tuple[Any, Any]]:
    """Make crafted file values by name: each names something that exists, and its twin what does not."""
    (root,) = [path for path in site.cache.glob("page_*") if path.is_dir()]
    own = Path(site.upload(b"mine"))
    work = root / "uploads" / secrets.token_hex(4)
    (work / "dir").mkdir(parents=True)
    (work / "link.jpg").symlink_to(site.picture)
    (work / "linked").symlink_to(site.picture.parent)
    (own.parent / "link.jpg").symlink_to(site.picture)
    (work / "copy.jpg").write_bytes(site.picture.read_bytes())
    os.mkfifo(work / "pipe.jpg")
    inside = os.path.relpath(site.picture, own.parent)
    gone = site.picture.with_name("gone.jpg")
    pairs: dict[str, tuple[Any, Any]] = {
        "absolute": (site.picture, gone),
        "text": (site.text, site.text.with_name("gone.json")),
        "relative": (Path(os.path.relpath(site.picture, ROOT)), Path(os.path.relpath(gone, ROOT))),
        "our code": ("app.py", "nope.py"),
        "our example by its path": (str(HOPPER), str(HOPPER.with_name("nope.jpg"))),
        "an example's name elsewhere": ("/etc/hopper.jpg", "/nowhere/hopper.jpg"),
        "up from an upload": (f"{own.parent}/{inside}", f"{own.parent}/{inside}x"),
        "up from an upload's file": (f"{own}/../{inside}", f"{own}/../{inside}x"),
        "up from an example": (f"hopper.jpg/../{inside}", f"hopper.jpg/../{inside}x"),
        "dot in an upload": (f"{own.parent}/./{own.name}", f"{own.parent}/./x"),
        "doubled slash": (f"/{own}", f"/{own}x"),
        "link in the folder": (work / "link.jpg", work / "no.jpg"),
        "link beside an upload": (own.parent / "link.jpg", own.parent / "no.jpg"),
        "linked folder": (work / "linked" / site.picture.name, work / "linked" / "gone.jpg"),
        "not uploaded": (work / "copy.jpg", work / "no.jpg"),
        "pipe": (work / "pipe.jpg", work / "no.jpg"),
        "folder": (work / "dir", work / "no"),
        "upload folder": (root, root / "no"),
        "folder of an upload": (own.parent, own.parent / "no"),
        "lock": (f"{root}.lock", f"{root}x.lock"),
        "device": ("/dev/zero", "/dev/none"),
        "process": ("/proc/self/environ", "/proc/self/none"),
        "home": ("~/.bashrc", "~/none"),
        "trailing slash": (f"{site.picture}/", f"{gone}/"),
        "backslashes": (str(site.picture).replace("/", "\\"), str(gone).replace("/", "\\")),
        "percent": (str(site.picture).replace("/", "%2f"), str(gone).replace("/", "%2f")),
        "null": (f"{site.picture}\0.jpg", f"{gone}\0.jpg"),
        "null after an upload": (f"{own}\0{site.picture}", f"{own}\0{gone}"),
        "very long": (f"{site.picture}/{'a' * 20_000}", "b" * 20_000),
        "empty": ("", " "),
        "file address": (f"file://{site.picture}", f"file://{gone}"),
        "web address": (f"{site.trap}/path.jpg", "http://127.0.0.1:9/none.jpg"),
        "ours by web": (f"{site.address}{API}/file={site.picture}", f"{site.address}{API}/file={gone}"),
        "data": ("data:image/png;base64,iVBORw0KGgo=", "data:,x"),
        "host without scheme": (f"//{site.trap[7:]}/a", "//127.0.0.1:9/a"),
    }
    return {name: (str(there), str(not_there)) for name, (there, not_there) in pairs.items()}


def shapes(site: Site, path: str) -> list[dict[str, Any]]:
    """Dress a path as a file value in all ways that Gradio knows, and some it does not."""
    own = site.upload(b"dressed")
    return [
        {"path": path},
        {"path": path, **META},
        {"path": path, "url": f"{site.trap}/url.jpg", "orig_name": "../../a.svg", "is_stream": True, **META},
        {"path": path, "url": None, "meta": {}, "size": -1},
        {"path": [own, path], **META},
        {"path": {"path": path}, **META},
        {"url": path, **META},
        {"url": path},
        {"path": None, "url": path, "meta": None},
    ]


def photo_inputs(site: Site) -> list[tuple[str, list[Any], int]]:
    """List handler, values and place of each input that takes a file."""
    found = []
    for dependency in site.config["dependencies"]:
        for place, part in enumerate(site.inputs(dependency["id"])):
            if part["type"] in FILES and dependency["backend_fn"]:
                found.append((dependency["api_name"], site.values(dependency["id"]), place))
    return found


def refusals(answer: Any) -> str:
    """Reduce an answer to what it says, and fail if it says a canary."""
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    assert SECRET not in text
    return text
