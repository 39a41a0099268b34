"""What a visitor takes home, and brings back: pictures, masks, latent, recipes."""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from visitor import (
    EXAMPLES,
    HOPPER,
    PLACES,
    WAIT_MS,
    expect,
    invert,
    jpeg,
    picture,
    reveal,
    set_slider,
    slider,
    tab,
    unfold,
    view,
    wait_status,
)

from editing.recipe.file import from_json, load_recipe, to_json
from editing.recipe.recipe import ComponentEdit, Recipe, TextEdit
from samm.crop.faces import find_faces
from samm.crop.photo import open_photo
from samm.crop.png import read_png_text

OLDER = re.compile(r"^Edited: age \+[\d.]+\. ")
OLDER_AND_BLONDE = re.compile(r"^Edited: age \+[\d.]+, blonde hair [\d.]+\. ")


def download(page, name: str, folder: Path) -> Path:
    """Press a download button and keep the file under the name it is offered with."""
    if name != "download_photo":
        reveal(page, name) if name in PLACES else unfold(page, "more")
    with page.expect_download(timeout=WAIT_MS) as started:
        page.locator(f"#{name}").click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def load(page, *recipe: Path | dict) -> None:
    """Choose a file as the recipe to load."""
    reveal(page, "recipe_in")
    page.set_input_files("#recipe_in input[type=file]", *recipe)


def as_upload(recipe: Recipe) -> dict:
    return {"name": "mine.json", "mimeType": "application/json", "buffer": to_json(recipe).encode()}


def older(page) -> None:
    set_slider(page, "age", "End")
    wait_status(page, OLDER)


def older_and_blonde(page) -> None:
    older(page)
    tab(page, "Words")
    field = page.locator("#target textarea, #target input")
    field.fill("blonde hair")
    field.press("Enter")
    wait_status(page, OLDER_AND_BLONDE)


@pytest.fixture
def page(new_tab):
    """The page in a new tab."""
    return new_tab


def test_a_portrait_says_how_it_was_made_and_is_taken_up_again_on_another_photo(page, tmp_path):
    invert(page)
    older_and_blonde(page)
    view(page, "Edited")
    path = download(page, "download", tmp_path)
    assert re.fullmatch(r"samm_\d{8}T\d{6}Z_age\+[\d.]+_blonde-hair.*\.png", path.name)
    with Image.open(path) as saved:
        assert saved.size == (512, 512)
        assert np.array_equal(np.asarray(saved), picture(page))
    assert "compositeWithTrainedAlgorithmicMedia" in read_png_text(path)["XML:com.adobe.xmp"]
    recipe = load_recipe(path)
    assert recipe.attributes["age"] > 0
    assert [text.target for text in recipe.texts] == ["blonde hair"]

    invert(page, EXAMPLES / "cap.jpg")
    load(page, path)
    wait_status(page, OLDER_AND_BLONDE)
    expect(slider(page, "age")).to_have_value(f"{recipe.attributes['age']:g}")
    tab(page, "Words")
    expect(page.locator("#row_0")).to_contain_text("blonde hair")
    expect(slider(page, "word_0")).to_have_value(f"{recipe.texts[0].strength:g}")
    expect(page.locator("#row_1")).to_be_hidden()


def test_every_file_holds_what_it_should_and_of_the_upload_nothing_but_its_pixels(page, tmp_path, detector):
    exif = Image.Exif()
    exif[0x010E] = "planted secret words"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 1.0)})
    photo = jpeg(np.asarray(Image.open(HOPPER)), "private name.jpg", exif=exif)
    invert(page, photo)
    older(page)
    names = ("download", "download_photo", "download_masks", "download_recipe", "download_latent")
    files = {name: download(page, name, tmp_path) for name in names}
    for name, path in files.items():
        data = path.read_bytes()
        for mark in (b"planted", b"eXIf", b"Exif", b"private"):
            assert mark not in data, name
        assert "private" not in path.name
    check_masks_and_latent(files["download_masks"], files["download_latent"])
    view(page, "Whole photo")
    assert np.array_equal(open_photo(files["download_photo"]), picture(page))
    check_whole(files["download_photo"], open_photo(io.BytesIO(photo["buffer"])), detector)


def check_masks_and_latent(masks: Path, latent: Path) -> None:
    with zipfile.ZipFile(masks) as archive:
        names = archive.namelist()
        assert names == [f"mask_{r}.png" for r in (32, 64, 128, 256, "gathered")]
        assert Image.open(archive.open("mask_gathered.png")).size == (512, 512)
    with safe_open(latent, "np") as stored:
        codes = [stored.get_tensor(name) for name in ("w_plus", "w_plus_edited")]
    assert codes[0].shape == codes[1].shape == (1, 14, 512)
    assert not np.array_equal(*codes)


def check_whole(path: Path, original: np.ndarray, detector) -> None:
    """The whole photo has its size and is untouched beside the face."""
    pasted = open_photo(path)
    assert pasted.shape == original.shape
    assert "compositeWithTrainedAlgorithmicMedia" in read_png_text(path)["XML:com.adobe.xmp"]
    changed = (pasted != original).any(-1)
    assert changed.any()
    quad = find_faces(original, detector)[0].quad
    outside = np.ones(changed.shape, bool)
    (left, top), (right, bottom) = np.floor(quad.min(0)).astype(int), np.ceil(quad.max(0)).astype(int)
    outside[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = False
    assert outside.any()
    assert not changed[outside].any()


def test_what_no_slider_can_show_survives_a_change_of_another(page, tmp_path):
    wanted = Recipe(
        {"age": 1.2345},
        (TextEdit("blonde hair", "a woman with hair", strength=4.5, focus=0.2),),
        (ComponentEdit(0, 12.0, (2, 7)), ComponentEdit(79, -1.5)),
    )
    invert(page)
    load(page, as_upload(wanted))
    wait_status(page, re.compile(r"^Edited: age \+1\.2345, .*component 79 −1\.5\. "))
    set_slider(page, "smile", "PageUp")
    wait_status(page, re.compile(r"^Edited: age .*smile \+[\d.]+, blonde hair 4\.5"))
    made = from_json(download(page, "download_recipe", tmp_path).read_text())
    assert made.attributes["smile"] > 0
    assert made.with_attribute("smile", 0) == wanted


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{broken", "not JSON, or is cut off"),
        (json.dumps({"recipe": 1, "attributes": {"height": 2}}).encode(), "height"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_one_sentence_and_changes_nothing(page, content, sentence):
    invert(page)
    older(page)
    before = picture(page)
    load(page, {"name": "bad.json", "mimeType": "application/json", "buffer": content})
    wait_status(page, re.compile(sentence))
    assert np.array_equal(picture(page), before)
    expect(slider(page, "age")).not_to_have_value("0")
    set_slider(page, "age", "Home")
    wait_status(page, re.compile(r"^Edited: age −[\d.]+\. "))
