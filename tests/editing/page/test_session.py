"""What a server keeps of a visit: packed pictures, the history, words."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from visits import OLDER, ROOT, apart, begin, older, step

import samm
from editing.edit import edit
from editing.moves.moves import Moves
from editing.page import files
from editing.page.opening import inverted
from editing.page.packing import forget, pack, pack_edit, unpack, unpack_edit
from editing.page.pictures import present, thumbnail
from editing.page.session import DRAWN, GESTURE_S, HISTORY, Inverted, Paint, Regions, Visit
from editing.protect import REGIONS
from editing.recipe.recipe import Recipe, TextEdit
from samm.crop.crop import Photo

MOST_MB = 10  # what one visitor may cost a server


@pytest.fixture
def older_visit(small, tiny, tools, tmp_path, detector) -> Inverted:
    return older(small, edit(small, OLDER, tiny, tools), detector, tmp_path)


@pytest.fixture(scope="module")
def tuned(small, quick) -> samm.Inversion:
    """The inversion after two steps of tuning."""
    return samm.tune(small, quick, 2)


@pytest.fixture
def fresh(older_visit) -> Inverted:
    """A visit that has no steps yet."""
    return replace(older_visit, steps=(), at=-1)


def test_a_visit_without_an_inversion_is_told_to_bring_its_photo_again(older_visit):
    assert inverted(older_visit) is older_visit
    with pytest.raises(samm.PhotoError, match="was deleted from this page"):
        inverted(Visit())


def test_another_crop_begins_anew_and_keeps_what_is_looked_at(older_visit):
    other = replace(older_visit, tab="me", view="Edited", overlay=True)
    begun = other.begun(other.opened, other.opened.crops[0])
    assert type(begun) is Visit
    assert (begun.tab, begun.view, begun.overlay, begun.photo_id) == ("me", "Edited", True, "first")


def test_a_word_without_strength_keeps_its_row_and_is_no_part_of_the_recipe(fresh):
    words = (TextEdit("blonde hair", strength=0), TextEdit("bangs"))
    visit = fresh.stepped(replace(step(OLDER), words=words))
    assert visit.words == words
    assert visit.recipe == replace(OLDER, texts=words[1:])
    fewer = visit.with_words(words[1:])
    assert (fewer.words, fewer.recipe, len(fewer.steps)) == (words[1:], visit.recipe, 1)


def test_a_packed_inversion_comes_back(small, tmp_path):
    back = unpack(pickle.loads(pickle.dumps(pack(small, tmp_path))))
    assert back.generated is None  # nothing on the page shows it
    assert np.array_equal(back.photo_u8, small.photo_u8)
    assert np.array_equal(back.aligned, small.aligned)
    assert apart(back.blended, small.blended) <= 1  # blended again, from pictures of 8 bits
    assert torch.equal(back.w_plus, small.w_plus)
    for ours, theirs in ((back.flows, small.flows), (back.masks, small.masks)):
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[r], theirs[r]) for r in theirs)
    assert (back.preset, back.options, back.refined) == (small.preset, small.options, small.refined)
    assert (back.tuned, back.tuned_steps) == ({}, 0)
    assert not list(tmp_path.iterdir())


def test_tuned_weights_lie_in_the_visits_folder_and_go_with_it(tuned, tmp_path):
    folder = tmp_path / "visit"
    folder.mkdir()
    packed = pack(tuned, folder)
    assert len(pickle.dumps(packed)) < len(pickle.dumps(replace(packed, tuned=None))) + 500
    back = unpack(pickle.loads(pickle.dumps(packed)))
    assert back.tuned_steps == tuned.tuned_steps
    assert back.tuned.keys() == tuned.tuned.keys()
    assert all(torch.equal(back.tuned[name], change) for name, change in tuned.tuned.items())
    files.delete(folder)
    forget()
    with pytest.raises(samm.PhotoError, match="was deleted from this page"):
        unpack(packed)


def test_a_packed_edit_gives_the_same_picture(small, tiny, tools, older_visit):
    edited = edit(small, OLDER, tiny, tools)
    back = unpack_edit(pack_edit(edited), small.crop)
    assert np.array_equal(back.aligned, edited.aligned)
    assert (back.gathered - edited.gathered).abs().max() <= 0.5 / 255 + 1e-6
    assert apart(present(older_visit).blended, edited.blended) <= 1


def test_a_visitor_with_everything_costs_less_than_ten_megabytes(inversion, embedded, detector, tmp_path):
    edited = edit(inversion, Recipe({"age": 2.0}, (TextEdit("blonde hair"),)), embedded, Moves(embedded))
    photo = Photo(ROOT / "examples" / "astronaut.jpg")
    crops = photo.locate(inversion.domain, detector)
    crop = crops[0].with_pixels(inversion.photo_u8)
    tuned = replace(inversion, crop=crop, tuned={"pw": torch.ones(1_500_000).half()}, tuned_steps=30)
    visit = begin(tuned, photo, crops, tmp_path)
    for at in range(HISTORY):
        visit = visit.stepped(step(edited.recipe, "", float(at)))
    marks = np.random.default_rng(7).random((2, 512, 512)) > 0.5
    regions = Regions.of({name: edited.gathered for name in REGIONS})
    visit = replace(visit, paint=Paint.of(*marks), regions=regions)
    for _ in range(DRAWN + 1):
        visit = visit.with_edit(pack_edit(edited))
    assert (len(visit.steps), len(visit.drawn)) == (HISTORY, DRAWN)
    assert len(pickle.dumps(visit)) < MOST_MB * 1e6


def test_the_session_of_a_closed_page_is_not_held_ready(small, tmp_path):
    packed = pack(small, tmp_path)
    assert unpack(packed) is unpack(packed)
    held = unpack(packed)
    forget()
    assert unpack(packed) is not held


def test_one_movement_of_a_slider_is_one_step_of_the_history(fresh):
    visit = fresh.stepped(step(Recipe(), "", 0))
    for tenth in range(1, 11):
        visit = visit.stepped(step(Recipe({"age": tenth / 10}), "age", tenth / 10))
    assert [step.recipe for step in visit.steps] == [Recipe(), Recipe({"age": 1})]


def test_another_control_or_a_pause_is_another_step(fresh):
    visit = fresh.stepped(step(Recipe(), "", 0))
    slow = visit.stepped(step(Recipe({"age": 1}), "age", 5), 4.5)
    slow = slow.stepped(step(Recipe({"age": 2}), "age", 10), 4.5)  # drawing is no pause
    assert [step.recipe.attributes.get("age") for step in slow.steps] == [None, 2]
    visit = visit.stepped(step(Recipe({"age": 1}), "age", 1))
    visit = visit.stepped(step(Recipe({"age": 1, "smile": 1}), "smile", 1.1))
    assert len(visit.steps) == 3
    visit = visit.stepped(step(Recipe({"age": 1, "smile": 2}), "smile", 1.1 + GESTURE_S))
    assert len(visit.steps) == 4
    visit = visit.stepped(step(Recipe(), "", 3.2)).stepped(step(OLDER, "", 3.3))
    assert len(visit.steps) == 6


def test_what_was_undone_is_replaced_by_the_next_change(fresh):
    visit = fresh
    for value in range(3):
        visit = visit.stepped(step(Recipe({"age": value}), "age", 10.0 * value))
    visit = visit.at_step(1).stepped(step(Recipe({"age": 3}), "age", 10.5))
    assert [step.recipe.attributes.get("age", 0) for step in visit.steps] == [0, 1, 3]
    assert visit.recipe == Recipe({"age": 3})


def test_the_history_keeps_the_newest_steps(fresh):
    visit = fresh
    for value in range(HISTORY + 5):
        visit = visit.stepped(step(Recipe({"age": value / 10}), "", float(value)))
    assert len(visit.steps) == HISTORY
    assert visit.at == HISTORY - 1
    assert visit.recipe == Recipe({"age": (HISTORY + 4) / 10})
    assert visit.steps[0].recipe == Recipe({"age": 0.5})


def test_a_step_brings_its_words_back_and_beyond_the_ends_nothing_happens(fresh):
    blonde = TextEdit("blonde hair")
    visit = fresh.stepped(step(Recipe(), "", 0))
    visit = visit.stepped(step(Recipe(texts=(blonde,)), "", 1))
    first = visit.at_step(0)
    assert (first.recipe, first.words) == (Recipe(), ())
    again = first.at_step(1)
    assert (again.recipe, again.words) == (Recipe(texts=(blonde,)), (blonde,))
    assert first.at_step(-1) is first
    assert again.at_step(2) is again


def test_a_thumbnail_is_a_small_picture(tmp_path):
    small = thumbnail(np.full((512, 512, 3), 200, np.uint8))
    path = files.put(small, tmp_path, "jpg")
    with Image.open(path) as picture:
        assert picture.size == (128, 128)
        assert abs(np.asarray(picture).mean() - 200) < 2
