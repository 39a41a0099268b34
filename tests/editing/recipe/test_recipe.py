"""Recipes: what they refuse, and that they come back unchanged from JSON, from words and from a PNG."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import random
import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.file import from_json, load_recipe, provenance, to_json
from editing.recipe.line import describe, parse, slug
from editing.recipe.recipe import MASKS, METHODS, ComponentEdit, Recipe, TextEdit, require_quick
from samm.crop.png import png_bytes, read_png_text, save_png
from samm.errors import OptionError, PhotoError, UserError

PICTURE = np.zeros((40, 40, 3), np.uint8)
# Words that look like another part of the line, and characters that JSON, XML or PNG treat specially.
AWKWARD = (
    *("beard", "Blond hair", "mouth_open", "age +2", "top 10", "10", "1.5", "-3", "covid-19", "x − 2"),
    *("component 3", "component", "mask strength", "mask strength 1", "masks reuse", "a: b:"),
    *("red, curly hair", 'a 6" hat', '"', '"age"', "back\\slash", "(rows 0–8)", "hair (long", "a (optimize)"),
    *("<b>&amp;]]>", "größer", "長い髪", "👒 hat", "1990s hair", "e" * 196, "<?xpacket end?>", "{}", "%s"),
)
EXAMPLE = Recipe(
    {"age": 2},
    (TextEdit("blonde hair", strength=1.2),),
    (ComponentEdit(3, 1.5, (0, 8)),),
    mask_strength=0.5,
)


def random_recipe(rng: random.Random) -> Recipe:
    names = rng.sample(list(ATTRIBUTES), rng.randint(0, 6))
    texts = [
        TextEdit(
            rng.choice(AWKWARD) if rng.random() < 0.7 else "".join(rng.choices(' ab",(1+-−:)\\', k=9)) + "z",
            neutral=rng.choice(("a face", "face with hair", *AWKWARD)) + " now",
            strength=rng.choice((1, rng.uniform(-5, 5), -0.0001)),
            focus=rng.choice((None, 0, rng.random())),
            method=rng.choice(METHODS),
        )
        for _ in range(rng.randint(0, 8))
    ]
    if rng.random() < 0.5:
        texts = [TextEdit(edit.target, strength=edit.strength) for edit in texts]
    components = []
    for _ in range(rng.randint(0, 5)):
        rows = tuple(sorted(rng.sample(range(19), 2)))
        strength = rng.choice((0, rng.uniform(-20, 20)))
        components.append(ComponentEdit(rng.randrange(80), strength, rows, rng.random() < 0.3))
    return Recipe(
        {name: rng.uniform(ATTRIBUTES[name].low, ATTRIBUTES[name].high) for name in names},
        tuple(texts),
        tuple(components),
        rng.choice((1, 0, rng.uniform(0, 2))),
        rng.choice(MASKS),
    )


RECIPES = [random_recipe(random.Random(seed)) for seed in range(150)]


def refusal(make: Callable[..., object], *args: object, **options: object) -> str:
    """Give the sentence of a refusal, and insist that it is one."""
    with pytest.raises(UserError) as caught:
        make(*args, **options)
    sentence = str(caught.value)
    assert re.fullmatch(r"[^\n]{20,500}\.'?", sentence)
    return sentence


# -- the value -------------------------------------------------------------------------------------


def test_equal_edits_are_equal_recipes() -> None:
    one = Recipe({"smile": 0, "age": np.float32(1.2), "yaw": -0.00001}, [TextEdit(" blonde \n hair ")])
    other = Recipe({"age": 1.2}, (TextEdit("blonde hair"), TextEdit("bangs", strength=0)))
    assert one == other
    assert hash(one) == hash(other)
    assert Recipe({"smile": 1, "age": 0.1 + 0.2}) == Recipe({"age": 0.3, "smile": 1})
    assert len({one, other, Recipe(), EXAMPLE}) == 3
    assert Recipe({"age": 1}) != Recipe({"age": 1.1})
    assert Recipe(components=(ComponentEdit(1, 2.0),)) != Recipe(components=(ComponentEdit(1, 2.0, (0, 4)),))


def test_recipe_cannot_be_changed_but_derived_and_pickled() -> None:
    assert EXAMPLE.with_attribute("smile", 1).attributes == {"age": 2, "smile": 1}
    assert EXAMPLE.with_attribute("age", 0).attributes == {}
    assert EXAMPLE.with_text(TextEdit("bangs")).texts[1].target == "bangs"
    assert EXAMPLE.with_component(ComponentEdit(0, 1)).components[1].index == 0
    assert EXAMPLE.attributes == {"age": 2}
    assert pickle.loads(pickle.dumps(EXAMPLE)) == EXAMPLE
    assert replace(EXAMPLE, mask_strength=1) != EXAMPLE
    with pytest.raises(FrozenInstanceError):
        EXAMPLE.masks = "reuse"
    with pytest.raises(TypeError):
        EXAMPLE.attributes["age"] = 3
    given = {"age": 1}
    recipe = Recipe(given)
    given["age"] = 2
    assert recipe.attributes["age"] == 1


def test_only_a_change_of_the_code_makes_a_recipe_not_empty() -> None:
    assert Recipe().is_empty
    assert Recipe({"age": 0}, (TextEdit("bangs", strength=0),), (ComponentEdit(1, 0),), 0.5).is_empty
    assert not Recipe({"age": 0.1}).is_empty
    assert not Recipe(texts=(TextEdit("bangs"),)).is_empty
    assert not Recipe(components=(ComponentEdit(1, 0, absolute=True),)).is_empty  # moves to the mean


# -- refusals --------------------------------------------------------------------------------------


def test_unknown_attribute_is_refused_with_the_closest_names() -> None:
    sentence = refusal(Recipe, {"smille": 1})
    assert sentence.startswith(
        "There is no attribute called 'smille' (closest: smile); choose one of age, smile,"
    )
    assert "blond_hair" in refusal(Recipe, {"blonde_hair": 0}).split(";")[0]
    assert "closest" not in refusal(Recipe, {"xyz": 1})


def test_a_label_is_taken_for_the_name_which_is_what_is_kept() -> None:
    recipe = from_json(
        '{"recipe": 1, "attributes": {"Turn": 1, "FEMININE to-masculine": -0.5, "make-up": 2}}'
    )
    assert dict(recipe.attributes) == {"yaw": 1, "gender": -0.5, "makeup": 2}
    assert to_json(recipe) == '{"recipe": 1, "attributes": {"yaw": 1.0, "gender": -0.5, "makeup": 2.0}}'
    assert Recipe({"yaw": 2}).with_attribute("Turn", -1) == Recipe({"yaw": -1})
    assert refusal(Recipe, {"yaw": 1, "Turn": 0}) == (
        "The recipe says yaw twice, as 'yaw' and 'Turn'; keep one of them."
    )
    assert "The attribute cube is for cars" in refusal(Recipe, {"Boxier": 1})


@pytest.mark.parametrize(
    "strength", [4.001, -9, float("nan"), float("inf"), True, "2", None, 10**400], ids=lambda s: str(s)[:6]
)
def test_what_is_no_number_in_range_is_refused(strength: object) -> None:
    assert re.fullmatch(
        r"The strength of age is .+; choose a number from -4 to 4\.", refusal(Recipe, {"age": strength})
    )
    assert "choose a number from 0 to 2." in refusal(Recipe, mask_strength=strength)
    if strength not in (4.001, True):
        sentence = refusal(TextEdit, "bangs", strength=strength)
        assert re.fullmatch(r"The strength of 'bangs' is .+; choose a number from -5 to 5\.", sentence)
    if strength is not None:
        assert "focus of 'bangs'" in refusal(TextEdit, "bangs", focus=strength)
    if strength not in (4.001, -9):
        sentence = refusal(ComponentEdit, 3, strength)
        assert re.fullmatch(r"The strength of component 3 is .+; choose a number from -20 to 20\.", sentence)


def test_limits_themselves_are_allowed() -> None:
    for name, attribute in ATTRIBUTES.items():
        assert Recipe({name: attribute.low}).attributes[name] == attribute.low
        assert Recipe({name: attribute.high}).attributes[name] == attribute.high
    assert len(TextEdit("x" * 200, strength=-5, focus=1).target) == 200
    assert ComponentEdit(79, -20, (17, 18)).rows == (17, 18)
    assert Recipe(mask_strength=2).mask_strength == 2


def test_unusable_words_are_refused() -> None:
    for blank in ("", " \n\t"):
        assert refusal(TextEdit, blank) == "Type what you want to see, for example 'blonde hair'."
        assert refusal(TextEdit, "bangs", blank) == "Type what the photo shows now, for example 'a face'."
    assert refusal(TextEdit, "x" * 201).endswith("have 201 characters; use at most 200.")
    assert refusal(TextEdit, "bangs", "x" * 201).endswith("have 201 characters; use at most 200.")
    assert refusal(TextEdit, "A  Face").endswith("are both 'A Face'; change one of them.")
    for words in ("bell \a", "half \ud800", "not \ufffe"):
        assert "cannot be shown" in refusal(TextEdit, words)
    assert refusal(TextEdit, 3) == "The words are 3; write them as text."
    assert refusal(TextEdit, "bangs", method="magic") == (
        "The text method is 'magic'; choose one of global, optimize, mapper."
    )


@pytest.mark.parametrize("index", [-1, 80, 1.0, True, "3", None])
def test_unknown_component_is_refused(index: object) -> None:
    assert refusal(ComponentEdit, index, 1) == (
        f"The component index is {index!r}; choose a whole number from 0 to 79."
    )


@pytest.mark.parametrize(
    "rows", [(0, 19), (-1, 4), (4, 4), (8, 4), (0,), (0, 4, 8), (0, 4.0), (False, 4), "04", 4]
)
def test_impossible_rows_are_refused(rows: object) -> None:
    assert refusal(ComponentEdit, 3, 1, rows) == (
        f"The rows of component 3 are {rows!r}; choose two whole numbers with 0 ≤ first < end ≤ 18."
    )


def test_too_many_edits_and_unknown_choices_are_refused() -> None:
    texts = [TextEdit(f"hat number {i}") for i in range(9)]
    assert refusal(Recipe, texts=texts) == "The recipe has 9 texts; keep the 8 that matter most."
    components = [ComponentEdit(i, 1) for i in range(21)]
    assert refusal(Recipe, components=components) == (
        "The recipe has 21 components; keep the 20 that matter most."
    )
    assert len(Recipe(texts=texts[1:], components=components[1:]).components) == 20
    assert refusal(Recipe, masks="keep") == (
        "The choice of masks is 'keep'; choose one of reuse, recompute, adaptive."
    )
    assert "choose true or false" in refusal(ComponentEdit, 3, 1, absolute=1)


# -- JSON ------------------------------------------------------------------------------------------


def test_json_brings_every_recipe_back() -> None:
    for recipe in RECIPES:
        text = to_json(recipe)
        assert from_json(text) == recipe
        assert to_json(from_json(text)) == text
        assert text.isascii()
    # Whole numbers are numbers too.
    assert from_json('{"recipe": 1, "attributes": {"age": 2}}') == Recipe({"age": 2.0})


def test_json_holds_the_version_and_what_is_not_default() -> None:
    assert to_json(Recipe()) == '{"recipe": 1}'
    assert json.loads(to_json(EXAMPLE)) == {
        "recipe": 1,
        "attributes": {"age": 2.0},
        "texts": [{"target": "blonde hair", "strength": 1.2}],
        "components": [{"index": 3, "strength": 1.5, "rows": [0, 8]}],
        "mask_strength": 0.5,
    }
    assert to_json(Recipe({"smile": 1, "age": 2})) == to_json(Recipe({"age": 2, "smile": 1}))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("age +2", "This recipe is not JSON, or is cut off"),
        ('{"recipe": 1', "This recipe is not JSON, or is cut off"),
        ("[" * 60_000, "This recipe is not JSON, or is cut off"),
        ("1" * 5000, "This recipe is not JSON|This JSON has no version"),
        ("[1]", "This JSON has no version"),
        ("{}", "This JSON has no version"),
        ('{"recipe": 2}', "This recipe has version 2, and this program reads version 1"),
        ('{"recipe": true}', "This recipe has version True"),
        ('{"recipe": "1"}', "This recipe has version '1'"),
        ('{"recipe": 1, "agee": 1}', "There is no field 'agee' in the recipe; allowed are attributes, texts"),
        ('{"recipe": 1, "attributes": [1]}', "The recipe's attributes are [1]"),
        ('{"recipe": 1, "attributes": {"age": "2"}}', "The strength of age is '2'"),
        ('{"recipe": 1, "attributes": {"age": NaN}}', "The strength of age is nan"),
        ('{"recipe": 1, "attributes": {"age": true}}', "The strength of age is True"),
        ('{"recipe": 1, "attributes": {"agee": 1}}', "There is no attribute called 'agee' (closest: age"),
        ('{"recipe": 1, "texts": {"target": "x"}}', "The recipe's texts are {'target': 'x'}; write them as"),
        ('{"recipe": 1, "texts": ["x"]}', "An entry of the recipe's texts is 'x'"),
        (
            '{"recipe": 1, "texts": [{"strength": 1}]}',
            "An entry of the recipe's texts lacks its field target",
        ),
        ('{"recipe": 1, "texts": [{"target": 1}]}', "The words are 1"),
        (
            '{"recipe": 1, "texts": [{"target": "x", "to": 1}]}',
            "There is no field 'to' in the recipe's texts",
        ),
        ('{"recipe": 1, "texts": [{"target": "\\ud800"}]}', "The words '\\ud800' hold characters"),
        ('{"recipe": 1, "texts": null}', "The recipe's texts are None"),
        (
            '{"recipe": 1, "components": [{"index": 1}]}',
            "An entry of the recipe's components lacks its field",
        ),
        ('{"recipe": 1, "components": [{"index": 1, "strength": 1, "rows": 3}]}', "The rows of component 1"),
        ('{"recipe": 1, "mask_strength": null}', "The mask strength is None"),
        ('{"recipe": 1, "masks": ["reuse"]}', "The choice of masks is ['reuse']"),
        (f'{{"recipe": 1, "{"x" * 65536}": 1}}', "This recipe is larger than 64 KB"),
    ],
    ids=lambda text: text[:48],
)
def test_foreign_json_is_refused(text: str, sentence: str) -> None:
    assert refusal(from_json, text).startswith(tuple(sentence.split("|")))


# -- words -----------------------------------------------------------------------------------------


def test_description_reads_well() -> None:
    assert describe(EXAMPLE) == "age +2.0, blonde hair 1.2, component 3 +1.5 (rows 0–8), mask strength 0.5"
    assert describe(Recipe()) == "no changes"
    assert describe(Recipe({"mouth_open": -1}, (TextEdit("curls"),))) == "mouth open −1.0, curls"
    assert describe(Recipe(texts=(TextEdit("beard", strength=-0.5),))) == '"beard" −0.5'
    assert describe(Recipe(components=(ComponentEdit(0, 0, absolute=True),), masks="reuse")) == (
        "component 0 +0.0 (absolute), masks reuse"
    )
    text = TextEdit("curly hair", "face with hair", 2, 0.2, "optimize")
    assert describe(Recipe(texts=(text,))) == 'curly hair 2.0 (from "face with hair", focus 0.2, optimize)'


def test_words_bring_every_recipe_back() -> None:
    for recipe in RECIPES:
        assert parse(describe(recipe)) == recipe, describe(recipe)
    for phrase in AWKWARD:
        for strength in (1, 1.5, -2):
            recipe = Recipe({"age": 1}, (TextEdit(phrase, strength=strength), TextEdit("bangs")))
            assert parse(describe(recipe)) == recipe, describe(recipe)


@pytest.mark.parametrize(
    ("line", "recipe"),
    [
        ("", Recipe()),
        ("no changes", Recipe()),
        ("age 2", Recipe({"age": 2})),
        ("Age+2,", Recipe({"age": 2})),
        ("mouth_open -1 , Eyes  open2", None),
        ("mouth_open −1.5, eyes open -.5", Recipe({"mouth_open": -1.5, "eyes_open": -0.5})),
        ("age - 2, smile", Recipe({"age": -2, "smile": 1})),
        ("blonde hair:1.2", Recipe(texts=(TextEdit("blonde hair", strength=1.2),))),
        ("blonde hair: −1.2", Recipe(texts=(TextEdit("blonde hair", strength=-1.2),))),
        ('"age" 2', Recipe(texts=(TextEdit("age", strength=2),))),
        ("hi-top fade hair", Recipe(texts=(TextEdit("hi-top fade hair"),))),
        ("1990s hair", Recipe(texts=(TextEdit("1990s hair"),))),
        ("component 3 -2 (rows 4-8, absolute)", Recipe(components=(ComponentEdit(3, -2, (4, 8), True),))),
        ("mask_strength 0, masks recompute", Recipe(mask_strength=0, masks="recompute")),
    ],
)
def test_line_is_read_as_people_type_it(line: str, recipe: Recipe | None) -> None:
    if recipe is None:
        recipe = Recipe({"mouth_open": -1, "eyes_open": 2})
    assert parse(line) == recipe


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "age +9",
            "The strength of age is 9.0; choose a number from -4 to 4.",
        ),
        ("age 1, Age 2", "The age is given twice; keep one of them."),
        ("mask strength 0.5, mask strength 1", "The mask strength is given twice; keep one of them."),
        ("mask strength 3", "The mask strength is 3.0; choose a number from 0 to 2."),
        ("component 80 1", "The component index is 80; choose a whole number from 0 to 79."),
        ("blonde hair 7", "The strength of 'blonde hair' is 7.0; choose a number from -5 to 5."),
        ("curls " + "9" * 400, "The strength of 'curls' is inf; choose a number from -5 to 5."),
        ('""', "Type what you want to see, for example 'blonde hair'."),
    ],
)
def test_values_out_of_range_are_refused_in_words_too(line: str, sentence: str) -> None:
    assert refusal(parse, line) == sentence


@pytest.mark.parametrize(
    "line",
    [
        *(
            "a (b",
            'hat "',
            r'"\q"',
            "mask strength",
            "bangs (by magic)",
        ),
        *("component 3 +1 (rows 4)", "bangs (focus 1) 2", "age 1 (rows 0-8)"),
    ],
)
def test_unreadable_line_is_refused(line: str) -> None:
    assert refusal(parse, line).endswith(
        ("write it like age +2, blonde hair 1.2, component 3 +1.5.", "put the words in quotes.")
    )


def test_long_lines_are_read_or_refused_at_once() -> None:
    for piece in (" ", ":", "1", "+1", "+ ", "(", '"', "\\", "a ", "a 1"):
        refusal(parse, "a" + piece * (15_000 // len(piece)) + '"')
    assert refusal(parse, "a" * 70_000) == "This recipe is longer than 16 KB; shorten it."


# -- file names ------------------------------------------------------------------------------------


def test_slug_names_the_edits() -> None:
    assert slug(Recipe()) == "original"
    assert slug(Recipe({"age": 2}, (TextEdit("Blonde hair"),))) == "age+2_blonde-hair"
    assert slug(Recipe({"mouth_open": -1.5}, mask_strength=0)) == "mouth-open-1.5_mask0"
    assert slug(EXAMPLE) == "age+2_blonde-hair+1.2_component3+1.5_mask0.5"
    assert slug(Recipe(texts=(TextEdit("größer / ../etc"), TextEdit("長い髪")))) == "groer-etc_words"


def test_slugs_are_safe_in_every_file_system() -> None:
    for recipe in RECIPES:
        assert re.fullmatch(r"[a-z0-9][a-z0-9+._-]{0,59}", slug(recipe))
    everything = Recipe(dict.fromkeys(ATTRIBUTES, 1.25))
    assert slug(everything).startswith("age+1.25_smile+1.25_")
    assert slug(everything).endswith("+1.25")  # no number is cut


# -- pictures --------------------------------------------------------------------------------------


def test_png_brings_every_recipe_back(tmp_path: Path) -> None:
    for recipe in RECIPES[:40]:
        save_png(PICTURE, tmp_path / "out.png", provenance(recipe))
        assert load_recipe(tmp_path / "out.png") == recipe
        assert read_png_text(tmp_path / "out.png") == provenance(recipe)


def test_xmp_states_that_the_picture_was_made_by_a_model() -> None:
    for recipe in RECIPES[:40]:
        fields = provenance(recipe)
        root = ElementTree.fromstring(fields["XML:com.adobe.xmp"])
        iptc = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
        assert root.find(f".//{iptc}DigitalSourceType").text == (
            "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
        )
        assert root.find(".//{http://ns.adobe.com/xap/1.0/}CreatorTool").text == fields["Software"]
        words = root.find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li").text
        assert parse(words) == recipe
    assert fields["Software"] == "SAMM face editor"


def test_pillow_finds_the_packet() -> None:
    fields = provenance(EXAMPLE)
    with Image.open(io.BytesIO(png_bytes(PICTURE, fields))) as picture:
        assert picture.info["xmp"].decode() == fields["XML:com.adobe.xmp"]


def test_recipe_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("\ufeff \n" + to_json(EXAMPLE), encoding="utf-8")
    (tmp_path / "b.json").write_bytes(png_bytes(PICTURE, provenance(EXAMPLE)))
    assert load_recipe(str(tmp_path / "a.png")) == load_recipe(tmp_path / "b.json") == EXAMPLE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_a_text_editor_is_read(encoding: str, tmp_path: Path) -> None:
    recipe = Recipe({"age": 2}, (TextEdit("größer 長い髪"),))
    text = json.dumps(
        {"recipe": 1, "attributes": {"age": 2}, "texts": [{"target": "größer 長い髪"}]}, ensure_ascii=False
    )
    (tmp_path / "a.json").write_bytes(text.replace(",", ",\r\n").encode(encoding))
    assert load_recipe(tmp_path / "a.json") == recipe


def test_a_strength_given_twice_is_not_chosen_from() -> None:
    assert refusal(from_json, '{"recipe": 1, "attributes": {"age": 2, "age": -2}}') == (
        "The recipe says 'age' twice in one place; keep one of them."
    )


def test_what_takes_minutes_can_be_refused() -> None:
    require_quick(EXAMPLE)
    slow = Recipe(texts=(TextEdit("glasses", method="optimize"),))
    assert "takes minutes; leave the method out" in refusal(require_quick, slow)


def test_files_without_a_recipe_are_refused(tmp_path: Path) -> None:
    save_png(PICTURE, tmp_path / "plain.png", {"Comment": "hello"})
    assert refusal(load_recipe, tmp_path / "plain.png") == (
        "The picture plain.png holds no recipe; choose a PNG as it was saved by this program."
    )
    for name, content in (("a.jpg", b"\xff\xd8\xff\xe0" * 100_000), ("b.json", b""), ("c.txt", b"age +2")):
        (tmp_path / name).write_bytes(content)
        assert refusal(load_recipe, tmp_path / name) == (
            f"{name} is no recipe; choose a JSON or PNG file saved by this program."
        )
    (tmp_path / "large.json").write_text('{"recipe": 1, "x": "' + "ü" * 300_000 + '"}', encoding="utf-8")
    assert "larger than 64 KB" in refusal(load_recipe, tmp_path / "large.json")
    for missing in (tmp_path / "none.json", tmp_path):
        assert refusal(load_recipe, missing) == (
            f"There is no recipe file {missing.name}; check its name and folder."
        )
    save_png(PICTURE, tmp_path / "newer.png", {"samm:recipe": '{"recipe": 2}'})
    assert "version 2" in refusal(load_recipe, tmp_path / "newer.png")


# -- text in PNG files -----------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunks(path: Path, *chunks: bytes) -> Path:
    """Put chunks behind the pixels, where Pillow sees them only after decoding."""
    picture = png_bytes(PICTURE)
    path.write_bytes(picture[:-12] + b"".join(chunks) + picture[-12:])
    return path


def test_all_three_kinds_of_text_are_read(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    for write in (
        lambda chunks, text: chunks.add_itxt("samm:recipe", text),
        lambda chunks, text: chunks.add_itxt("samm:recipe", text, "en", "Rezept für", zip=True),
        lambda chunks, text: chunks.add_text("samm:recipe", text),
        lambda chunks, text: chunks.add_text("samm:recipe", text, zip=True),
    ):
        chunks = PngImagePlugin.PngInfo()
        write(chunks, to_json(EXAMPLE))
        Image.fromarray(PICTURE).save(path, pnginfo=chunks)
        assert load_recipe(path) == EXAMPLE


def test_text_behind_the_pixels_is_read_without_decoding_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_chunks(
        tmp_path / "out.png",
        chunk(b"tEXt", b"Author\0Zo\xeb"),
        chunk(b"iTXt", "Title\0\0\0de\0Titel\0größer".encode()),
        chunk(b"zTXt", b"Long\0\0" + zlib.compress(b"x" * 5000)),
        chunk(b"tEXt", b"Author\0Second"),
    )
    with Image.open(path) as picture:
        assert read_png_text(path) == picture.text
    monkeypatch.setattr(Image, "open", None)
    assert read_png_text(str(path)) == {"Author": "Second", "Title": "größer", "Long": "x" * 5000}


def test_text_that_would_fill_the_memory_is_left_out(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(50_000_000))
    path = with_chunks(
        tmp_path / "out.png",
        chunk(b"tEXt", b"Large\0" + b"x" * (1 << 20)),
        chunk(b"zTXt", b"Bomb\0\0" + bomb),
        chunk(b"iTXt", b"Bomb\0\1\0\0\0" + bomb),
        chunk(b"tEXt", b"Small\0here"),
        *(chunk(b"zTXt", b"Half%d\0\0" % i + zlib.compress(b"x" * 600_000)) for i in range(2)),
    )
    texts = read_png_text(path)
    assert sorted(texts) == ["Half0", "Small"]
    assert sum(map(len, texts.values())) <= 1 << 20


def test_files_that_are_no_sound_png_are_refused(tmp_path: Path) -> None:
    damaged = "This picture seems to be cut off or damaged; save or download it again."
    whole = png_bytes(PICTURE, provenance(EXAMPLE))
    path = tmp_path / "out.png"
    for length in (8, 20, 60, len(whole) // 2, len(whole) - 12):
        path.write_bytes(whole[:length])
        assert refusal(read_png_text, path) == damaged
    path.write_bytes(whole.replace(b"samm:recipe", b"samm:recipf"))  # wrong checksum
    assert refusal(read_png_text, path) == damaged
    for content in (
        b"no zero",
        b"key\0",
        b"key\0\1\0\0\0not packed",
        b"key\0\0\0\0\0\xff",
        b"key\0\0\0one\0",
    ):
        assert refusal(read_png_text, with_chunks(path, chunk(b"iTXt", content))) == damaged
    assert refusal(read_png_text, with_chunks(path, *[chunk(b"noop", b"")] * 100_000)) == damaged
    path.write_bytes(b"\xff\xd8\xff")
    assert refusal(read_png_text, path) == "out.png is not a PNG; choose a picture that was saved as PNG."
    with pytest.raises(PhotoError, match="There is no file none.png"):
        read_png_text(tmp_path / "none.png")


def test_noise_never_raises_anything_but_a_sentence(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    whole = np.frombuffer(png_bytes(PICTURE, provenance(EXAMPLE)), np.uint8)
    for _ in range(200):
        noisy = whole.copy()
        noisy[rng.integers(8, len(noisy), 3)] = rng.integers(0, 256, 3)
        (tmp_path / "noisy.png").write_bytes(noisy.tobytes())
        with contextlib.suppress(OptionError, PhotoError):
            assert load_recipe(tmp_path / "noisy.png") == EXAMPLE
