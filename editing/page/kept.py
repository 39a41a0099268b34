"""The shipped examples as visits hold them: opened, packed and written once for all.

The files lie beside those of visits and stay as long as the server runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from editing import kept
from editing.page import files
from editing.page.packing import PackedEdit, PackedInversion, pack, pack_edit
from editing.page.pictures import thumbnail
from editing.recipe.recipe import Recipe
from samm.models import Model

__all__ = ["WELCOME", "Example", "example"]

WELCOME = "cap"  # what the page shows before anybody has done anything


@dataclass(frozen=True, eq=False)
class Example:
    """An example that needs no drawing.

    Attributes:
        inversion: for `Inverted.inversion`.
        edit: of it, for `Inverted.edit`; its recipe is `edit.recipe`.
        before: file of the crop.
        plain: file of a small picture of the inversion.
        after: file of the edited picture.
        small: file of a small picture of that.
        previews: file of a small picture of each effect, by its name.
    """

    inversion: PackedInversion
    edit: PackedEdit
    before: str
    plain: str
    after: str
    small: str
    previews: Mapping[str, str]

    @property
    def recipe(self) -> Recipe:
        """Of the edit."""
        return self.edit.recipe


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
    inversion, edit, folder = opened.inversion, opened.edit, files.lasting_folder()
    return Example(
        # Only tuned weights would go into a folder, and an example has none.
        inversion=pack(inversion, kept.EXAMPLES),
        edit=pack_edit(edit),
        before=files.put(inversion.photo_u8, folder, "jpg"),
        plain=files.put(thumbnail(inversion.blended), folder, "jpg"),
        after=files.show_picture(edit.blended, folder, edit.recipe),
        small=files.put(thumbnail(edit.blended), folder, "jpg"),
        previews={key: files.put(preview, folder, "jpg") for key, preview in opened.previews.items()},
    )
