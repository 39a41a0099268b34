"""The recipe: one plain, immutable value that says all edits of one picture.

A recipe is made by the page, the command line or `from_json`, checked once when it is made, and stays as it
is. It travels as JSON, as a line that people can read and type (`describe`, `parse`), and inside our PNGs, so
that a saved picture can be taken up again.

Equal edits are equal recipes: what changes nothing is dropped, attributes are put in the table's order, and
numbers are rounded to `DECIMALS`, far finer than a picture shows, which also removes the noise of sliders.

A recipe is for one domain, faces where nothing is said, and names attributes of its table.

Row ranges are StyleGAN2's 18 rows, end exclusive; shorter generators use the rows they have.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

from editing.recipe.ages import read_age
from editing.recipe.attributes import TABLES, canonical, find
from editing.recipe.negation import plain_words
from samm.crop.domains import FACES
from samm.errors import OptionError
from samm.method.masking import STRENGTH_RANGE
from samm.networks.generators import ROWS

__all__ = [
    "COMPONENTS",
    "COMPONENT_RANGE",
    "DECIMALS",
    "FOCUS_RANGE",
    "MASKS",
    "MASK_RULES",
    "MAX_CHARACTERS",
    "MAX_COMPONENTS",
    "MAX_PHRASE",
    "MAX_TEXTS",
    "METHODS",
    "NEUTRAL",
    "TEXT_RANGE",
    "ComponentEdit",
    "MaskRule",
    "Recipe",
    "TextEdit",
    "is_whole",
    "neutral_of",
    "require_quick",
    "show",
]

METHODS = ("global", "optimize", "mapper")  # of StyleCLIP, Patashnik et al. 2021
COMPONENTS = 80  # as GANSpace (harskish/ganspace) keeps for FFHQ
TEXT_RANGE = (-5.0, 5.0)
FOCUS_RANGE = (0.0, 1.0)
COMPONENT_RANGE = (-20.0, 20.0)  # GANSpace's own edits reach 20 σ
MAX_TEXTS = 8
MAX_COMPONENTS = 20
MAX_PHRASE = 200  # characters
MAX_CHARACTERS = 64 * 1024  # of a recipe, written in any way
NEUTRAL = f"a {FACES.name}"
DECIMALS = 4


@dataclass(frozen=True)
class TextEdit:
    """One edit by words.

    Words that deny become plain ones with the opposite sign (`editing.recipe.negation`): "no beard" at
    1 is "beard" at −1. Words that say an age are reached by the age slider (`editing.recipe.ages`).

    Attributes:
        target: what to see, 1…200 characters; runs of white space become one space.
        neutral: what the photo shows now, as plain as the target.
        strength: how far to go, -5…5; negative goes the opposite way.
        focus: β of StyleCLIP, 0…1: how relevant a style channel must be to be moved; None chooses by itself.
        method: one of `METHODS`.

    Raises:
        OptionError: a value outside its range, or words that cannot be used, among them two denials ("no
            beard" at −1) and ages that are not understood.
    """

    target: str
    neutral: str = NEUTRAL
    strength: float = 1.0
    focus: float | None = None
    method: str = "global"

    def __post_init__(self):
        """Check and normalize."""
        target = _phrase(self.target, "Type what you want to see, for example 'blonde hair'.")
        neutral = _phrase(self.neutral, f"Type what the photo shows now, for example '{NEUTRAL}'.")
        if target.casefold() == neutral.casefold():
            raise OptionError(
                f"The wanted and the neutral words are both {show(target)}; change one of them."
            )
        strength = _number(self.strength, f"strength of {show(target)}", TEXT_RANGE)
        plain, sign = plain_words(target)
        if sign < 0 and strength < 0:
            raise OptionError(
                f"The words {show(target)} at {strength:g} deny twice; write {plain} and one sign."
            )
        if read_age(plain) and abs(strength) > 1:
            raise OptionError(f"The age {show(plain)} is reached at 1; choose a strength from -1 to 1.")
        _set(self, "target", plain)
        _set(self, "neutral", neutral)
        _set(self, "strength", sign * strength + 0.0)
        if self.focus is not None:
            _set(self, "focus", _number(self.focus, f"focus of {show(target)}", FOCUS_RANGE))
        _check_choice(self.method, "text method", METHODS)


@dataclass(frozen=True)
class ComponentEdit:
    """One move along a principal component of W (GANSpace, Härkönen et al. 2020).

    Attributes:
        index: 0…79, the strongest first.
        strength: in standard deviations σ of the component, -20…20.
        rows: the style rows that are moved, 0 ≤ first < end ≤ 18, end exclusive.
        absolute: move to this coordinate, as GANSpace does, instead of by this distance.

    Raises:
        OptionError: a value outside its range.
    """

    index: int
    strength: float
    rows: tuple[int, int] = (0, ROWS)
    absolute: bool = False

    def __post_init__(self):
        """Check and normalize."""
        if not is_whole(self.index) or not 0 <= self.index < COMPONENTS:
            raise OptionError(
                f"The component index is {show(self.index)}; "
                f"choose a whole number from 0 to {COMPONENTS - 1}."
            )
        _set(self, "index", int(self.index))
        _set(self, "strength", _number(self.strength, f"strength of component {self.index}", COMPONENT_RANGE))
        rows = self.rows
        is_pair = isinstance(rows, (tuple, list)) and len(rows) == 2 and all(map(is_whole, rows))
        if not is_pair or not 0 <= rows[0] < rows[1] <= ROWS:
            raise OptionError(
                f"The rows of component {self.index} are {show(rows)}; "
                f"choose two whole numbers with 0 ≤ first < end ≤ {ROWS}."
            )
        _set(self, "rows", (int(rows[0]), int(rows[1])))
        if not isinstance(self.absolute, bool):
            raise OptionError(
                f"The choice absolute of component {self.index} is {show(self.absolute)}; "
                "choose true or false."
            )


class _Strengths(Mapping[str, float]):
    """_Strengths by name, read-only; unlike a mapping proxy it can be hashed and pickled."""

    def __init__(self, strengths: Mapping[str, float] | None = None):
        self._strengths = dict(strengths or {})

    def __getitem__(self, name: str) -> float:
        return self._strengths[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._strengths)

    def __len__(self) -> int:
        return len(self._strengths)

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return repr(self._strengths)


@dataclass(frozen=True)
class MaskRule:
    """How an edit meets the inversion's masks; without either of these it takes them as they are.

    Attributes:
        predicts: flows and masks are predicted anew from the edited features, as in the paper.
        fits: the mask is made anew from what the edit changes, see `editing.masks`.
    """

    predicts: bool = False
    fits: bool = False


MASK_RULES = {"reuse": MaskRule(), "recompute": MaskRule(predicts=True), "adaptive": MaskRule(fits=True)}
MASKS = tuple(MASK_RULES)


@dataclass(frozen=True)
class Recipe:
    """All edits of one picture.

    Attributes:
        attributes: strengths by the names of the domain's table, each within its limits; labels are taken for
            names, and zeros are dropped.
        texts: edits by words in the order they are applied, at most 8; zero strengths are dropped.
        components: moves along components, at most 20; moves by zero are dropped.
        mask_strength: 0 = generator only, 1 = as predicted, up to 2 = keep more of the photo.
        masks: how the edit meets the inversion's masks, one of `MASKS`.
        domain: name of what is edited, a key of `editing.recipe.attributes.TABLES`.

    Raises:
        OptionError: an unknown name, a value outside its range, or too many edits.
    """

    attributes: Mapping[str, float] = _Strengths()
    texts: tuple[TextEdit, ...] = ()
    components: tuple[ComponentEdit, ...] = ()
    mask_strength: float = 1.0
    masks: str = "adaptive"
    domain: str = FACES.name

    def __post_init__(self):
        """Check and normalize."""
        _check_choice(self.domain, "domain", tuple(TABLES))
        given = _by_name(self.attributes, self.domain)
        strengths = {
            name: _number(given[name], f"strength of {name}", (attribute.low, attribute.high))
            for name, attribute in TABLES[self.domain].items()
            if name in given
        }
        _set(self, "attributes", _Strengths({name: value for name, value in strengths.items() if value}))
        _set(self, "texts", tuple(edit for edit in self.texts if edit.strength))
        _set(self, "components", tuple(edit for edit in self.components if edit.strength or edit.absolute))
        for name, most in (("texts", MAX_TEXTS), ("components", MAX_COMPONENTS)):
            if len(getattr(self, name)) > most:
                raise OptionError(
                    f"The recipe has {len(getattr(self, name))} {name}; keep the {most} that matter most."
                )
        _set(self, "mask_strength", _number(self.mask_strength, "mask strength", STRENGTH_RANGE))
        _check_choice(self.masks, "choice of masks", MASKS)

    @property
    def is_empty(self) -> bool:
        """Whether the latent code stays as it is; masks and their strength do not touch it."""
        return not (self.attributes or self.texts or self.components)

    @property
    def only_blends(self) -> bool:
        """Whether nothing has to be drawn: the code stays, and so do the inversion's masks."""
        return self.is_empty and not self.rule.predicts

    @property
    def rule(self) -> MaskRule:
        """What the choice of masks means."""
        return MASK_RULES[self.masks]

    def with_attribute(self, name: str, strength: float) -> Recipe:
        """Derive a recipe with one attribute set, or removed by strength 0."""
        return replace(self, attributes={**self.attributes, find(name, self.domain).name: strength})

    def with_text(self, edit: TextEdit) -> Recipe:
        """Derive a recipe with one more edit by words."""
        return replace(self, texts=(*self.texts, edit))

    def with_component(self, edit: ComponentEdit) -> Recipe:
        """Derive a recipe with one more move along a component."""
        return replace(self, components=(*self.components, edit))


def require_quick(recipe: Recipe) -> None:
    """Refuse what takes minutes, for ways in where many people share one machine.

    Raises:
        OptionError: words are to be searched for one face.
    """
    if any(text.method == "optimize" for text in recipe.texts):
        raise OptionError(
            "This recipe searches words for one face, which takes minutes; leave the method out, or use "
            "python -m samm edit on your own computer."
        )


def neutral_of(domain: str) -> str:
    """Give the words that edits by words start from where nobody says others, as `NEUTRAL` for faces."""
    return f"a {domain}"


def _set(edit: TextEdit | ComponentEdit | Recipe, name: str, value: object) -> None:
    """Store a normalized value while a frozen edit is being made."""
    object.__setattr__(edit, name, value)


def show(value: object) -> str:
    """Show any value within a sentence, shortened."""
    return reprlib.repr(value)


def is_whole(value: object) -> bool:
    """Tell whether a value is a whole number; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: Any, label: str, limits: tuple[float, float]) -> float:
    """Check a number against its limits, both included, and round it; True and NaN are no numbers."""
    low, high = limits
    number: Any = value  # a Real compares with numbers, but its type does not say so
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= number <= high:
        raise OptionError(f"The {label} is {show(value)}; choose a number from {low:g} to {high:g}.")
    return round(float(value), DECIMALS) + 0.0  # adding zero makes -0.0 positive


def _phrase(words: Any, if_empty: str) -> str:
    """Check words and put single spaces between them."""
    if not isinstance(words, str):
        raise OptionError(f"The words are {show(words)}; write them as text.")
    phrase = " ".join(words.split())
    if not phrase:
        raise OptionError(if_empty)
    if len(phrase) > MAX_PHRASE:
        raise OptionError(
            f"The words {show(phrase)} have {len(phrase)} characters; use at most {MAX_PHRASE}."
        )
    if not phrase.isprintable():  # control characters and halves of characters, which XML cannot hold
        raise OptionError(
            f"The words {show(phrase)} hold characters that cannot be shown; type them again as plain text."
        )
    return phrase


def _check_choice(value: object, label: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"The {label} is {show(value)}; choose one of {', '.join(choices)}.")


def _by_name(strengths: Mapping[Any, Any], domain: str) -> dict[str, Any]:
    """Put the names of attributes in the place of their labels."""
    named, said = {}, {}
    for spelled, strength in strengths.items():
        name = _attribute_name(spelled, domain)
        if name in named:
            raise OptionError(
                f"The recipe says {name} twice, as {show(said[name])} and {show(spelled)}; keep one of them."
            )
        named[name], said[name] = strength, spelled
    return named


def _attribute_name(spelled: Any, domain: str) -> str:
    if isinstance(spelled, str) and canonical(spelled):
        return find(spelled, domain).name  # or refuse what is for another domain
    table = TABLES[domain]
    close = difflib.get_close_matches(str(spelled)[:MAX_PHRASE], table)
    hint = f" (closest: {', '.join(close)})" if close else ""
    raise OptionError(
        f"There is no attribute called {show(spelled)}{hint}; choose one of {', '.join(table)}."
    )
