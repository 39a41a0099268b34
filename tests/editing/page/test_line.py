"""The line: who goes first, who waits for whom, and what is told of it."""

import threading
import time

import pytest
import torch

from editing.page.line import EDIT, INVERSION, STEP, STRIP, Breathing, Kind, Line, Place


class Works:
    """Works in threads that note when they have their turn, and end it when they are told."""

    def __init__(self, line: Line):
        self.line, self.order, self.may_end = line, [], {}
        self.threads = []

    def begin(self, name: str, kind: Kind) -> None:
        self.may_end[name] = threading.Event()
        waiting = len(self.line._waiting)
        busy = self.line._now is not None
        thread = threading.Thread(target=self._work, args=(name, kind), daemon=True)
        thread.start()
        self.threads.append(thread)
        until(lambda: len(self.line._waiting) > waiting if busy else name in self.order)

    def _work(self, name: str, kind: Kind) -> None:
        with self.line.turn(kind):
            self.order.append(name)
            assert self.may_end[name].wait(10)

    def end(self, *names: str) -> None:
        for name in names:
            self.may_end[name].set()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def line() -> Line:
    return Line()


def test_quick_work_goes_before_long_work_and_equals_in_the_order_they_came(line):
    works = Works(line)
    for name, kind in [("a", EDIT), ("step", STEP), ("strip", STRIP), ("b", EDIT), ("c", INVERSION)]:
        works.begin(name, kind)
    assert works.order == ["a"]
    works.end("a", "step", "strip", "b", "c")
    works.join()
    assert works.order == ["a", "b", "c", "strip", "step"]


def test_long_work_lets_quick_work_in_between_two_steps(line):
    works, steps = Works(line), []
    with line.turn(STEP) as turn:
        works.begin("quick", EDIT)
        assert works.order == []  # it waits for this step
        works.end("quick")
        for step in range(3):
            steps.append((step, [*works.order]))
            turn.pass_on()
    works.join()
    assert steps == [(0, []), (1, ["quick"]), (2, ["quick"])]


def test_two_long_works_take_turns(line):
    order = []

    def work(name: str) -> None:
        with line.turn(STEP) as turn:
            for _ in range(3):
                order.append(name)
                time.sleep(0.02)
                turn.pass_on()

    threads = [threading.Thread(target=work, args=[name]) for name in "ab"]
    with line.turn(EDIT):
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(lambda number=number: len(line._waiting) == number)
    for thread in threads:
        thread.join(10)
    assert order == [*"ababab"]


def test_a_place_is_told_at_once_with_the_seconds_to_expect(line):
    for seconds in (0.02, 0.06, 0.04):  # the median is 0.04
        with line.turn(EDIT):
            time.sleep(seconds)
    assert line.seconds(EDIT) == pytest.approx(0.04, abs=0.015)
    assert line.seconds(INVERSION) == INVERSION.guess_s
    assert line.place(EDIT) == Place(0, 0)
    works = Works(line)
    works.begin("a", INVERSION)
    works.begin("b", EDIT)
    works.begin("step", STEP)
    place = line.place(EDIT)  # after a and b, before the step
    assert place.ahead == 2
    assert place.seconds == pytest.approx(INVERSION.guess_s + 0.04, abs=0.3)
    assert line.place(STRIP).ahead == 2
    assert line.place(STEP).ahead == 3
    told = []

    def work() -> None:
        with line.turn(EDIT, told.append):
            pass

    began_s = time.monotonic()
    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: told)
    assert time.monotonic() - began_s < 1
    assert told[0].told == "2 before you, about 2 s"
    works.end("a", "b", "step")
    works.join()
    thread.join(10)


def test_a_step_that_runs_is_no_visitor_and_soon_rests(line):
    with line.turn(STEP):
        place = line.place(EDIT)
        assert line.place(STEP).seconds == pytest.approx(STEP.guess_s, abs=0.3)
    assert (place.ahead, place.told) == (0, "")
    assert place.seconds < 0.5


def test_a_long_work_rests_between_the_operations_of_one_step_and_its_time_leaves_that_out(line):
    works = Works(line)
    weight = torch.randn(8, 8, requires_grad=True)

    class Meets(torch.autograd.Function):
        """Has quick work come while a gradient is computed."""

        @staticmethod
        def forward(context, x):
            return x.clone()

        @staticmethod
        def backward(context, gradient):
            works.begin("quick", EDIT)
            threading.Timer(0.3, lambda: works.end("quick")).start()
            seen.append([*works.order])
            return gradient * 1  # rests before this

    with Line().turn(STEP) as turn, Breathing(turn):  # what torch loads for the first one takes a second
        plain = torch.autograd.grad((weight @ weight).sum(), weight)[0]
    seen = []
    with line.turn(STEP) as turn, Breathing(turn):
        Meets.apply(weight @ weight).sum().backward()
        seen.append([*works.order])
    works.join()
    assert seen == [[], ["quick"]]
    assert line.seconds(EDIT) >= 0.29
    assert line.seconds(STEP) < line.seconds(EDIT)
    assert torch.equal(weight.grad, plain)


def test_who_loses_patience_leaves_the_line_to_the_others(line):
    class Enough(Exception):
        pass

    def leave(place: Place) -> None:
        raise Enough

    works = Works(line)
    works.begin("a", EDIT)
    with pytest.raises(Enough), line.turn(EDIT, leave):
        pass
    assert line.place(EDIT).ahead == 1
    works.end("a")
    works.join()
    with line.turn(EDIT):
        assert line.place(EDIT).ahead == 1


def test_a_work_that_fails_ends_its_turn(line):
    with pytest.raises(ZeroDivisionError), line.turn(EDIT):
        _ = 1 / 0
    assert line.place(EDIT) == Place(0, 0)


def test_a_long_work_that_is_stopped_while_it_waits_leaves_the_line(line):
    class Enough(Exception):
        pass

    works, patience = Works(line), []

    def leave(place: Place) -> None:
        if patience:
            raise Enough

    with line.turn(STEP, leave) as turn:
        works.begin("a", EDIT)
        patience.append(False)
        with pytest.raises(Enough):
            turn.pass_on()
    works.end("a")
    works.join()
    assert line.place(STEP) == Place(0, 0)
