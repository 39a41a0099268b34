"""The page, started: `python app.py` serves it here, and a Space runs the same file."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page asks no other host for anything

import spaces  # noqa: E402, F401, I001 - must come before anything that may start CUDA

from samm.allocator import keep_large_buffers  # noqa: E402

keep_large_buffers()

from editing.page.layout import build, launch  # noqa: E402

demo = build()

if __name__ == "__main__":
    launch(demo)
