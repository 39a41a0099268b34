"""Only what a session's page does not show already is sent to it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from editing.page.news import news
from editing.page.wall import GatedBlocks


@pytest.fixture
def page():
    with GatedBlocks() as page:
        page.slider = gr.Slider(-3, 3, 0, label="Smile", interactive=False)
        page.button = gr.Button("Save", interactive=False)
        page.tab = gr.Accordion("More", open=False)
        page.called = page.load(lambda: None, None, [page.slider, page.button, page.tab])
    return page


def test_what_a_part_is_already_is_left_out_and_a_value_alone_is_plain(page):
    session = SessionState(page)
    same = {page.slider: gr.update(minimum=-3, maximum=3, value=2, interactive=False), page.button: gr.skip()}
    assert news(same, session) == {page.slider: 2}
    # A visitor may have opened it since, which the server does not hear of.
    assert news({page.tab: gr.update(open=False)}, session) == {page.tab: gr.update(open=False)}


def test_what_was_sent_is_known_of_this_session_and_of_no_other(page):
    session, other = SessionState(page), SessionState(page)
    (called,) = (each for each in page.fns.values() if each.outputs)
    update = {page.button: gr.update(interactive=True)}

    def send(update: dict) -> list:
        with ThreadPoolExecutor(1) as pool:  # this thread may have the browser's loop already
            return pool.submit(asyncio.run, page.postprocess_data(called, update, session)).result()

    sent = [send(update) for _ in range(2)]
    changed = {"interactive": True, "__type__": "update"}
    assert sent == [[gr.skip(), changed, gr.skip()], [gr.skip()] * 3]
    assert news(update, other) == {page.button: changed}
    assert send({page.button: gr.update(interactive=False)})[1] == {
        "interactive": False,
        "__type__": "update",
    }
