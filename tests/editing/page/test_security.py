"""An attacker against the running page: by every handler, over HTTP, for files that are not his.

One page with the tiny preset serves the whole module. Beside it lie canaries: a picture with a face and a
text that no answer may contain, and a web server that nobody may ask for anything.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacked import (
    API,
    CAP,
    HOPPER,
    HTTP,
    META,
    Site,
    attacked,
    photo_inputs,
    planted,
    refusals,
    shapes,
    watched,
)
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from editing.page.gate import REFUSED
from samm.crop.photo import open_photo


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with attacked(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(autouse=True)
def unharmed(site) -> Iterator[None]:
    with watched(site):
        yield


# Files that are not the visitor's -------------------------------------------------------------------------


def test_the_page_has_the_inputs_that_are_attacked(site):
    names = {name for name, _, _ in photo_inputs(site)}
    assert {"on_photo", "on_use", "on_recipe_file", "on_paint", "invert", "edit"} <= names


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
                if name in ("on_paint", "on_brush"):
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


# What is meant to work ------------------------------------------------------------------------------------


def test_a_browsers_upload_is_inverted_and_goes_when_the_page_is_closed(site):
    before = site.results()
    path = site.upload(HOPPER.read_bytes(), "only me.jpg")
    dressed = {"path": path, "url": f"{site.address}{API}/file={path}", "orig_name": "a.svg", **META}
    answer = site.join(site.number("on_photo"), [None, dressed], "bob")
    assert "Face found" in json.dumps(answer)
    number = site.number("on_invert")
    assert "error" not in site.join(number, site.values(number), "bob")
    assert site.results() - before
    assert HTTP.get(site.url(f"/file={path}")).content == HOPPER.read_bytes()
    site.leave("bob")
    assert site.results() == before
    assert HTTP.get(site.url(f"/file={path}")).status_code == 403


def test_an_example_that_was_picked_is_taken(site):
    answer = site.join(site.number("on_example"), [None], "carol", {"index": 1, "value": None})
    assert "Face found" in json.dumps(answer)
    site.leave("carol")


def test_a_program_uploads_inverts_and_edits(site, tmp_path):
    client = Client(site.address, verbose=False, download_files=tmp_path)
    crop, _, masks, report = client.predict(handle_file(HOPPER), 0, api_name="/invert")
    assert open_photo(crop).shape == (512, 512, 3)
    assert len(masks) == 5
    assert report["preset"] == "tiny"
    portrait, whole, *_ = client.predict(handle_file(HOPPER), "age +1", api_name="/edit")
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
