"""What the page says: headline, privacy, states, and the parts that explain themselves."""

from __future__ import annotations

import html
from collections.abc import Iterable

import gradio as gr

__all__ = [
    "ABOUT",
    "ASKED",
    "BLENDED",
    "COMPARE",
    "DESCRIPTION",
    "DISK_FULL",
    "EDITED",
    "EMPTY",
    "EXPIRED",
    "GENERATED",
    "HOW",
    "KEPT",
    "PAPER",
    "PHRASES",
    "TITLE",
    "UNDO_TURN",
    "VIEWS",
    "WELCOME",
    "WHOLE",
    "introduction",
    "say",
    "warn",
]

TITLE = "SAMM face editor"
DESCRIPTION = (
    "Change one thing in a portrait: age, smile, hair, glasses. Everything else stays as in the photo."
)
DISK_FULL = "The disk of the machine that serves this page is full"
ASKED = "Use this photo anyway? Answer below it."
PAPER = "https://arxiv.org/abs/2212.09262"
WELCOME = "An example. Try the effects, or use your own photo."
EMPTY = "Upload a portrait or pick an example."
UNDO_TURN = "Turn back"  # a button's label, also in the sentence that says that a photo was turned
EXPIRED = "Your photo was deleted from this page, which keeps photos for less than an hour; upload it again."
HOW = """
An AI that has learned from many faces draws yours. Some things it cannot draw: hats, hands, microphones, most
backgrounds. The program finds out which and takes these from the photo (white in “From your photo”). An edit
changes what the AI draws, and nothing else.
"""
ABOUT = """
**Limits.** Faces far from the front, small children and heavy shadows work least well. Edits show what the
AI's training photos have in common, with their bias: age may bring glasses, make-up may bring a smile.

**Use it fairly.** Edit only photos of people who agreed, and do not pass a result off as a photograph.
Results say in their data that a generative model made them.

**Privacy.** Nothing of an upload but its pixels gets into a result. Files of a visit are deleted when its
page is closed, and at the latest within an hour.

**Keys.** Arrow keys move a slider; hold B, or Space on “Compare”, to see the photo before; Ctrl-Z undoes and
Shift-Ctrl-Z redoes.

**Method and licence.** SAMM: Yang, Xu, Chen, *Out-of-domain GAN inversion via Invertibility Decomposition for
Photo-Realistic Human Face Manipulation*, ICCV 2023. The generator derives from NVIDIA's StyleGAN2-FFHQ: for
non-commercial research only.
"""
COMPARE, EDITED, BLENDED, GENERATED, KEPT, WHOLE = VIEWS = (
    "Before / after",
    "Edited",
    "Reconstruction",
    "What the AI draws",
    "From your photo",
    "Whole photo",
)
# One click each; their figures are in the table of words of `editing/README.md`.
PHRASES = (
    "blonde hair",
    "curly hair",
    "grey hair",
    "a beard",
    "bangs",
    "eyebrows thick",
    "red lipstick",
    "makeup",
    "tanned",
    "surprised",
    "sunglasses",
    "an old man",
)


def introduction(privacy: str, links: str) -> str:
    """Make the headline, with what becomes of a photo, and where to read more."""
    return f"""# {TITLE}
{DESCRIPTION}

{privacy} {links}"""


def warn(warnings: Iterable[str]) -> None:
    """Show warnings at the edge of the page, for some seconds."""
    for warning in warnings:
        gr.Warning(html.escape(warning))


def say(sentence: str) -> str:
    """Make the status line: one sentence of present state, read out by screen readers."""
    return f'<p role="status" aria-live="polite">{html.escape(sentence)}</p>'
