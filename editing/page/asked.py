"""The photo that a program sends: opened, set upright, and which of its faces are meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

import gradio as gr

from editing.page import gpu
from editing.page.gate import GATE
from samm.crop.crop import Crop, Photo
from samm.crop.faces import NO_FACE
from samm.crop.turn import turn_warning
from samm.errors import OptionError, PhotoError

__all__ = ["MOST_FACES", "AskedPhoto", "face_choice", "face_numbers", "open_asked"]

MOST_FACES = 12  # of one call: about 25 s on two cores
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def face_choice() -> gr.Dropdown:
    """Make the argument that says which faces: a word or a number."""
    choice = gr.Dropdown(["largest", "all"], value="largest", label="face", allow_custom_value=True)
    # A subclass would have Gradio write a file beside this one.
    choice.api_info = lambda: {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    return choice


@dataclass(frozen=True)
class AskedPhoto:
    """An upright photo with its faces, largest first."""

    photo: Photo
    crops: tuple[Crop, ...]

    def notes(self, taken: list[int], others: str) -> list[str]:
        """Say what was done to the photo on the way, and which of its faces were passed over.

        Args:
            taken: numbers of the faces that are used.
            others: how to ask for other faces.
        """
        notes = list(self.photo.file.notes)
        if self.photo.turned_deg:
            notes.append(turn_warning(self.photo.turned_deg, "turning the results back"))
        found = len(self.crops)
        if len(taken) == 1 < found:
            notes.append(
                f"{found} faces found and number {taken[0]} by size, counted from 0, taken; {others}."
            )
        elif len(taken) < found:
            notes.append(f"{found} faces found and the {len(taken)} largest taken; face takes any other.")
        return notes


def open_asked(photo: dict | None) -> AskedPhoto:
    """Open the photo of a call, as the wall has let it pass, and look for faces.

    Raises:
        PhotoError: there is none, it cannot be used, or it has no face.
    """
    if not photo:
        raise PhotoError("Call /invert first or pass the photo.")
    engine = gpu.engine()
    upright = Photo.open(GATE.recorded(photo)).upright(engine.model.domain, engine.detector)
    crops = upright.locate(engine.model.domain, engine.detector)
    if not crops:
        raise PhotoError(NO_FACE)
    return AskedPhoto(upright, crops)


def face_numbers(face: str | float, found: int) -> list[int]:
    """Give the numbers, from 0, of the faces that are meant, of those found.

    Args:
        face: "largest", "all", or a number, as text perhaps.
        found: how many there are.

    Raises:
        OptionError: it is none of these.
        PhotoError: there is no such face.
    """
    number = face.strip().casefold() if isinstance(face, str) else face
    if number == "all":
        return list(range(min(found, MOST_FACES)))
    number = 0 if number == "largest" else number
    if isinstance(number, str) and _NUMBER.fullmatch(number):
        number = int(number)
    if not isinstance(number, int | float) or isinstance(number, bool) or number % 1:
        shown = repr(face) if len(repr(face)) <= 40 else f"{repr(face)[:40]}…"
        raise OptionError(f'face must be "largest", "all" or a whole number from 0 on, not {shown}.')
    if not 0 <= number < found:
        raise PhotoError(f"There is no face {number:g}; the photo has {found}, counted from 0.")
    return [int(number)]
