"""Negated phrases: "no wrinkles" becomes "wrinkles" with the opposite sign.

Text models hardly hear a "not": the move of "not old" is the move of "old", or near it. So a phrase that
denies is read here, once, as the plain phrase and a sign of −1, and every `TextEdit` holds plain words.

A phrase denies when it holds one of the words below. What stands before that word may only speak of a person
("a person who is not old"), and what follows it is denied; or the word ends the phrase ("glasses off"). What
is not certain to be understood is refused: two denials ("not without glasses"), a wish beside a denial ("a
man without a beard", "not old but young"), a denial of nothing ("not"), and one in another language.
"""

from __future__ import annotations

import re

from editing.recipe.spelling import quoted
from samm.errors import OptionError

__all__ = ["plain_words"]

_VERBS = (
    *("ain", "aren", "can", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn", "mustn"),
    *("needn", "shouldn", "wasn", "weren", "won", "wouldn"),
)
_DENIALS = {
    *("no", "non", "not", "never", "without", "less", "fewer", "nothing", "none", "neither", "nor", "cannot"),
    *("hardly", "barely", "scarcely", "seldom", "rarely", "minus", "lacking", "lacks", "lack", "unlike"),
    *("remove", "removes", "removing", "delete", "erase", "lose", "losing", "ditch", "avoid", "stop", "quit"),
    *("exclude", "excluding", "except", "omit", "skip", "hide", "undo", "decrease", "decreased", "reduce"),
    *("reduced", "lessen", "diminish", "weaken", "minimize"),
    *(f"{verb}{ending}" for verb in _VERBS for ending in ("'t", "t")),
}
_LAST = {"off", "away", "gone", "removed", "free", "less", "not", "none", "never"}  # "hat off", "smile less"
_SEVERAL = re.compile(
    r"\b(take off|takes off|taking off|take away|get rid of|free of|free from|shave off|cut off|no more"
    r"|no longer|(?:de)?void of|not any more|not anymore|not at all|without any|anything but|far from"
    r"|the opposite of|opposite of|instead of|rather than|other than)\b",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"\b(?:un|anti)-(?=\w)", re.IGNORECASE)  # "un-smile"
_FOREIGN = {
    *("kein", "keine", "keinen", "nicht", "ohne", "weniger", "sin", "ningun", "pas", "sans", "jamais"),
    "moins",
    *("aucun", "aucune", "senza", "meno", "geen", "niet", "zonder", "inte", "utan", "uden", "ikke", "uten"),
    *("sem", "não", "nunca", "bez", "nie", "не", "нет", "без"),
}
_CONTRASTS = {"and", "but", "yet", "with", "instead", "rather", "only", "just", "merely", "however", "still"}
# May stand before a denial, because they ask for nothing.
_PERSON = {
    *("a", "an", "the", "this", "that", "his", "her", "their", "my", "your", "its", "he", "she", "it"),
    "they",
    *("him", "them", "i", "me", "we", "us", "you", "who", "which", "with", "of", "to", "be", "is", "are"),
    "was",
    *("were", "am", "being", "look", "looks", "looking", "has", "have", "having", "had", "does", "do", "did"),
    *("person", "people", "face", "somebody", "someone", "human", "head", "photo", "picture", "image"),
    "want",
    *("portrait", "make", "please", "should", "would", "could", "can", "will", "must", "let", "like"),
    "there",
    *("there's", "he's", "she's", "it's", "they're", "i'm"),
}
_AFTER_IT = {  # between the denial and what it denies
    *("any", "more", "longer", "the", "his", "her", "their", "my", "your", "its", "so", "too", "that"),
    "such",
    *("wear", "wears", "wearing", "have", "has", "having", "be", "being", "look", "looks", "looking", "is"),
    *("are", "of", "all", "at", "with", "show", "showing", "seem", "appear", "see", "by"),
}
_BEFORE_LAST = _PERSON | {"take", "turn", "get", "put", "shave", "wipe", "cut", "keep"}
_TRAILING = {"any", "anymore", "more", "all", "at", "please", "by", "should", "be", "is", "are"}
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def plain_words(phrase: str) -> tuple[str, int]:
    """Give the plain phrase and its sign: 1, or −1 where the phrase denies it.

    Args:
        phrase: words with single spaces.

    Raises:
        OptionError: a denial that is not certain to be understood.
    """
    text = _PREFIX.sub("no ", _SEVERAL.sub("no", phrase))
    found = list(_WORD.finditer(text))
    said = [word[0].replace("’", "'").casefold() for word in found]
    if foreign := next((word for word in said if word in _FOREIGN), None):
        raise OptionError(
            f"The word {quoted(foreign)} in {quoted(phrase)} is not English; write it like “no glasses”."
        )
    denials = [i for i, word in enumerate(said) if word in _DENIALS]
    if not denials and len(said) > 1 and said[-1] in _LAST:
        denials = [len(said) - 1]
    if not denials:
        return phrase, 1
    at = denials[0]
    if len(denials) > 1:
        raise _twice(phrase)
    if at and at == len(said) - 1 and said[at] in _LAST:
        start, end = _narrow(said, 0, at, _BEFORE_LAST)
    elif set(said[:at]) <= _PERSON:
        start, end = _narrow(said, at + 1, len(said), _AFTER_IT)
    else:
        raise _mixed(phrase)
    if start == end:
        raise OptionError(
            f"The words {quoted(phrase)} do not say what is denied; write them like “no glasses”."
        )
    hyphen = text[found[at].end() : found[at].end() + 1] == "-" and said[at] not in ("no", "non")
    if hyphen or _CONTRASTS & set(said[start:end]):  # "a never-ending smile", "not old but young"
        raise _mixed(phrase)
    plain = text[found[start].start() : found[end - 1].end()]
    if plain_words(plain)[1] < 0:  # "hat off off"
        raise _twice(phrase)
    return plain, -1


def _narrow(said: list[str], start: int, end: int, leading: set[str]) -> tuple[int, int]:
    """Narrow a range of words to what is denied."""
    while start < end and said[start] in leading:
        start += 1
    while end > start and said[end - 1] in _TRAILING:
        end -= 1
    return start, end


def _twice(phrase: str) -> OptionError:
    return OptionError(f"The words {quoted(phrase)} deny twice; write what you want to see without a denial.")


def _mixed(phrase: str) -> OptionError:
    return OptionError(
        f"The words {quoted(phrase)} ask for one thing and deny another; write them apart, "
        "as in “a man, no beard”."
    )
