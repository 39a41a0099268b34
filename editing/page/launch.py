"""The server: which folder it owns, how the page looks, and how it is served."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
from pathlib import Path

import gradio as gr
from gradio import routes
from gradio.themes import Default
from jinja2 import FunctionLoader

from editing.page import files, folders, wall
from editing.page.files import EXAMPLES
from editing.page.sentences import DESCRIPTION, TITLE
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
# What others see of the page before they open it, and what has to reach Gradio's own parts too.
HEAD = """<title>{title}</title>
<meta name="description" content="{description}">
<meta property="og:type" content="website">
<meta property="og:title" content="{title}">
<meta property="og:description" content="{description}">
<meta property="og:image" content="{image}">
<meta name="twitter:card" content="summary_large_image">
<link rel="icon" type="image/svg+xml" href="favicon.ico">
<script>addEventListener("beforeunload", (event) => window.samm?.leaving(event))</script>
<style>
:focus-visible {{ outline: 3px solid var(--primary-600) !important; outline-offset: 2px; }}
/* Over the headline; on phones, where the stage is on top, above the buttons at the lower edge. */
.toast-wrap {{ right: auto !important; left: 12px; }}
@media (max-width: 999px) {{ .toast-wrap {{ top: auto !important; bottom: 76px; }} }}
@media (max-width: 999px) {{ footer button, .toast-close {{ min-height: 44px; min-width: 44px; }} }}
</style>"""
_GRADIO_S = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>')


def head(host: str | None) -> str:
    """Make what goes into the page's head.

    Args:
        host: under which the page is known, such as a Space's; pages that show previews want whole addresses.
    """
    folder = files.lasting_folder()
    image = shutil.copyfile(EXAMPLES / "result.jpg", folder / "result.jpg")
    address = f"https://{host}" if host else ""
    return HEAD.format(title=TITLE, description=DESCRIPTION, image=f"{address}/gradio_api/file={image}")


def put_into_head(html: str) -> None:
    """Have the served page carry this in its head, in place of what Gradio says of itself there.

    What `launch` takes as `head` comes by script, so who makes a preview of a link never sees it.
    """
    environment = routes.templates.env
    loader = environment.loader
    assert loader

    def load(name: str) -> str:
        source = loader.get_source(environment, name)[0]
        return _GRADIO_S.sub("", source).replace("</head>", f"{html}</head>", 1)

    environment.loader = FunctionLoader(load)


def launch(demo: gr.Blocks) -> None:
    """Serve the page until somebody stops it."""
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    folders.delete_at_exit(FOLDER)
    folders.keep_clean(files.sweep, every_s=600)
    put_into_head(head(os.environ.get("SPACE_HOST")))
    demo.launch(
        theme=THEME,
        favicon_path=PAGE / "icon.svg",
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
