"""The page in a real browser: what a visitor does, sees and is told."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
HOPPER = ROOT / "examples" / "hopper.jpg"
DONE = re.compile(r"^Done in [\d.]+ s\. \d+ % of the picture is kept from your photo")
WAIT_MS = 60_000

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def page(browser, address):
    """A fresh visitor; the test fails if the page asked another host for anything or reported an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    yield page
    local = (address, address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(local)] == []
    assert page.errors == []
    context.close()


def upload(page, photo: Path | dict) -> None:
    page.set_input_files("#photo input[type=file]", photo)


def invert(page, photo: Path = HOPPER) -> None:
    upload(page, photo)
    expect(page.locator("#status p")).to_have_text(DONE, timeout=WAIT_MS)


def picture(page, selector: str) -> np.ndarray:
    """Fetch a shown picture as the page got it."""
    locator = page.locator(selector).first
    expect(locator).to_be_visible(timeout=WAIT_MS)
    response = page.request.get(locator.get_attribute("src"))
    return np.asarray(Image.open(io.BytesIO(response.body())).convert("RGB"))


def view(page, name: str) -> None:
    page.locator("#view").get_by_text(name, exact=True).click()


def jpeg(array: np.ndarray, name: str, **options) -> dict:
    data = io.BytesIO()
    Image.fromarray(array).save(data, "JPEG", quality=100, subsampling=0, **options)
    return {"name": name, "mimeType": "image/jpeg", "buffer": data.getvalue()}


def test_opens_with_a_title_one_heading_and_nothing_from_elsewhere(page):
    assert page.title() == "SAMM face editor"
    assert page.locator("h1").count() == 1
    expect(page.locator("#status p")).to_have_text("Upload a portrait or pick an example.")
    expect(page.locator("#examples img")).to_have_count(8)
    expect(page.locator("#download")).to_be_disabled()


def test_an_upload_is_inverted_and_shown_beside_its_masks(page):
    invert(page)
    shown = page.locator("#compare img")
    expect(shown).to_have_count(2)
    sizes = {image.evaluate("i => i.naturalWidth") for image in shown.all()}
    assert sizes == {512}
    captions = page.locator("#masks .caption-label").all_inner_texts()
    assert len(captions) == 5
    assert all(re.fullmatch(r"\d+×\d+ · \d+ % kept", caption.strip()) for caption in captions)


def test_the_download_is_the_full_result_under_our_name(page):
    invert(page)
    with page.expect_download() as download:
        page.locator("#download").click()
    assert re.fullmatch(r"samm_\d{8}T\d{6}Z\.png", download.value.suggested_filename)
    saved = Image.open(download.value.path())
    assert saved.size == (512, 512)
    view(page, "Inversion only")
    assert np.array_equal(np.asarray(saved.convert("RGB")), picture(page, "#stage img"))


def test_nothing_of_the_upload_but_its_pixels_leaves(page):
    exif = Image.Exif()
    exif[0x010E] = "planted secret words"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 1.0)})
    upload(page, jpeg(np.asarray(Image.open(HOPPER)), "private name.jpg", exif=exif))
    expect(page.locator("#status p")).to_have_text(DONE, timeout=WAIT_MS)
    with page.expect_download() as download:
        page.locator("#download").click()
    data = Path(download.value.path()).read_bytes()
    assert b"planted" not in data
    assert b"eXIf" not in data
    assert "private" not in download.value.suggested_filename


def test_an_example_is_one_click_away(page):
    page.locator("#examples img").nth(2).click()
    expect(page.locator("#status p")).to_have_text(DONE, timeout=WAIT_MS)
    expect(page.locator("#compare img")).to_have_count(2)


def test_every_exif_orientation_gives_the_same_crop(page):
    upright = Image.open(HOPPER)
    stored_as = {
        1: None,
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }
    crops = []
    for orientation, turn in stored_as.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = np.asarray(upright.transpose(turn) if turn is not None else upright)
        upload(page, jpeg(stored, f"turned{orientation}.jpg", exif=exif))
        expect(page.locator("#status p")).to_have_text(DONE, timeout=WAIT_MS)
        crops.append(picture(page, "#compare img").astype(int))
        page.locator("#photo").get_by_label("Remove Image").click()
        expect(page.locator("#status p")).to_have_text("Upload a portrait or pick an example.")
    assert [round(np.abs(crop - crops[0]).mean(), 1) for crop in crops] == pytest.approx([0] * 4, abs=2)


def test_a_text_file_named_jpg_gets_a_sentence_and_loses_nothing(page):
    invert(page)
    page.locator("#photo").get_by_label("Remove Image").click()
    upload(page, {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"only text"})
    toast = page.locator("[data-testid=toast-body]").filter(has_text="not a picture we can read")
    expect(toast).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#status p")).to_have_text(re.compile("not a picture we can read"))
    text = page.inner_text("body")
    assert "Traceback" not in text
    assert "/tmp" not in text
    page.locator("#photo").get_by_label("Remove Image").click()
    invert(page)


def test_a_wall_has_no_face_and_can_be_cropped_by_hand(page):
    wall = np.random.default_rng(1).integers(80, 120, (300, 400, 3), dtype=np.uint8)
    upload(page, jpeg(wall, "wall.jpg"))
    expect(page.locator("#status p")).to_have_text(re.compile("^No face found"), timeout=WAIT_MS)
    expect(page.locator("#use_crop")).to_be_visible()
    page.locator("#use_crop").click()
    expect(page.locator("#status p")).to_have_text(DONE, timeout=WAIT_MS)


def test_of_three_faces_one_is_picked(page):
    hopper = np.asarray(Image.open(HOPPER))
    upload(page, jpeg(np.concatenate([hopper, hopper[:, ::-1], hopper], 1), "three.jpg"))
    expect(page.locator("#status p")).to_have_text("Found 3 faces. Pick one.", timeout=WAIT_MS)
    expect(page.locator("#faces img")).to_have_count(3)
    page.locator("#faces img").nth(0).click()
    expect(page.locator("#status p")).to_have_text(DONE, timeout=WAIT_MS)
    first, source = picture(page, "#compare img"), page.locator("#compare img").first.get_attribute("src")
    page.locator("#faces img").nth(2).click()
    expect(page.locator("#compare img").first).not_to_have_attribute("src", source, timeout=WAIT_MS)
    assert not np.array_equal(first, picture(page, "#compare img"))


def test_views_and_mask_strength(page):
    invert(page)
    view(page, "Inversion only")
    inverted = picture(page, "#stage img")
    view(page, "Generator only")
    expect(page.locator("#stage img")).to_have_attribute("alt", re.compile("before blending"))
    drawn = picture(page, "#stage img")
    assert not np.array_equal(inverted, drawn)

    view(page, "Inversion only")
    expect(page.locator("#stage img")).to_have_attribute("alt", re.compile("blended"))
    strength = page.locator("#mask_strength input[type=range]")
    strength.press("Home")
    expect(page.locator("#status p")).to_have_text(re.compile("^0 % of the picture"), timeout=WAIT_MS)
    assert np.array_equal(picture(page, "#stage img"), drawn)  # strength 0 is the generator alone
    strength.press("End")
    expect(page.locator("#status p")).to_have_text(re.compile("^[1-9]\\d* % of the picture"), timeout=WAIT_MS)
    more = picture(page, "#stage img")
    assert np.abs(more.astype(int) - inverted).max() > 0
    page.locator("#mask_strength").get_by_role("button").click()  # back to 1
    shown = page.locator("#stage img").get_attribute("src")
    expect(page.locator("#stage img")).not_to_have_attribute("src", shown, timeout=WAIT_MS)
    assert np.array_equal(picture(page, "#stage img"), inverted)


def test_the_whole_photo_keeps_its_size(page):
    invert(page)
    view(page, "Whole photo")
    expect(page.locator("#stage img")).to_have_attribute("alt", re.compile("whole photo"), timeout=WAIT_MS)
    original, pasted = np.asarray(Image.open(HOPPER)), picture(page, "#stage img")
    assert pasted.shape == original.shape
    assert np.array_equal(pasted[-100:], original[-100:])


def test_faithful_shows_the_fast_result_first_and_stop_keeps_the_best(page):
    page.locator("#likeness").get_by_text("Faithful", exact=True).click()
    upload(page, HOPPER)
    expect(page.locator("#status p")).to_have_text(re.compile("Now refining"), timeout=WAIT_MS)
    expect(page.locator("#compare img")).to_have_count(2)
    fast = picture(page, "#compare img >> nth=1")
    page.locator("#stop").click()
    expect(page.locator("#status p")).to_have_text(re.compile("Stopped after|Refined in"), timeout=WAIT_MS)
    assert fast.shape == (512, 512, 3)
    expect(page.locator("#stop")).to_be_hidden()


def test_reload_forgets_the_photo(page):
    invert(page)
    page.reload()
    expect(page.locator("#status p")).to_have_text("Upload a portrait or pick an example.")
    expect(page.locator("#compare img")).to_have_count(0)
    kept = page.evaluate("JSON.stringify(localStorage)")
    assert "data:image" not in kept


@pytest.mark.parametrize(("width", "height"), [(360, 740), (390, 844), (768, 1024), (1280, 900)])
def test_fits_every_screen(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    invert(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if width < 768:
        result, controls = (page.locator(f"#{name}").bounding_box() for name in ("result", "controls"))
        assert result["y"] < controls["y"]
        assert page.locator("#invert").bounding_box()["height"] >= 40


def test_every_control_has_a_name(page):
    invert(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('input, button, textarea')]
            .filter(e => e.offsetParent && !(e.labels?.length || e.ariaLabel || e.title || e.innerText.trim()
                         || e.getAttribute('aria-labelledby') || e.querySelector('img[alt]')))
            .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_without_weights_the_page_opens_and_says_what_to_do(browser, tmp_path, monkeypatch):
    from conftest import serve

    (tmp_path / "samm_compact.safetensors").write_bytes(b"cut off")
    for address in serve(tmp_path, SAMM_WEIGHTS=str(tmp_path)):
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#missing")).to_contain_text("samm_compact.safetensors is damaged or cut off")
        upload(page, HOPPER)
        expect(page.locator("#status p")).to_have_text(re.compile("damaged or cut off"), timeout=WAIT_MS)
        page.close()
