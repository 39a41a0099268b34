"""Previews while a slider moves: what is seen, when none is, and that none takes the place of a result."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from visits import OLDER, older

from editing.edit import edit, edit_all
from editing.page import files, ids, preview
from editing.page.drawing import change
from editing.page.line import EDIT, Line
from editing.page.presence import leave, presence
from editing.page.sentences import EDITED, WHOLE
from editing.page.session import Paint
from editing.recipe.recipe import Recipe, TextEdit

SMILE = Recipe({"age": 2.0, "smile": 1.0})
PX = 256


@pytest.fixture
def visit(gpu, small, tiny, detector, tmp_path, monkeypatch):
    """A visitor who has made the face older, and looks at the picture before and after."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))  # files from there are served as they are
    monkeypatch.setattr(gpu, "LINE", Line())
    monkeypatch.setattr(preview, "PREVIEW_PX", PX)
    made = older(small, edit(small, OLDER, tiny), detector, tmp_path)
    presence("mover").photo_id = made.photo_id
    yield replace(made, tab="mover", before=made.after, drawn=(made.edit,))
    leave("mover")


def shown(visit, recipe) -> list[dict]:
    return list(preview.preview(visit, recipe))


def test_what_a_slider_asks_for_is_shown_small_and_the_visit_stays_as_it_is(visit, small, tiny):
    (update,) = shown(visit, SMILE)
    assert update.keys() == {ids.COMPARE}
    before, after = update[ids.COMPARE].value
    assert before["path"] == visit.before
    assert Image.open(after["path"]).size == (PX, PX)
    [wanted] = edit_all(small, [SMILE], tiny, size=PX)
    assert after["path"] == files.put(wanted.blended, visit.folder, "jpg")  # named by its pixels
    (update,) = shown(replace(visit, view=EDITED), SMILE)
    assert update.keys() == {ids.STAGE}
    assert update[ids.STAGE].value["path"] == after["path"]


def test_what_is_painted_is_kept_in_a_preview(visit, small):
    everywhere = np.ones((512, 512), bool)
    (update,) = shown(replace(visit, paint=Paint.of(everywhere, ~everywhere)), SMILE)
    drawn = Image.open(update[ids.COMPARE].value[1]["path"])
    photo = Image.fromarray(small.photo_u8).resize((PX, PX), Image.Resampling.BOX)
    assert np.abs(np.asarray(drawn).astype(int) - np.asarray(photo)).mean() < 3


def test_there_is_none_where_nothing_is_drawn_or_nobody_would_see_it(visit, gpu):
    assert shown(visit, OLDER) == []
    assert shown(visit, replace(OLDER, mask_strength=0.5)) == []
    assert shown(visit, Recipe(mask_strength=0.5)) == []
    words = replace(SMILE, texts=(TextEdit("blonde hair", strength=0.5),))
    assert shown(visit, words) == []  # not looked up yet
    for unseen in ({"view": WHOLE}, {"overlay": True}, {"brushing": True}):
        assert shown(replace(visit, **unseen), SMILE) == []
    with gpu.LINE.turn(EDIT):
        gpu.LINE._took_s[EDIT.name] = [1.0]
        assert shown(visit, SMILE) == []  # it would come too late
    gpu.LINE._took_s.clear()
    assert len(shown(visit, SMILE)) == 1


def test_one_that_is_out_of_date_at_its_turn_is_not_drawn(visit, gpu, monkeypatch):
    monkeypatch.setattr(gpu, "_carefully", lambda work, kind: work(None, None))  # without an engine
    for late in (presence("mover").beginning, lambda kind: setattr(presence("mover"), "is_drawing", True)):
        drawn = gpu.draw_small
        monkeypatch.setattr(
            gpu, "draw_small", lambda *args, late=late, drawn=drawn: (late(preview.PREVIEWS), drawn(*args))[1]
        )
        assert shown(visit, SMILE) == []
        monkeypatch.setattr(gpu, "draw_small", drawn)


def test_none_is_begun_while_an_edit_is_drawn_and_none_is_shown_after_it(visit, gpu, monkeypatch):
    here, draw_small = presence("mover"), gpu.draw_small

    def overtaken(*args):
        small = draw_small(*args)
        with here.drawing() as end_previews:
            end_previews()
        return small

    with here.drawing() as end_previews:
        assert shown(visit, SMILE) == []
        end_previews()
        assert len(shown(visit, SMILE)) == 1  # of a slider that moves on while the edit is judged
    monkeypatch.setattr(gpu, "draw_small", overtaken)
    assert shown(visit, SMILE) == []


def test_a_slider_that_comes_back_brings_the_picture_back(visit):
    assert list(change(visit, OLDER, ())) == []
    assert len(shown(visit, SMILE)) == 1
    (update,) = change(visit, OLDER, ())
    assert update.keys() == {ids.COMPARE, ids.STAGE}
    assert update[ids.COMPARE].value[1]["path"] == visit.after
    assert list(change(visit, OLDER, ())) == []
