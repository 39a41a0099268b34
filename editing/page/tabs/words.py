"""Edits by words: a phrase, phrases of one click, and a row for each that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import gradio as gr
import numpy as np

from editing.page import gpu, ids
from editing.page.drawing import change
from editing.page.parts import Tab, Updates
from editing.page.sentences import PHRASES, warn
from editing.page.session import Inverted, Visit
from editing.page.wiring import RESULT, Handler, Wanted, Wiring
from editing.recipe.recipe import FOCUS_RANGE, Recipe, TextEdit
from samm.errors import OptionError

__all__ = ["CHIPS", "STRENGTH_LIMIT", "TAB", "rows", "with_strength"]

NEW_STRENGTH = 0.8  # a phrase at 1 is plain to see, and often a little too much
STRENGTH_LIMIT = 3.0  # of the rows' sliders
CHIPS = tuple(f"{ids.CHIP}_{number}" for number in range(len(PHRASES)))


def lay_out() -> None:
    """Lay out the phrase, chips, rows and what most visitors do not need."""
    with gr.Row(elem_id=ids.PHRASE):
        gr.Textbox(
            label="What do you want to see?",
            info="hair, beard, glasses, make-up, age, expression, face shape; one phrase at a time",
            placeholder="blonde hair",
            elem_id=ids.TARGET,
            interactive=False,
            max_lines=1,
            scale=4,
        )
        gr.Button("Add", elem_id=ids.ADD, variant="primary", interactive=False, min_width=80)
    with gr.Row(elem_id=ids.CHIPS):
        for name, phrase in zip(CHIPS, PHRASES, strict=True):
            gr.Button(phrase, elem_id=name, size="sm", interactive=False, min_width=60)
    for row, word, remove in zip(ids.ROWS, ids.WORDS, ids.REMOVES, strict=True):
        with gr.Row(visible=False, elem_id=row, elem_classes="word"):
            limit = STRENGTH_LIMIT
            gr.Slider(-limit, limit, 1, step=0.1, label="Phrase", elem_id=word, interactive=True)
            gr.Button("Remove", elem_id=remove, size="sm", min_width=80, scale=0)
    with gr.Accordion("Advanced", open=False, elem_id=ids.WORDS_ADVANCED):
        gr.Textbox(
            TextEdit.neutral,
            label="What the photo shows now",
            info="as plain as your words, for example “face with hair”",
            elem_id=ids.NEUTRAL,
            max_lines=1,
        )
        gr.Slider(-2, 2, NEW_STRENGTH, step=0.1, label="Strength of a new phrase", elem_id=ids.STRENGTH)
        gr.Number(
            None,
            label="Focus β",
            info="0 changes everything that goes with the words, 1 next to nothing; empty: by itself",
            minimum=FOCUS_RANGE[0],
            maximum=FOCUS_RANGE[1],
            step=0.05,
            elem_id=ids.FOCUS,
        )


def wire(wiring: Wiring) -> None:
    """Connect phrase, chips and rows."""
    outputs = (*RESULT, *_ROWS, ids.TARGET)
    events = {ids.TARGET: [wiring[ids.TARGET].submit, wiring[ids.ADD].click]}
    for phrase, asked in {**events, **{name: [wiring[name].click] for name in CHIPS}}.items():
        wiring.draws(asked, on_words, (phrase, ids.NEUTRAL, ids.STRENGTH, ids.FOCUS), outputs)
    for row, (word, remove) in enumerate(zip(ids.WORDS, ids.REMOVES, strict=True)):
        handler, wanted = _word_slider(row)
        wiring.draws(wiring.previews([word], wanted, [word]), handler, [word])
        wiring.draws(wiring[remove].click, _word_remover(row), (), outputs)


def on_words(
    visit: Inverted, target: str, neutral: str, strength: float, focus: float | None
) -> Iterator[Updates]:
    """Add a phrase."""
    if not (target or "").strip():
        raise OptionError("Type what you want to see, for example 'blonde hair'.")
    word = TextEdit(target, neutral or TextEdit.neutral, strength, focus)
    words = (*(old for old in visit.words if old.target != word.target), word)
    warn(gpu.engine().moves.warnings(Recipe(texts=(word,))))
    for updates in change(visit, visit.recipe, words):
        yield {**updates, **(rows(words) | {ids.TARGET: ""} if ids.VISIT in updates else {})}


def _word_slider(row: int) -> tuple[Handler, Wanted]:
    """Make the handler of one row's strength, and what gives the recipe that it asks for."""

    def words(visit: Inverted, strength: float) -> tuple[TextEdit, ...]:
        return with_strength(visit.words, row, strength) if row < len(visit.words) else visit.words

    def on_word(visit: Inverted, strength: float) -> Iterator[Updates]:
        yield from change(visit, visit.recipe, words(visit, strength))

    return on_word, lambda visit, strength: replace(visit.recipe, texts=words(visit, strength))


def _word_remover(row: int) -> Handler:
    """Make the handler that removes one row."""

    def on_remove(visit: Inverted) -> Iterator[Updates]:
        if row < len(visit.words):
            words = (*visit.words[:row], *visit.words[row + 1 :])
            if replace(visit.recipe, texts=words) == visit.recipe:  # it had no strength
                yield {ids.VISIT: visit.with_words(words), **rows(words)}
                return
            yield rows(words)
            yield from change(visit, visit.recipe, words)

    return on_remove


def with_strength(words: Sequence[TextEdit], row: int, strength: float) -> tuple[TextEdit, ...]:
    """Give one phrase another strength; a slider at its end leaves a larger one as it was."""
    if strength == np.clip(words[row].strength, -STRENGTH_LIMIT, STRENGTH_LIMIT):
        return tuple(words)
    return tuple(
        replace(word, strength=strength) if number == row else word for number, word in enumerate(words)
    )


def rows(words: Sequence[TextEdit]) -> Updates:
    """Show one row for each phrase."""
    updates: Updates = {}
    for number, (row, word, remove) in enumerate(zip(ids.ROWS, ids.WORDS, ids.REMOVES, strict=True)):
        used = number < len(words)
        updates[row] = gr.Row(visible=used)
        if used:
            strength = float(np.clip(words[number].strength, -STRENGTH_LIMIT, STRENGTH_LIMIT))
            updates[word] = gr.Slider(value=strength, label=words[number].target)
            updates[remove] = gr.Button(f"Remove “{words[number].target}”")
    return updates


_ROWS = (*ids.ROWS, *ids.WORDS, *ids.REMOVES)


def settings(visit: Visit) -> Updates:
    """Show the rows, and switch phrase and chips on."""
    ready = isinstance(visit, Inverted)
    return {
        **dict.fromkeys(_ROWS, gr.skip()),
        **rows(visit.words if isinstance(visit, Inverted) else ()),
        **{name: gr.Button(interactive=ready) for name in (*CHIPS, ids.ADD)},
        ids.TARGET: gr.Textbox(interactive=ready),
    }


TAB = Tab(label="Words", lay_out=lay_out, wire=wire, settings=settings)
