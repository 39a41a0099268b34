"""Ways to invert a photo and to edit it, for comparison on the same files with the same networks.

Each is the idea of a published method in a few lines on our networks, not that method's own weights or code:
their figures say what the idea gives here, and must not be read as the figures of the papers they come from.

Shapes: H edge of the crop, V `VIEW_SIZE`, at which masks are made. Masks: 1 keeps the photo's pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from editing.edit import edit
from editing.evaluation.samples import VIEW_SIZE
from editing.moves.moves import Moves
from editing.recipe.line import describe, parse
from editing.recipe.recipe import Recipe
from samm.errors import OptionError
from samm.inversion import MAX_STEPS, Inversion, Options, Progress, invert, refine, tune
from samm.method.alignment import Levels
from samm.method.masking import check_strength
from samm.models import Model
from samm.networks.ops import area_resize
from samm.picture import Picture

__all__ = [
    "METHODS",
    "SECONDS_A_STEP",
    "Bench",
    "Edited",
    "Method",
    "choose",
    "difference_mask",
    "error_mask",
    "read_edits",
]

ALL = "all"
ERROR_LEVEL = 0.3  # of the range of 2; chosen so that about as much of a photo is kept as SAMM keeps
ERROR_PX = 17  # edge of the window over which an error is averaged
CHANGE_LEVEL = 0.1  # of the range of 2
CHANGE_PX = 9
SECONDS_A_STEP = 2  # of a search on two CPU cores, measured with the embedded model


@dataclass(frozen=True)
class Bench:
    """What all methods of a comparison share.

    Attributes:
        model: whose networks they use.
        tools: directions for its generator.
        options: of the inversions; `iterations` gives way where a method's name says N, `readout` to what the
            method says, and `refine_steps` and `tune_steps` count for the SAMM methods alone.
        search_steps: of `optimization`, and of each of the two phases of `pti`.
        edits: recipes; the inversion of `difference-mask` takes its mask from the first.
        mask_strength: with which all pictures are blended, 0…2.

    Raises:
        OptionError: `search_steps` outside 1…500, or `mask_strength` outside its range.
    """

    model: Model
    tools: Moves
    options: Options = field(default_factory=Options)
    search_steps: int = 60
    edits: tuple[Recipe, ...] = ()
    mask_strength: float = 1.0

    def __post_init__(self):
        """Check the ranges before a long comparison begins."""
        check_strength(self.mask_strength)
        if not 1 <= self.search_steps <= MAX_STEPS:
            raise OptionError(
                f"The number of search steps is {self.search_steps}; choose a value from 1 to {MAX_STEPS}."
            )


@dataclass(frozen=True)
class Edited:
    """An edited picture, and the one it came from, whose mask says what was kept."""

    before: Inversion
    after: Picture


# Crop uint8 (H, H, 3) to the inversion and the model, with or without SAMM, that made it and makes its edits.
Run = Callable[[np.ndarray, Bench, Progress | None], tuple[Inversion, Model]]
EditBy = Callable[[Inversion, Model, Recipe, Moves], Edited]


def read_edits(texts: Sequence[str]) -> tuple[Recipe, ...]:
    """Read recipes, one or several with semicolons between in each text.

    Raises:
        OptionError: a recipe cannot be read, changes no attribute, or says how masks are used.
    """
    recipes = [parse(part) for text in texts for part in text.split(";") if part.strip()]
    for recipe in recipes:
        if not recipe.attributes:
            raise OptionError(
                f"The edit {describe(recipe)} changes no attribute; name one with a strength, as in age +2."
            )
        if (recipe.masks, recipe.mask_strength) != (Recipe.masks, Recipe.mask_strength):
            raise OptionError(
                f"The edit {describe(recipe)} says how masks are used; leave that to the methods and to "
                "--mask-strength."
            )
    return tuple(dict.fromkeys(recipes))


def _under(rule: str) -> EditBy:
    """Edit as the page does, under one rule for masks; without masks the result is the drawn edit."""

    def edit_by_rule(inversion: Inversion, model: Model, recipe: Recipe, tools: Moves) -> Edited:
        wanted = replace(recipe, masks=rule, mask_strength=inversion.strength)
        return Edited(inversion, edit(inversion, wanted, model, tools))

    return edit_by_rule


@dataclass(frozen=True)
class Method:
    """One way to invert and edit.

    Attributes:
        description: one line for tables.
        source: the publication whose idea it is.
        run: inverts.
        pictures: attributes of the inversion that are pictures of their own; the others repeat one of them.
        needs: "samm", "edit" for edits on the bench, both or nothing.
        searches: how many times it takes up to `search_steps` steps for a photo.
        edit: changes what `run` gave.
    """

    description: str
    source: str
    run: Run
    pictures: tuple[str, ...] = ("generated", "aligned", "blended")
    needs: tuple[str, ...] = ()
    searches: int = 0
    edit: EditBy = _under("reuse")


def choose(names: Sequence[str], bench: Bench) -> dict[str, Method]:
    """Look methods up by name, in the given order; "all" gives those that can run here.

    Raises:
        OptionError: a method is unknown, or lacks what it needs.
    """
    remedies = {}
    if bench.model.samm is None:
        remedies["samm"] = (
            f"SAMM, for which the preset {bench.model.preset} has no weights; take another preset or method"
        )
    if not bench.edits:
        remedies["edit"] = "an edit; name one with --edits"
    if list(names) == [ALL]:
        return {name: method for name, method in METHODS.items() if not remedies.keys() & set(method.needs)}
    for name in names:
        if name not in METHODS:
            raise OptionError(f"There is no method {name}; choose {ALL} or some of {', '.join(METHODS)}.")
        for lack in METHODS[name].needs:
            if lack in remedies:
                raise OptionError(f"The method {name} needs {remedies[lack]}.")
    return {name: METHODS[name] for name in names}


def error_mask(photo_pm1: Tensor, drawn_pm1: Tensor) -> Tensor:
    """Keep the photo where the generator misses it: (1, 1, V, V), 0 or 1.

    Args:
        photo_pm1: (1, 3, H, H) in -1…1.
        drawn_pm1: likewise, the generator's picture.
    """
    return (_difference(photo_pm1, drawn_pm1, ERROR_PX) > ERROR_LEVEL).float()


def difference_mask(before_pm1: Tensor, after_pm1: Tensor) -> Tensor:
    """Keep the photo where an edit leaves the generator's picture alone: (1, 1, V, V), 0 or 1.

    Args:
        before_pm1: (1, 3, H, H) in -1…1, the generator's picture of the photo's code.
        after_pm1: likewise, of the edited code.
    """
    return (_difference(before_pm1, after_pm1, CHANGE_PX) <= CHANGE_LEVEL).float()


def _difference(a_pm1: Tensor, b_pm1: Tensor, window_px: int) -> Tensor:
    """Average the largest channel's absolute difference over a window: (1, 1, V, V) in 0…2."""
    a, b = area_resize(a_pm1, VIEW_SIZE), area_resize(b_pm1, VIEW_SIZE)
    apart = (a - b).abs().amax(1, keepdim=True)
    return F.avg_pool2d(apart, window_px, 1, window_px // 2, count_include_pad=False)


def _encoder(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    return _residual(crop_u8, replace(bench, options=replace(bench.options, encoder_steps=1)), progress)


def _residual(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    alone = replace(bench.model, samm=None)
    options = replace(bench.options, refine_steps=0, tune_steps=0, readout=False)
    return invert(crop_u8, alone, options, progress), alone


def _samm(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    options = replace(bench.options, readout=False)
    return invert(crop_u8, bench.model, options, progress), bench.model


def _samm_readout(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    return invert(crop_u8, bench.model, replace(bench.options, readout=True), progress), bench.model


def _samm_with(choose: Callable[[Options], Options]) -> Run:
    """Invert by SAMM with other options than the bench's."""

    def run(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
        return _samm(crop_u8, replace(bench, options=choose(bench.options)), progress)

    return run


class _Unaligned(nn.Module):
    """A level of SAMM whose mask counts and whose flow does not; Algorithm 1 itself runs as always."""

    def __init__(self, level: nn.Module):
        super().__init__()
        self.level = level

    def forward(self, f: Tensor, g: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """Give zero flow and the level's mask; see `Levels`."""
        flow, mask = self.level(f, g, iterations)
        return torch.zeros_like(flow), mask


def _unaligned(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    samm = bench.model.samm
    if samm is None:
        raise ValueError("without SAMM there is nothing to leave unaligned")
    levels = Levels({r: _Unaligned(samm.levels[str(r)]) for r in samm.resolutions})
    return _samm(crop_u8, replace(bench, model=replace(bench.model, samm=levels)), progress)


def _optimization(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    start, alone = _residual(crop_u8, bench, progress)
    return refine(start, alone, bench.search_steps, progress), alone


def _pti(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    pivot, alone = _optimization(crop_u8, bench, progress)
    return tune(pivot, alone, bench.search_steps, progress), alone


def _error_masked(crop_u8: np.ndarray, bench: Bench, progress: Progress | None) -> tuple[Inversion, Model]:
    drawn, alone = _residual(crop_u8, bench, progress)
    return _masked(drawn, error_mask(drawn.photo_pm1, drawn.aligned_pm1)), alone


def _difference_masked(
    crop_u8: np.ndarray, bench: Bench, progress: Progress | None
) -> tuple[Inversion, Model]:
    """Blend the *un-edited* picture under the mask that the first edit brings about.

    So it compares with the photo as the other methods do; how much is kept depends on the edit and says
    nothing about what the generator can draw.
    """
    drawn, alone = _residual(crop_u8, bench, progress)
    return _edit_by_difference(drawn, alone, bench.edits[0], bench.tools).before, alone


def _edit_by_difference(inversion: Inversion, model: Model, recipe: Recipe, tools: Moves) -> Edited:
    """Blend the drawn edit under the mask of its own, and the un-edited picture likewise."""
    drawn = _under("reuse")(inversion, model, recipe, tools).after
    before = _masked(inversion, difference_mask(inversion.aligned_pm1, drawn.aligned_pm1))
    return Edited(before, replace(drawn, gathered=before.gathered))


def _masked(drawn: Inversion, keep_photo: Tensor) -> Inversion:
    """Blend a generator-only inversion under a mask (1, 1, V, V)."""
    return replace(drawn, masks={keep_photo.shape[-1]: keep_photo})


def _samm_in(iterations: int) -> Run:
    return _samm_with(lambda options: replace(options, iterations=iterations))


_DRAWN, _MASKED = ("generated",), ("generated", "blended")
_SAMM, _EDIT = ("samm",), ("edit",)

METHODS: dict[str, Method] = {
    "encoder": Method("one encoder pass, generator only", "e4e, Tov et al. 2021", _encoder, _DRAWN),
    "residual": Method(
        "all encoder passes, generator only", "ReStyle, Alaluf et al. 2021", _residual, _DRAWN
    ),
    "samm": Method("SAMM as the options say", "Yang et al. 2023", _samm, needs=_SAMM),
    **{
        f"samm-{n}": Method(f"SAMM, N = {n}", "Yang et al. 2023, Table 1", _samm_in(n), needs=_SAMM)
        for n in (1, 2, 3)
    },
    "samm-recompute": Method(
        "SAMM as the options say, flows and masks predicted anew for an edit",
        "Yang et al. 2023, as its authors edit",
        _samm,
        needs=_SAMM + _EDIT,
        edit=_under("recompute"),
    ),
    "samm-adaptive": Method(
        "SAMM as the options say, after an edit the photo kept where the drawn picture does not change",
        "this project",
        _samm,
        needs=_SAMM + _EDIT,
        edit=_under("adaptive"),
    ),
    "samm-readout": Method(
        "SAMM with the read-out, edited as samm-adaptive",
        "this project's default; see samm.method.readout",
        _samm_readout,
        needs=_SAMM,
        edit=_under("adaptive"),
    ),
    "samm-unaligned": Method(
        "SAMM's masks, all flows zero", "Yang et al. 2023, Table 3", _unaligned, _MASKED, _SAMM
    ),
    "optimization": Method(
        "the code optimized on the photo, generator only",
        "Image2StyleGAN, Abdal et al. 2019; started at the encoder's code",
        _optimization,
        _DRAWN,
        searches=1,
    ),
    "pti": Method(
        "optimization, then the generator's weights tuned to the photo",
        "Pivotal tuning, Roich et al. 2022",
        _pti,
        _DRAWN,
        searches=2,
    ),
    "error-mask": Method(
        f"photo kept where the generator's error exceeds {ERROR_LEVEL} of 2",
        "after SAM, Parmar et al. 2022, whose map is predicted and chooses latent layers instead of pixels",
        _error_masked,
        _MASKED,
    ),
    "difference-mask": Method(
        "photo kept where an edit leaves the generator's picture alone",
        "after DiffCAM, Song et al. 2022, whose map is learned",
        _difference_masked,
        _MASKED,
        _EDIT,
        edit=_edit_by_difference,
    ),
}
