"""What visitors do, in a word each: upload, wait, look, move a slider."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from PIL import Image

from editing.page.tabs.tune import GROUPS
from editing.recipe.attributes import ATTRIBUTES

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

T = TypeVar("T")
EXAMPLES = Path(__file__).parents[3] / "examples"
HOPPER = EXAMPLES / "hopper.jpg"
EMPTY = "Upload a portrait or pick an example."
DONE = re.compile(r"^Done in [\d.]+ s\. \d+ % of the picture is from your photo")
WAIT_MS = 60_000
# Where controls are, by tab and room of the Lab; all others are sliders of "Fine-tune".
PLACES = {
    "effect_strength": ("Effects", ""),
    **dict.fromkeys(("word", "target", "add", "chip", "remove"), ("Words", "")),
    **dict.fromkeys(("view", "likeness"), ("Lab", "lab_view_and_likeness")),
    **dict.fromkeys(("mask_strength", "overlay", "recompute", "mask_reset", "masks"), ("Lab", "lab_masks")),
    **dict.fromkeys(("component", "layers"), ("Lab", "lab_directions")),
    **dict.fromkeys(("strip_draw", "strip_by", "strip_down", "strip"), ("Lab", "lab_strip")),
    **dict.fromkeys(
        ("recipe_in", "download_masks", "download_recipe", "download_latent"), ("Lab", "lab_for_programs")
    ),
}
GROUP_OF = {name: f"group_{number}" for number, names in enumerate(GROUPS.values()) for name in names}
GROUP_OF |= dict.fromkeys(("hair", "hair_strength"), GROUP_OF["bald"])
BEFORE, AFTER = "#compare img >> nth=0", "#compare img >> nth=1"
# Whether both pictures of the stage are there.
PAINTED = """() => {
    const pair = [...document.querySelectorAll("#compare img")];
    return pair.length === 2 && pair.every(image => image.complete && image.naturalWidth >= 256);
}"""
# Whether the stage's other picture is there and is not one from before, nor a preview, which has no name.
_OTHER = """before => {
    const image = document.querySelectorAll("#compare img")[1];
    const source = image?.getAttribute("src");
    return source && source !== before && !source.includes("/view_") && image.complete;
}"""
OLDEST = f"+{ATTRIBUTES['age'].safe[1]:.1f}"  # the end of the slider
CANVAS_PX = 512  # edge of the mask editor's picture

expect = pytest.importorskip("playwright.sync_api").expect


def wait_status(page: Page, text: str | re.Pattern[str]) -> None:
    """Wait until the status line says a whole sentence, or what a pattern finds in it."""
    expect(page.locator("#status p")).to_have_text(text, timeout=WAIT_MS)


def upload(page: Page, photo: Path | dict) -> None:
    """Choose a file, or what `jpeg` gives, as the photo."""
    page.set_input_files("#header input[type=file]", photo)


def remove_photo(page: Page) -> None:
    """Take the photo away and wait for the empty page."""
    unfold(page, "source")
    page.locator("#photo").get_by_label("Remove Image").click()
    wait_status(page, EMPTY)


def invert(page: Page, photo: Path | dict = HOPPER) -> None:
    """Upload a photo with one face and wait for its inversion."""
    upload(page, photo)
    wait_status(page, DONE)


def picture(page: Page, selector: str = "#stage img") -> np.ndarray:
    """Fetch a picture, uint8 (H, W, 3), as the page got it; also one that the view hides."""
    shown = page.locator(selector).first
    expect(shown).to_have_attribute("src", re.compile("."), timeout=WAIT_MS)
    response = page.request.get(shown.get_attribute("src"), max_retries=1)  # an idle connection may be closed
    return np.asarray(Image.open(io.BytesIO(response.body())).convert("RGB"))


def view(page: Page, name: str) -> None:
    """Choose a view and wait until its picture is there."""
    reveal(page, "view")
    page.locator("#view").get_by_text(name, exact=True).click()
    alt = {
        "Before / after": None,
        "Edited": "^(Edited|Reconstructed) portrait(:|$)",
        "Reconstruction": "not edited",
        "What the AI draws": "before blending",
        "From your photo": "kept from the photo",
        "Whole photo": "^Whole photo",
    }[name]
    if alt is None:
        expect(page.locator("#compare")).to_be_visible(timeout=WAIT_MS)
    else:
        expect(page.locator("#stage img")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator("#stage img")).to_have_attribute("alt", re.compile(alt), timeout=WAIT_MS)


def change(page: Page, do: Callable[[], object]) -> None:
    """Do something, and wait for another picture."""
    before = page.locator(AFTER).get_attribute("src")
    do()
    # Seen in the frame in which it comes; `expect` looks once a second after a while.
    page.wait_for_function(_OTHER, arg=before, timeout=WAIT_MS)


def changed(page: Page, do: Callable[[], object]) -> np.ndarray:
    """Do something, and give the other picture that comes of it."""
    change(page, do)
    return picture(page, AFTER)


def chips(page: Page) -> list[str]:
    return page.locator("#edits button:visible").all_inner_texts()


def effect(page: Page, name: str) -> np.ndarray:
    """Press an effect; gives the picture."""
    return changed(page, page.locator(f"#tile_{name}").click)


def tab(page: Page, name: str) -> None:
    """Open one of the tabs; a narrow screen has the last ones in a menu."""
    listed = page.get_by_role("tab", name=name, exact=True)
    if not listed.count():
        page.get_by_label("More tabs").click()
        page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True).click()
    else:
        listed.click()
    expect(listed).to_have_attribute("aria-selected", "true")


def unfold(page: Page, name: str) -> None:
    """Open an accordion, whose parts are not there before."""
    button = page.locator(f"#{name} > button.label-wrap, #{name} .label-wrap").first
    if "open" not in (button.get_attribute("class") or ""):
        button.click()


def reveal(page: Page, name: str) -> None:
    """Open the tab, and the room of the Lab, in which a control is."""
    place, room = PLACES.get(re.sub(r"_?\d+$", "", name), ("Fine-tune", GROUP_OF.get(name, "")))
    opened = page.get_by_role("tab", name=place, exact=True)
    if opened.get_attribute("aria-selected") != "true":
        tab(page, place)
    if room:
        unfold(page, room)


def at_once(page: Page) -> None:
    """Have pictures stay as they are, without a closer likeness in the background."""
    reveal(page, "likeness")
    page.locator("#likeness").get_by_label("At once", exact=True).check()
    tab(page, "Effects")


def open_masks(page: Page) -> None:
    """Open the masks of each level, which are further away than the gathered one."""
    reveal(page, "masks")
    expect(page.locator("#masks img").first).to_be_visible(timeout=WAIT_MS)


def slider(page: Page, name: str) -> Locator:
    """Find a slider's handle by element id, and show it."""
    reveal(page, name)
    return page.locator(f"#{name} input[type=range]")


def set_slider(page: Page, name: str, *keys: str) -> None:
    """Press keys on a slider, such as "ArrowRight" or "End"."""
    handle = slider(page, name)
    expect(handle).to_be_enabled(timeout=WAIT_MS)
    for key in keys:
        handle.press(key)


def reset_slider(page: Page, name: str) -> None:
    """Press a slider's ↺."""
    reveal(page, name)
    page.locator(f"#{name}").get_by_label("Reset to default value").click()


def paint(page: Page, points: Sequence[tuple[float, float]], color: str = "white") -> None:
    """Draw one stroke through points of the picture in the mask editor, x and y in 0…1 of its edge."""
    editor = page.locator("#mask_edit")
    if not editor.is_visible():
        page.locator("#brush_on").click()
        wait_status(page, re.compile("^Paint white"))
        page.wait_for_timeout(500)  # the picture is loaded into the canvas without a sign
    canvas = editor.locator(".pixi-target canvas")
    expect(canvas).to_be_visible(timeout=WAIT_MS)
    named = editor.get_by_role("button", name=re.compile(f"^{color}", re.IGNORECASE))
    if not named.is_visible():
        editor.get_by_role("button", name="Color", exact=True).click()
    named.click()
    canvas.scroll_into_view_if_needed()
    zoom = int(re.search(r"(\d+)\s*%", editor.inner_text())[1]) / 100
    box, edge = canvas.bounding_box(), CANVAS_PX * zoom  # the picture lies in the middle
    left, top = box["x"] + (box["width"] - edge) / 2, box["y"] + (box["height"] - edge) / 2
    for number, (x, y) in enumerate(points):
        page.mouse.move(left + x * edge, top + y * edge)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def listen(page: Page) -> None:
    """Write down from now on what the status line says."""
    page.evaluate(
        """() => {
            window.said = [];
            const note = () => {
                const sentence = document.querySelector("#status p")?.textContent;
                if (sentence && sentence !== window.said.at(-1)) window.said.push(sentence);
            };
            const watch = {childList: true, subtree: true, characterData: true};
            new MutationObserver(note).observe(document.querySelector("#status"), watch);
        }"""
    )


def heard(page: Page) -> list[str]:
    """Give the sentences that the status line has said since `listen`."""
    return page.evaluate("window.said")


def toast(page: Page, text: str | re.Pattern[str]) -> Locator:
    """Find a message at the edge of the page by what it says."""
    return page.locator("[data-testid=toast-body]").filter(has_text=text)


def close_toasts(page: Page) -> None:
    """Close all messages, which may lie over what is to be clicked."""
    for button in reversed(page.locator(".toast-close").all()):
        button.click()


def jpeg(array: np.ndarray, name: str, exif: Image.Exif | None = None) -> dict:
    """Make a file to upload from uint8 (H, W, 3)."""
    data = io.BytesIO()
    Image.fromarray(array).save(data, "JPEG", quality=100, subsampling=0, exif=exif or Image.Exif())
    return {"name": name, "mimeType": "image/jpeg", "buffer": data.getvalue()}


def slowness() -> float:
    """How many times its time on a quiet machine like ours something may take; at least 1."""
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    began_s = time.perf_counter()
    Image.fromarray(noise).save(io.BytesIO(), "PNG", compress_level=2)
    slower = (time.perf_counter() - began_s) / 0.14  # at best on the machine the limits are for
    return max(1.0, slower) * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def within(limit_s: float, name: str, do: Callable[[], T]) -> T:
    """Do something within some seconds, more on a slow machine; it is told, and may try three times."""
    took_s = []
    for _ in range(3):
        began_s = time.perf_counter()
        result = do()
        took_s.append(time.perf_counter() - began_s)
        allowed_s = limit_s * slowness()
        print(f"{name}: {took_s[-1]:.2f} s of {allowed_s:.2f} s")
        if took_s[-1] < allowed_s:
            return result
    pytest.fail(f"{name} takes {min(took_s):.2f} s, more than {limit_s} s on a machine like ours")
