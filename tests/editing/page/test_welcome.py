"""What a visitor meets first, on a page with the embedded weights: an example, then a photo of one's own."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from visitor import (
    AFTER,
    BEFORE,
    DONE,
    EXAMPLES,
    PAINTED,
    WAIT_MS,
    at_once,
    change,
    changed,
    chips,
    effect,
    expect,
    paint,
    picture,
    reveal,
    set_slider,
    tab,
    unfold,
    upload,
    view,
    wait_status,
    within,
)

from editing.effects import EFFECTS
from editing.kept import kept
from editing.page.session import Regions
from editing.protect import regions
from editing.recipe.file import load_recipe

if TYPE_CHECKING:
    from playwright.sync_api import Page

WELCOME = "An example. Try the effects, or use your own photo."
AI_MADE = b"compositeWithTrainedAlgorithmicMedia"
STEP = 8  # levels; a larger one between neighbors is seen as an edge
STROKE = [(0.12, 0.1), (0.2, 0.45), (0.45, 0.6), (0.8, 0.65)]
_TILE_PICTURES = """() => [...document.querySelectorAll(".tile img")].map(image => image.src)"""


def saved(page: Page, button: str) -> Path:
    """Press a button that saves a file; gives the file."""
    with page.expect_download(timeout=WAIT_MS) as download:
        page.locator(f"#{button}").click()
    path = Path(download.value.path())
    return path.rename(path.with_name(download.value.suggested_filename))


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference in levels of two pictures at the smaller size of both."""
    edge = min(len(one), len(other))
    small = (Image.fromarray(each).resize((edge, edge), Image.Resampling.BOX) for each in (one, other))
    return float(np.abs(np.subtract(*(np.asarray(each, np.float32) for each in small))).mean())


def asks_before_it_goes(page: Page) -> bool:
    """Tell whether a reload asks first; the visitor then stays."""
    asked = []

    def stay(dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate("window.stayed = true; setTimeout(() => location.reload(), 0)")
    page.wait_for_timeout(300)
    page.wait_for_selector(AFTER)
    page.remove_listener("dialog", stay)
    assert asked in ([], ["beforeunload"])
    assert page.evaluate("window.stayed === true") == bool(asked)
    return bool(asked)


def test_links_to_the_page_have_a_title_a_sentence_and_a_picture(welcome):
    def fetch(path: str) -> tuple[str, bytes]:
        with urllib.request.urlopen(urllib.parse.urljoin(welcome, path)) as response:
            return response.headers["content-type"], response.read()

    html = fetch("/")[1].decode()
    tags = dict(re.findall(r'<meta (?:name|property)="([\w:]+)" content="([^"]*)">', html))
    [title] = re.findall("<title>(.*)</title>", html)
    assert tags["og:title"] == title == "SAMM face editor"
    assert tags["description"] == tags["og:description"]
    assert tags["description"].startswith("Change one thing in a portrait")
    assert len(re.findall('"og:title"', html)) == 1  # Gradio's own would be found first
    [icon] = re.findall('<link rel="icon"[^>]*href="([^"]*)"', html)
    for file in (tags["og:image"], icon):
        kind, data = fetch(file)
        assert kind.startswith("image/"), file
        assert data, file


def test_the_first_paint_is_a_finished_picture_that_effects_change(visit, welcome):
    def first_paint() -> Page:
        page = visit(welcome)
        page.wait_for_function(PAINTED)
        return page

    page = within(3, "first paint", first_paint)
    assert apart(picture(page, BEFORE), picture(page, AFTER)) > 1
    wait_status(page, WELCOME)
    expect(page.locator(".tile:enabled:visible")).to_have_count(12)
    assert len(set(page.evaluate(_TILE_PICTURES))) == 12
    assert not asks_before_it_goes(page)

    older = page.locator("#tile_older")  # the example is shown with this effect
    pictures = [picture(page, AFTER), changed(page, older.click)]
    expect(page.locator("#stage img")).to_have_attribute("alt", re.compile("^Reconstructed portrait"))
    for name in [each.name for each in EFFECTS[:6]]:
        pictures.append(effect(page, name))
        assert apart(pictures[-2], pictures[-1]) > 0.2, name
        expect(page.locator(f"#tile_{name}")).to_have_attribute("aria-pressed", "true")
    pictures += [effect(page, "blonde") for _ in range(4)]  # off and on again, which need not be drawn

    assert asks_before_it_goes(page)
    check_undo(page, pictures)
    check_what_is_saved(page)
    assert not asks_before_it_goes(page)  # all was saved


def check_undo(page: Page, pictures: list[np.ndarray]) -> None:
    """Undo is quick, and of ten quick ones every one counts."""
    undo, redo = (page.locator(f"#{name}").click for name in ("undo", "redo"))
    within(1.2, "undo and redo", lambda: [change(page, undo), change(page, redo)])
    assert np.array_equal(changed(page, undo), pictures[-2])
    assert np.array_equal(changed(page, redo), pictures[-1])
    page.evaluate("for (let n = 0; n < 10; n++) document.getElementById('undo').click()")
    wait_status(page, re.compile("^No changes"))
    assert np.array_equal(picture(page, AFTER), pictures[-11])
    assert chips(page) == []
    effect(page, "glasses")


def check_what_is_saved(page: Page) -> None:
    """Whole photo, portrait, card and film are there, and each says that a generative model made it."""
    unfold(page, "more")
    files = {
        name: saved(page, name)
        for name in ("download", "download_card", "download_film", "download_photo", "share")
    }
    for name, file in files.items():
        assert AI_MADE in file.read_bytes(), name
    opened = {name: Image.open(file) for name, file in files.items()}
    assert load_recipe(files["download_photo"]).attributes == {"glasses": 2.0}
    assert opened["download_photo"].size == Image.open(EXAMPLES / "cap.jpg").size
    assert opened["download"].size == (1024, 1024)
    assert np.array_equal(np.asarray(opened["download"]), picture(page, AFTER))
    for name in ("download_card", "share"):
        assert opened[name].format == "JPEG"
        width, height = opened[name].size
        assert width > 2 * height == 2048
    assert opened["download_film"].format == "WEBP"
    assert opened["download_film"].n_frames > 10


def test_an_example_s_hat_is_protected_by_one_click(visit, welcome, embedded):
    page = visit(welcome)
    page.locator("#kept").wait_for()
    mask = page.locator("#kept img").get_attribute("src")
    page.locator("#protect").get_by_label("Hat").check()
    expect(page.locator("#kept img")).not_to_have_attribute("src", mask, timeout=WAIT_MS)
    plain = picture(page, AFTER)
    blonde = effect(page, "blonde")
    unfold(page, "more")
    portrait = np.asarray(Image.open(saved(page, "download")))
    assert np.array_equal(portrait, blonde)
    example = kept("cap", embedded).inversion
    hat = Regions.of(regions(example)).at(example.size, ["hat"])[0, 0].numpy() == 1
    assert hat.mean() > 0.1
    assert np.array_equal(portrait[hat], example.photo_u8[hat])
    assert np.abs(portrait[~hat].astype(int) - plain[~hat]).max() > 20


def test_examples_and_a_photo_of_one_s_own_are_edited_on_their_own_tiles(visit, welcome):
    page = visit(welcome)
    at_once(page)
    examples = page.locator("#examples button")
    for number in (6, 5):
        within(1.5, "example", lambda number=number: change(page, examples.nth(number).click))
    wait_status(page, re.compile("^Edited: age"))
    example = page.evaluate(_TILE_PICTURES)
    assert len(set(example)) == 12
    expect(page.locator("#tile_older")).to_have_attribute("aria-pressed", "true")

    upload(page, EXAMPLES / "scarf.jpg")
    wait_status(page, DONE)
    first, crop = picture(page, AFTER), picture(page, BEFORE)
    check_tiles(page, crop, example)
    check_strength(page, first)
    check_hair(page)
    check_brush(page, crop)


def check_tiles(page: Page, crop: np.ndarray, example: list[str]) -> None:
    """Each effect is shown on this face."""
    page.wait_for_function(
        "() => new Set([...document.querySelectorAll('.tile img')].map(i => i.src)).size === 12",
        timeout=WAIT_MS,
    )
    assert not set(page.evaluate(_TILE_PICTURES)) & set(example)
    for each in EFFECTS:
        shown = picture(page, f"#tile_{each.name} img")
        assert apart(shown, crop) < 25, each.name  # of another face: 50 and more


def check_strength(page: Page, first: np.ndarray) -> None:
    """From an effect over its strength and its chip back to the first picture."""
    strong = effect(page, "beard")
    weaker = changed(page, lambda: set_slider(page, "effect_strength", "PageDown"))
    assert not np.array_equal(weaker, strong)
    [chip, _] = chips(page)
    assert re.fullmatch(r"Beard \+1\.\d ✕", chip)
    back = changed(page, page.get_by_role("button", name=chip).click)
    assert np.array_equal(back, first)
    assert chips(page) == []
    expect(page.locator("#effect_strength")).to_be_hidden()


def check_hair(page: Page) -> None:
    """Hair has one color at a time, of a tile or of a swatch."""
    effect(page, "blonde")
    assert chips(page)[0].startswith("Blond hair +2.0")
    effect(page, "black")
    assert chips(page)[:-1] == ["Black hair +2.0 ✕"]
    expect(page.locator("#tile_blonde")).to_have_attribute("aria-pressed", "false")
    reveal(page, "hair")
    color = page.locator("#hair")
    expect(color.get_by_label("Black", exact=True)).to_be_checked()
    changed(page, color.get_by_label("Grey", exact=True).check)
    assert chips(page)[:-1] == ["Grey hair +2.0 ✕"]
    changed(page, color.get_by_label("As it is", exact=True).check)
    assert chips(page) == []


def check_brush(page: Page, crop: np.ndarray) -> None:
    """A stroke has no edge: neighbors differ no more than in the pictures that it blends, or without it.

    The last stroke counts when painting ends at once, and a view that is chosen then stays when the brush,
    which takes its time, has gone.
    """
    tab(page, "Effects")
    plain = effect(page, "beard")
    before = page.locator("#kept img").get_attribute("src")
    paint(page, STROKE)
    page.locator("#brush_on").click()
    expect(page.locator("#compare")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#kept img")).not_to_have_attribute("src", before, timeout=WAIT_MS)
    painted = picture(page, AFTER)
    assert np.abs(painted.astype(int) - plain).max() > 40
    view(page, "What the AI draws")
    drawn = picture(page)
    expect(page.locator("#mask_edit")).to_have_count(0, timeout=WAIT_MS)
    page.wait_for_timeout(500)  # for what might still come
    expect(page.locator("#stage img")).to_be_visible()
    expect(page.locator("#compare")).to_be_hidden()
    for axis in (0, 1):
        steps = [np.abs(np.diff(each.astype(int), axis=axis)) for each in (painted, plain, crop, drawn)]
        assert (steps[0] - np.maximum.reduce(steps[1:])).max() <= STEP
