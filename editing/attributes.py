"""The attribute table: what a slider is called, what it changes, how far it goes, and what it must not touch.

The single source of slider names, labels and limits for page, command line and recipes. The directions
themselves are fitted by `python -m editing.fit directions`, which reads here which score an attribute follows
and which other attributes it has to leave alone.

A strength of 1 moves w by one standard deviation of W along the attribute's direction.
"""

from __future__ import annotations

from dataclasses import dataclass

from samm.errors import OptionError

__all__ = ["ATTRIBUTES", "Attribute", "find"]


@dataclass(frozen=True)
class Attribute:
    """One slider.

    Attributes:
        name: key in recipes and on the command line.
        label: for people.
        info: half a line on what the two ends mean.
        score: the scorer's column that the slider moves; "-" before it for the opposite.
        keep: names of attributes that the direction is made orthogonal to (conditional projection).
        low, high, step: limits of the strength, in standard deviations.
        more: shown only on request.
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


ATTRIBUTES: dict[str, Attribute] = {
    attribute.name: attribute
    for attribute in (
        Attribute("age", "Age", "younger to older", "age", ("glasses", "gender")),
        Attribute("smile", "Smile", "serious to smiling", "smiling", ("gender",)),
        Attribute("yaw", "Turn", "turned left to turned right", "yaw"),
        Attribute("pitch", "Tilt", "looking down to looking up", "pitch"),
        Attribute("gender", "Feminine to masculine", "feminine to masculine", "male", ("age",)),
        Attribute("glasses", "Glasses", "without to with", "eyeglasses", ("age", "gender")),
        Attribute("beard", "Beard", "shaved to bearded", "-no_beard", ("gender", "age")),
        Attribute("mouth_open", "Mouth", "closed to open", "mouth_slightly_open", ("smile",)),
        Attribute("eyes_open", "Eyes", "narrow to wide open", "-narrow_eyes", ("smile",)),
        Attribute("blond_hair", "Blond hair", "less to more blond", "blond_hair", ("gender", "age")),
        Attribute("black_hair", "Black hair", "less to more black", "black_hair", ("gender",)),
        Attribute("brown_hair", "Brown hair", "less to more brown", "brown_hair", ("gender", "age")),
        Attribute("grey_hair", "Grey hair", "less to more grey", "gray_hair", ("gender", "glasses")),
        Attribute("makeup", "Make-up", "none to heavy", "heavy_makeup", ("gender", "age")),
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


def find(name: str) -> Attribute:
    """Look an attribute up.

    Raises:
        OptionError: there is none of that name.
    """
    if name not in ATTRIBUTES:
        raise OptionError(f"There is no attribute {name}; choose one of {', '.join(ATTRIBUTES)}.")
    return ATTRIBUTES[name]
