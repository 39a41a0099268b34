"""How the page looks and whom it serves: every screen, dark rooms, keyboards, screen readers.

Screenshots go to the folder that SAMM_SCREENSHOTS names, if it is set.
"""

import os
import re
from pathlib import Path

import pytest
from visitor import expect, invert, open_masks, set_slider, slider, tab, view, wait_status

SCREENS = {"small phone": (360, 740), "phone": (390, 844), "tablet": (768, 1024), "desktop": (1280, 900)}
TABS = ("Attributes", "Words", "Explore", "Masks", "Strip")
TOUCH_PX = 40
CONTRAST = 4.5  # WCAG 2.2, 1.4.3
LABELS = (
    "label span, [data-testid=block-info], .info-text, .caption-label, [role=tab], button:enabled, main p"
)
CONTROLS = {"button", "textbox", "slider", "spinbutton", "radio", "checkbox", "combobox", "tab", "listbox"}

# Of all texts on the screen that lie in a selector: contrast with what is behind them, by WCAG 2.2.
_CONTRASTS = """selector => {
    const channels = (color) => {
        const context = new OffscreenCanvas(1, 1).getContext("2d");
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const behind = (element) => {
        const layers = [];
        for (let e = element; e; e = e.parentElement)
            layers.push(channels(getComputedStyle(e).backgroundColor));
        return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
    };
    const luminance = (color) => {
        const [r, g, b] = color.slice(0, 3).map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return [...document.querySelectorAll(selector)]
        .filter(e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}))
        .filter(e => e.innerText.trim())
        .map(e => {
            const ground = behind(e);
            const ink = over(channels(getComputedStyle(e).color), ground);
            const [dark, light] = [luminance(ink), luminance(ground)].sort((a, b) => a - b);
            return [e.innerText.trim().slice(0, 60), (light + 0.05) / (dark + 0.05)];
        });
}"""
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
# Which part of the page has the focus.
_FOCUSED = """() => {
    for (let e = document.activeElement; e && e !== document.body; e = e.parentElement)
        if (["photo", "invert", "age", "smile", "download", "tabs"].includes(e.id)) return e.id;
    return "";
}"""


def keep_screenshot(page, name: str) -> None:
    if folder := os.environ.get("SAMM_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name.replace(' ', '_').lower()}.png")


def nameless(page) -> list[str]:
    """Controls for which a screen reader has no name, as the browser tells it."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    found = []
    for node in nodes:
        role = node.get("role", {}).get("value")
        if node["ignored"] or role not in CONTROLS or node.get("name", {}).get("value", "").strip():
            continue
        described = session.send("DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]})["node"]
        found.append(f"{role} {described['localName']} {described.get('attributes')}")
    return found


@pytest.fixture
def edited(page):
    """A visitor who has changed something."""
    invert(page)
    set_slider(page, "age", "PageUp")
    wait_status(page, re.compile(r"^Edited: age"))
    return page


@pytest.mark.parametrize("screen", SCREENS)
def test_fits_every_screen_in_every_tab(visit, address, screen):
    width, height = SCREENS[screen]
    page = visit(address, width, height)
    keep_screenshot(page, f"{screen} empty")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    invert(page)
    for name in TABS:
        tab(page, name)
        keep_screenshot(page, f"{screen} {name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("window.innerWidth") == width, name  # nothing has made the page wider
        if width == 390:
            assert page.evaluate(_LOW_BUTTONS, TOUCH_PX) == [], name


def test_on_a_phone_photo_result_and_controls_follow_each_other(visit, address):
    page = visit(address, 390, 844)
    invert(page)
    parts = [page.locator(f"#{name}").bounding_box() for name in ("source", "result", "controls", "more")]
    tops = [part["y"] for part in parts]
    assert tops == sorted(tops)
    slider(page, "face_width").scroll_into_view_if_needed()
    result = page.locator("#result").bounding_box()
    assert 0 <= result["y"] < 844 - result["height"]  # the picture stays in view while sliders move
    assert result["height"] <= 0.45 * 844 + 1
    compare, handle = page.locator("#compare").bounding_box(), slider(page, "face_width").bounding_box()
    assert compare["y"] + compare["height"] <= result["y"] + result["height"] + 1
    assert handle["y"] >= result["y"] + result["height"]


@pytest.mark.parametrize("screen", ["phone", "tablet", "desktop"])
def test_what_is_kept_from_the_photo_stands_beside_the_result_and_follows_it(visit, address, screen):
    page = visit(address, *SCREENS[screen])
    expect(page.locator("#kept")).to_be_hidden()
    invert(page)
    for name in ("Before / after", "Edited", "Whole photo"):
        view(page, name)
        shown = "compare" if name == "Before / after" else "stage"
        expect(page.locator(f"#{shown} img").first).to_have_js_property("complete", True)
        result, kept = page.locator(f"#{shown}").bounding_box(), page.locator("#kept").bounding_box()
        assert result["x"] + result["width"] <= kept["x"] + 1
        assert kept["y"] == pytest.approx(result["y"], abs=2)
        assert kept["width"] >= 80
    tab(page, "Masks")
    set_slider(page, "mask_strength", "Home")
    expect(page.locator("#kept img")).to_have_attribute("alt", re.compile(r"photo, 0 %$"), timeout=60_000)
    page.locator("#kept").get_by_label("Fullscreen").click()
    page.wait_for_function("document.querySelector('#kept').clientWidth > 0.99 * innerWidth")


@pytest.mark.parametrize("screen", ["phone", "tablet", "desktop"])
def test_no_caption_lies_on_a_picture(visit, address, screen):
    page = visit(address, *SCREENS[screen])
    assert page.evaluate(_CAPTIONS_ON_PICTURES, "examples") == []
    invert(page)
    set_slider(page, "age", "End")
    wait_status(page, re.compile(r"^Edited: age"))
    open_masks(page)
    tab(page, "Strip")
    page.locator("#strip_draw").click()
    expect(page.locator("#strip .thumbnail-item img")).to_have_count(7, timeout=60_000)
    for gallery in ("history", "masks", "strip"):
        assert page.evaluate(_CAPTIONS_ON_PICTURES, gallery) == [], gallery
    keep_screenshot(page, f"{screen} strip drawn")
    page.get_by_role("combobox", name="and downward").click()
    page.get_by_role("option", name="Smile", exact=True).click()
    page.locator("#strip_draw").click()
    expect(page.locator("#strip .thumbnail-item img")).to_have_count(25, timeout=60_000)
    assert page.evaluate(_CAPTIONS_ON_PICTURES, "strip") == []


def test_on_a_desktop_the_result_stays_in_view(visit, address):
    page = visit(address, 1280, 900)
    invert(page)
    slider(page, "face_width").scroll_into_view_if_needed()
    page.mouse.wheel(0, 400)
    expect(page.locator("#compare")).to_be_in_viewport(ratio=0.9)
    left, right = (page.locator(f"#{name}").bounding_box() for name in ("controls", "result"))
    assert left["x"] + left["width"] <= right["x"] + 1


@pytest.mark.parametrize("screen", ["phone", "desktop"])
def test_nothing_covers_history_and_downloads(visit, address, screen):
    page = visit(address, *SCREENS[screen])
    invert(page)
    for name in ("history", "undo", "download", "download_latent", "recipe_in"):
        assert page.evaluate(_ON_TOP, name), name


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_status_and_labels_can_be_read_in_every_light(visit, address, scheme):
    page = visit(address, scheme=scheme)
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    invert(page)
    keep_screenshot(page, scheme)
    read = page.evaluate(_CONTRASTS, "#status p")
    assert len(read) == 1
    for name in TABS:
        tab(page, name)
        read += page.evaluate(_CONTRASTS, LABELS)
    assert len(read) > 40
    assert {text: round(ratio, 2) for text, ratio in read if ratio < CONTRAST} == {}


def test_tab_leads_from_the_photo_over_invert_and_sliders_to_the_download(edited):
    edited.locator("h1").click()  # where the way begins
    met = []
    for _ in range(200):
        edited.keyboard.press("Tab")
        focused = edited.evaluate(_FOCUSED)
        if focused and focused not in met:
            met.append(focused)
        if focused == "download":
            break
    assert [name for name in met if name != "tabs"] == ["photo", "invert", "age", "smile", "download"]


def test_every_control_has_a_name_and_every_picture_words(edited):
    for name in TABS:
        tab(edited, name)
        assert nameless(edited) == [], name
        assert edited.evaluate(_WORDLESS_PICTURES) == [], name
    for name in ("Edited", "From your photo", "Whole photo"):
        view(edited, name)
        assert edited.evaluate(_WORDLESS_PICTURES) == [], name
    assert edited.evaluate("document.documentElement.lang") == "en"


def test_the_picture_says_what_was_changed(edited):
    assert re.fullmatch(r"Edited portrait: age \+[\d.]+", edited.locator("#stage img").get_attribute("alt"))
    status = edited.locator("#status [role=status]")
    assert status.get_attribute("aria-live") == "polite"


def test_holding_b_shows_the_photo_before(edited):
    view(edited, "Edited")
    after = edited.locator("#stage img").get_attribute("src")
    before = edited.locator("#compare img").first.get_attribute("src")
    edited.locator("#status").click()
    edited.keyboard.down("b")
    expect(edited.locator("#stage img")).to_have_attribute("src", before)
    edited.keyboard.up("b")
    expect(edited.locator("#stage img")).to_have_attribute("src", after)
