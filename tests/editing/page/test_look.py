"""How the page looks, on every screen and in every tab; whom it serves is for `test_welcome` to ask.

Screenshots go to the folder that SAMM_SCREENSHOTS names, if it is set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import visiting
from visitor import (
    WAIT_MS,
    close_toasts,
    expect,
    invert,
    reveal,
    set_slider,
    slider,
    tab,
    unfold,
    view,
    wait_status,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCREENS = {"small phone": (360, 740), "phone": (390, 844), "tablet": (768, 1024), "desktop": (1280, 900)}
TABS = ("Effects", "Words", "Fine-tune", "Lab")
ROOMS = ("lab_masks", "lab_directions", "lab_strip", "lab_for_programs")
GROUPS = tuple(f"group_{number}" for number in range(6))
TOUCH_PX = 40
# Whether nothing but an element can be seen anywhere on the screen.
_COVERS_ALL = """name => [0.02, 0.5, 0.98].every(x => [0.02, 0.5, 0.98].every(y =>
    document.getElementById(name).contains(document.elementFromPoint(x * innerWidth, y * innerHeight))))"""
# Buttons on the screen that are lower than a finger is wide.
_LOW_BUTTONS = """least => [...document.querySelectorAll("button, [role=tab]")]
    .filter(e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}))
    .filter(e => !e.closest("[aria-hidden=true]"))
    .map(e => [e.innerText.trim() || e.ariaLabel || e.outerHTML, e.getBoundingClientRect().height])
    .filter(([name, height]) => height > 0 && height < least)"""
_WORDLESS_PICTURES = """() => [...document.querySelectorAll("img")]
    .filter(e => e.checkVisibility() && !e.closest("#compare") && !e.alt.trim())
    .map(e => e.outerHTML.slice(0, 120))"""
# Captions of which some part lies on a picture of the same gallery.
_CAPTIONS_ON_PICTURES = """gallery => {
    const boxes = kind => [...document.querySelectorAll(`#${gallery} .grid-container ${kind}`)]
        .map(e => [e.innerText || e.alt, e.getBoundingClientRect()]);
    const pictures = boxes("img"), captions = boxes(".caption-label");
    if (!pictures.length || pictures.length !== captions.length) return ["a picture without a caption"];
    return captions.filter(([, c]) => !c.height || pictures.some(([, p]) =>
        c.left < p.right - 1 && p.left < c.right - 1 && c.top < p.bottom - 1 && p.top < c.bottom - 1))
        .map(([text]) => text);
}"""
# Whether an element that was brought to the middle of the screen can be seen and pressed there.
_ON_TOP = """name => {
    const element = document.getElementById(name);
    element.scrollIntoView({block: "center", behavior: "instant"});
    const {left, top, width, height} = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""


def keep_screenshot(page, name: str) -> None:
    if folder := os.environ.get("SAMM_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name.replace(' ', '_').lower()}.png")


def on(page: Page, screen: str) -> None:
    """Give the visitor another screen."""
    width, height = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("scrollTo(0, 0)")


@pytest.fixture(scope="module")
def edited(browser, address) -> Iterator[Page]:
    """A visitor who has brought a photo and made the face older, for all tests of this file."""
    with visiting(browser, address) as page:
        expect(page.locator("#kept")).to_be_visible()
        invert(page)
        set_slider(page, "age", "End")
        wait_status(page, re.compile(r"^Edited: age"))
        close_toasts(page)
        yield page


def test_it_fits_every_screen_in_every_tab(edited):
    for name in TABS:
        tab(edited, name)
        for room in ROOMS if name == "Lab" else GROUPS if name == "Fine-tune" else ():
            unfold(edited, room)
        for screen, (width, _) in SCREENS.items():
            on(edited, screen)
            keep_screenshot(edited, f"{screen} {name}")
            assert edited.evaluate("document.documentElement.scrollWidth") <= width, (name, screen)
            assert edited.evaluate("window.innerWidth") == width, (name, screen)  # nothing made it wider
            assert edited.evaluate(_WORDLESS_PICTURES) == [], (name, screen)
            if screen == "phone":
                assert edited.evaluate(_LOW_BUTTONS, TOUCH_PX) == [], name


def test_on_a_phone_the_stage_stays_above_what_edits_it_and_save_in_reach(edited):
    on(edited, "phone")
    tab(edited, "Effects")
    names = ("header", "state", "shown", "kept_row", "tabs", "history", "below")
    tops = [edited.locator(f"#{name}").bounding_box()["y"] for name in names]
    assert tops == sorted(tops)
    tiles = [tile.bounding_box() for tile in edited.locator(".tile").all()]
    assert len({tile["y"] for tile in tiles}) == 1  # one row, of which an edge shows that there are more
    assert any(tile["x"] < 390 < tile["x"] + tile["width"] for tile in tiles)
    assert edited.evaluate("document.documentElement.scrollHeight") <= 2 * 844
    reveal(edited, "face_width")
    slider(edited, "face_width").scroll_into_view_if_needed()
    stage, handle, actions = (
        edited.locator(selector).bounding_box()
        for selector in ("#shown", "#face_width input[type=range]", "#actions")
    )
    assert 0 <= stage["y"] <= stage["y"] + stage["height"] <= 0.5 * 844
    assert stage["y"] + stage["height"] <= handle["y"] <= actions["y"]
    assert actions["y"] + actions["height"] <= 844 + 1


def test_on_a_desktop_the_stage_stays_beside_what_edits_it(edited):
    on(edited, "desktop")
    reveal(edited, "component_19")
    slider(edited, "component_19").scroll_into_view_if_needed()
    expect(edited.locator("#compare")).to_be_in_viewport(ratio=0.9)
    stage, side = (edited.locator(f"#{name}").bounding_box() for name in ("shown", "side"))
    assert stage["width"] >= 640
    assert stage["x"] + stage["width"] <= side["x"] + 1
    below, steps = (edited.locator(f"#{name}").bounding_box() for name in ("below", "steps"))
    assert max(side["y"] + side["height"], steps["y"] + steps["height"]) <= below["y"] + 1


def test_nothing_covers_what_is_pressed(edited):
    unfold(edited, "more")
    reveal(edited, "download_latent")
    for screen in ("phone", "tablet", "desktop"):
        on(edited, screen)
        for name in (
            "history",
            "undo",
            "download_photo",
            "download",
            "download_latent",
            "recipe_in",
            "examples",
        ):
            assert edited.evaluate(_ON_TOP, name), (screen, name)


def test_no_caption_lies_on_a_picture(edited):
    reveal(edited, "masks")
    reveal(edited, "strip")
    edited.locator("#strip_draw").click()
    expect(edited.locator("#strip .thumbnail-item img")).to_have_count(7, timeout=WAIT_MS)
    for screen in ("phone", "tablet", "desktop"):
        on(edited, screen)
        keep_screenshot(edited, f"{screen} strip drawn")
        for gallery in ("history", "masks", "strip", "examples"):
            assert edited.evaluate(_CAPTIONS_ON_PICTURES, gallery) == [], (screen, gallery)


def test_pictures_say_what_they_show_and_the_mask_follows_them(edited):
    on(edited, "desktop")
    alt = edited.locator("#stage img")
    assert re.fullmatch(r"Edited portrait: age \+[\d.]+", alt.get_attribute("alt"))
    assert edited.locator("#status [role=status]").get_attribute("aria-live") == "polite"
    for name in ("Edited", "From your photo", "Whole photo"):
        view(edited, name)
        assert edited.evaluate(_WORDLESS_PICTURES) == [], name
        expect(edited.locator("#kept img")).to_be_visible()
    view(edited, "Before / after")
    assert edited.evaluate("document.documentElement.lang") == "en"
    set_slider(edited, "mask_strength", "Home")
    expect(edited.locator("#kept img")).to_have_attribute("alt", re.compile(r"photo, 0 %$"), timeout=WAIT_MS)


@pytest.mark.parametrize("screen", ["phone", "desktop"])
def test_the_mask_fills_the_screen_when_asked(edited, screen):
    on(edited, screen)
    kept = edited.locator("#kept")
    kept.scroll_into_view_if_needed()
    kept.get_by_label("Fullscreen").click()
    edited.wait_for_function("document.querySelector('#kept').clientWidth > 0.99 * innerWidth")
    assert edited.evaluate(_COVERS_ALL, "kept")
    kept.get_by_label("Exit fullscreen mode").click()
    edited.wait_for_function("document.querySelector('#kept').clientWidth < 0.5 * innerWidth")
