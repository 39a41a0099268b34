"""What a visitor meets on every screen, with the embedded weights: in sight, in reach, by the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from visitor import (
    BEFORE,
    DONE,
    EXAMPLES,
    PAINTED,
    WAIT_MS,
    at_once,
    effect,
    expect,
    tab,
    unfold,
    upload,
    wait_status,
)

from editing.page.tabs.tune import GROUPS

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCREENS = ((390, 844), (768, 1024), (1280, 900))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Whether all of an element is on the screen, and can be seen there.
_IN_SIGHT = """selector => {
    const element = document.querySelector(selector);
    const {left, top, right, bottom} = element.getBoundingClientRect();
    const points = [[left + 4, top + 4], [(left + right) / 2, (top + bottom) / 2], [right - 4, bottom - 4]];
    return left > -1 && top > -1 && right < innerWidth + 1 && bottom < innerHeight + 1 && right - left >= 80
        && points.every(([x, y]) => element.contains(document.elementFromPoint(x, y)));
}"""
# Which part of the page has the focus.
_FOCUSED = """() => {
    const names = ["use", "compare", "tiles", "effect_strength", "download_photo"];
    for (let e = document.activeElement; e && e !== document.body; e = e.parentElement)
        if (names.includes(e.id)) return e.id;
    return "";
}"""


@pytest.fixture
def phone(browser, welcome) -> Iterator[Page]:
    """A visitor with a touch screen."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(welcome)
    page.wait_for_function(PAINTED)
    yield page
    context.close()


def test_on_a_phone_the_result_of_an_upload_comes_into_view_and_a_touch_compares(phone):
    phone.wait_for_function("document.documentElement.scrollHeight <= 2 * 844")  # at first sight
    check_first_sight(phone)
    at_once(phone)
    phone.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    upload(phone, EXAMPLES / "hopper.jpg")
    wait_status(phone, DONE)
    assert phone.evaluate(_IN_SIGHT, "#compare")
    assert phone.evaluate(_IN_SIGHT, "#status p")
    assert phone.locator("#status p").get_attribute("role") == "status"
    check_the_mask_is_in_sight(phone)
    check_a_finger_drags_the_crop(phone)
    save = phone.locator("#download_photo").bounding_box()
    assert save["y"] + save["height"] <= 844
    check_holding(phone, *touch(phone))


def check_first_sight(page: Page) -> None:
    """Effects stand with their names above the bar, the switches in a row; Fine-tune is mostly folded."""
    bar = page.locator("#actions").bounding_box()
    tile = page.locator("#tile_smile").bounding_box()
    tabs = page.get_by_role("tab", name="Effects", exact=True).bounding_box()
    assert tabs["y"] + tabs["height"] <= tile["y"] <= tabs["y"] + tabs["height"] + 20
    assert tile["y"] + tile["height"] <= bar["y"]
    switches = [label.bounding_box() for label in page.locator("#protect label").all()]
    assert len({switch["y"] for switch in switches}) == 1
    assert max(switch["x"] + switch["width"] for switch in switches) <= 390
    tab(page, "Fine-tune")
    page.wait_for_function("document.documentElement.scrollHeight <= 2.75 * 844")
    headings = page.locator("#tab_fine_tune").get_by_role("heading").all_inner_texts()
    assert headings == list(GROUPS)
    tab(page, "Effects")


def check_a_finger_drags_the_crop(page: Page) -> None:
    """It moves the crop, not the page."""
    unfold(page, "source")
    photo = page.locator("#crop_preview img")
    expect(photo).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#photo img")).to_be_hidden()  # the same photo
    photo.evaluate("e => e.scrollIntoView({block: 'center'})")  # not below what stays in sight
    page.wait_for_timeout(500)  # until the accordion is open
    box, slider = photo.bounding_box(), page.locator("#crop_y input[type=range]")
    begin, scrolled = float(slider.input_value()), page.evaluate("scrollY")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, places in (("Start", [y]), ("Move", [y + 12]), ("Move", [y + 24]), ("End", [])):
        points = [{"x": x, "y": place} for place in places]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    assert float(slider.input_value()) > begin + 24
    assert page.evaluate("scrollY") == scrolled
    page.evaluate("scrollTo(0, 0)")


def touch(page: Page) -> tuple[Callable[[], object], Callable[[], object]]:
    """Functions that put a finger on the button that compares, and take it away."""
    box = page.locator("#hold").bounding_box()
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    session = page.context.new_cdp_session(page)

    def send(kind: str, points: list[dict[str, float]]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return lambda: send("touchStart", [point]), lambda: send("touchEnd", [])


def check_holding(page: Page, hold: Callable[[], object], let_go: Callable[[], object]) -> None:
    """The photo before lies over the stage as long as something is held, and only then."""
    over = page.locator("#shown .before")
    expect(over).to_have_count(0)
    hold()
    expect(over).to_be_visible()
    assert over.get_attribute("src") == page.locator(BEFORE).get_attribute("src")
    box, stage = over.bounding_box(), page.locator("#compare").bounding_box()
    assert box["width"] >= stage["width"] - 2
    let_go()
    expect(over).to_have_count(0)


def check_the_mask_is_in_sight(page: Page) -> None:
    page.wait_for_function(_IN_SIGHT, arg="#kept img", timeout=WAIT_MS)  # messages go by themselves
    assert re.fullmatch(r"Mask.*kept from.*", page.locator("#kept img").get_attribute("alt"))


def test_the_mask_stands_beside_the_picture_and_holding_compares_on_every_screen(visit, welcome):
    page = visit(welcome)
    page.wait_for_function(PAINTED)
    for edited in (False, True):
        if edited:
            effect(page, "smile")
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("scrollTo(0, 0)")
            check_the_mask_is_in_sight(page)
            page.wait_for_function(_IN_SIGHT, arg="#compare", timeout=WAIT_MS)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    hold = page.locator("#hold")
    hold.hover()
    check_holding(page, page.mouse.down, page.mouse.up)
    hold.focus()
    for key in (" ", "Enter", "b"):
        check_holding(page, lambda key=key: page.keyboard.down(key), lambda key=key: page.keyboard.up(key))
    page.locator("h1").click()
    check_holding(page, lambda: page.keyboard.down("b"), lambda: page.keyboard.up("b"))
    check_the_way_of_the_tab_key(page)


def check_the_way_of_the_tab_key(page: Page) -> None:
    """It leads from the photo over stage, effects and strength to Save in few stops."""
    tab(page, "Effects")
    page.locator("h1").click()  # where the way begins
    met = []
    for _ in range(25):
        page.keyboard.press("Tab")
        met.append(page.evaluate(_FOCUSED))
        if met[-1] == "download_photo":
            break
    print(f"Save is stop {len(met)}")
    ways = ["use", "compare", "tiles", "effect_strength", "download_photo"]
    assert [name for name in dict.fromkeys(met) if name in ways] == ways
    page.locator("#tile_smile").focus()
    for key, name in (("ArrowRight", "older"), ("ArrowLeft", "smile"), ("ArrowLeft", "serious")):
        page.keyboard.press(key)
        expect(page.locator(f"#tile_{name}")).to_be_focused()


def test_no_state_of_the_page_violates_the_rules_of_accessibility(visit, welcome):
    page = visit(welcome)
    page.wait_for_function(PAINTED)
    page.add_style_tag(content="* { transition: none !important; }")  # colors on their way would be judged
    faults = violations(page, "welcome")
    effect(page, "smile")
    faults += violations(page, "edited")
    for name in ("Words", "Fine-tune"):
        tab(page, name)
        if name == "Fine-tune":
            unfold(page, "group_3")
        faults += judged(page, name)
    tab(page, "Lab")
    for name in ("lab_masks", "lab_directions", "lab_strip", "lab_for_programs", "more", "source", "about"):
        unfold(page, name)
    faults += violations(page, "Lab")
    assert faults == []


def violations(page: Page, state: str) -> list[str]:
    """Ask axe-core in light and dark on two screens; gives rule and place of each fault."""
    found = []
    for width, height in (SCREENS[0], SCREENS[-1]):
        page.set_viewport_size({"width": width, "height": height})
        for dark in (True, False):
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
            found += judged(page, f"{state} {width} {'dark' if dark else 'light'}")
    return found


def judged(page: Page, state: str) -> list[str]:
    answer = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response
    return [
        f"{state}: {fault['id']} {node['target']} {node['html'][:120]}"
        for fault in answer["violations"]
        for node in fault["nodes"]
    ]
