"""What opens without drawing: a shipped example, chosen or the one that the page begins with."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Thread

from editing.edit import Edit
from editing.kept import EDITS, EXAMPLES
from editing.page import gpu, likeness
from editing.page.kept import WELCOME, Example, example
from editing.page.packing import unpack_crop, unpack_edit
from editing.page.presence import presence
from editing.page.sentences import EXPIRED
from editing.page.session import Inverted, Opened, Step, Visit
from editing.recipe.recipe import Recipe
from samm.crop.crop import Crop
from samm.errors import PhotoError

__all__ = [
    "entered",
    "first",
    "first_seen",
    "inverted",
    "is_shipped",
    "open_example",
    "shipped",
    "warm_up",
    "welcome",
    "welcome_edit",
]


def shipped(name: str) -> Example | None:
    """Give an example that needs no drawing; None where the models that are loaded have none of that name."""
    return None if gpu.missing() else example(name, gpu.engine().model)


def welcome() -> Example | None:
    """Give the example that the page begins with, if it needs no drawing."""
    return shipped(WELCOME)


def welcome_edit() -> Edit | None:
    """Give the picture of `welcome`."""
    example = welcome()
    return example and unpack_edit(example.edit, unpack_crop(example.inversion))


def first() -> Visit:
    """Give the visit that the page begins with."""
    return Visit(example=WELCOME if welcome() else "")


def first_seen() -> Visit:
    """Give what the page shows at first as a visit that nobody has; to set the controls by."""
    opened = welcome()
    if opened is None:
        return first()
    crop = opened.inversion.crop
    return seen(first().begun(Opened("", EXAMPLES, crop.photo, (crop,)), crop), opened)


def warm_up() -> None:
    """Load in the background what opens an example, and then an edit or a photo, at once."""

    def work(crop: Crop) -> None:
        for name in EDITS:
            shipped(name)
        gpu.warm_up()
        likeness.prepare()
        gpu.rehearse(crop)

    opened = welcome()
    if opened:
        crop = unpack_crop(opened.inversion)
        Thread(target=work, args=[crop], name="examples", daemon=True).start()


def open_example(visit: Visit, name: str) -> Inverted | None:
    """Begin anew with an example and the edit that it is shown with; None where it has to be drawn."""
    opened = shipped(name)
    if opened is None:
        return None
    present = presence(visit.tab)
    present.clear()
    folder = present.new_folder()
    crop = opened.inversion.crop
    begun = visit.begun(Opened.of(present.new_photo(), folder, crop.photo, (crop,)), crop)
    return seen(begun, opened)


def seen(visit: Visit, opened: Example) -> Inverted:
    """Give a visit with a photo as it is when an example has just been opened."""
    assert visit.opened
    now_s = time.monotonic()
    steps = (
        Step(Recipe(), (), opened.plain, at_s=now_s),
        Step(replace(opened.recipe, texts=()), opened.recipe.texts, opened.small, at_s=now_s),
    )
    return Inverted(
        **visit.chosen,
        opened=visit.opened,
        crop=opened.inversion.crop,
        inversion=opened.inversion,
        edit=opened.edit,
        drawn=(opened.edit,),
        before=opened.before,
        after=opened.after,
        effect=next(iter(opened.recipe.attributes), ""),
        steps=steps,
        at=1,
    )


def is_shipped(visit: Inverted) -> bool:
    """Tell whether a visit's inversion came with the program."""
    file = visit.opened.photo.path
    return file is not None and visit.folder not in file.parents


def entered(visit: Visit) -> Visit:
    """Open the example that is on the stage if nobody has yet."""
    return (open_example(visit, visit.example) if visit.example else None) or visit


def inverted(visit: Visit) -> Inverted:
    """Take a visit as one with an inversion.

    Raises:
        PhotoError: it has none, or none any more.
    """
    visit = entered(visit)
    if not isinstance(visit, Inverted):
        raise PhotoError(EXPIRED)
    return visit
