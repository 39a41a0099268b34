"""Ages in words: "20 years old", "in her thirties", "ten years younger", "twice as old".

Text models know "old" and "young" and pass over numbers. An age is reached by the age slider instead: how far
it has to go depends on how old the face looks (`editing.moves.age`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from editing.recipe.spelling import quoted
from samm.errors import OptionError

__all__ = ["Age", "find_age", "read_age"]

OLDEST = 100  # years; no face of the generator's training looks older
HOW = "write it like “60 years old” or “10 years younger”"

_UNITS = {
    **{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15},
    **{"sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19},
}
_TENS = {
    **{"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80},
    "ninety": 90,
}
_NUMBER = rf"(?:\d{{1,3}}|(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS)}))?|{'|'.join(_UNITS)})"
_DECADE = rf"(?:\d0(?:'?s)|{'|'.join(word[:-1] + 'ies' for word in _TENS)}|teens)"
_YEARS = r"(?:years?|yrs?|y)"
_WHO = (
    r"(?:(?:(?:make|let) )?(?:him|her|them|it|me)(?: look(?: like)?| be)? |(?:he|she|it) (?:is|looks?) )?"
    r"(?:an? )?(?:(?:face|person|somebody|someone)(?: who is| of| at)? )?"
    r"(?:is |looking |looks? )?(?:about |around )?"
)
_NOUN = r"(?: (?:person|face|human|child|kid|toddler|baby|teenager|adult|portrait|look))?"
_ABSOLUTE = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WHO}(?P<n>{_NUMBER})[- ]?{_YEARS}(?:[- /]?olds?|[- /.]?o\.?| of age)?{_NOUN}",
        rf"{_WHO}(?:aged|at the age of|at age|(?:the )?age of|of age|at)(?: about| around)? (?P<n>{_NUMBER})"
        rf"(?: {_YEARS})?{_NOUN}",
        rf"{_WHO}(?P<n>{_NUMBER})[- ]?(?:ish|(?P<more>something)){_NOUN}",
        rf"age (?P<n>(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS)}))?)",
    )
)
_IN_DECADE = re.compile(
    rf"{_WHO}(?:in )?(?:(?:his|her|their|my|the|your) )?(?:(?P<part>early|mid|middle|late)[- ])?"
    rf"(?P<n>{_DECADE}){_NOUN}"
)
_RELATIVE = re.compile(
    rf"{_WHO}(?:age )?(?P<sign>[+-])?(?P<n>{_NUMBER}) {_YEARS}(?: (?P<way>older|younger))?"
)
_FACTOR = re.compile(rf"{_WHO}(?P<times>twice|half|double|three times)(?: as| the)? (?P<what>old|young|age)")
# Speaks of an age, understood or not.
_UNCLEAR = re.compile(
    rf"\b{_NUMBER}[- ]?(?:{_YEARS}|ish|something)\b|\b{_DECADE}\b"
    rf"|\b(?:of|over|under|about|around|above|below|past|than) (?:\d\d|(?:{'|'.join(_TENS)}))\b"
)


@dataclass(frozen=True)
class Age:
    """How old a face shall look: factor · (how old it looks now) + years.

    Attributes:
        factor: 0 where the age is said outright.
        years: −100…100.
    """

    factor: float
    years: float

    def of(self, now: float) -> float:
        """Give the age in years that is meant for a face that looks `now` years old, 0…100."""
        return min(max(self.factor * now + self.years, 0.0), float(OLDEST))


def read_age(phrase: str) -> Age | None:
    """Read a phrase that says an age and nothing else; None if it says none.

    Raises:
        OptionError: an age beyond 100 years, not understood, or beside other wishes.
    """
    if age := find_age(phrase):
        return age
    text = phrase.casefold()
    if _UNCLEAR.search(text):
        raise OptionError(
            f"The age in {quoted(phrase)} is not understood; {HOW}, and other wishes beside it."
        )
    return None


def find_age(phrase: str) -> Age | None:
    """Read a phrase that says an age and nothing else; None for every other.

    Raises:
        OptionError: an age beyond 100 years.
    """
    text = phrase.casefold().replace("’", "'").strip()
    for pattern in _ABSOLUTE:
        if found := pattern.fullmatch(text):
            more = 5 if found.groupdict().get("more") else 0  # "forty-something"
            return Age(0.0, _checked(_number(found["n"]) + more, phrase))
    if (found := _RELATIVE.fullmatch(text)) and bool(found["way"]) != bool(found["sign"]):
        sign = -1 if found["way"] == "younger" or found["sign"] == "-" else 1
        return Age(1.0, sign * _checked(_number(found["n"]), phrase))
    if found := _IN_DECADE.fullmatch(text):
        offset = {"early": 2, "mid": 5, "middle": 5, "late": 8}.get(found["part"], 5)
        return Age(0.0, _checked(_decade(found["n"]) + offset, phrase))
    if found := _FACTOR.fullmatch(text):
        times = {"twice": 2.0, "double": 2.0, "half": 0.5, "three times": 3.0}[found["times"]]
        return Age(1 / times if found["what"] == "young" else times, 0.0)
    return None


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    return sum(_TENS.get(word, 0) + _UNITS.get(word, 0) for word in re.split("[- ]", text))


def _decade(text: str) -> int:
    if text == "teens":
        return 10
    return int(text[:2]) if text[0].isdecimal() else _TENS[text[:-3] + "y"]


def _checked(years: int, phrase: str) -> int:
    if years > OLDEST:
        raise OptionError(f"The age in {quoted(phrase)} is beyond {OLDEST} years; {HOW}.")
    return years
