"""An attacker against the running page: by every route and handler, over HTTP, for files that are not his.

One page with the tiny preset serves the whole module. Beside it lie canaries: a picture with a face and a
text that no answer may contain, and a web server that nobody may ask for anything.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from editing.page.gate import REFUSED
from samm.crop.photo import open_photo

ROOT = Path(__file__).parents[3]
HOPPER, CAP = ROOT / "examples" / "hopper.jpg", ROOT / "examples" / "cap.jpg"
SECRET = "canary-4f1d09"
META = {"meta": {"_type": "gradio.FileData"}}
API = "/gradio_api"
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
            None if part["type"] in ("state", "image", "file", "imageeditor") else part["props"].get("value")
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


@pytest.fixture(scope="module")
def trap() -> Iterator[tuple[str, list[str]]]:
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


@pytest.fixture(scope="module")
def site(tmp_path_factory, trap) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
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
    address, asked = trap
    one = Site(f"http://127.0.0.1:{port}", folder / "cache", log, picture, text, address, asked)
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **settings}, stdout=stream, stderr=stream
        )
        try:
            deadline = time.monotonic() + 120
            while not one.config:
                try:
                    one.config = HTTP.get(f"{one.address}/config").json()
                except httpx.TransportError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        pytest.fail(log.read_text()[-2000:])
                    time.sleep(0.2)
            yield one
        finally:
            process.terminate()
            process.wait(20)
    assert not list(one.cache.glob("page_*"))  # nothing stays after SIGTERM


@pytest.fixture(autouse=True)
def unharmed(site) -> Iterator[None]:
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
            if part["type"] in ("image", "file", "imageeditor", "gallery") and dependency["backend_fn"]:
                found.append((dependency["api_name"], site.values(dependency["id"]), place))
    return found


def refusals(answer: Any) -> str:
    """Reduce an answer to what it says, and fail if it says a canary."""
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    assert SECRET not in text
    return text


# Files that are not the visitor's -------------------------------------------------------------------------


def test_the_page_has_the_inputs_that_are_attacked(site):
    names = {name for name, _, _ in photo_inputs(site)}
    assert {"on_photo", "on_photo_1", "on_recipe_file", "on_paint", "invert", "edit"} <= names


def test_every_crafted_path_gets_the_same_sentence_whether_there_is_a_file_or_not(site):
    crafted = planted(site)
    assert len(crafted) >= 30
    before = site.results()
    for name, values, place in photo_inputs(site):
        number = site.number(name)
        for kind, twins in crafted.items():
            told = []
            for path in twins:
                value: Any = {"path": path}
                if name == "on_paint":
                    value = {"background": None, "layers": [{"path": path, **META}], "composite": None}
                told.append(site.run(number, [*values[:place], value, *values[place + 1 :]]).json())
            assert told[0] == told[1], (name, kind)
            assert told[0]["error"] == REFUSED, (name, kind)
    assert site.results() == before


def test_however_a_path_is_dressed_it_is_refused(site):
    before = site.results()
    paths = [
        str(site.picture),
        f"{site.trap}/shape.jpg",
        str(site.text),
        "data:image/png;base64,iVBORw0KGgo=",
    ]
    for name, values, place in photo_inputs(site):
        for path in paths:
            for shape in shapes(site, path):
                given = [*values[:place], shape, *values[place + 1 :]]
                assert REFUSED in refusals(site.run(site.number(name), given).text), (name, shape)
    assert site.results() == before


def test_layers_background_and_composite_of_the_brush_are_refused_alike(site):
    number = site.number("on_paint")
    bad = {"path": str(site.picture), **META}
    forms = [
        {"background": bad, "layers": [], "composite": None},
        {"background": None, "layers": [], "composite": bad},
        {"background": None, "layers": [bad], "composite": None},
        {"background": None, "layers": [[bad]], "composite": None},
        {"background": None, "layers": [], "composite": None, "id": "x", "more": {"deep": [bad]}},
    ]
    for form in forms:
        said = refusals(site.run(number, [*site.values(number)[:-1], form]).text)
        assert REFUSED in said, form


def painted(site: Site, data: bytes) -> str:
    """Give what the page says to a picture in the place of a stroke, sent in both ways."""
    number = site.number("on_paint")
    values = site.values(number)[:-1]
    layer = {"path": site.upload(data, "layer.png"), "orig_name": "layer.eps", **META}
    said = site.run(number, [*values, {"background": None, "layers": [layer], "composite": None}]).text
    stroke = {"type": "layer", "index": "0", "id": "stroke", "session_hash": "m", "fn_name": "accept_blobs"}
    stroke["component_id"] = str(site.inputs(number)[-1]["id"])
    HTTP.post(site.url("/component_server"), data=stroke, files={"file": ("a", data)})
    again = site.run(number, [*values, {"background": None, "layers": [], "composite": None, "id": "stroke"}])
    return refusals(said + again.text)


def test_the_brush_reads_no_format_and_no_size_that_browsers_do_not_paint(site):
    huge, fitting = io.BytesIO(), io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "PNG")
    Image.new("RGBA", (512, 512)).save(fitting, "PNG")
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    for data in (postscript, huge.getvalue(), b"text", b""):
        assert painted(site, data).count("does not fit the picture") == 2
    assert "error" not in painted(site, fitting.getvalue())


def test_the_brush_keeps_no_millions_of_layers(site):
    part = next(part["id"] for part in site.config["components"] if part["type"] == "imageeditor")
    stroke = {"type": "layer", "index": "900000000", "id": "much", "session_hash": "m"}
    stroke |= {"fn_name": "accept_blobs", "component_id": str(part)}
    answer = HTTP.post(site.url("/component_server"), data=stroke, files={"file": ("a", b"x")})
    assert answer.status_code == 400


def test_no_other_value_of_any_handler_opens_a_file(site):
    before = site.results()
    for dependency in site.config["dependencies"]:
        number, values = dependency["id"], site.values(dependency["id"])
        for place in range(len(values)):
            given = [*values[:place], {"path": str(site.picture), **META}, *values[place + 1 :]]
            refusals(site.run(number, given).text)
            if site.inputs(number)[place]["type"] in ("textbox", "button", "radio", "dropdown"):
                given[place] = str(site.text)
                refusals(site.run(number, given).text)
    assert site.results() == before


@pytest.mark.parametrize("name", ["invert", "edit"])
def test_programs_are_refused_by_every_way_to_call(site, name):
    second = 0 if name == "invert" else "age +1"
    bad = {"path": str(site.picture), **META}
    said = [
        site.call(name, [bad, second]),
        site.run(site.number(name), [bad, second]).text,
        HTTP.post(site.url(f"/run/{name}"), json={"data": [bad, second]}).text,
        HTTP.post(site.url(f"/api/{name}"), json={"data": [bad, second]}).text,
        json.dumps(site.join(site.number(name), [bad, second])),
    ]
    assert [REFUSED in refusals(text) for text in said] == [True] * 5
    argument = "face" if name == "invert" else "recipe"
    body = {"photo": bad, argument: second}
    event = HTTP.post(site.url(f"/call/v2/{name}"), json=body).json()["event_id"]
    assert REFUSED in refusals(HTTP.get(site.url(f"/call/{name}/{event}")).text)


def test_handlers_are_not_reached_by_private_names_either(site):
    bad = {"path": str(site.picture)}
    for name in ("on_photo", "on_recipe_file"):
        values = site.values(site.number(name))
        assert REFUSED in refusals(site.call(name, [*values[:-1], bad]))


# One visitor and another ----------------------------------------------------------------------------------


def test_an_upload_in_use_is_nobody_elses(site):
    mine = site.upload(HOPPER.read_bytes())
    number = site.number("on_photo")
    assert "error" not in site.join(number, [None, {"path": mine, **META}], "alice1")
    for session in ("mallory1", None, ""):
        assert site.run(number, [None, {"path": mine, **META}], session).json()["error"] == REFUSED
    assert REFUSED in site.call("invert", [{"path": mine, **META}, 0])
    shown = {path for path in site.results() if path.read_bytes() == HOPPER.read_bytes()}
    for path in [*shown, Path(mine)]:  # the copy in the visit's folder is nobody's upload
        assert site.run(number, [None, {"path": str(path), **META}], "mallory1").json()["error"] == REFUSED


def test_nobody_deletes_what_another_has_uploaded(site):
    number, photo = site.number("on_photo"), CAP.read_bytes()
    mine, theirs = site.upload(photo), site.upload(photo)
    assert Path(mine).parents[1] != Path(theirs).parents[1]  # the same photo, yet two files
    site.join(number, [None, {"path": mine, **META}], "alice2")
    site.join(number, [None, {"path": theirs, **META}], "mallory2")
    for path in (mine, str(site.picture), str(site.text), str(HOPPER)):
        site.run(number, [None, {"path": path, **META}], "mallory2")
        site.run(number, [None, {"path": path}], "mallory2")
    site.leave("mallory2")
    assert Path(mine).is_file()
    assert not Path(theirs).exists()
    assert HOPPER.is_file()
    site.leave("alice2")
    assert not Path(mine).exists()


def test_an_example_stays_for_everybody_when_a_visitor_leaves(site):
    number = site.number("on_photo")
    assert "error" not in site.join(number, [None, {"path": "hopper.jpg"}], "guest")
    site.leave("guest")
    assert "error" not in site.join(number, [None, {"path": "hopper.jpg"}], "guest2")
    site.leave("guest2")


@pytest.mark.parametrize(
    "name",
    ["../../up.jpg", "/etc/up.jpg", "..", ".", "a/../../b.jpg", "x" * 300 + ".jpg", "a\\..\\b", "%2e%2e"],
)
def test_an_upload_stays_in_a_folder_of_its_own_whatever_its_name(site, name):
    response = HTTP.post(site.url("/upload"), files={"files": (name, b"named")})
    if response.status_code == 200:
        (path,) = response.json()
        (root,) = [folder for folder in site.cache.glob("page_*") if folder.is_dir()]
        assert Path(path).resolve().is_relative_to(root.resolve() / "uploads")
        assert len(Path(path).relative_to(root / "uploads").parts) == 3
    assert not list(site.cache.parent.glob("*up.jpg"))


def test_an_upload_that_is_cut_off_leaves_nothing(site):
    uploads = [path for path in site.cache.glob("page_*/uploads/*")]
    host, port = site.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(
            f"POST {API}/upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            'Content-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\npart'.encode()
        )
        time.sleep(0.5)
    deadline = time.monotonic() + 10
    while set(site.cache.glob("page_*/uploads/*")) - set(uploads):
        assert time.monotonic() < deadline
        time.sleep(0.1)


# Routes ---------------------------------------------------------------------------------------------------


def test_files_are_served_from_our_folder_only(site):
    for kind, twins in planted(site).items():
        answers = []
        for path in twins:
            quoted = path.replace("\0", "%00")[:5000]
            answers += [HTTP.get(site.url(f"/file{mark}{quoted}")) for mark in "=/"]
        if kind in ("not uploaded", "dot in an upload", "doubled slash"):
            continue  # our own folder's files may be had by who knows their names
        assert {answer.status_code for answer in answers} <= {403, 404}, kind
        assert len({answer.text for answer in answers}) == 1, kind
        assert all(SECRET.encode() not in answer.content for answer in answers), kind


@pytest.mark.parametrize(
    "route",
    [
        "/gradio_api/proxy=TRAP/a",
        "/gradio_api/file=TRAP/a",
        "/gradio_api/deep_link?session_hash=alice1",
        "/gradio_api/stream/alice1/1/1/playlist.m3u8",
        "/gradio_api/custom_component/1/client/component/..%2f..%2f..%2f..%2fTEXT",
        "/monitoring",
        "/monitoring/summary",
        "/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..TEXT",
        "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..TEXT",
        "/svelte/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..TEXT",
        "/assets//TEXT",
        "/theme.css?v=TEXT",
        "/?deep_link=..%2f..%2f..%2fTEXT",
        "/gradio_api/runs",
        "/gradio_api/upload_progress?upload_id=TEXT",
        "/gradio_api/queue/data?session_hash=nobody-ever",
        "/login?next=TRAP",
    ],
)
def test_no_route_gives_a_file_or_asks_another_host(site, route):
    asked = route.replace("TRAP", site.trap).replace("TEXT", str(site.text))
    refusals(HTTP.get(f"{site.address}{asked}", timeout=20).text)


@pytest.mark.parametrize(
    "function", ["preprocess", "postprocess", "ls", "as_example", "__init__", "accept_blobs"]
)
def test_parts_answer_no_function_that_reads(site, function):
    for part in site.config["components"]:
        if part["type"] in ("image", "file", "imageeditor", "gallery"):
            body = {
                "session_hash": "m",
                "component_id": part["id"],
                "fn_name": function,
                "data": {"path": str(site.text)},
            }
            answer = HTTP.post(site.url("/component_server"), json=body)
            assert answer.status_code >= 400
            refusals(answer.text)


def test_recordings_and_code_editing_are_closed(site):
    video = {"video": ("a.mp4", b"x")}
    assert HTTP.post(site.url("/process_recording"), files=video).status_code == 404
    assert HTTP.post(site.url("/vibe-code/"), json={"code": "x"}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": [], "fn_index": -1, "session_hash": "m"},
        {"data": [], "fn_index": 10**9, "session_hash": "m"},
        {"data": [None] * 500, "fn_index": 0, "session_hash": "m", "batched": True},
        {"data": [None, None], "fn_index": 0, "session_hash": "m", "trigger_id": -5},
        {"data": "text", "fn_index": 0, "session_hash": "m"},
        {"fn_index": 0},
    ],
)
def test_requests_that_make_no_sense_are_refused_without_a_traceback(site, body):
    for route in ("/run/predict", "/queue/join"):
        refusals(HTTP.post(site.url(route), json=body).text)


# Arguments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("face", "sentence"),
    [
        (None, "face must be a number, not None."),
        (0.7, "face must be a whole number, not 0.7."),
        ("x", "face must be a number, not 'x'."),
        (True, "face must be a number, not True."),
        ([0], r"face must be a number, not [0]."),
        (-1, "There is no face -1; the photo has 1, counted from 0."),
        (1e300, "There is no face 1e+300; the photo has 1, counted from 0."),
    ],
)
def test_a_wrong_face_is_one_sentence_that_names_it(site, face, sentence):
    assert site.run(site.number("invert"), [{"path": "hopper.jpg"}, face]).json()["error"] == sentence


@pytest.mark.parametrize("recipe", [None, 5, ["age +1"], {"age": 1}])
def test_a_recipe_that_is_no_text_is_one_sentence_that_names_it(site, recipe):
    said = site.run(site.number("edit"), [{"path": "hopper.jpg"}, recipe]).json()["error"]
    assert said.startswith("recipe must be ")
    assert said.endswith(".")


def test_unknown_and_missing_arguments_are_named(site):
    photo = {"path": "hopper.jpg"}
    unknown = HTTP.post(site.url("/call/v2/invert"), json={"photo": photo, "fase": 1})
    assert unknown.status_code == 400
    assert "`fase`" in unknown.json()["detail"]
    missing = site.run(site.number("edit"), [photo]).json()["error"]
    assert missing == "This call needs 2 values, not 1: recipe missing; see the API's description."
    assert "`color`" in HTTP.post(site.url("/call/v2/edit"), json={"color": 1}).json()["detail"]


@pytest.mark.parametrize(
    "event", [None, {}, {"index": "1"}, {"index": [0, 1]}, {"index": 99}, {"index": -1}, 7]
)
def test_a_pick_of_nothing_is_one_sentence(site, event):
    for name in ("pick_example", "on_face", "on_strip_picked"):
        answer = site.join(site.number(name), site.values(site.number(name)), event=event)
        said = json.dumps(answer, ensure_ascii=False)
        assert "picture" in said, name
        assert "our side" not in said, name


def test_values_of_the_wrong_kind_are_named_by_their_control(site):
    number = site.number("on_controls")
    values = site.values(number)
    for place, wrong, label in (
        (1, "x", "View"),
        (2, "yes", "Show on my photo"),
        (3, "x", "Age"),
        (4, None, "Smile"),
    ):
        given = [*values[:place], wrong, *values[place + 1 :]]
        assert site.run(number, given).json()["error"].startswith(label)


# What is meant to work ------------------------------------------------------------------------------------


def test_a_browsers_upload_is_inverted_and_goes_when_the_page_is_closed(site):
    before = site.results()
    path = site.upload(HOPPER.read_bytes(), "only me.jpg")
    dressed = {"path": path, "url": f"{site.address}{API}/file={path}", "orig_name": "a.svg", **META}
    answer = site.join(site.number("on_photo"), [None, dressed], "bob")
    assert "Face found" in json.dumps(answer)
    number = site.number("on_invert")
    values = site.values(number)
    values[1] = "Fast"
    assert "error" not in site.join(number, values, "bob")
    assert site.results() - before
    assert HTTP.get(site.url(f"/file={path}")).content == HOPPER.read_bytes()
    site.leave("bob")
    assert site.results() == before
    assert HTTP.get(site.url(f"/file={path}")).status_code == 403


def test_an_example_that_was_picked_is_taken(site):
    answer = site.join(site.number("pick_example"), [], "carol", {"index": 1, "value": None})
    shown = answer["data"][0]
    assert Path(shown["path"]).name == "hopper.jpg"
    answer = site.join(site.number("on_photo_1"), [None, shown], "carol")
    assert "Face found" in json.dumps(answer)
    site.leave("carol")


def test_a_program_uploads_inverts_and_edits(site, tmp_path):
    client = Client(site.address, verbose=False, download_files=tmp_path)
    crop, _, masks, report = client.predict(handle_file(HOPPER), 0, api_name="/invert")
    assert open_photo(crop).shape == (512, 512, 3)
    assert len(masks) == 5
    assert report["preset"] == "tiny"
    portrait, whole, _ = client.predict(handle_file(HOPPER), "age +1", api_name="/edit")
    assert open_photo(portrait).shape == (512, 512, 3)
    assert open_photo(whole).shape == open_photo(HOPPER).shape


def test_a_program_without_a_session_uses_its_upload_twice(site):
    path = site.upload(HOPPER.read_bytes())
    for _ in range(2):
        assert "event: complete" in site.call("edit", [{"path": path, **META}, "age +1"])


def test_an_upload_may_be_named_by_the_address_that_it_is_served_at(site):
    path = site.upload(HOPPER.read_bytes(), "a b.jpg")
    address = f"https://elsewhere.invalid{API}/file={path.replace(' ', '%20')}"
    assert "event: complete" in site.call("edit", [{"path": address, **META}, "age +1"])


def test_a_program_is_told_that_an_address_is_not_fetched(site):
    client = Client(site.address, verbose=False)
    with pytest.raises(AppError, match="no file that you uploaded here"):
        client.predict(handle_file(f"{site.trap}/client.jpg"), 0, api_name="/invert")
