"""From a photo to its inversion: uploads, examples, faces, crops, and files that are no photos."""

import re
import time

import numpy as np
import pytest
from PIL import Image
from visitor import (
    DONE,
    EMPTY,
    EXAMPLES,
    HOPPER,
    WAIT_MS,
    expect,
    heard,
    invert,
    jpeg,
    listen,
    open_masks,
    picture,
    remove_photo,
    set_slider,
    slider,
    tab,
    toast,
    unfold,
    upload,
    view,
    wait_status,
)

from samm.crop.photo import MAX_FILE_MB

# How a photo is stored so that its EXIF orientation sets it upright; all eight are for `test_photo` to open.
TURNS = {
    1: None,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
}


@pytest.fixture(scope="module")
def hopper() -> np.ndarray:
    return np.asarray(Image.open(HOPPER).convert("RGB"))


@pytest.fixture(scope="module")
def wall() -> dict:
    rng = np.random.default_rng(1)
    return jpeg(rng.integers(80, 120, (300, 400, 3), dtype=np.uint8), "wall.jpg")


@pytest.fixture
def page(new_tab):
    """The page in a new tab."""
    return new_tab


def test_the_page_is_ready_within_five_seconds_with_title_headline_and_examples(page, address):
    start = time.perf_counter()
    page.goto(address)
    expect(page.locator("#status p")).to_have_text(EMPTY)
    page.wait_for_selector("#header input[type=file]", state="attached")
    seconds = time.perf_counter() - start
    assert page.title() == "SAMM face editor"
    expect(page.locator("h1")).to_have_text("SAMM face editor")  # one, or Playwright complains
    expect(page.get_by_text("Your photo never leaves this computer.")).to_be_visible()
    readme = page.request.get(address + "/" + page.get_by_text("Code and README").get_attribute("href"))
    assert "## Citation" in readme.text()
    expect(page.locator("#examples img")).to_have_count(8)
    assert seconds < 5


def test_before_there_is_a_photo_nothing_can_be_edited_or_saved(page):
    for name in ("undo", "redo", "hold", "download_photo", "share", "tile_smile", "brush_on"):
        expect(page.locator(f"#{name}")).to_be_disabled()
    for name in ("reset", "invert", "stop", "effect_strength"):
        expect(page.locator(f"#{name}")).to_be_hidden()
    expect(slider(page, "age")).to_be_disabled()
    tab(page, "Words")
    expect(page.locator("#add")).to_be_disabled()
    expect(page.locator("#chip_0")).to_be_disabled()
    expect(slider(page, "mask_strength")).to_be_disabled()
    view(page, "Before / after")
    expect(page.locator("#compare img")).to_have_count(0)


def test_an_upload_is_found_inverted_and_shown_beside_the_photo_with_its_masks(page):
    listen(page)
    invert(page)
    said = "\n".join(heard(page))
    assert re.search(
        r"^Looking for faces…\nFace found.*(\nReading your face.*)+\nDone in", said, re.MULTILINE
    )

    shown = page.locator("#compare img")
    expect(shown).to_have_count(2)
    for number in range(2):
        expect(shown.nth(number)).to_have_js_property("naturalWidth", 512)
        expect(shown.nth(number)).to_have_js_property("naturalHeight", 512)
    open_masks(page)
    captions = page.locator("#masks .caption-label").all_inner_texts()
    assert [re.fullmatch(r"(\d+)×\1 · \d+ % kept", caption.strip())[1] for caption in captions] == [
        *("32", "64", "128", "256"),
        "512",
    ]
    expect(page.locator("#faces")).to_be_hidden()
    expect(slider(page, "age")).to_be_enabled()
    expect(page.locator("#download_photo")).to_be_enabled()


def test_exif_orientations_of_a_photo_give_the_same_crop(page, hopper):
    upright = Image.fromarray(hopper)
    crops = []
    for orientation, turn in TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright if turn is None else upright.transpose(turn)
        listen(page)
        upload(page, jpeg(np.asarray(stored), f"turned{orientation}.jpg", exif))
        page.wait_for_function("window.said.includes('Looking for faces…')", timeout=WAIT_MS)
        wait_status(page, DONE)
        crops.append(picture(page, "#compare img").astype(int))
    differences = [np.abs(crop - crops[0]).mean() for crop in crops]
    assert max(differences) < 2


def test_a_text_file_named_jpg_is_refused_in_one_sentence_and_another_photo_goes(page):
    upload(page, {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"only text"})
    expect(toast(page, "not a picture we can read")).to_be_visible(timeout=WAIT_MS)
    wait_status(page, re.compile(r"^This file is not a picture we can read\."))
    text = page.inner_text("body")
    assert "Traceback" not in text
    assert "/tmp" not in text
    invert(page)


def test_a_file_over_the_limit_is_refused_with_its_name_and_the_limit(browser, address, tmp_path):
    huge = tmp_path / "huge.jpg"
    huge.write_bytes(bytes((MAX_FILE_MB + 1) * 2**20))
    page = browser.new_page()  # unlike the fixture's it may log the refusal as an error
    page.goto(address)
    upload(page, huge)
    refusal = toast(page, "huge.jpg")
    expect(refusal).to_be_visible(timeout=WAIT_MS)
    expect(refusal).to_contain_text(re.compile(rf"\b{MAX_FILE_MB}(\.0)? MB", re.IGNORECASE))
    expect(page.locator("#compare img")).to_have_count(0)
    page.close()


def test_a_wall_has_no_face_and_can_be_cropped_by_hand(page, wall):
    upload(page, wall)
    wait_status(page, re.compile("^No face found. .* place the crop yourself below.$"))
    expect(page.locator("#use_crop")).to_be_visible()
    expect(page.locator("#invert")).to_be_hidden()
    expect(page.locator("#crop_preview img")).to_be_visible()
    page.locator("#use_crop").click()
    wait_status(page, DONE)
    expect(page.locator("#compare img")).to_have_count(2)


def test_a_crop_moved_by_hand_is_previewed_and_then_inverted(page):
    invert(page)
    found = picture(page, "#compare img").astype(int)
    unfold(page, "source")
    preview = page.locator("#crop_preview img")
    check_drag(page, preview)
    turn = page.locator("#crop_turn input[type=number]")
    degrees = float(turn.input_value())
    shown = preview.get_attribute("src")
    turn.fill(f"{degrees - 30 if degrees > 0 else degrees + 30:g}")
    turn.press("Tab")
    expect(preview).not_to_have_attribute("src", shown, timeout=WAIT_MS)
    turn.fill(f"{degrees - 180 if degrees > 0 else degrees + 180:g}")
    turn.press("Tab")
    before = page.locator("#compare img").first
    source = before.get_attribute("src")
    page.locator("#use_crop").click()
    expect(before).not_to_have_attribute("src", source, timeout=WAIT_MS)
    wait_status(page, DONE)
    turned = picture(page, "#compare img").astype(int)[::-1, ::-1]
    assert np.abs(turned - found).mean() < 6 < np.abs(turned[::-1, ::-1] - found).mean()


def check_drag(page, preview) -> None:
    """A drag on the photo moves its crop, and back."""

    def middle() -> list[float]:
        return [float(page.locator(f"#crop_{axis} input[type=number]").input_value()) for axis in "xy"]

    begin, source = middle(), preview.get_attribute("src")
    preview.scroll_into_view_if_needed()
    box = preview.bounding_box()
    photo_px = preview.evaluate("image => image.naturalWidth")
    scale = Image.open(HOPPER).width / box["width"]
    assert photo_px <= 1024
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for way in (1, -1):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 10 * way, y + 5 * way)
        page.mouse.move(x - 20 * way, y + 10 * way)
        page.mouse.up()
        if way == 1:
            moved = [begin[0] - 20 * scale, begin[1] + 10 * scale]
            assert middle() == pytest.approx(moved, abs=1)
            expect(preview).not_to_have_attribute("src", source, timeout=WAIT_MS)
    assert middle() == pytest.approx(begin, abs=1)
    page.mouse.move(x, y)  # not held any more
    assert middle() == pytest.approx(begin, abs=1)


def test_of_three_faces_one_is_picked_and_another_can_follow(page, hopper):
    upload(page, jpeg(np.concatenate([hopper, hopper[:, ::-1], hopper], 1), "three.jpg"))
    wait_status(page, "Found 3 faces. Pick one.")
    expect(page.locator("#faces img")).to_have_count(3)
    captions = page.locator("#faces .caption-label").all_inner_texts()
    assert {caption.split("—")[1].strip() for caption in captions} == {"left", "middle", "right"}
    expect(page.locator("#compare img")).to_have_count(0)  # nothing is inverted before the choice

    page.locator("#faces img").nth(0).click()
    wait_status(page, DONE)
    first, source = picture(page), page.locator("#stage img").get_attribute("src")
    page.locator("#faces img").nth(2).click()
    expect(page.locator("#stage img")).not_to_have_attribute("src", source, timeout=WAIT_MS)
    assert not np.array_equal(first, picture(page))


def test_an_example_is_one_click_away_and_a_second_one_replaces_it(page):
    page.locator("#examples img").nth(2).click()
    wait_status(page, DONE)
    first = picture(page, "#compare img")
    listen(page)
    page.locator("#examples img").nth(1).click()
    page.wait_for_function("window.said.includes('Looking for faces…')", timeout=WAIT_MS)
    wait_status(page, DONE)
    second = picture(page, "#compare img")
    assert not np.array_equal(first, second)
    remove_photo(page)
    invert(page)  # the second example is this very file
    assert np.array_equal(second, picture(page, "#compare img"))


def test_removing_the_photo_takes_all_that_came_from_it(page):
    invert(page)
    set_slider(page, "age", "End")
    wait_status(page, re.compile(r"^Edited: age \+"))
    remove_photo(page)
    expect(page.locator("#compare img")).to_have_count(0)
    expect(page.locator("#stage img")).to_have_count(0)
    expect(page.locator("#masks img")).to_have_count(0)
    expect(page.locator("#history img")).to_have_count(0)
    expect(slider(page, "age")).to_be_disabled()
    expect(slider(page, "age")).to_have_value("0")
    expect(page.locator("#download_photo")).to_be_disabled()
    expect(page.locator("#undo")).to_be_disabled()


def test_a_photo_that_comes_while_another_is_inverted_wins(page):
    invert(page, EXAMPLES / "cap.jpg")
    expected = picture(page, "#compare img")
    remove_photo(page)
    upload(page, HOPPER)
    wait_status(page, re.compile("^Reading your face"))
    upload(page, EXAMPLES / "cap.jpg")
    # The first photo may have been done by then; what counts is which one stays.
    deadline = time.monotonic() + WAIT_MS / 1000
    while not np.array_equal(expected, picture(page, "#compare img")):
        assert time.monotonic() < deadline
        page.wait_for_timeout(200)
    wait_status(page, DONE)
    assert np.array_equal(expected, picture(page, "#compare img"))


def test_a_small_face_is_inverted_with_a_warning(page, hopper):
    small = Image.fromarray(hopper)
    small.thumbnail((200, 200))
    invert(page, jpeg(np.asarray(small), "small.jpg"))
    expect(toast(page, re.compile(r"face is only \d+ pixels wide"))).to_be_visible()


@pytest.fixture(scope="module")
def cartoon(drawn_face) -> dict:
    return jpeg(drawn_face((255, 220, 177)), "cartoon.jpg")


def test_a_drawn_face_is_asked_about_until_it_gives_way_or_is_used_anyway(page, cartoon):
    upload(page, cartoon)
    page.get_by_role("button", name="Another photo").click(timeout=WAIT_MS)
    wait_status(page, EMPTY)
    expect(page.locator("#doubt")).to_be_hidden()
    unfold(page, "source")
    expect(page.locator("#photo img")).to_have_count(0)
    upload(page, cartoon)
    warning = page.locator("#doubt [role=alert]")
    expect(warning).to_contain_text("does not look like a photographed human face", timeout=WAIT_MS)
    page.wait_for_timeout(1500)  # by then a photo of a person would be inverted
    expect(warning).to_be_visible()
    expect(page.locator("#compare img")).to_have_count(0)
    page.get_by_role("button", name="Use it anyway").click()
    wait_status(page, DONE)
    expect(warning).to_be_hidden()


def test_a_photo_that_was_turned_upright_can_be_turned_back(page, hopper):
    upload(page, jpeg(np.ascontiguousarray(np.rot90(hopper)), "side.jpg"))
    back = page.get_by_role("button", name="Turn back")
    expect(back).to_be_visible(timeout=WAIT_MS)
    back.click()
    expect(back).to_be_hidden(timeout=WAIT_MS)
