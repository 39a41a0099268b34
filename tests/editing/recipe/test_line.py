"""The grammar of a line: a spelling is read as meant or refused with its place, and no sign is ever lost."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editing.recipe import attributes
from editing.recipe.attributes import ATTRIBUTES, CAR_ATTRIBUTES, TABLES, canonical
from editing.recipe.line import describe, parse
from editing.recipe.recipe import MASKS, METHODS, ComponentEdit, Recipe, TextEdit
from samm.errors import OptionError

QUICKLY = settings(deadline=None, max_examples=300, derandomize=True)


def words(target: str, strength: float = 1.0) -> Recipe:
    return Recipe(texts=(TextEdit(target, strength=strength),))


def refusal(line: str) -> str:
    """Give the sentence of a refusal, and insist that it is one."""
    with pytest.raises(OptionError) as caught:
        parse(line)
    assert re.fullmatch(r"[^\n]{20,300}\.", str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(
    "sign", ["-", "−", "–", "—", "‒", "－", "﹣", "‑", "- ", "– ", "minus ", "x-", "= -"]
)
def test_every_minus_is_one(sign):
    assert parse(f"smile {sign}2") == Recipe({"smile": -2})
    assert parse(f"smile {sign}.5, curls 1") == Recipe({"smile": -0.5}, (TextEdit("curls"),))


@pytest.mark.parametrize(
    "line",
    [
        *("smile 2", "smile +2", "smile ＋２", "smile: 2", "smile：2", "smile=2", "smile = +2", "smile x2"),
        *(
            "smile ×2",
            "smile×2",
            "smile 2x",
            "smile * 2",
            "smile plus 2",
            "smile by 2",
            "smile 2.",
            "Smile 2!",
        ),
        *(
            "smile to 2",
            "smile at 2",
            "ｓｍｉｌｅ　＋２",
            "smile\u00a02",
            "smi\u00adle\u200b 2",
            "+2 smile",
            "2 smile",
            "x2 smile",
            "smile2",
            "smile+2",
        ),
        *(
            "smile 2.0",
            "smile ٢",
            " smile 2 ;\n",
            "* 2 smile",
            "SMILE 2",
            "increase smile by 2",
            "smile up 2",
        ),
    ],
)
def test_spellings_of_plus_two(line):
    assert parse(line) == Recipe({"smile": 2})


@pytest.mark.parametrize(
    "line",
    [
        *(
            "smile -1, beard +2",
            "smile -1; beard +2",
            "smile -1\nbeard +2",
            "smile −1,beard+2",
            "smile-1，beard 2",
        ),
        *(
            "smile -1 beard +2",
            "smile -1 and beard +2",
            "smile -1 & beard 2",
            "beard 2, no smile",
        ),
        *(
            "smile: -1\r\n\r\nbeard: 2\r\n",
            "-1 smile, +2 beard",
            "beard x2 smile –1",
            "smile -1、beard 2",
        ),
    ],
)
def test_two_changes_however_they_are_parted(line):
    assert parse(line) == Recipe({"smile": -1, "beard": 2})


@pytest.mark.parametrize(
    ("line", "recipe"),
    [
        ("smile", Recipe({"smile": 1})),
        ("smile beard", Recipe({"smile": 1, "beard": 1})),
        ("smile and black hair", Recipe({"smile": 1, "black_hair": 1})),
        ("smile 2 beard", Recipe({"smile": 2, "beard": 1})),
        ("mouth-open −1", Recipe({"mouth_open": -1})),
        ("old and bald", Recipe({"bald": 1}, (TextEdit("old"),))),
        ("“beard” −0.8", words("beard", -0.8)),
        ("a big smile", words("a big smile")),
        ("five o'clock shadow", words("five o'clock shadow")),
        ("1990s hair 0.5", words("1990s hair", 0.5)),
        ('"5 o\'clock shadow" 2', words("5 o'clock shadow", 2)),
        ("component3 ×2 (rows 4–8)", Recipe(components=(ComponentEdit(3, 2, (4, 8)),))),
        ("no glasses", Recipe({"glasses": -1})),
        ("less smile 2", Recipe({"smile": -2})),
        ("glasses off", Recipe({"glasses": -1})),
        ("un-smile", Recipe({"smile": -1})),
        ("anti-age 2", Recipe({"age": -2})),
        ("void of wrinkles", words("wrinkles", -1)),
        ("smile down 2", Recipe({"smile": -2})),
        ("decrease smile by 2", Recipe({"smile": -2})),
        ("age +2 and no beard", Recipe({"age": 2, "beard": -1})),
        ("no wrinkles 0.8", words("wrinkles", -0.8)),
        ("20 years old, smile 1", Recipe({"smile": 1}, (TextEdit("20 years old"),))),
        ("aged 60 0.5", words("aged 60", 0.5)),
        ("not 20 years old", words("20 years old", -1)),
    ],
)
def test_what_is_read_as_meant(line, recipe):
    assert parse(line) == recipe


@pytest.mark.parametrize(
    ("line", "strengths"),
    [
        ("turn +1", {"yaw": 1}),
        ("Turn", {"yaw": 1}),
        ("TILT −1, Turn2", {"yaw": 2, "pitch": -1}),
        ("Blond hair +2", {"blond_hair": 2}),
        ("Feminine to masculine +1", {"gender": 1}),
        ("+1 feminine-to-masculine", {"gender": 1}),
        ("smile feminine_to_masculine", {"smile": 1, "gender": 1}),
        ("make-up 2 Mouth 1", {"mouth_open": 1, "makeup": 2}),
        ("eyes and mouth", {"mouth_open": 1, "eyes_open": 1}),
        ("no make-up 2", {"makeup": -2}),
    ],
)
def test_a_label_is_another_name_for_its_attribute(line, strengths):
    assert parse(line) == Recipe(strengths)


@pytest.mark.parametrize("domain", TABLES)
@pytest.mark.parametrize("gap", [" ", "-", "_", "  "])
@pytest.mark.parametrize("case", [str, str.upper, str.lower])
def test_each_label_and_name_is_read_and_the_name_is_written(domain, gap, case):
    for name, attribute in TABLES[domain].items():
        for said in (name.replace("_", gap), attribute.label.replace(" ", gap)):
            recipe = parse(f"{case(said)} -1.5", domain)
            assert recipe == Recipe({name: -1.5}, domain=domain)
            assert describe(recipe) == f"{name.replace('_', ' ')} −1.5"


def test_names_and_labels_of_one_attribute_are_one_and_words_in_quotes_stay_words():
    assert refusal("turn +1, yaw 2") == "The yaw is given twice; keep one of them."
    assert parse('"turn" 2') == words("turn", 2)
    assert describe(words("mouth", 2)) == '"mouth" 2.0'
    assert "is for cars" in refusal("boxier 1")
    with pytest.raises(OptionError, match="The attribute yaw is for faces"):
        parse("turn 1", "car")


def test_a_name_that_could_mean_two_attributes_is_refused(monkeypatch):
    assert canonical("boxier") == CAR_ATTRIBUTES["cube"].name
    monkeypatch.setitem(attributes._NAMES, "hair", ["blond_hair", "black_hair"])
    assert refusal("hair +1") == "The name hair can mean blond_hair or black_hair; write one of these."


@pytest.mark.parametrize(
    ("line", "place", "why"),
    [
        ("smile 1,5", 8, "a comma parts the changes"),
        ("age 1, smile 50%", 14, "strengths are no percentages"),
        ("smile 50 percent", 7, "strengths are no percentages"),
        ("smile --2", 7, "cannot be read"),
        ("smile +-2", 7, "cannot be read"),
        ("smile 2 3", 9, "there is no name"),
        ("age 1, 5", 8, "there is no name"),
        ("age 1, -smile", 8, "cannot be read"),
        ("- smile\n- beard", 1, "cannot be read"),
        ("smile 2/beard 1", 8, "cannot be read"),
        ("smile=2=3", 6, "cannot be read"),
        ("smile <2", 7, "cannot be read"),
        ("smile 1e1", 1, "a number stands amid words"),
        ("smile two", 1, "a number stands amid words"),
        ("smile ½", 7, "it is no plain number"),
        ("smile²", 6, "it is no plain number"),
        ("smile and beard 2", 1, "one strength follows several names"),
        ("age +2 blonde hair", 8, "it follows a strength"),
        ("age +2 no beard", 8, "it follows a strength"),
        ("smile 2 thick beard", 9, "it follows a strength"),
        ("5 o'clock shadow", 1, "a strength stands before words"),
        ("no smile -1", 1, "this denies twice"),
        ("smile down -1", 1, "this denies twice"),
        ("component 3", 1, "its strength is missing"),
        ("smile +2 and", 9, "cannot be read"),
        ('smile 1, "beard', 10, "cannot be read"),
    ],
)
def test_what_could_mean_two_things_is_refused_with_its_place(line, place, why):
    sentence = refusal(line)
    assert sentence.startswith(f"At position {place}, “")
    assert why in sentence


@pytest.mark.parametrize(
    "line", ["no beard and glasses", "smile minus two", "glasses: no", "ohne Brille", "no"]
)
def test_what_denies_unclearly_is_refused(line):
    assert "“" in refusal(line)


def test_an_age_where_a_strength_belongs_says_how_to_ask():
    assert refusal("age 60") == (
        "The strength of age is 60; choose a number from -4 to 4, or write an age like “60 years old”."
    )


# Properties -----------------------------------------------------------------------------------------------

NUMBERS = st.floats(-4, 4).map(lambda x: round(x, 4))
NAMES = st.sampled_from(sorted(ATTRIBUTES))
PHRASES = st.one_of(
    st.text(min_size=1, max_size=40),
    st.text(' abc"\\,;:()+-−–x2=&\n', min_size=1, max_size=15),
    st.lists(
        st.sampled_from(
            [
                "smile",
                "no",
                "beard",
                "not",
                "old",
                "2",
                "-1",
                "and",
                ",",
                "20",
                "years",
                "less",
                "hair",
                "a",
                "glasses",
                "off",
            ]
        ),
        min_size=1,
    ).map(" ".join),
)


@st.composite
def recipes(draw) -> Recipe:
    texts = []
    for phrase in draw(st.lists(PHRASES, max_size=3)):
        with contextlib.suppress(OptionError):  # what no recipe can hold
            texts.append(
                TextEdit(
                    phrase,
                    strength=draw(NUMBERS),
                    focus=draw(st.none() | st.floats(0, 1)),
                    method=draw(st.sampled_from(METHODS)),
                )
            )
    components = draw(
        st.lists(st.builds(ComponentEdit, st.integers(0, 79), NUMBERS, absolute=st.booleans()), max_size=2)
    )
    return Recipe(
        draw(st.dictionaries(NAMES, NUMBERS, max_size=4)),
        tuple(texts),
        tuple(components),
        draw(st.floats(0, 2)),
        draw(st.sampled_from(MASKS)),
    )


@QUICKLY
@given(recipes())
def test_what_describe_writes_parse_reads_back(recipe):
    assert parse(describe(recipe)) == recipe


SIGNS = st.sampled_from(
    [("-", -1), ("−", -1), ("–", -1), ("－", -1), ("minus ", -1), ("+", 1), ("＋", 1), ("plus ", 1), ("", 1)]
)
MARKS = st.sampled_from([" ", "  ", ": ", "=", " = ", " x", " × ", "\u00a0", " :"])
JOINTS = st.sampled_from([", ", "; ", "\n", " ", " and ", ",", "；", "，", " & "])


@QUICKLY
@given(
    st.lists(
        st.tuples(NAMES, MARKS, SIGNS, st.integers(1, 4), st.booleans()),
        min_size=1,
        max_size=4,
        unique_by=lambda c: c[0],
    ),
    JOINTS,
)
def test_no_accepted_spelling_flips_a_sign(changes, joint):
    parts, wanted = [], {}
    for name, mark, (sign, factor), size, denied in changes:
        denied = denied and factor > 0
        parts.append(f"{'no ' if denied else ''}{name.replace('_', ' ')}{mark}{sign}{size}")
        wanted[name] = -size if denied else factor * size
    try:
        recipe = parse(joint.join(parts))
    except OptionError:
        return
    assert dict(recipe.attributes) == wanted
    assert recipe.texts == ()


@QUICKLY
@given(PHRASES)
def test_any_line_is_read_or_refused_in_one_sentence(line):
    recipe = None
    with contextlib.suppress(OptionError):  # anything else would be a fault of ours
        recipe = parse(line)
    if recipe is not None:
        assert parse(describe(recipe)) == recipe
