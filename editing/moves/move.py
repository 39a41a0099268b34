"""A move: what one edit by words does to a code, the one form in which words meet a generator.

Every move is a plain offset, in W+ or in style space; `moved_styles` applies any number of them.

Shapes: N batch, L style rows, S style channels of all layers together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from samm.networks.generators import Generator

__all__ = ["Move", "moved_styles"]


@dataclass(frozen=True)
class Move:
    """What words do to a face at a strength of 1: an offset in W+, in style space, or in both.

    Attributes:
        w_plus: (N, L, 512) or (L, 512).
        styles: (S,), of all layers in drawing order.
    """

    w_plus: Tensor | None = None
    styles: Tensor | None = None


def moved_styles(
    generator: Generator, w_plus: Tensor, moves: Iterable[tuple[Move, float]]
) -> tuple[Tensor, ...]:
    """Give the styles of w_plus (N, L, 512) after moves at their strengths, ready for `generator.draw`.

    Every move is a plain offset, so their order does not matter and opposite strengths cancel.
    """
    moves = list(moves)
    for move, strength in moves:
        if move.w_plus is not None:
            w_plus = w_plus + strength * move.w_plus
    styles = generator.styles(w_plus)
    widths = [style.shape[1] for style in styles]
    for move, strength in moves:
        if move.styles is not None:
            parts = move.styles.split(widths)
            styles = tuple(style + strength * part for style, part in zip(styles, parts, strict=True))
    return styles
