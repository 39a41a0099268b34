"""Going back and forth: undo, redo, reset and the history's pictures."""

import re

import numpy as np
import pytest
from visitor import expect, invert, picture, set_slider, tab, view, wait_status

CHANGES = ("age", "smile", "yaw")


def seen_after(page, changes: int) -> np.ndarray:
    """Wait until the first so many changes are said to be made, and give the picture."""
    listed = ", ".join(rf"{name} \+[\d.]+" for name in CHANGES[:changes])
    wait_status(page, re.compile(rf"^Edited: {listed}\. " if changes else r"^No changes\. "))
    return picture(page)


@pytest.fixture(scope="module")
def changed_once(lasting_page):
    page = lasting_page
    invert(page)
    view(page, "Edited")
    pictures = [picture(page)]
    for count, name in enumerate(CHANGES, 1):
        set_slider(page, name, "End")
        pictures.append(seen_after(page, count))
    return page, pictures


@pytest.fixture
def changed(changed_once):
    """A visitor who has moved three sliders one after the other, and the four pictures seen."""
    page, pictures = changed_once
    if page.locator("#redo").is_enabled():
        page.locator("#history img").nth(3).click()
        seen_after(page, 3)
    return changed_once


def test_three_changes_are_undone_and_redone_by_keyboard_to_the_same_pictures(changed):
    page, pictures = changed
    expect(page.locator("#history img")).to_have_count(4)
    assert len({shown.tobytes() for shown in pictures}) == 4
    for count in (2, 1, 0):
        page.keyboard.press("Control+z")
        assert np.array_equal(seen_after(page, count), pictures[count])
    expect(page.locator("#age input[type=range]")).to_have_value("0")
    expect(page.locator("#undo")).to_be_disabled()
    expect(page.locator("#history img")).to_have_count(4)
    for count in (1, 2, 3):
        page.keyboard.press("Control+Shift+z")
        assert np.array_equal(seen_after(page, count), pictures[count])
    expect(page.locator("#redo")).to_be_disabled()


def test_every_press_of_undo_counts_however_quick(changed):
    page, pictures = changed
    for _ in CHANGES:
        page.keyboard.press("Control+z")
    assert np.array_equal(seen_after(page, 0), pictures[0])


def test_a_picture_of_the_history_leads_back_to_its_step(changed):
    page, pictures = changed
    page.locator("#history img").nth(1).click()
    assert np.array_equal(seen_after(page, 1), pictures[1])
    expect(page.locator("#smile input[type=range]")).to_have_value("0")
    expect(page.locator("#undo")).to_be_enabled()
    expect(page.locator("#redo")).to_be_enabled()


def test_reset_takes_all_changes_back_and_can_be_undone(changed):
    page, pictures = changed
    page.locator("#reset").click()
    assert np.array_equal(seen_after(page, 0), pictures[0])
    expect(page.locator("#yaw input[type=range]")).to_have_value("0")
    page.locator("#undo").click()
    assert np.array_equal(seen_after(page, 3), pictures[3])
    expect(page.locator("#yaw input[type=range]")).not_to_have_value("0")


def test_undo_while_typing_concerns_the_text_only(changed):
    page, pictures = changed
    tab(page, "Words")
    page.locator("#target textarea, #target input").press_sequentially("red hat")
    page.keyboard.press("Control+z")
    page.wait_for_timeout(500)
    assert np.array_equal(seen_after(page, 3), pictures[3])
