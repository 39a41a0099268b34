"""Changing an inverted portrait: sliders, words, components, masks, brush, strips."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visitor import (
    DONE,
    OLDEST,
    WAIT_MS,
    close_toasts,
    expect,
    invert,
    open_masks,
    paint,
    picture,
    reset_slider,
    reveal,
    set_slider,
    slider,
    slowness,
    tab,
    toast,
    unfold,
    view,
    wait_status,
)

from editing.recipe.attributes import ATTRIBUTES

STAGE = "#stage img"
# Write down from now on how many pictures the strip has.
_COUNT_PICTURES = """() => {
    window.counts = [];
    const count = () => document.querySelectorAll("#strip .thumbnail-item img").length;
    const note = () => count() !== window.counts.at(-1) && window.counts.push(count());
    const room = document.querySelector("#lab_strip");
    new MutationObserver(note).observe(room, {childList: true, subtree: true});
}"""


_NAMES = "calls => calls.map(id => gradio_config.dependencies.find(each => each.id === id).api_name)"
# Write down from now on which pictures the stage shows.
_NOTE_PICTURES = """() => {
    const stage = document.querySelector("#stage");
    window.shown = [stage.querySelector("img").src];
    const note = () => {
        const source = stage.querySelector("img")?.src;
        if (source && source !== window.shown.at(-1)) window.shown.push(source);
    };
    new MutationObserver(note).observe(stage, {childList: true, subtree: true, attributes: true});
}"""


@pytest.fixture(scope="module")
def inverted_once(lasting_page):
    invert(lasting_page)
    return lasting_page


@pytest.fixture
def inverted(inverted_once):
    """A visitor whose photo is inverted, who has changed nothing, and who looks at the edited picture."""
    page = inverted_once
    close_toasts(page)
    if page.locator("#brush_on").inner_text() == "Done painting":
        page.locator("#brush_on").click()
        expect(page.locator("#brush_on")).to_have_text("Paint what to keep", timeout=WAIT_MS)
    view(page, "Edited")
    if page.locator("#reset").is_visible():
        page.locator("#reset").click()
        expect(page.locator(STAGE)).to_have_attribute("alt", "Reconstructed portrait", timeout=WAIT_MS)
        expect(page.locator("#reset")).to_be_hidden(timeout=WAIT_MS)
    return page


def difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Give the absolute difference of two pictures, int (H, W, 3)."""
    return np.abs(first.astype(int) - second)


def test_without_changes_the_edited_picture_is_the_inversion(inverted):
    edited = picture(inverted)
    view(inverted, "Reconstruction")
    assert np.array_equal(edited, picture(inverted))


def test_five_arrow_keys_on_age_make_half_a_step_and_another_picture_in_three_seconds(inverted):
    before = picture(inverted)
    inverted.wait_for_timeout(2000 * slowness())  # until the effects are drawn, which go before previews
    inverted.evaluate(_NOTE_PICTURES)
    set_slider(inverted, "age", *["ArrowRight"] * 5)
    expect(inverted.locator(STAGE)).to_have_attribute(
        "alt", "Edited portrait: age +0.5", timeout=3000 * slowness()
    )
    assert slider(inverted, "age").input_value() == "0.5"
    assert difference(before, picture(inverted)).max() > 1
    _, *previews, full = inverted.evaluate("window.shown")
    assert previews  # small ones come before the full one, which stays
    assert {Path(each).suffix for each in previews} == {".jpg"}
    assert Path(full).suffix == ".webp"
    small = Image.open(io.BytesIO(inverted.request.get(previews[-1]).body()))
    assert small.size == (512, 512)
    expect(inverted.locator("#history button.thumbnail-item")).to_have_count(2)
    view(inverted, "Reconstruction")
    assert np.array_equal(before, picture(inverted))


def test_a_key_goes_on_from_what_was_asked_though_an_answer_has_set_the_slider_back(inverted):
    age = slider(inverted, "age")
    expect(age).to_be_enabled(timeout=WAIT_MS)
    age.press("ArrowRight")
    age.evaluate("range => { range.value = 0 }")
    age.press("ArrowRight")
    expect(inverted.locator(STAGE)).to_have_attribute(
        "alt", "Edited portrait: age +0.2", timeout=3000 * slowness()
    )
    assert age.input_value() == "0.2"


def test_a_drag_over_25_steps_ends_on_the_shown_value_with_few_full_drawings_and_one_step(inverted):
    asked, steps = [], inverted.locator("#history button.thumbnail-item").count()
    inverted.on(
        "request", lambda request: "/queue/join" in request.url and asked.append(request.post_data_json)
    )
    handle = slider(inverted, "age")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    inverted.mouse.move(*middle)
    inverted.mouse.down()
    for step in range(1, 26):
        inverted.mouse.move(middle[0] + step * 0.4 * box["width"] / 25, middle[1])
    inverted.mouse.up()
    value = float(handle.input_value())
    assert value > ATTRIBUTES["age"].safe[1] / 2
    alt = f"Edited portrait: age +{value}"
    expect(inverted.locator(STAGE)).to_have_attribute("alt", alt, timeout=WAIT_MS)
    view(inverted, "What the AI draws")  # what still waits is called before
    view(inverted, "Edited")
    expect(inverted.locator(STAGE)).to_have_attribute("alt", alt)
    expect(inverted.locator("#history button.thumbnail-item")).to_have_count(steps + 1)
    calls = inverted.evaluate(_NAMES, [call["fn_index"] for call in asked])
    assert 1 <= len([name for name in calls if name == "on_controls"]) <= 3
    assert 1 <= len([name for name in calls if re.fullmatch(r"on_preview(_\d+)?", name)]) <= 25


def test_a_slider_that_keys_have_moved_counts_though_something_else_is_pressed_at_once(inverted):
    set_slider(inverted, "age", "End")
    inverted.locator("#header h1").click()
    wait_status(inverted, re.compile(r"^Edited: age"))


def test_the_reset_of_a_slider_brings_the_unedited_picture_back(inverted):
    before = picture(inverted)
    set_slider(inverted, "age", "End")
    expect(inverted.locator(STAGE)).to_have_attribute(
        "alt", f"Edited portrait: age {OLDEST}", timeout=WAIT_MS
    )
    assert difference(before, picture(inverted)).max() > 1
    reset_slider(inverted, "age")
    expect(inverted.locator(STAGE)).to_have_attribute("alt", "Reconstructed portrait", timeout=WAIT_MS)
    assert slider(inverted, "age").input_value() == "0"
    assert difference(before, picture(inverted)).max() <= 1


def test_sliders_words_and_components_stack_and_reset_all_takes_them_back(inverted):
    before = picture(inverted)
    set_slider(inverted, "smile", "PageUp")
    expect(inverted.locator(STAGE)).to_have_attribute("alt", re.compile("smile"), timeout=WAIT_MS)
    tab(inverted, "Words")
    inverted.locator("#chip_1").click()
    expect(inverted.locator(STAGE)).to_have_attribute("alt", re.compile("curly hair"), timeout=WAIT_MS)
    reveal(inverted, "layers")
    inverted.locator("#layers").get_by_text("Features", exact=True).click()
    set_slider(inverted, "component_3", "ArrowLeft")
    alt = re.compile(r"^Edited portrait: smile \+[\d.]+, curly hair 0\.8, component 3 −0\.1 \(rows 4–8\)$")
    expect(inverted.locator(STAGE)).to_have_attribute("alt", alt, timeout=WAIT_MS)
    assert difference(before, picture(inverted)).max() > 1

    inverted.locator("#reset").click()
    expect(inverted.locator(STAGE)).to_have_attribute("alt", "Reconstructed portrait", timeout=WAIT_MS)
    assert np.array_equal(before, picture(inverted))
    expect(slider(inverted, "component_3")).to_have_value("0")
    expect(slider(inverted, "smile")).to_have_value("0")
    tab(inverted, "Words")
    expect(inverted.locator("#row_0")).to_be_hidden()


def test_a_phrase_gets_a_row_that_doses_and_removes_it(inverted):
    before = picture(inverted)
    tab(inverted, "Words")
    target = inverted.locator("#target").get_by_role("textbox")
    target.fill("blonde hair")
    target.press("Enter")
    alt = inverted.locator(STAGE)
    expect(alt).to_have_attribute("alt", "Edited portrait: blonde hair 0.8", timeout=WAIT_MS)
    expect(target).to_have_value("")
    expect(inverted.locator("#row_0")).to_contain_text("blonde hair")
    expect(slider(inverted, "word_0")).to_have_value("0.8")
    added = picture(inverted)
    assert difference(before, added).max() > 1

    set_slider(inverted, "word_0", "End")
    expect(alt).to_have_attribute("alt", "Edited portrait: blonde hair 3.0", timeout=WAIT_MS)
    stronger = picture(inverted)
    assert difference(added, stronger).mean() > 1

    target.fill("a beard")
    inverted.locator("#add").click()
    both = "Edited portrait: blonde hair 3.0, a beard 0.8"
    expect(alt).to_have_attribute("alt", both, timeout=WAIT_MS)
    inverted.locator("#remove_0").click()
    expect(alt).to_have_attribute("alt", "Edited portrait: a beard 0.8", timeout=WAIT_MS)
    expect(inverted.locator("#row_0")).to_contain_text("a beard")
    expect(inverted.locator("#row_1")).to_be_hidden()
    expect(slider(inverted, "word_0")).to_have_value("0.8")
    inverted.locator("#remove_0").click()
    expect(alt).to_have_attribute("alt", "Reconstructed portrait", timeout=WAIT_MS)
    expect(inverted.locator("#row_0")).to_be_hidden()
    assert np.array_equal(before, picture(inverted))


def test_no_words_and_unknown_words_get_a_sentence_and_change_nothing(inverted):
    before = picture(inverted)
    tab(inverted, "Words")
    target = inverted.locator("#target").get_by_role("textbox")
    target.press("Enter")
    wait_status(inverted, "Type what you want to see, for example 'blonde hair'.")
    expect(toast(inverted, "Type what you want to see")).to_be_visible()
    target.fill("xqzzt")
    target.press("Enter")
    wait_status(inverted, re.compile("xqzzt"))
    expect(target).to_have_value("xqzzt")  # to be corrected, not typed again
    expect(inverted.locator("#row_0")).to_be_hidden()
    expect(inverted.locator(STAGE)).to_have_attribute("alt", "Reconstructed portrait")
    assert np.array_equal(before, picture(inverted))


def test_mask_strength_goes_from_the_generator_over_the_inversion_to_more_of_the_photo(inverted):
    page = inverted
    inversion = picture(page)
    photo = picture(page, "#compare img")
    view(page, "What the AI draws")
    drawn = picture(page)
    assert difference(inversion, drawn).max() > 1
    view(page, "Edited")

    set_slider(page, "mask_strength", "Home")
    wait_status(page, re.compile(r"mask strength 0\.0\. 0 % of the picture"))
    assert np.array_equal(picture(page), drawn)
    open_masks(page)
    expect(page.locator("#masks .caption-label").last).to_have_text(re.compile("· 0 % kept"))

    set_slider(page, "mask_strength", "End")
    wait_status(page, re.compile(r"mask strength 2\.0"))
    assert difference(picture(page), photo).mean() < difference(inversion, photo).mean()

    reset_slider(page, "mask_strength")
    wait_status(page, re.compile("^No changes"))
    assert np.array_equal(picture(page), inversion)
    captions = [caption.strip() for caption in page.locator("#masks .caption-label").all_inner_texts()]
    assert len(captions) == 5
    assert all(re.fullmatch(r"\d+×\d+ · \d+ % kept", caption) for caption in captions)


def test_what_is_painted_white_is_the_photo_and_what_is_painted_black_is_drawn(inverted):
    page = inverted
    photo, inversion = picture(page, "#compare img"), picture(page)
    view(page, "What the AI draws")
    drawn = picture(page)
    view(page, "Edited")
    source = page.locator(STAGE).get_attribute("src")
    paint(page, [(x, y) for y in (0.1, 0.3, 0.5, 0.7, 0.9) for x in (0.05, 0.45)])
    expect(page.locator(STAGE)).not_to_have_attribute("src", source, timeout=WAIT_MS)
    left, right, stroke = np.s_[:, :256], np.s_[:, 300:], np.s_[240:270, 350:450]
    kept = picture(page)
    assert difference(kept, photo)[left].mean() < 0.5 * difference(inversion, photo)[left].mean()
    assert np.array_equal(kept[right], inversion[right])

    source = page.locator(STAGE).get_attribute("src")
    paint(page, [(0.65, 0.5), (0.95, 0.5)], color="black")
    expect(page.locator(STAGE)).not_to_have_attribute("src", source, timeout=WAIT_MS)
    both = picture(page)
    assert np.array_equal(both[left], kept[left])
    assert difference(both, drawn)[stroke].max() <= 1 < difference(inversion, drawn)[stroke].max()

    source = page.locator(STAGE).get_attribute("src")
    reveal(page, "mask_reset")
    page.locator("#mask_reset").click()
    expect(page.locator(STAGE)).not_to_have_attribute("src", source, timeout=WAIT_MS)
    assert np.array_equal(picture(page), inversion)


def test_paint_stays_while_sliders_move(inverted):
    page = inverted
    photo = picture(page, "#compare img")
    source = page.locator(STAGE).get_attribute("src")
    paint(page, [(0.2, 0.5), (0.5, 0.5)])
    expect(page.locator(STAGE)).not_to_have_attribute("src", source, timeout=WAIT_MS)
    set_slider(page, "age", "End")
    wait_status(page, re.compile(rf"^Edited: age {re.escape(OLDEST)}"))
    assert difference(picture(page), photo)[246:266, 110:250].max() <= 1


def test_the_overlay_tints_what_the_generator_draws(inverted):
    page = inverted
    plain = picture(page)
    reveal(page, "overlay")
    page.get_by_label("Show on my photo what the AI draws").check()
    expect(page.locator(STAGE)).to_have_attribute("alt", re.compile("tinted orange"), timeout=WAIT_MS)
    photo, tinted = picture(page, "#compare img").astype(int), picture(page).astype(int)
    toward_orange = (tinted - photo).mean((0, 1))
    assert toward_orange[0] > 0 > toward_orange[2]
    page.get_by_label("Show on my photo what the AI draws").uncheck()
    expect(page.locator(STAGE)).to_have_attribute("alt", "Reconstructed portrait", timeout=WAIT_MS)
    assert np.array_equal(picture(page), plain)


def test_masks_can_be_recomputed_for_an_edit(inverted):
    page = inverted
    set_slider(page, "age", "End")
    wait_status(page, re.compile(rf"^Edited: age {re.escape(OLDEST)}\. "))
    fitted = picture(page)
    reveal(page, "recompute")
    page.get_by_label("Recompute masks for every edit").check()
    wait_status(page, re.compile(rf"^Edited: age {re.escape(OLDEST)}, masks recompute\. "))
    assert difference(fitted, picture(page)).max() > 1
    page.locator("#mask_reset").click()
    wait_status(page, re.compile(rf"^Edited: age {re.escape(OLDEST)}\. "))
    expect(page.get_by_label("Recompute masks for every edit")).not_to_be_checked()
    assert np.array_equal(fitted, picture(page))


def test_a_strip_shows_seven_ages_and_a_click_takes_one(inverted):
    page = inverted
    reveal(page, "strip")
    page.evaluate(_COUNT_PICTURES)
    page.locator("#strip_draw").click()
    pictures = page.locator("#strip .thumbnail-item img")
    expect(pictures).to_have_count(7, timeout=WAIT_MS)
    counts = page.evaluate("window.counts")
    assert counts == sorted(counts)
    assert len([count for count in counts if 0 < count < 7]) >= 3  # they appear one by one
    captions = [text.strip() for text in page.locator("#strip .caption-label").all_inner_texts()]
    assert captions[0] == "age −4.0"
    assert len(set(captions)) == 7
    assert captions[-1] == "age +4.0"
    expect(page.locator(STAGE)).to_have_attribute("alt", "Reconstructed portrait")  # nothing is changed yet
    pictures.last.click()
    expect(page.locator(STAGE)).to_have_attribute("alt", "Edited portrait: age +4.0", timeout=WAIT_MS)
    expect(slider(page, "age")).to_have_value("4")  # beyond the usual end
    expect(slider(page, "age")).to_have_attribute("max", "4")
    smile = slider(page, "smile")
    expect(smile).to_have_attribute("max", f"{ATTRIBUTES['smile'].safe[1]:g}")
    page.locator("#stronger input").check()
    expect(smile).to_have_attribute("max", "4", timeout=WAIT_MS)
    page.locator("#stronger input").uncheck()
    expect(smile).to_have_attribute("max", f"{ATTRIBUTES['smile'].safe[1]:g}", timeout=WAIT_MS)
    expect(slider(page, "age")).to_have_attribute("max", "4")


def test_a_grid_varies_two_attributes_and_names_its_edges_once(inverted):
    page = inverted
    reveal(page, "strip")
    page.get_by_role("combobox", name="and downward").click()
    page.get_by_role("option", name="Smile", exact=True).click()
    page.locator("#strip_draw").click()
    pictures = page.locator("#strip .thumbnail-item img")
    expect(pictures).to_have_count(25, timeout=WAIT_MS)
    words = [text for text in page.locator("#strip .caption-label").all_inner_texts() if text.strip()]
    assert len(words) == 9  # five along the first row, four more down the first column
    assert words[0].count(",") == 1
    pictures.first.click()
    alt = "Edited portrait: age −4.0, smile −4.0"
    expect(page.locator(STAGE)).to_have_attribute("alt", alt, timeout=WAIT_MS)


def test_edits_are_made_again_on_another_crop_of_the_same_photo(inverted):
    page = inverted
    set_slider(page, "age", "End")
    wait_status(page, re.compile(rf"^Edited: age {re.escape(OLDEST)}"))
    edited = picture(page)
    unfold(page, "source")
    page.locator("#use_crop").click()
    wait_status(page, DONE)
    expect(slider(page, "age")).to_have_value(f"{float(OLDEST):g}")
    expect(page.locator(STAGE)).to_have_attribute("alt", f"Edited portrait: age {OLDEST}")
    assert not np.array_equal(edited, picture(page))
    page.locator("#edit_0").click()
    wait_status(page, re.compile("^No changes"))
