"""Improvements in the background: what they bring, whom they keep waiting, and how they end."""

import re
import threading
import time
from dataclasses import replace

import pytest
import torch
from visits import HOPPER

import samm
from editing.page import ids
from editing.page.improve import BACKGROUND, improve
from editing.page.likeness import Likeness
from editing.page.line import EDIT, IMPROVEMENT, INVERSION, STEP, Line
from editing.page.regions.photo import look_for_faces
from editing.page.session import Visit
from editing.recipe.recipe import Recipe
from samm.crop.crop import Photo
from samm.errors import PhotoError
from samm.likeness import search

LONG = Likeness(refine=400)


@pytest.fixture(autouse=True)
def line(gpu, monkeypatch) -> Line:
    monkeypatch.setattr(gpu, "LINE", Line())
    return gpu.LINE


@pytest.fixture
def patient(monkeypatch):
    """A search that goes on where nothing is gained, as it soon does with random weights."""
    monkeypatch.setattr(search, "_GAIN", -1e9)


@pytest.fixture
def running(small, patient):
    """An improvement that has taken its first steps, and goes on as long as its news are taken."""
    stop = threading.Event()
    news = improve(small, LONG, stop)
    while next(news).stage != "Refining":
        pass
    listener = threading.Thread(target=lambda: [None for _ in news], daemon=True)
    listener.start()
    yield stop, listener
    stop.set()
    listener.join(10)
    until(lambda: BACKGROUND._now is None)


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_each_stage_brings_a_better_inversion_and_the_steps_are_told(gpu, small, tiny):
    news = list(improve(small, Likeness(3, 2), threading.Event()))
    better = [each.inversion for each in news if each.inversion]
    assert [(each.refined, each.tuned_steps) for each in better] == [(3, 0), (3, 2)]
    refined = samm.refine(small, tiny, 3)
    assert torch.equal(better[0].w_plus, refined.w_plus)  # pauses change nothing
    assert [each.done for each in news if each.stage == "Refining"] == [0, 1, 2, 3]
    assert all(each.seconds > 0 for each in news if each.stage == "Refining" and each.done < 3)
    assert news[-1].inversion is better[-1]


@pytest.mark.slow
def test_quick_work_during_an_improvement_takes_at_most_twice_its_time_alone(gpu, small, running):
    def first_result() -> float:
        began_s = time.perf_counter()
        crop = replace(small.crop)
        gpu.edit_on_gpu(gpu.invert_on_gpu(crop, None), Recipe({"age": 2.0}))
        return time.perf_counter() - began_s

    stop, listener = running
    during_s = min(first_result() for _ in range(3))
    assert listener.is_alive()
    stop.set()
    listener.join(10)
    until(lambda: gpu.LINE.place(EDIT).seconds == 0)
    alone_s = min(first_result() for _ in range(3))
    assert during_s < max(2 * alone_s, 1.0)


@pytest.mark.slow
def test_an_improvement_goes_on_after_quick_work(gpu, small, patient):
    news = improve(small, Likeness(refine=30), threading.Event())
    while next(news).stage != "Refining":
        pass
    for _ in range(3):
        gpu.edit_on_gpu(small, Recipe({"smile": 1.0}))
    assert [each.inversion.refined for each in news if each.inversion] == [30]


def test_stop_ends_the_visit_s_wait_within_a_second_even_in_a_long_step(gpu, small, monkeypatch):
    goes_on = threading.Event()

    def refine(inversion, steps, tell):
        tell("Refining", 0, steps)
        goes_on.wait(20)  # a step that takes long
        tell("Refining", 1, steps)
        raise AssertionError("nobody stopped it")

    monkeypatch.setattr(gpu, "refine_on_gpu", refine)
    stop = threading.Event()
    news = improve(small, LONG, stop)
    next(news)
    threading.Timer(0.3, stop.set).start()
    began_s = time.monotonic()
    assert list(news) == []
    assert time.monotonic() - began_s < 1.3
    assert BACKGROUND.place(IMPROVEMENT).ahead == 1  # its step still runs
    goes_on.set()
    until(lambda: BACKGROUND.place(IMPROVEMENT).ahead == 0)


def test_a_visitor_who_leaves_ends_the_work(gpu, small):
    news = improve(small, LONG, threading.Event())
    next(news)
    news.close()
    until(lambda: BACKGROUND._now is None and gpu.LINE._now is None)


def test_a_second_improvement_waits_for_the_first_and_is_told_so(gpu, small, running):
    stop = threading.Event()
    news = improve(small, LONG, stop)
    first = next(news)
    assert first.stage == "Waiting"
    assert first.seconds > 0
    stop.set()
    assert list(news) == []


def test_a_failure_is_said_to_the_visitor(gpu, small, monkeypatch):
    def fail(inversion, steps, tell):
        raise PhotoError("It cannot be read; choose another.")

    monkeypatch.setattr(gpu, "refine_on_gpu", fail)
    with pytest.raises(PhotoError, match="choose another"):
        list(improve(small, LONG, threading.Event()))
    assert BACKGROUND.place(IMPROVEMENT).ahead == 0


def test_who_waits_for_an_inversion_hears_of_the_place_at_once_and_may_leave(gpu, small, line):
    class Enough(Exception):
        pass

    told = []

    def tell(stage, done, total):
        told.append(stage)
        if len(told) == 2:
            raise Enough

    with line.turn(INVERSION):
        began_s = time.monotonic()
        with pytest.raises(Enough):
            gpu.invert_on_gpu(small.crop, tell)
    assert time.monotonic() - began_s < 2
    assert told[0] == "Waiting, 1 before you, about 2 s"
    assert line.place(EDIT).ahead == 0


def test_pictures_of_a_strip_come_one_by_one_and_let_quick_work_between(gpu, small, line):
    recipes = [Recipe({"age": strength}) for strength in (-2.0, 0.0, 2.0)]
    pictures = gpu.drawn(small, recipes, 128)
    first = next(pictures)
    assert first.shape == (128, 128, 3)
    assert line.place(STEP).ahead == 0  # nothing is held while the page shows it
    together = gpu.strip_on_gpu(small, recipes, 128)
    for one, other in zip([first, *pictures], together, strict=True):
        assert abs(one.astype(int) - other).max() <= 1


def test_who_brings_a_photo_while_another_s_is_drawn_is_told_place_and_seconds_at_once(
    gpu, detector, tmp_path
):
    def told() -> str:
        return look_for_faces(Visit(), Photo(HOPPER), tmp_path)[ids.STATUS]

    with gpu.LINE.turn(INVERSION):
        assert re.search(r">Face found; 1 before you, about \d+ s\.<", told())
    assert ">Face found.<" in told()
