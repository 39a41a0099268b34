"""Shipped examples on the page: opened once, and good for everything that a visit does with an inversion."""

import numpy as np
import pytest

import samm
from editing import kept
from editing.edit import edit
from editing.page.kept import example
from editing.page.packing import unpack, unpack_edit


@pytest.fixture
def shipped(tiny, tools, tmp_path, monkeypatch):
    """A folder of shipped files that holds one example of the tiny model."""
    inversion = samm.invert(samm.open(kept.EXAMPLES / "cap.jpg").faces[0], tiny)
    shown = kept.Kept(
        inversion, edit(inversion, "age +2", tiny, tools), {"smile": inversion.blended[:192, :192]}
    )
    kept.keep("cap", shown, tiny, tmp_path)
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    example.cache_clear()
    yield inversion
    example.cache_clear()


def test_an_example_opens_packed_with_its_edit_and_the_second_time_is_the_same(shipped, tiny):
    opened = example("cap.jpg", tiny)
    assert example("cap.jpg", tiny) is opened
    inversion = unpack(opened.inversion)
    drawn = unpack_edit(opened.edit, inversion.crop)
    assert (inversion.gathered - shipped.gathered).abs().mean() < 0.01
    assert opened.edit.recipe.attributes == {"age": 2.0}
    assert drawn.blended.shape == (512, 512, 3)
    assert np.abs(drawn.aligned.astype(float) - inversion.aligned).mean() > 1


def test_without_a_file_for_these_weights_nothing_opens(shipped, tiny):
    assert example("hopper", tiny) is None
    assert example("cap", samm.load("tiny-stylegan2-e4e", "cpu")) is None
