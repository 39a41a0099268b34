"""The models, and the functions that a GPU may run; elsewhere they run here, on the CPU.

On ZeroGPU a function below runs in another process, killed at any time: what goes in and out is pickled, what
it writes to globals is lost, and of its errors only `gr.Error` arrives with its text. So models and tools are
loaded when this module is imported, and photos are read and judged outside.
"""

from __future__ import annotations  # noqa: I001 - `spaces` comes before anything that may start CUDA

import logging
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any

import spaces
import gradio as gr
import numpy as np
import torch

import samm
from editing.edit import Edit, edit, edit_all
from editing.recipe.recipe import Recipe
from editing.moves.moves import Moves
from samm.crop.crop import Crop
from samm.crop.faces import FaceDetector
from samm.inversion import Inversion, Options, Progress

__all__ = [
    "DETECTOR",
    "LANE",
    "MISSING",
    "MODEL",
    "ON_GPU",
    "TOOLS",
    "ZERO_GPU",
    "edit_on_gpu",
    "invert_on_gpu",
    "our_fault",
    "refine_on_gpu",
    "strip_on_gpu",
    "tune_on_gpu",
    "warm_up",
]

log = logging.getLogger("samm.page")

MODEL: samm.Model | None = None
DETECTOR: FaceDetector | None = None
TOOLS: Moves | None = None
MISSING = ""  # which file is missing and what to do; the page opens all the same
PRESET = "tiny" if os.environ.get("SAMM_TINY") else "mobile"
CLIP = os.environ.get("SAMM_CLIP")  # a full CLIP for words, instead of the embedded text model
ZERO_GPU = bool(spaces.config.Config.zero_gpu)
# What shares the GPU waits for one another here; ZeroGPU has a queue of its own.
LANE = {"concurrency_id": "gpu", "concurrency_limit": None if ZERO_GPU else 1}

try:
    MODEL, DETECTOR = samm.load(PRESET), samm.load_detector()
    TOOLS = Moves(MODEL, clip=CLIP)
    if ZERO_GPU:
        TOOLS.prepare()
except samm.WeightsError as error:
    MISSING = str(error)

_WARM = threading.Lock()  # taken once and for all
ON_GPU = MODEL is not None and MODEL.device.type == "cuda"


def _careful(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a person's own errors pass the border of processes, and try a full GPU's work again on the CPU."""

    @wraps(function)
    def wrapper(*args: Any) -> Any:
        try:
            return function(MODEL, TOOLS, *args)
        except samm.UserError as error:
            raise (gr.Error(str(error)) if ZERO_GPU else error) from error
        except torch.cuda.OutOfMemoryError as error:
            if ZERO_GPU:
                raise gr.Error("The GPU is full. Try again in a moment.") from error
            log.warning("the GPU is full; working on the CPU instead")
            torch.cuda.empty_cache()
        return function(*_on_cpu(), *args)

    return wrapper


@cache
def _on_cpu() -> tuple[samm.Model, Moves]:
    model = samm.load(PRESET, "cpu")
    return model, Moves(model, clip=CLIP)


def our_fault(error: Exception) -> str:
    """Log an error of ours and give the sentence for visitors, whose code finds it in the log."""
    code = secrets.token_hex(2)
    log.error("code %s", code, exc_info=error)
    return f"Something went wrong on our side (code {code})."


def warm_up() -> None:
    """Load in the background what the first words would otherwise wait for: about four seconds of imports."""
    if not ZERO_GPU and _WARM.acquire(blocking=False):
        threading.Thread(target=_prepare, name="warm-up", daemon=True).start()


def _prepare() -> None:
    try:
        TOOLS.prepare()
    except samm.WeightsError as error:  # said again, to the visitor, when words are used
        log.warning("%s", error)


@spaces.GPU(duration=15)
@_careful
def invert_on_gpu(model: samm.Model, tools: Moves, crop: Crop, tell: Progress | None) -> Inversion:
    """Give the fast inversion of a crop that has its pixels; `tell` is None where it cannot be pickled."""
    return samm.invert(crop, model, Options(), tell)


@spaces.GPU(duration=15)
@_careful
def refine_on_gpu(
    model: samm.Model, tools: Moves, inversion: Inversion, steps: int, tell: Progress | None
) -> Inversion:
    """Give the faithful inversion that follows a fast one."""
    return samm.refine(inversion, model, steps, tell)


@spaces.GPU(duration=15)
@_careful
def tune_on_gpu(
    model: samm.Model, tools: Moves, inversion: Inversion, steps: int, tell: Progress | None
) -> Inversion:
    """Tune the generator to the photo of an inversion."""
    return samm.tune(inversion, model, steps, tell)


@spaces.GPU(duration=5)
@_careful
def edit_on_gpu(model: samm.Model, tools: Moves, inversion: Inversion, recipe: Recipe) -> Edit:
    """Draw one recipe."""
    return edit(inversion, recipe, model, tools)


@spaces.GPU(duration=10)
@_careful
def strip_on_gpu(
    model: samm.Model, tools: Moves, inversion: Inversion, recipes: Sequence[Recipe], size: int
) -> list[np.ndarray]:
    """Draw several recipes in one batch; gives small pictures, uint8 (size, size, 3)."""
    return [drawn.blended for drawn in edit_all(inversion, recipes, model, tools, size)]
