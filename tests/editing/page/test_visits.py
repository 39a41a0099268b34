"""Visitors side by side, coming and going, stopping, in trouble; and programs instead of visitors."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from visitor import (
    EMPTY,
    EXAMPLES,
    HOPPER,
    expect,
    invert,
    picture,
    remove_photo,
    set_slider,
    slider,
    toast,
    upload,
    view,
    wait_status,
)

import samm
from editing.edit import edit
from editing.moves.moves import Moves
from editing.recipe.file import from_json, load_recipe
from editing.recipe.recipe import Recipe
from samm.crop.faces import find_faces
from samm.crop.photo import open_photo
from samm.crop.quad import crop_face

CODED = re.compile(r"^Something went wrong on our side \(code [0-9a-f]{4}\)\.")
# A page whose first inversion is slow, and which breaks when somebody is to look up.
TROUBLE = """
import runpy
import time

from editing.page import gpu

invert, edit, calls = gpu.invert_on_gpu, gpu.edit_on_gpu, []

def slow(crop_u8, tell):
    calls.append(crop_u8)
    for step in range(300 if len(calls) == 1 else 0):
        tell("Encoding", step, 300)
        time.sleep(0.1)
    return invert(crop_u8, tell)

def broken(inversion, recipe):
    if "pitch" in recipe.attributes:
        raise RuntimeError(f"{__file__} is broken")
    return edit(inversion, recipe)

gpu.invert_on_gpu, gpu.edit_on_gpu = slow, broken
runpy.run_path("app.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def trouble(tmp_path_factory, serve_page) -> Iterator[str]:
    """The address of a page in `TROUBLE`."""
    folder = tmp_path_factory.mktemp("trouble")
    script = folder / "trouble.py"
    script.write_text(TROUBLE)
    with serve_page(folder, {"SAMM_TINY": "1"}, str(script)) as address:
        yield address


@pytest.fixture
def client(address, tmp_path) -> Client:
    return Client(address, verbose=False, download_files=tmp_path)


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait for something that no page tells."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def assert_says_nothing_private(page) -> None:
    text = page.inner_text("body")
    for mark in ("Traceback", "RuntimeError", ".py", "trouble"):
        assert mark not in text
    assert re.search(r"/(tmp|home|root|usr|opt|var)\b", text) is None


# Stop and trouble -----------------------------------------------------------------------------------------


def test_stop_ends_an_inversion_and_the_next_one_works_and_an_error_of_ours_keeps_the_picture(visit, trouble):
    page = visit(trouble)
    expect(page.locator("#stop")).to_be_hidden()
    upload(page, HOPPER)
    wait_status(page, "Reading your face…")
    expect(page.locator("#stop")).to_be_visible()
    page.locator("#stop").click()
    expect(page.locator("#status p")).to_have_text("Stopped. Nothing was changed.", timeout=2000)
    expect(page.locator("#stop")).to_be_hidden()
    expect(slider(page, "age")).to_be_disabled()
    page.locator("#invert").click()
    wait_status(page, re.compile("^Done in"))

    set_slider(page, "age", "PageUp")
    wait_status(page, re.compile(r"^Edited: age \+[\d.]+\. "))
    before, history = picture(page), page.locator("#history img").count()
    set_slider(page, "pitch", "PageUp")
    wait_status(page, CODED)
    expect(page.locator("#status p")).to_contain_text("Your photo and edits are still here.")
    expect(toast(page, "Something went wrong on our side (code")).to_be_visible()
    assert np.array_equal(picture(page), before)
    assert page.locator("#compare img").count() == 2
    assert page.locator("#history img").count() == history
    assert_says_nothing_private(page)
    set_slider(page, "pitch", "PageDown")  # back to where it works
    set_slider(page, "smile", "PageUp")
    wait_status(page, re.compile(r"^Edited: age \+[\d.]+, smile \+[\d.]+\. "))


def test_a_program_gets_one_coded_sentence_for_an_error_of_ours(trouble, tmp_path):
    client = Client(trouble, verbose=False, download_files=tmp_path)
    with pytest.raises(AppError, match=CODED) as caught:
        client.predict(handle_file(HOPPER), "pitch +1", api_name="/edit")
    assert "trouble" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_without_its_weights_the_page_opens_and_says_what_to_do(visit, serve_page, tmp_path):
    (tmp_path / "samm_compact.safetensors").write_bytes(b"cut off")
    with serve_page(tmp_path, {"SAMM_WEIGHTS": str(tmp_path)}) as address:
        page = visit(address)
        expect(page.locator("#missing")).to_contain_text("samm_compact.safetensors is damaged or cut off")
        wait_status(page, EMPTY)
        upload(page, HOPPER)
        wait_status(page, re.compile("damaged or cut off"))
        expect(page.locator("#invert")).to_be_hidden()
        with pytest.raises(AppError, match="damaged or cut off"):
            Client(address, verbose=False).predict(handle_file(HOPPER), "age +1", api_name="/edit")
        page.context.close()
    assert "Traceback" not in (tmp_path / "page.log").read_text()


# Side by side, and gone -----------------------------------------------------------------------------------


def test_two_visitors_at_once_each_see_their_own_face(visit, address, tiny, detector):
    photos, changes = (HOPPER, EXAMPLES / "cap.jpg"), ("age", "smile")
    pages = [visit(address), visit(address)]
    for page, photo in zip(pages, photos, strict=True):
        upload(page, photo)
    for page in pages:
        wait_status(page, re.compile("^Done in"))
        view(page, "Edited")
    for _ in range(3):
        for page, name in zip(pages, changes, strict=True):
            slider(page, name).press("End")
            slider(page, name).press("PageDown")
    for page, photo, name in zip(pages, photos, changes, strict=True):
        value = float(slider(page, name).input_value())
        wait_status(page, re.compile(rf"^Edited: {name} \+{re.escape(str(value))}\. "))
        opened = open_photo(photo)
        crop = crop_face(opened, find_faces(opened, detector)[0].quad, tiny.resolution)
        assert np.abs(picture(page, "#compare img").astype(int) - crop).max() <= 2  # other threads round
        alone = edit(samm.invert(crop, tiny), Recipe({name: value}), tiny, Moves(tiny)).blended
        assert np.abs(picture(page).astype(int) - alone).mean() < 0.5  # likewise


def files_of(folder: Path) -> list[Path]:
    """All files that visitors have brought or were given."""
    return [path for path in (folder / "cache").rglob("*") if path.is_file()]


def test_reload_forgets_the_photo_and_a_closed_page_leaves_no_file_of_it(
    browser, address, page_folder, tmp_path
):
    page = browser.new_page()  # unlike the fixture's it may log that the reload has cut its stream
    page.goto(address)
    photo = tmp_path / "only me.jpg"
    shutil.copyfile(HOPPER, photo)
    cache = page_folder / "cache"
    earlier = set(cache.glob("*/visits/*"))
    invert(page, photo)
    assert [path for path in files_of(page_folder) if "only me" in path.name or path.name == "only_me.jpg"]
    (mine,) = set(cache.glob("*/visits/*")) - earlier
    page.reload()
    wait_status(page, EMPTY)
    expect(page.locator("#compare img")).to_have_count(0)
    expect(page.locator("#download_photo")).to_be_disabled()
    assert eventually(lambda: not mine.exists())

    invert(page, photo)
    (mine,) = set(cache.glob("*/visits/*")) - earlier
    page.context.close()
    assert eventually(lambda: not mine.exists())
    assert not [path for path in files_of(page_folder) if path.name.startswith("only")]


def test_the_browser_keeps_no_picture_and_a_removed_photo_leaves_no_file_either(page, page_folder):
    cache = page_folder / "cache"
    earlier = set(cache.glob("*/visits/*"))
    invert(page)
    (mine,) = set(cache.glob("*/visits/*")) - earlier
    set_slider(page, "age", "PageUp")
    wait_status(page, re.compile("^Edited: age"))
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "data:image" not in kept
    assert "base64" not in kept
    assert len(kept) < 4000
    assert page.evaluate("indexedDB.databases().then(found => found.length)") == 0
    expect(page.locator("footer")).to_be_visible()
    expect(page.locator("footer")).not_to_contain_text(re.compile("runs", re.IGNORECASE))
    remove_photo(page)
    page.context.close()
    assert eventually(lambda: not mine.exists())


# Programs -------------------------------------------------------------------------------------------------


def test_exactly_three_functions_are_public(client):
    named = client.view_api(return_format="dict")
    assert set(named["named_endpoints"]) == {"/invert", "/edit", "/describe"}
    assert named["unnamed_endpoints"] == {}


def test_a_program_edits_twice_to_the_same_bytes(client):
    results = [client.predict(handle_file(HOPPER), "age +2, blonde hair 0.8", api_name="/edit") for _ in "12"]
    (portrait, whole, recipe, _), again = results
    assert Path(portrait).read_bytes() == Path(again[0]).read_bytes()
    assert Path(whole).read_bytes() == Path(again[1]).read_bytes()
    assert from_json(recipe) == load_recipe(portrait) == load_recipe(whole)
    assert recipe == again[2]
    assert open_photo(portrait).shape == (512, 512, 3)
    assert open_photo(whole).shape == open_photo(HOPPER).shape
    as_json = client.predict(handle_file(HOPPER), recipe, api_name="/edit")
    assert Path(as_json[0]).read_bytes() == Path(portrait).read_bytes()


def test_a_program_inverts_and_is_told_what_can_be_changed(client):
    crop, inverted, masks, report = client.predict(handle_file(HOPPER), 0, api_name="/invert")
    assert open_photo(crop).shape == open_photo(inverted).shape == (512, 512, 3)
    assert [mask["caption"].split(":")[0] for mask in masks] == [
        *("32x32", "64x64", "128x128", "256x256", "gathered")
    ]
    assert all(Path(mask["image"]).is_file() for mask in masks)
    assert report["preset"] == "tiny"
    assert 0 < report["kept"]["gathered"] < 1
    told = client.predict(api_name="/describe")
    assert told["attributes"]["age"]["step"] == 0.1


@pytest.mark.parametrize(
    ("recipe", "sentence"), [("height +2", "height"), ("age +99", "age"), ("{", "not JSON")]
)
def test_a_program_is_told_its_error_in_one_sentence(client, recipe, sentence):
    with pytest.raises(AppError, match=sentence) as caught:
        client.predict(handle_file(HOPPER), recipe, api_name="/edit")
    said = str(caught.value)
    assert said.endswith(".")
    assert "Traceback" not in said
    assert "wrong on our side" not in said


def test_a_program_without_a_photo_is_told_to_pass_one(client):
    with pytest.raises(AppError, match=r"^Call /invert first or pass the photo\.$"):
        client.predict(None, "age +1", api_name="/edit")


def test_a_face_that_is_not_there_is_one_sentence(client):
    with pytest.raises(AppError, match=r"^There is no face 3; the photo has 1, counted from 0\.$"):
        client.predict(handle_file(HOPPER), 3, api_name="/invert")
