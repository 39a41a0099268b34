"""An attacker against the running page: by routes that are no handlers, and with values of no sense."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Iterator

import pytest
from attacked import (
    HTTP,
    META,
    SECRET,
    Site,
    attacked,
    planted,
    refusals,
    watched,
)
from PIL import Image

from editing.page.wall import MISFIT


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with attacked(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(autouse=True)
def unharmed(site) -> Iterator[None]:
    with watched(site):
        yield


# Routes ---------------------------------------------------------------------------------------------------


def test_files_are_served_from_our_folder_only(site):
    for kind, twins in planted(site).items():
        if kind in ("not uploaded", "dot in an upload", "doubled slash"):
            continue  # our own folder's files may be had by who knows their names
        for mark in "=/":  # two dots after a slash are taken out of an address before it is sent
            quoted = [path.replace("\0", "%00")[:5000] for path in twins]
            answers = [HTTP.get(site.url(f"/file{mark}{path}")) for path in quoted]
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


def painted(site: Site, data: bytes, has_own: bool) -> str:
    """Give what the page says to a picture in the place of a stroke, sent in both ways."""
    number, session = site.number("on_paint"), secrets.token_hex(6)
    if has_own:  # a handler has changed the brush, so that the session has one of its own
        site.join(site.number("on_photo"), [None, None], session)
    values = site.values(number)[:-1]
    layer = {"path": site.upload(data, "layer.png"), "orig_name": "layer.eps", **META}
    said = site.run(number, [*values, {"background": None, "layers": [layer], "composite": None}], session)
    stroke = {"type": "layer", "index": "0", "id": session, "session_hash": session}
    stroke |= {"fn_name": "accept_blobs", "component_id": str(site.inputs(number)[-1]["id"])}
    HTTP.post(site.url("/component_server"), data=stroke, files={"file": ("a", data)})
    sent = {"background": None, "layers": [], "composite": None, "id": session}
    return refusals(said.text + site.run(number, [*values, sent], session).text)


@pytest.mark.parametrize("has_own", [False, True])
def test_the_brush_reads_no_format_and_no_size_that_browsers_do_not_paint(site, has_own):
    huge, fitting = io.BytesIO(), io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "PNG")
    Image.new("RGBA", (512, 512)).save(fitting, "PNG")
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    for data in (postscript, huge.getvalue(), b"text", b""):
        assert painted(site, data, has_own).count("does not fit the picture") == 2
    assert "error" not in painted(site, fitting.getvalue(), has_own)


def test_the_brush_keeps_no_millions_of_layers(site):
    part = next(part["id"] for part in site.config["components"] if part["type"] == "imageeditor")
    stroke = {"type": "layer", "index": "900000000", "id": "much", "session_hash": "m"}
    stroke |= {"fn_name": "accept_blobs", "component_id": str(part)}
    answer = HTTP.post(site.url("/component_server"), data=stroke, files={"file": ("a", b"x")})
    assert answer.status_code == 400


# Arguments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("face", "sentence"),
    [
        (None, "face must be a number, not None."),
        (0.7, "face must be a whole number, not 0.7."),
        ("x", "face must be a number, not 'x'."),
        (True, "face must be a number, not True."),
        ([0], "face must be a number, not a list."),
        (10**400, "face must be a number, not 1000000000000000000000000000000000000000…."),
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
    listed = HTTP.post(site.url("/call/v2/edit"), json=[SECRET])
    assert (listed.status_code, listed.json()) == (422, {"detail": MISFIT})  # repeats nothing of it
    strange = HTTP.post(site.url("/call/v2/edit"), json={"\u202e" + "x" * 9000: 1}).json()["detail"]
    assert strange.isprintable()
    assert len(strange) < 300
    assert "`color`" in HTTP.post(site.url("/call/v2/edit"), json={"color": 1}).json()["detail"]


@pytest.mark.parametrize(
    "event", [None, {}, {"index": "1"}, {"index": [0, 1]}, {"index": 99}, {"index": -1}, 7]
)
def test_a_pick_of_nothing_is_one_sentence(site, event):
    for name in ("on_example", "on_face", "on_strip_picked"):
        answer = site.join(site.number(name), site.values(site.number(name)), event=event)
        said = json.dumps(answer, ensure_ascii=False)
        assert "picture" in said, name
        assert "our side" not in said, name


def test_values_of_the_wrong_kind_are_named_by_their_control(site):
    number = site.number("on_controls")
    values = site.values(number)
    labels = [str(part["props"].get("label", "")) for part in site.inputs(number)]
    for wrong, label in (
        ("x", "The stage shows"),
        ("yes", "Show on my photo"),
        ("yes", "Allow more than usually looks good"),
        ("x", "Smile"),
        (None, "Mouth"),
    ):
        place = next(place for place, each in enumerate(labels) if each.startswith(label))
        given = [*values[:place], wrong, *values[place + 1 :]]
        assert site.run(number, given).json()["error"].startswith(label)


def test_the_page_says_what_is_true_for_the_request_that_asks(site):
    body = {"fn_index": site.number("tell_privacy"), "data": [], "session_hash": "w"}
    said = [
        HTTP.post(site.url("/run/predict"), json=body, headers=headers).json()["data"][0]
        for headers in ({}, {"x-forwarded-for": "10.1.2.3"}, {"host": "faces.example.org"})
    ]
    assert ["never leaves this computer" in text for text in said] == [True, False, False]
    assert ["sent to this server" in text for text in said] == [False, True, True]
