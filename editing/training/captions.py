"""Captions whose truth is known: phrases about faces, and how true each is of a face with given scores.

A *concept* is a statement about scores with many wordings. A caption says one or two of them, or none ("a
face"), which is true of everybody; a text model that learns these truths knows what the words mean, and knows
no others.

Shapes: N faces, K scores; a truth is (N,) in 0…1.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from editing.moves.scorer import SCORES
from editing.moves.words.model import words

__all__ = ["CONCEPTS", "NEUTRAL", "Caption", "Concept", "draw_caption", "every_word"]

# Of probabilities and measures (N, K), see `scores.probabilities`.
Truth = Callable[[Tensor], Tensor]


def _p(name: str) -> Truth:
    column = SCORES.index(name.removeprefix("-"))
    return (lambda s: 1 - s[:, column]) if name.startswith("-") else (lambda s: s[:, column])


def _all(*truths: Truth) -> Truth:
    return lambda s: torch.stack([truth(s) for truth in truths]).prod(0)


def _either(*truths: Truth) -> Truth:
    return lambda s: 1 - torch.stack([1 - truth(s) for truth in truths]).prod(0)


def _no(truth: Truth) -> Truth:
    return lambda s: 1 - truth(s)


def _above(name: str, limit: float, soft: float) -> Truth:
    """Give a truth that rises from 0 to 1 where a measure passes `limit`, within about ±2 `soft`."""
    column = SCORES.index(name)
    return lambda s: ((s[:, column] - limit) / soft).sigmoid()


@dataclass(frozen=True)
class Concept:
    """A statement about a face.

    Attributes:
        truth: how true it is.
        nouns: wordings for "a face with …".
        adjectives: wordings for "a … face" and "a person who is …".
        people: wordings that stand for the person.
        worn: whether the nouns can follow "wearing".
        absent: whether "no …" says the opposite.
    """

    truth: Truth
    nouns: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    worn: bool = False
    absent: bool = False


_MALE, _FEMALE = _p("male"), _p("-male")
_OLD, _YOUNG = _above("age", 58, 4), _no(_above("age", 30, 3))
_CHILD = _no(_above("age", 13, 2))
_GROWN = _above("age", 20, 2)

CONCEPTS: dict[str, Concept] = {
    "blond": Concept(
        _p("blond_hair"),
        ("blonde hair", "blond hair", "golden hair", "fair hair", "yellow hair"),
        ("blonde", "blond", "fair haired"),
    ),
    "black hair": Concept(_p("black_hair"), ("black hair", "jet black hair"), ("black haired",)),
    "brown hair": Concept(
        _p("brown_hair"), ("brown hair", "chestnut hair", "hazel hair"), ("brunette", "brown haired")
    ),
    "dark hair": Concept(_either(_p("black_hair"), _p("brown_hair")), ("dark hair",), ("dark haired",)),
    "grey hair": Concept(
        _p("gray_hair"),
        ("grey hair", "gray hair", "white hair", "silver hair"),
        ("grey haired", "gray haired"),
    ),
    "bald": Concept(_p("bald"), ("a bald head", "no hair", "a shaved head"), ("bald", "hairless")),
    "receding": Concept(
        _p("receding_hairline"), ("a receding hairline", "a high forehead", "thin hair", "thinning hair")
    ),
    "bangs": Concept(_p("bangs"), ("bangs", "a fringe", "hair over the forehead"), absent=True),
    "curly": Concept(
        _p("wavy_hair"), ("curly hair", "wavy hair", "curls", "frizzy hair", "curled hair", "waves")
    ),
    "straight": Concept(_p("straight_hair"), ("straight hair", "smooth hair", "sleek hair")),
    "glasses": Concept(_p("eyeglasses"), ("glasses", "eyeglasses", "spectacles"), worn=True, absent=True),
    "sunglasses": Concept(
        _p("dark_lenses"), ("sunglasses", "dark glasses", "sun glasses", "shades"), worn=True, absent=True
    ),
    "man": Concept(
        _MALE,
        ("masculine features",),
        ("male", "masculine", "manly"),
        ("a man", "a guy", "a gentleman", "a male person"),
    ),
    "woman": Concept(
        _FEMALE, ("feminine features",), ("female", "feminine"), ("a woman", "a lady", "a female person")
    ),
    "beard": Concept(
        _p("-no_beard"),
        ("a beard", "facial hair", "a full beard", "a thick beard", "beard"),
        ("bearded",),
        absent=True,
    ),
    "shaved": Concept(
        _all(_p("no_beard"), _MALE), ("a clean shave",), ("clean shaven", "shaved", "beardless")
    ),
    "goatee": Concept(_p("goatee"), ("a goatee", "a chin beard"), absent=True),
    "mustache": Concept(_p("mustache"), ("a mustache", "a moustache", "mustache", "moustache"), absent=True),
    "sideburns": Concept(_p("sideburns"), ("sideburns", "whiskers"), absent=True),
    "stubble": Concept(
        _p("5_o_clock_shadow"), ("stubble", "a five o'clock shadow"), ("unshaven", "stubbly"), absent=True
    ),
    "smiling": Concept(
        _p("smiling"),
        ("a smile", "a big smile", "a happy expression", "a grin", "smile"),
        ("smiling", "happy", "laughing", "cheerful", "joyful", "grinning", "friendly"),
        absent=True,
    ),
    "serious": Concept(
        _p("-smiling"),
        ("a serious expression", "a neutral expression", "a sad expression", "a frown"),
        ("serious", "not smiling", "sad", "unhappy", "angry", "grumpy", "stern"),
    ),
    "mouth open": Concept(
        _p("mouth_slightly_open"),
        ("an open mouth", "mouth open", "open lips", "visible teeth", "teeth"),
        ("talking",),
    ),
    "mouth closed": Concept(_p("-mouth_slightly_open"), ("a closed mouth", "mouth closed", "closed lips")),
    "surprised": Concept(
        _all(_p("mouth_slightly_open"), _p("-smiling"), _p("-narrow_eyes")),
        ("a surprised expression", "an astonished look", "surprise"),
        ("surprised", "astonished", "shocked", "amazed"),
    ),
    "narrow eyes": Concept(
        _p("narrow_eyes"), ("narrow eyes", "small eyes", "eyes closed", "closed eyes"), ("squinting",)
    ),
    "wide eyes": Concept(
        _p("-narrow_eyes"), ("wide open eyes", "big eyes", "large eyes", "open eyes", "eyes open")
    ),
    "tired": Concept(
        _p("bags_under_eyes"), ("bags under the eyes", "tired eyes", "eye bags"), ("tired", "sleepy")
    ),
    "bushy": Concept(
        _p("bushy_eyebrows"),
        (
            "bushy eyebrows",
            "thick eyebrows",
            "eyebrows thick",
            "strong eyebrows",
            "thick brows",
            "heavy eyebrows",
        ),
    ),
    "thin brows": Concept(
        _p("-bushy_eyebrows"), ("thin eyebrows", "fine eyebrows", "eyebrows thin", "light eyebrows")
    ),
    "arched": Concept(_p("arched_eyebrows"), ("arched eyebrows", "raised eyebrows", "curved eyebrows")),
    "big lips": Concept(_p("big_lips"), ("big lips", "full lips", "thick lips", "large lips")),
    "thin lips": Concept(_p("-big_lips"), ("thin lips", "small lips", "narrow lips")),
    "big nose": Concept(_p("big_nose"), ("a big nose", "a large nose", "a wide nose", "big nose")),
    "small nose": Concept(_p("-big_nose"), ("a small nose", "a little nose", "small nose")),
    "pointy nose": Concept(_p("pointy_nose"), ("a pointy nose", "a pointed nose", "a sharp nose")),
    "lipstick": Concept(
        _p("wearing_lipstick"),
        ("lipstick", "red lipstick", "red lips", "painted lips"),
        worn=True,
        absent=True,
    ),
    "makeup": Concept(
        _p("heavy_makeup"),
        ("makeup", "heavy makeup", "make up", "cosmetics", "eye shadow", "eyeliner"),
        ("made up",),
        worn=True,
        absent=True,
    ),
    "plain": Concept(
        _all(_p("-heavy_makeup"), _p("-wearing_lipstick"), _FEMALE), ("a natural look",), ("natural",)
    ),
    "pale": Concept(
        _above("skin_lightness", 0.72, 0.03),
        ("pale skin", "light skin", "fair skin", "white skin"),
        ("pale", "light skinned"),
    ),
    "tanned": Concept(
        _no(_above("skin_lightness", 0.48, 0.03)),
        ("dark skin", "tanned skin", "brown skin", "a tan", "a suntan"),
        ("tanned", "dark skinned", "sunburnt"),
    ),
    "rosy": Concept(_p("rosy_cheeks"), ("rosy cheeks", "red cheeks", "pink cheeks", "blush"), ("blushing",)),
    "cheekbones": Concept(_p("high_cheekbones"), ("high cheekbones", "strong cheekbones")),
    "chubby": Concept(
        _p("chubby"),
        ("a full face", "chubby cheeks", "a round face", "a wide face", "a fat face"),
        ("chubby", "fat", "overweight", "plump"),
    ),
    "slim": Concept(
        _all(_p("-chubby"), _p("-double_chin")),
        ("a slim face", "a thin face", "a narrow face"),
        ("slim", "thin", "skinny"),
    ),
    "double chin": Concept(_p("double_chin"), ("a double chin",), absent=True),
    "oval": Concept(_p("oval_face"), ("an oval face",)),
    "earrings": Concept(_p("wearing_earrings"), ("earrings", "ear rings"), worn=True, absent=True),
    "hat": Concept(_p("wearing_hat"), ("a hat", "a cap", "a headgear"), worn=True, absent=True),
    "necklace": Concept(_p("wearing_necklace"), ("a necklace", "a chain"), worn=True, absent=True),
    "tie": Concept(_p("wearing_necktie"), ("a tie", "a necktie"), worn=True, absent=True),
    "old": Concept(
        _OLD,
        ("wrinkles", "wrinkled skin", "an old face"),
        ("old", "elderly", "aged", "senior", "older", "wrinkled"),
        ("an old person",),
    ),
    "young": Concept(
        _YOUNG, ("smooth skin", "a young face"), ("young", "younger", "youthful"), ("a young person",)
    ),
    "middle-aged": Concept(
        _all(_above("age", 36, 3), _no(_above("age", 56, 3))), adjectives=("middle aged", "mature")
    ),
    "child": Concept(
        _CHILD, ("a child's face",), ("childlike", "very young"), ("a child", "a kid", "a toddler", "a baby")
    ),
    "teenager": Concept(
        _all(_above("age", 12, 2), _no(_above("age", 21, 2))), people=("a teenager", "an adolescent")
    ),
    "adult": Concept(_GROWN, people=("an adult", "a grown up")),
    "old man": Concept(
        _all(_OLD, _MALE), people=("an old man", "an elderly man", "a grandfather", "an old guy")
    ),
    "old woman": Concept(
        _all(_OLD, _FEMALE), people=("an old woman", "an elderly woman", "a grandmother", "an old lady")
    ),
    "young man": Concept(_all(_YOUNG, _GROWN, _MALE), people=("a young man", "a young guy")),
    "young woman": Concept(_all(_YOUNG, _GROWN, _FEMALE), people=("a young woman", "a young lady", "a girl")),
    "boy": Concept(_all(_CHILD, _MALE), people=("a boy", "a little boy")),
    "little girl": Concept(_all(_CHILD, _FEMALE), people=("a little girl",)),
    "left": Concept(
        _no(_above("yaw", -0.2, 0.05)), adjectives=("looking left", "looking to the left", "turned left")
    ),
    "right": Concept(
        _above("yaw", 0.2, 0.05), adjectives=("looking right", "looking to the right", "turned right")
    ),
    "up": Concept(_above("pitch", 0.06, 0.02), adjectives=("looking up",)),
    "down": Concept(_no(_above("pitch", -0.1, 0.02)), adjectives=("looking down",)),
}

NEUTRAL = (
    "a face", "face", "a person", "a human face", "a portrait", "a photo of a face", "a photo of a person",
    "somebody", "face with hair", "a face with hair", "face with eyes", "a face with eyes",
    "a face with a nose", "a face with a mouth", "a face with skin", "a portrait of a person",
    "a picture of a face", "a head",
)  # fmt: skip
_ANYBODY = (
    "a face",
    "a person",
    "somebody",
    "a photo of a person",
    "a portrait of a person",
    "a photo of a face",
)


@dataclass(frozen=True)
class Caption:
    """A phrase and the statement it makes."""

    text: str
    truth: Truth


def _everybody(scores: Tensor) -> Tensor:
    return torch.ones_like(scores[:, 0])


def draw_caption(rng: random.Random) -> Caption:
    """Draw a caption: mostly one concept in some wording, sometimes two, seldom what is true of everybody."""
    kind = rng.random()
    if kind < 0.06:
        return Caption(rng.choice(NEUTRAL), _everybody)
    concept = rng.choice(list(CONCEPTS.values()))
    if kind < 0.7:
        return _one(concept, rng)
    subject = rng.choice([c for c in CONCEPTS.values() if c.people])
    feature = rng.choice([c for c in CONCEPTS.values() if c.nouns])
    phrase, truth = _noun(feature, rng)
    text = f"{rng.choice(subject.people)} {_joint(phrase, feature, rng)}"
    return Caption(text, _all(subject.truth, truth))


def _one(concept: Concept, rng: random.Random) -> Caption:
    ways = [way for way in ("nouns", "adjectives", "people") if getattr(concept, way)]
    way = rng.choice(ways)
    if way == "people":
        person = rng.choice(concept.people)
        bare = person.split(" ", 1)[1]
        return Caption(
            rng.choice((person, bare, f"a photo of {person}", f"the face of {person}")), concept.truth
        )
    if way == "adjectives":
        adjective = rng.choice(concept.adjectives)
        forms = ("{}", "a {} face", "a {} person", "somebody who is {}", "{} face", "a photo of a {} person")
        return Caption(rng.choice(forms).format(adjective), concept.truth)
    phrase, truth = _noun(concept, rng)
    whole = f"{rng.choice(_ANYBODY)} {_joint(phrase, concept, rng)}"
    bare = phrase.removeprefix("a ").removeprefix("an ")
    return Caption(rng.choice((phrase, bare, whole)), truth)


def _noun(concept: Concept, rng: random.Random) -> tuple[str, Truth]:
    """Word a concept as a noun, or its absence."""
    noun = rng.choice(concept.nouns)
    if not concept.absent or rng.random() < 0.6:
        return noun, concept.truth
    bare = noun.removeprefix("a ").removeprefix("an ")
    return rng.choice((f"no {bare}", f"{bare} off", f"without {bare}")), _no(concept.truth)


def _joint(phrase: str, concept: Concept, rng: random.Random) -> str:
    if phrase.startswith("without"):
        return phrase
    return f"{rng.choice(('with', 'wearing')) if concept.worn else 'with'} {phrase}"


def every_word() -> list[str]:
    """List all words that captions are made of, sorted."""
    phrases = [
        *NEUTRAL,
        *_ANYBODY,
        "no off without with wearing a photo of the face person somebody who is an",
    ]
    for concept in CONCEPTS.values():
        phrases += [*concept.nouns, *concept.adjectives, *concept.people]
    return sorted({word for phrase in phrases for word in words(phrase)})
