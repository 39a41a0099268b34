"""The attribute tables: what a slider is called, what it changes, how far it goes; one for each domain.

The single source of slider names, labels and limits for page, command line and recipes. Wherever somebody
names an attribute its label does as well ("turn" is yaw), in any case, with spaces, hyphens or underscores;
what is written down is always the name.

Faces: the directions themselves are fitted by `python -m editing.training directions`, which reads here which
score an attribute follows and which other attributes it has to leave alone. A strength of 1 moves w by one
standard deviation of W along the attribute's direction.

Cars: the entries that omertov/encoder4editing (MIT) publishes with its components file cars_pca.pt, found by
the method of GANSpace: component, rows and amount. A strength of 2, the slider's end, adds the published
amount (of the two viewpoints, ±2, the positive one), so that a strength of 1 is a moderate step.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from samm.crop.domains import CARS, FACES
from samm.errors import OptionError

__all__ = [
    "ATTRIBUTES",
    "CAR_ATTRIBUTES",
    "TABLES",
    "Attribute",
    "CarAttribute",
    "canonical",
    "find",
    "spelling",
]


@dataclass(frozen=True)
class Attribute:
    """One slider for faces.

    Attributes:
        name: key in recipes and on the command line.
        label: for people.
        info: half a line on what the two ends mean.
        score: the scorer's column that the slider moves; "-" before it for the opposite.
        keep: names of attributes that the direction is made orthogonal to (conditional projection).
        low, high, step: limits of the strength, in standard deviations.
        more: shown only on request.
        safe: strengths up to which nine of ten photos pass `editing.check` (of a beard seven of ten, which
            hides what the descriptor looks at); sliders end here until more is asked for.
    """

    name: str
    label: str
    info: str
    score: str
    keep: tuple[str, ...] = ()
    low: float = -4.0
    high: float = 4.0
    step: float = 0.1
    more: bool = False
    safe: tuple[float, float] = (-3.0, 3.0)

    def ends(self, strength: float = 0.0, *, full: bool = False) -> tuple[float, float]:
        """Give a slider's ends: the safe ones, or the limits if `full` or if it shows a strength beyond."""
        return self.safe if self.safe[0] <= strength <= self.safe[1] and not full else (self.low, self.high)


@dataclass(frozen=True)
class CarAttribute:
    """One slider for cars: a move along a principal component of W.

    Attributes:
        name: key in recipes and on the command line.
        label: for people.
        info: half a line on what the two ends mean.
        component: k, from 0.
        rows: start and stop of the rows that move.
        amount: of the move at a strength of 1, in standard deviations σ_k.
        low, high, step: limits of the strength.
    """

    name: str
    label: str
    info: str
    component: int
    rows: tuple[int, int]
    amount: float
    low: float = -2.0
    high: float = 2.0
    step: float = 0.1


ATTRIBUTES: dict[str, Attribute] = {
    attribute.name: attribute
    for attribute in (
        Attribute("age", "Age", "younger to older", "age", ("glasses", "gender"), safe=(-2.0, 2.5)),
        Attribute("smile", "Smile", "serious to smiling", "smiling", ("gender",), safe=(-3.0, 2.0)),
        Attribute("yaw", "Turn", "turned left to turned right", "yaw", safe=(-2.0, 2.0)),
        Attribute("pitch", "Tilt", "looking down to looking up", "pitch"),
        Attribute(
            "gender", "Feminine to masculine", "feminine to masculine", "male", ("age",), safe=(-2.5, 3.0)
        ),
        Attribute("glasses", "Glasses", "without to with", "eyeglasses", ("age", "gender"), safe=(-2.5, 2.5)),
        Attribute("beard", "Beard", "shaved to bearded", "-no_beard", ("gender", "age"), safe=(-2.5, 2.0)),
        Attribute("mouth_open", "Mouth", "closed to open", "mouth_slightly_open", ("smile",)),
        Attribute("eyes_open", "Eyes", "narrow to wide open", "-narrow_eyes", ("smile",)),
        Attribute(
            "blond_hair",
            "Blond hair",
            "less to more blond",
            "blond_hair",
            ("gender", "age", "skin", "grey_hair"),
            safe=(-2.0, 2.0),
        ),
        Attribute("black_hair", "Black hair", "less to more black", "black_hair", ("gender",)),
        Attribute("brown_hair", "Brown hair", "less to more brown", "brown_hair", ("gender", "age")),
        Attribute("grey_hair", "Grey hair", "less to more grey", "gray_hair", ("gender", "glasses")),
        Attribute("makeup", "Make-up", "none to heavy", "heavy_makeup", ("gender", "age"), safe=(-1.5, 2.0)),
        Attribute("face_width", "Face width", "slim to full", "chubby", ("age", "gender", "smile")),
        Attribute("bangs", "Bangs", "free forehead to bangs", "bangs", ("gender", "age"), more=True),
        Attribute("bald", "Baldness", "more hair to bald", "bald", ("gender", "age"), more=True),
        Attribute("wavy_hair", "Wavy hair", "straight to wavy", "wavy_hair", ("gender",), more=True),
        Attribute(
            "lipstick", "Lipstick", "bare to red lips", "wearing_lipstick", ("gender", "age"), more=True
        ),
        Attribute("eyebrows", "Eyebrows", "thin to bushy", "bushy_eyebrows", ("gender", "age"), more=True),
        Attribute("skin", "Skin tone", "darker to lighter", "skin_lightness", (), more=True),
        Attribute("nose", "Nose", "small to large", "big_nose", ("gender", "age"), more=True),
    )
}


CAR_ATTRIBUTES: dict[str, CarAttribute] = {
    attribute.name: attribute
    for attribute in (
        CarAttribute("viewpoint", "Viewpoint", "turned one way to the other", 0, (0, 5), 2 / 2),
        CarAttribute("cube", "Boxier", "rounder to boxier", 16, (3, 6), 25 / 2),
        CarAttribute("color", "Color", "one color to another", 22, (9, 11), -8 / 2),
        CarAttribute("grass", "Grass", "less to more grass", 41, (9, 11), -18 / 2),
    )
}

TABLES: dict[str, Mapping[str, Attribute | CarAttribute]] = {  # by name of the domain
    FACES.name: ATTRIBUTES,
    CARS.name: CAR_ATTRIBUTES,
}


def spelling(text: str) -> str:
    """Give what all spellings of a name share: plain letters in lower case, with underscores."""
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", text).casefold().strip())


_NAMES: dict[str, list[str]] = {}  # what each spelling of a name or a label may mean
for _table in TABLES.values():
    for _attribute in _table.values():
        for _spelling in {spelling(_attribute.name), spelling(_attribute.label)}:
            _NAMES.setdefault(_spelling, []).append(_attribute.name)


def canonical(text: str) -> str | None:
    """Give the name of the attribute, of whatever domain, that a name or label stands for; None if none.

    Raises:
        OptionError: it stands for several.
    """
    names = _NAMES.get(spelling(text), [])
    if len(names) > 1:
        raise OptionError(f"The name {text} can mean {' or '.join(names)}; write one of these.")
    return names[0] if names else None


def find(name: str, domain: str = FACES.name) -> Attribute | CarAttribute:
    """Look an attribute of a domain up by its name or label.

    Raises:
        OptionError: there is none of that name.
    """
    name = canonical(name) or name
    table = TABLES[domain]
    if name in table:
        return table[name]
    choice = f"choose one of {', '.join(table)}"
    for other, theirs in TABLES.items():
        if name in theirs:
            raise OptionError(f"The attribute {name} is for {other}s, and these are {domain}s; {choice}.")
    raise OptionError(f"There is no attribute {name}; {choice}.")
