"""The models, and the functions that a GPU may run; elsewhere they run here, on the CPU.

On ZeroGPU a function below runs in another process, killed at any time: what goes in and out is pickled, what
it writes to globals is lost, and of its errors only `gr.Error` arrives with its text. So `load` is called
once before the page is served, and photos are read and judged outside. Who comes when is for ZeroGPU to say;
elsewhere it is `LINE`.
"""

from __future__ import annotations  # noqa: I001 - `spaces` comes before anything that may start CUDA

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import spaces
from spaces.config import Config
import gradio as gr
import numpy as np
import torch

import samm
from editing import hats
from editing.edit import Edit, edit, edit_all
from editing.page.folders import is_full
from editing.page.line import (
    EDIT,
    INVERSION,
    PREVIEW,
    REHEARSAL,
    STEP,
    STRIP,
    Breathing,
    Kind,
    Line,
    Place,
    Turn,
)
from editing.page.sentences import DISK_FULL
from editing.recipe.recipe import Recipe
from editing.moves.moves import Moves
from samm.crop.crop import Crop
from samm.crop.faces import FaceDetector
from samm.inversion import Inversion, Progress

__all__ = [
    "LANE",
    "LINE",
    "PRESET",
    "ZERO_GPU",
    "Engine",
    "draw_small",
    "drawn",
    "edit_on_gpu",
    "engine",
    "invert_on_gpu",
    "is_fast",
    "load",
    "missing",
    "our_fault",
    "refine_on_gpu",
    "rehearse",
    "resolution",
    "strip_on_gpu",
    "tune_on_gpu",
    "warm_up",
]

log = logging.getLogger("samm.page")

PRESET = "tiny" if os.environ.get("SAMM_TINY") else "mobile"
CLIP = os.environ.get("SAMM_CLIP")  # a full CLIP for words, instead of the embedded text model
ZERO_GPU = bool(Config.zero_gpu)
LINE = Line()
# One call after another, so that a visitor's quick presses never overtake; ZeroGPU has a queue of its own.
LANE = {"concurrency_id": "gpu", "concurrency_limit": None if ZERO_GPU else 1}

_Result = TypeVar("_Result")
_WARM = threading.Lock()  # taken once and for all


@dataclass(frozen=True)
class Engine:
    """What draws: a model, what finds faces for it, and what its recipes move."""

    model: samm.Model
    detector: FaceDetector
    moves: Moves

    @staticmethod
    def load(device: str | None = None) -> Engine:
        """Load the page's preset; on the best device there is if None.

        Raises:
            WeightsError: a file is missing or damaged.
        """
        model = samm.load(PRESET, device)
        return Engine(model, samm.load_detector(), Moves(model, clip=CLIP))

    def invert(self, crop: Crop, tell: Progress | None) -> Inversion:
        """Give the fast inversion of a crop."""
        return samm.invert(crop, self.model, progress=tell)

    def refine(self, inversion: Inversion, steps: int, tell: Progress | None) -> Inversion:
        """Give the faithful inversion that follows a fast one."""
        return samm.refine(inversion, self.model, steps, tell)

    def tune(self, inversion: Inversion, steps: int, tell: Progress | None) -> Inversion:
        """Tune the generator to the photo of an inversion."""
        return samm.tune(inversion, self.model, steps, tell)

    def edit(self, inversion: Inversion, recipe: Recipe) -> Edit:
        """Draw one recipe."""
        return edit(inversion, recipe, self.model, self.moves)

    def small(self, inversion: Inversion, recipe: Recipe, size: int) -> Edit:
        """Draw one recipe small."""
        return edit_all(inversion, [recipe], self.model, self.moves, size)[0]

    def strip(self, inversion: Inversion, recipes: Sequence[Recipe], size: int) -> list[np.ndarray]:
        """Draw several recipes in one batch; gives small pictures, uint8 (size, size, 3)."""
        return [drawn.blended for drawn in edit_all(inversion, recipes, self.model, self.moves, size)]


class _Loaded:
    """The one engine of this process, or why there is none."""

    engine: Engine | None = None
    missing: str = "The models are not loaded; call load first."


def load() -> None:
    """Load the engine; where a file is missing, the page opens all the same and `missing` says which."""
    try:
        _Loaded.engine, _Loaded.missing = Engine.load(), ""
        if ZERO_GPU:
            _prepare(_Loaded.engine.moves)
    except samm.WeightsError as error:
        _Loaded.engine, _Loaded.missing = None, str(error)


def engine() -> Engine:
    """Give the loaded engine.

    Raises:
        WeightsError: there is none, with the file that is missing.
    """
    if _Loaded.engine is None:
        raise samm.WeightsError(_Loaded.missing)
    return _Loaded.engine


def missing() -> str:
    """Say which file is missing and what to do; "" where all is well."""
    return _Loaded.missing


def resolution() -> int | None:
    """Tell the edge of a finished picture in pixels; None without an engine."""
    return _Loaded.engine and _Loaded.engine.model.resolution


def is_fast() -> bool:
    """Tell whether a GPU draws."""
    return _Loaded.engine is not None and _Loaded.engine.model.device.type == "cuda"


def _carefully(
    work: Callable[[Engine, Progress | None], _Result], kind: Kind, tell: Progress | None = None
) -> _Result:
    """Do a work when it is its turn, which `tell` hears of.

    Lets a person's own errors pass the border of processes, and tries a full GPU's work again on the CPU.
    """
    try:
        if ZERO_GPU:
            return work(engine(), tell)
        with LINE.turn(kind, _waiting(tell)) as turn:
            return _in_turn(work, kind, turn, tell)
    except samm.UserError as error:
        raise (gr.Error(str(error)) if ZERO_GPU else error) from error
    except torch.cuda.OutOfMemoryError as error:
        raise gr.Error("The GPU is full. Try again in a moment.") from error


def _in_turn(
    work: Callable[[Engine, Progress | None], _Result], kind: Kind, turn: Turn, tell: Progress | None
) -> _Result:
    """Do a work; a long one rests where something quicker waits, and passes its turn on after each step."""

    def told(stage: str, done: int, total: int) -> bool | None:
        if done:
            turn.pass_on()
        return tell(stage, done, total) if tell else None

    def on(engine: Engine) -> _Result:
        if kind.rank == EDIT.rank:
            return work(engine, tell)
        # What a GPU does between two looks is over before anybody could wait for it.
        with nullcontext() if engine.model.device.type == "cuda" else Breathing(turn):
            return work(engine, told)

    try:
        return on(engine())
    except torch.cuda.OutOfMemoryError:
        log.warning("the GPU is full; working on the CPU instead")
        torch.cuda.empty_cache()
    return on(_on_cpu())


def _waiting(tell: Progress | None) -> Callable[[Place], object] | None:
    """Tell of a place in the line as of a stage."""
    return tell and (lambda place: tell(f"Waiting, {place.told}" if place.told else "Waiting", 0, 1))


@cache
def _on_cpu() -> Engine:
    return Engine.load("cpu")


def our_fault(error: Exception) -> str:
    """Log an error of ours and give the sentence for visitors, whose code finds it in the log."""
    code = secrets.token_hex(2)
    log.error("code %s", code, exc_info=error)
    reason = DISK_FULL if is_full(error) else "Something went wrong on our side"
    return f"{reason} (code {code})."


def warm_up() -> None:
    """Load in the background what the first words would otherwise wait for: about four seconds of imports."""
    if not ZERO_GPU and _WARM.acquire(blocking=False):
        threading.Thread(target=_prepare, args=[engine().moves], name="warm-up", daemon=True).start()


def _prepare(moves: Moves) -> None:
    try:
        moves.prepare()
        hats.prepare()
    except samm.WeightsError as error:  # said again, to the visitor, when words are used
        log.warning("%s", error)


def rehearse(crop: Crop) -> None:
    """Invert once while nobody waits, since the first time takes half as long again."""
    if not ZERO_GPU:
        _carefully(lambda engine, tell: engine.invert(crop, tell), REHEARSAL)


# ZeroGPU asks for plain functions of a module. `tell` is None where it cannot be pickled.


@spaces.GPU(duration=15)
def invert_on_gpu(crop: Crop, tell: Progress | None) -> Inversion:
    """Give the fast inversion of a crop that has its pixels."""
    return _carefully(lambda engine, tell: engine.invert(crop, tell), INVERSION, tell)


@spaces.GPU(duration=15)
def refine_on_gpu(inversion: Inversion, steps: int, tell: Progress | None) -> Inversion:
    """Give the faithful inversion that follows a fast one; quicker work goes first, between its steps."""
    return _carefully(lambda engine, tell: engine.refine(inversion, steps, tell), STEP, tell)


@spaces.GPU(duration=15)
def tune_on_gpu(inversion: Inversion, steps: int, tell: Progress | None) -> Inversion:
    """Tune the generator to the photo of an inversion; quicker work goes first, between its steps."""
    return _carefully(lambda engine, tell: engine.tune(inversion, steps, tell), STEP, tell)


@spaces.GPU(duration=5)
def edit_on_gpu(inversion: Inversion, recipe: Recipe, tell: Progress | None = None) -> Edit:
    """Draw one recipe; `tell` hears of the place in the line only."""
    return _carefully(lambda engine, tell: engine.edit(inversion, recipe), EDIT, tell)


@spaces.GPU(duration=10)
def strip_on_gpu(
    inversion: Inversion, recipes: Sequence[Recipe], size: int, kind: Kind = STRIP
) -> list[np.ndarray]:
    """Draw several recipes in one batch; gives small pictures, uint8 (size, size, 3)."""
    return _carefully(lambda engine, tell: engine.strip(inversion, recipes, size), kind)


def draw_small(inversion: Inversion, recipe: Recipe, size: int, is_wanted: Callable[[], bool]) -> Edit | None:
    """Draw a recipe small, if that is still wanted when it is its turn; ZeroGPU would take seconds."""

    def work(engine: Engine, tell: Progress | None) -> Edit | None:
        return engine.small(inversion, recipe, size) if is_wanted() else None

    return _carefully(work, PREVIEW)


def drawn(
    inversion: Inversion, recipes: Sequence[Recipe], size: int, kind: Kind = STRIP
) -> Iterator[np.ndarray]:
    """Draw several recipes, each when it is its turn, so that each can be shown when it is ready.

    Args:
        inversion: of all.
        recipes: what to draw.
        size: edge of the pictures.
        kind: `TILE` for those that a visitor waits for, else `STRIP`.

    Yields:
        Small pictures, uint8 (size, size, 3); on a GPU all after one call.
    """
    at_once = len(recipes) if ZERO_GPU or is_fast() else 1
    for start in range(0, len(recipes), at_once):
        yield from strip_on_gpu(inversion, recipes[start : start + at_once], size, kind)
