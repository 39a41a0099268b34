"""The shipped examples as visits hold them: opened and packed once for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from editing import kept
from editing.page.packing import PackedEdit, PackedInversion, pack, pack_edit
from samm.models import Model

__all__ = ["Example", "example"]


@dataclass(frozen=True, eq=False)
class Example:
    """An example that needs no drawing.

    Attributes:
        inversion: for `Inverted.inversion`.
        edit: of it, for `Inverted.edit`; its recipe is `edit.recipe`.
    """

    inversion: PackedInversion
    edit: PackedEdit


@lru_cache(maxsize=len(kept.EDITS))
def example(name: str, model: Model) -> Example | None:
    """Open a shipped example; from the second time on at once.

    Args:
        name: such as "cap" or "cap.jpg".
        model: of the page's engine.

    Returns:
        None where there is no such example, or other weights made it: then it is inverted like any photo.
    """
    opened = kept.kept(name, model)
    if opened is None:
        return None
    # Only tuned weights would go into a folder, and an example has none.
    return Example(pack(opened.inversion, kept.EXAMPLES), pack_edit(opened.edit))
