"""Many visitors at once: every picture is the right one, nobody is turned away, nothing of them stays."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from threading import Thread
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from editing.evaluation.stress.seeds import EXAMPLES, SECRET, tagged_jpeg
from editing.evaluation.stress.site import Busy, Refused, Site
from editing.evaluation.stress.tally import Row, is_sentence

__all__ = [
    "GONE",
    "PHOTOS",
    "RECIPES",
    "Visit",
    "fair",
    "hold",
    "last",
    "one_picture",
    "quiet",
    "small_photo",
    "tell_gone",
    "vanish_in_call",
    "vanish_in_improvement",
    "vanish_in_upload",
    "visit",
]

_Result = TypeVar("_Result")

GONE = "gone"  # session of the visit that a fault meets

PHOTOS = ("hopper", "cap", "sunglasses", "scarf")
RECIPES = ("age +2", "smile -1, beard +1", "yaw +1.5", "grey hair 0.8", "mask strength 0.5, glasses +2")
_PHOTO_PX = 400
_PATIENCE_S = 3
_SHORT_S = 1.0  # below, other programs on the machine make the difference
_BEGINS_S = 0.5
_LEAVES_S = 20  # within which a visitor's uploads must be gone


@dataclass
class Visit:
    """What a visitor got: digests of pictures by what was asked for, and seconds by kinds of answers.

    `busy` counts how often it was told to come again in a minute, and did.
    """

    pictures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    busy: int = 0


def visit(site: Site, photo: str, recipes: Sequence[str] = RECIPES) -> Visit:
    """Upload an example, invert it, edit it, download all pictures, and leave."""
    made = Visit()
    with site.visit() as session:
        upload = _timed(made, "upload", lambda: site.upload(small_photo(photo), f"{photo}.jpg"))
        for recipe in ("", *recipes):
            call = ("edit", [upload, recipe]) if recipe else ("invert", [upload, 0])
            try:
                results = _timed(made, call[0], lambda call=call: _patiently(made, site, call, session))
            except Refused as error:
                made.refused.append(str(error))
                continue
            for number, file in enumerate(
                part for part in results if isinstance(part, dict) and "path" in part
            ):
                picture = _timed(made, "download", lambda file=file: site.fetch(file))
                made.pictures[f"{photo}, {recipe}, {number}"] = _digest(picture)
    return made


def hold(site: Site, count: int, recipes: Sequence[str] = RECIPES) -> Row:
    """Let so many visitors come at once, and compare their pictures with those of one who is alone."""
    photos = [PHOTOS[number % len(PHOTOS)] for number in range(count)]
    alone = {photo: visit(site, photo, recipes) for photo in sorted(set(photos))}
    with ThreadPoolExecutor(count) as threads:
        visits = list(threads.map(lambda photo: visit(site, photo, recipes), photos))
    lost = [why for photo, made in zip(photos, visits, strict=True) for why in _wrong(made, alone[photo])]
    left = _left_behind(site)
    lost += [f"{left} uploads stayed after all had left"] if left else []
    asked = sum(len(times) for made in visits for times in made.seconds.values())
    busy = sum(made.busy for made in visits)
    figures = f"{_latencies([made.seconds for made in visits])}; {busy} × busy; {left} uploads left"
    return Row(f"{count} visitors at once, requests", asked, asked - len(lost), figures, tuple(lost))


def last(site: Site, count: int) -> Row:
    """Make so many requests one after another; memory must not grow, and an hour later no file is left."""
    lost, begun_mb, warm = [], 0.0, max(count // 5, 5)
    with site.visit() as session:
        upload = site.upload(small_photo(PHOTOS[0]))
        for number in range(warm + count):
            if number == warm:
                begun_mb = site.memory_mb()
            try:
                site.call("edit", [upload, f"age {number % 7 - 3}, smile +1"], session)
            except Refused as error:
                lost.append(str(error))
    growth = site.memory_mb() - begun_mb
    made = len(site.files())
    site.age_files()
    site.call("edit", [{"path": "hopper.jpg"}, "age +1"])  # the next call, whoever's, sweeps
    left = len(site.files()) - 2  # that call's own pictures
    lost += [f"{left} files were left after an hour"] if left else []
    figures = f"memory {growth:+.0f} MB of {begun_mb:.0f}; {made} files, an hour later {left}"
    return Row("requests one after another", count, count - len(lost), figures, tuple(lost))


def _patiently(made: Visit, site: Site, call: tuple[str, list[Any]], session: str) -> list[Any]:
    """Call a function, and again after a while where the page says that it is busy."""
    while True:
        try:
            return site.call(*call, session=session)
        except Busy as error:
            if not is_sentence(str(error)) or "try again" not in str(error):
                raise
            made.busy += 1
            time.sleep(_PATIENCE_S)


@cache
def small_photo(name: str) -> bytes:
    """Make an example small, so that nearly all time goes into the page's work."""
    picture, stream = Image.open(EXAMPLES / f"{name}.jpg"), io.BytesIO()
    picture.thumbnail((_PHOTO_PX, _PHOTO_PX))
    picture.save(stream, "JPEG", quality=92)
    return stream.getvalue()


def _timed(made: Visit, kind: str, work: Callable[[], _Result]) -> _Result:
    start = time.perf_counter()
    result = work()
    made.seconds.setdefault(kind, []).append(time.perf_counter() - start)
    return result


def _digest(data: bytes) -> str:
    """Sum up a picture's pixels; the file says when it was made."""
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _wrong(made: Visit, alone: Visit) -> list[str]:
    """List what a visitor was refused, and pictures other than those of a visitor who is alone."""
    differing = [name for name, digest in alone.pictures.items() if made.pictures.get(name) != digest]
    return [*(f"refused: {why}" for why in made.refused), *(f"another picture: {name}" for name in differing)]


def _left_behind(site: Site) -> int:
    """Count the uploads that stay although everybody has left."""
    deadline = time.monotonic() + _LEAVES_S
    while True:
        uploads = [path for path in site.files() if "uploads" in path.parts]
        if not uploads or time.monotonic() > deadline:
            return len(uploads)
        time.sleep(0.2)


def _latencies(visits: Sequence[Mapping[str, Sequence[float]]]) -> str:
    """Say the median and the 95th percentile of each kind of answer."""
    kinds = list(dict.fromkeys(kind for made in visits for kind in made))
    shown = []
    for kind in kinds:
        times = [seconds for made in visits for seconds in made.get(kind, ())]
        p50, p95 = np.percentile(times, (50, 95))
        shown.append(f"{kind} {p50:.2f} / {p95:.2f} s")
    return ", ".join(shown)


def quiet(site: Site) -> Row:
    """Send a photo full of metadata: none may reach an output or the log, and no other host be asked."""
    picture = Image.open(io.BytesIO(small_photo(PHOTOS[0])))
    upload = site.upload(tagged_jpeg(picture), f"{SECRET}.jpg")
    with site.visit() as session:
        results = [
            *site.call("invert", [upload, 0], session),
            *site.call("edit", [upload, "age +2"], session),
        ]
    files = [part for part in results if isinstance(part, dict) and "path" in part]
    outputs = [site.fetch(file) for file in files] + [repr(results).encode()]
    lost = [f"{where} tells the photo's metadata" for where in outputs if SECRET.encode() in where]
    lost += [f"asked another host: {line}" for line in site.asked_hosts()]
    lost += ["the log names the upload"] if SECRET in site.log() else []
    lost += ["the log has a traceback"] if "Traceback" in site.log() else []
    return Row(
        "outputs and log without metadata, hosts asked",
        len(outputs) + 3,
        len(outputs) + 3 - len(lost),
        "",
        tuple(lost),
    )


def fair(site: Site, times: int = 7) -> Row:
    """Invert and edit alone, then beside an improvement: the right pictures, in at most twice the time."""
    right, made, lost = one_picture(site), Visit(), []
    for _ in range(times):
        _timed(made, "alone", lambda: one_picture(site))
    with site.visit() as session:
        improvement = _improve(site, session)
        for _ in range(times):
            picture = _timed(made, "beside", lambda: one_picture(site))
            lost += [] if picture == right else ["another picture beside an improvement"]
        lost += [] if improvement.is_alive() else ["the improvement has ended before the work beside it"]
    alone_s, beside_s = (float(np.median(made.seconds[kind])) for kind in ("alone", "beside"))
    if beside_s > max(2 * alone_s, _SHORT_S):
        lost.append(f"an edit took {alone_s:.2f} s alone, {beside_s:.2f} s beside an improvement")
    figures = f"{_latencies([made.seconds])}; medians {beside_s / alone_s:.2f} : 1"
    return Row("edits beside an improvement", times, max(times - len(lost), 0), figures, tuple(lost))


def _improve(site: Site, session: str) -> Thread:
    """Bring a photo as a visitor of the page, and have its likeness improve; give who waits for it."""
    site.press("on_use", session, use=site.upload(small_photo(PHOTOS[1])))
    site.press("on_invert_1", session)

    def wait() -> None:
        with contextlib.suppress(OSError, Refused, http.client.HTTPException):  # the page may be killed
            site.press("on_improve_1", session, likeness="Closest")

    waiting = Thread(target=wait, daemon=True)
    waiting.start()
    time.sleep(_BEGINS_S)
    return waiting


def one_picture(site: Site, upload: Mapping[str, Any] | None = None, session: str = "") -> str:
    """Edit a photo, and give the digest of the portrait."""
    portrait = site.call("edit", [upload or site.upload(small_photo(PHOTOS[0])), "age +2"], session)[0]
    return _digest(site.fetch(portrait))


def vanish_in_improvement(site: Site) -> None:
    """Begin an improvement, and wait for it no more."""
    if not _improve(site, GONE).is_alive():
        raise RuntimeError("The improvement has ended at once.")


def tell_gone(site: Site) -> str:
    """Edit on in a visit that the page does not know any more, and give what it says."""
    return repr(site.press("on_controls", GONE, age=2))


def vanish_in_upload(site: Site, bytes_in: int) -> None:
    """Begin an upload and hang up after so many bytes of a photo."""
    head = "POST /gradio_api/upload HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\n"
    head += "content-length: 90000\r\n\r\n--x\r\ncontent-disposition: form-data; "
    head += 'name="files"; filename="a.jpg"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(head.encode() + small_photo(PHOTOS[0])[:bytes_in])


def vanish_in_call(site: Site) -> None:
    """Ask for an inversion, and hang up while it is under way."""
    session = secrets.token_hex(6)
    body = {
        "fn_index": site.numbers["invert"],
        "data": [site.upload(small_photo(PHOTOS[1])), 0],
        "session_hash": session,
    }
    site.ask("POST", "/gradio_api/queue/join", json.dumps(body).encode())
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(
            f"GET /gradio_api/queue/data?session_hash={session} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
        )
        time.sleep(0.2)
