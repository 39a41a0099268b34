"""The server: which folder it owns, how the page looks, and how it is served."""

from __future__ import annotations

import importlib.util
import logging
import os
from pathlib import Path

import gradio as gr
from gradio.themes import Default

from editing.page import files, folders, wall
from samm.crop.photo import MAX_FILE_MB

__all__ = ["FOLDER", "launch"]

FOLDER = Path(os.environ.get("GRADIO_TEMP_DIR", ""))  # chosen by `app.py` before Gradio was imported
PAGE = Path(__file__).parent
# The default theme with texts and buttons dark enough to be read: contrast 4.5 or more.
THEME = Default().set(
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
)
# What has to reach Gradio's own parts too, where `style.css` has no say.
HEAD = """<style>
:focus-visible { outline: 3px solid var(--primary-600) !important; outline-offset: 2px; }
@media (max-width: 899px) { footer button, .toast-close { min-height: 44px; min-width: 44px; } }
</style>"""


def launch(demo: gr.Blocks) -> None:
    """Serve the page until somebody stops it."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    folders.delete_at_exit(FOLDER)
    folders.keep_clean(files.sweep, every_s=600)
    demo.launch(
        theme=THEME,
        head=HEAD,
        css_paths=PAGE / "style.css",
        js=(PAGE / "page.js").read_text(encoding="utf-8"),
        max_file_size=f"{MAX_FILE_MB}mb",
        run_history=False,
        ssr_mode=False,
        show_error=True,
        footer_links=["api", "settings"],
        mcp_server=importlib.util.find_spec("mcp") is not None,
        **wall.open_doors(),
    )
