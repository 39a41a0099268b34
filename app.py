"""The page, started: `python app.py` serves it here, and a Space runs the same file."""

from __future__ import annotations

import os
import secrets
import tempfile

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page asks no other host for anything
# Gradio takes its folder from the environment when it is imported; `folders.claim` makes it.
os.environ["GRADIO_TEMP_DIR"] = os.path.join(
    os.path.realpath(os.environ.get("GRADIO_TEMP_DIR") or os.path.join(tempfile.gettempdir(), "samm")),
    f"page_{os.getpid()}_{secrets.token_hex(8)}",
)

import spaces  # noqa: E402, F401, I001 - must come before anything that may start CUDA

from samm.allocator import keep_large_buffers  # noqa: E402

keep_large_buffers()

from editing.page.launch import launch  # noqa: E402
from editing.page.layout import build  # noqa: E402

demo = build()

if __name__ == "__main__":
    launch(demo)
