"""Phrases that deny, and phrases that say an age."""

import pytest

from editing.recipe.ages import Age, read_age
from editing.recipe.file import from_json, to_json
from editing.recipe.line import describe, parse
from editing.recipe.negation import plain_words
from editing.recipe.recipe import Recipe, TextEdit
from samm.errors import OptionError


@pytest.mark.parametrize(
    ("phrase", "plain"),
    [
        ("not old", "old"),
        ("no wrinkles", "wrinkles"),
        ("without sunglasses", "sunglasses"),
        ("not a man", "a man"),
        ("doesn't smile", "smile"),
        ("isn’t bald", "bald"),
        ("dont smile", "smile"),
        ("never smiling", "smiling"),
        ("less hair", "hair"),
        ("smile less", "smile"),
        ("remove the glasses", "glasses"),
        ("take his hat off", "hat"),
        ("get rid of the beard", "beard"),
        ("non-smoking", "smoking"),
        ("wrinkle-free", "wrinkle"),
        ("anything but old", "old"),
        ("no longer young", "young"),
        ("a person who is not old", "old"),
        ("somebody with no beard", "beard"),
        ("he does not wear glasses", "glasses"),
        ("not smiling at all", "smiling"),
        ("no beard or moustache", "beard or moustache"),
        ("No-Makeup look", "Makeup look"),
    ],
)
def test_a_denial_is_the_plain_phrase_with_the_opposite_sign(phrase, plain):
    assert plain_words(phrase) == (plain, -1)
    assert TextEdit(phrase, strength=0.8) == TextEdit(plain, strength=-0.8)
    assert from_json(f'{{"recipe": 1, "texts": [{{"target": "{phrase}"}}]}}') == Recipe(
        texts=(TextEdit(plain, strength=-1),)
    )


@pytest.mark.parametrize(
    "phrase",
    [
        "clean-shaven",
        "beardless",
        "hairless",
        "unhappy",
        "a free forehead",
        "a notable nose",
        "knot",
        "a nose",
    ],
)
def test_plain_words_stay(phrase):
    assert plain_words(phrase) == (phrase, 1)


@pytest.mark.parametrize(
    ("phrase", "why"),
    [
        ("not without glasses", "deny twice"),
        ("no beard and no glasses", "deny twice"),
        ("can't stop smiling", "deny twice"),
        ("a man without a beard", "ask for one thing and deny another"),
        ("not old but young", "ask for one thing and deny another"),
        ("no beard and glasses", "ask for one thing and deny another"),
        ("more or less old", "ask for one thing and deny another"),
        ("a never-ending smile", "ask for one thing and deny another"),
        ("not", "do not say what is denied"),
        ("ohne Brille", "is not English"),
    ],
)
def test_an_unclear_denial_is_refused(phrase, why):
    with pytest.raises(OptionError, match=why):
        TextEdit(phrase)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"no glasses{'9' * 5000} no glasses", "deny twice"),
        (f"a man {'x ' * 3000} no beard", "ask for one thing and deny another"),
        (f"a {'z ' * 3000}200 years old", "is not understood"),
    ],
)
def test_what_is_refused_is_not_repeated_at_any_length(line, why):
    with pytest.raises(OptionError, match=why) as refused:
        parse(line)
    assert len(str(refused.value)) < 400


def test_a_denial_at_a_negative_strength_is_refused_and_described_plainly():
    with pytest.raises(OptionError, match="'no beard' at -1 deny twice; write beard and one sign"):
        TextEdit("no beard", strength=-1)
    recipe = Recipe(texts=(TextEdit("no sunglasses", strength=0.8),))
    assert describe(recipe) == "sunglasses −0.8"
    assert from_json(to_json(recipe)) == recipe


@pytest.mark.parametrize(
    ("phrase", "age"),
    [
        ("20 years old", Age(0, 20)),
        ("80-year-old", Age(0, 80)),
        ("a 5 year old child", Age(0, 5)),
        ("aged 60", Age(0, 60)),
        ("thirty-five years old", Age(0, 35)),
        ("make her look 60 years old", Age(0, 60)),
        ("in her thirties", Age(0, 35)),
        ("in his early 20s", Age(0, 22)),
        ("late fifties", Age(0, 58)),
        ("forty-something", Age(0, 45)),
        ("60ish", Age(0, 60)),
        ("80 y.o.", Age(0, 80)),
        ("10 years older", Age(1, 10)),
        ("ten years younger", Age(1, -10)),
        ("-10 years", Age(1, -10)),
        ("twice as old", Age(2, 0)),
        ("half as old", Age(0.5, 0)),
        ("twice as young", Age(0.5, 0)),
        ("young", None),
        ("five o'clock shadow", None),
        ("1990s hair", None),
        ("a teenager", None),
    ],
)
def test_ages(phrase, age):
    assert read_age(phrase) == age


@pytest.mark.parametrize(
    "phrase",
    [
        "a 20 year old man",
        "over 60",
        "a 30-something man",
        "a man of 60",
        "older than sixty",
        "130 years old",
    ],
)
def test_an_age_that_is_not_understood_says_how_to_ask(phrase):
    with pytest.raises(OptionError, match="write it like “60 years old” or “10 years younger”"):
        TextEdit(phrase)


def test_an_age_is_where_it_leads_from_how_old_a_face_looks():
    assert Age(0, 20).of(45) == 20
    assert Age(1, -10).of(45) == 35
    assert Age(2, 0).of(80) == 100
    with pytest.raises(OptionError, match="reached at 1; choose a strength from -1 to 1"):
        TextEdit("20 years old", strength=2)
