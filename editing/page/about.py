"""How it works in three pictures, and what one should know before using it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import gradio as gr

from editing.page import files, ids
from editing.page.opening import welcome_edit
from editing.page.parts import row_of_pictures
from editing.page.pictures import kept_on_black
from editing.page.sentences import ABOUT, HOW, PAPER
from editing.page.show import put_all
from samm.pixels import shrunk

__all__ = ["lay_out", "links"]

README = Path(__file__).parents[2] / "README.md"
SMALL_PX = 256


def lay_out() -> None:
    """Lay out the pictures, open until a photo comes, and the sentences."""
    with gr.Accordion("How it works", open=True, elem_id=ids.HOW):
        _pictures()
        gr.Markdown(HOW)
    with gr.Accordion("Limits, privacy, licence", open=False, elem_id=ids.ABOUT):
        gr.Markdown(ABOUT + _citation())


def links(environ: Mapping[str, str]) -> str:
    """Make the links to paper and code: of the Space, or else to this program's own description."""
    paper, space = f"[Paper]({PAPER})", environ.get("SPACE_ID")
    if space:
        files_of = f"https://huggingface.co/spaces/{space}"
        return f"{paper} · [Code]({files_of}/tree/main) · [README]({files_of}/blob/main/README.md)"
    if not README.is_file():
        return paper
    copy = shutil.copyfile(README, files.lasting_folder() / "README.txt")
    return f"{paper} · [Code and README](gradio_api/file={copy})"


def _citation() -> str:
    """Take how to cite the paper from the README."""
    text = README.read_text(encoding="utf-8") if README.is_file() else ""
    return "".join(re.findall(r"\n```bibtex.*?```", text, re.DOTALL))


def _pictures() -> None:
    """Lay out photo, what is kept and result of an example, if one is at hand."""
    edited = welcome_edit()
    if edited is None:
        return
    pictures = {
        "1. Your photo": edited.photo_u8,
        "2. What the AI cannot draw stays": kept_on_black(edited),
        "3. The rest is edited": edited.blended,
    }
    small = [(shrunk(picture, SMALL_PX), caption) for caption, picture in pictures.items()]
    shown = put_all(small, files.lasting_folder(), "jpg")
    row_of_pictures(shown, "How it works", ids.METHOD, 3, show_label=False)
