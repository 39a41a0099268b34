"""The command `edit` on a real file: its results, recipes that come back, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from editing.command.__main__ import main
from editing.command.choices import plain_options
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.file import load_recipe
from editing.recipe.recipe import ComponentEdit, Recipe, TextEdit
from editing.strip import GRID, STRIP
from samm.crop.photo import open_photo
from samm.crop.png import save_png

EXAMPLES = Path(__file__).parents[3] / "examples"

PHOTO = EXAMPLES / "astronaut.jpg"


CROP = ["--crop", "222,128,250"]  # of the face; spares the search for it


def run(out, *arguments: object, photo=PHOTO, crop=CROP) -> int:
    common = ["--out", str(out), "--preset", "tiny", "--device", "cpu", *crop]
    return main(["edit", str(photo), *common, *map(str, arguments)])


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """One run with changes of all kinds."""
    out = tmp_path_factory.mktemp("edited") / "deep"
    changes = ["--age", 2, "--text", "blonde hair:1.2", "--component", "3:1.5:0-8"]
    assert run(out, *changes, "--strip", "age", "--whole-photo", "--save-mask") == 0
    return out


RECIPE = Recipe({"age": 2.0}, (TextEdit("blonde hair", strength=1.2),), (ComponentEdit(3, 1.5, (0, 8)),))


def test_what_was_asked_for_is_written(edited):
    kinds = ("edit", "edit_mask", "whole", "strip_age")
    names = {f"astronaut_{kind}.png" for kind in kinds} | {"astronaut_recipe.json"}
    assert {path.name for path in edited.iterdir()} == names
    assert open_photo(edited / "astronaut_edit.png").shape == (512, 512, 3)
    assert open_photo(edited / "astronaut_whole.png").shape == open_photo(PHOTO).shape
    assert open_photo(edited / "astronaut_strip_age.png").shape == (512, STRIP * 512, 3)


def test_pictures_carry_the_recipe(edited):
    for kind in ("edit.png", "whole.png", "edit_mask.png", "recipe.json"):
        assert load_recipe(edited / f"astronaut_{kind}") == RECIPE
    assert json.loads((edited / "astronaut_recipe.json").read_text())["recipe"] == 1


def test_a_recipe_applied_again_gives_the_same_pixels(edited, tmp_path):
    assert run(tmp_path, "--recipe", edited / "astronaut_edit.png") == 0
    again, first = (open_photo(folder / "astronaut_edit.png") for folder in (tmp_path, edited))
    assert np.array_equal(again, first)


def test_the_whole_photo_changes_only_within_the_crop(edited):
    before, after = open_photo(PHOTO), open_photo(edited / "astronaut_whole.png")
    changed = (before != after).any(2)
    assert changed.any()
    outside = changed.copy()
    outside[2:255, 96:349] = False  # the crop, to a pixel
    assert not outside.any()


def test_arguments_add_up_and_single_ones_win(edited, tmp_path):
    """--age replaces what the line says, the line what the file says; words and components join."""
    line = ["--change", "age -3, smile 1, a beard 0.5", "--age", 1]
    masks = ["--mask-strength", 0, "--mask-rule", "reuse"]
    assert run(tmp_path, "--recipe", edited / "astronaut_recipe.json", *line, *masks) == 0
    recipe = load_recipe(tmp_path / "astronaut_edit.png")
    assert dict(recipe.attributes) == {"age": 1, "smile": 1}
    assert [text.target for text in recipe.texts] == ["blonde hair", "a beard"]
    assert recipe.components == RECIPE.components
    assert (recipe.mask_strength, recipe.masks) == (0, "reuse")


def test_a_line_leaves_the_masks_of_a_recipe_alone(tmp_path):
    file = tmp_path / "soft.json"
    file.write_text('{"recipe": 1, "mask_strength": 0.5, "masks": "reuse"}')
    assert run(tmp_path, "--recipe", file, "--change", "age 1") == 0
    assert load_recipe(tmp_path / "astronaut_edit.png") == Recipe(
        {"age": 1}, mask_strength=0.5, masks="reuse"
    )
    assert run(tmp_path / "b", "--recipe", file, "--change", "mask strength 2, masks recompute") == 0
    assert load_recipe(tmp_path / "b" / "astronaut_edit.png") == Recipe(mask_strength=2, masks="recompute")


def test_no_change_at_all_is_the_inversion(tmp_path, capsys):
    assert run(tmp_path) == 0
    assert "astronaut: no changes; " in capsys.readouterr().out
    assert main(["invert", str(PHOTO), "--out", str(tmp_path), "--preset", "tiny", *CROP]) == 0
    edited, inverted = (open_photo(tmp_path / f"astronaut_{kind}.png") for kind in ("edit", "inversion"))
    assert np.array_equal(edited, inverted)


def test_edits_of_a_tuned_inversion_are_drawn_with_its_weights(edited, tmp_path):
    assert run(tmp_path, "--recipe", edited / "astronaut_edit.png", "--tune", 2) == 0
    tuned, plain = (open_photo(folder / "astronaut_edit.png") for folder in (tmp_path, edited))
    assert not np.array_equal(tuned, plain)
    assert load_recipe(tmp_path / "astronaut_edit.png") == RECIPE


def test_every_attribute_is_an_option(capsys):
    with pytest.raises(SystemExit):
        main(["edit", "--help"])
    listed = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')} X" in listed for name in ATTRIBUTES)


def test_labels_are_options_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("editing.command.edit.STRIP_SIZE", 64)
    labels = ["--turn", 1, "--Feminine-to-masculine=-0.5", "--mouth_open", 1, "--make-up", 2]
    assert run(tmp_path, *labels, "--grid", "Turn,face width", "--mask-rule", "reuse") == 0
    strengths = {"yaw": 1, "gender": -0.5, "mouth_open": 1, "makeup": 2}
    assert load_recipe(tmp_path / "astronaut_edit.png") == Recipe(strengths, masks="reuse")
    assert (tmp_path / "astronaut_grid_yaw_face_width.png").is_file()
    assert run(tmp_path, "--grid", "turn,yaw") == 1
    assert "A grid needs two attributes; both are yaw" in capsys.readouterr().err
    assert plain_options(["--turn", "1", "--", "--turn"]) == ["--yaw", "1", "--", "--turn"]


def test_other_directions_and_components_take_the_place_of_ours(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("editing.moves.moves.SAMPLES", 500)
    noise = np.random.default_rng(3)
    np.save(tmp_path / "mine.npy", noise.normal(size=512).astype(np.float32))
    pictures = []
    for folder, mine in (("ours", []), ("mine", ["--direction", f"Eyes={tmp_path / 'mine.npy'}"])):
        assert run(tmp_path / folder, "--eyes-open", 3, "--mask-rule", "reuse", *mine) == 0
        pictures.append(open_photo(tmp_path / folder / "astronaut_edit.png"))
    assert not np.array_equal(*pictures)
    components = {"mean": torch.zeros(512), "vectors": torch.eye(2, 512), "sigma": torch.ones(2)}
    save_file(components, tmp_path / "two.safetensors")
    assert run(tmp_path, "--component", "2:1", "--components", tmp_path / "two.safetensors") == 1
    assert "There is no component 2; choose one from 0 to 1." in capsys.readouterr().err


def test_a_grid_of_two_attributes(tmp_path, monkeypatch):
    monkeypatch.setattr("editing.command.edit.STRIP_SIZE", 64)
    assert run(tmp_path, "--grid", "age,face-width", "--mask-rule", "reuse") == 0
    picture = open_photo(tmp_path / "astronaut_grid_age_face_width.png")
    assert picture.shape == (GRID * 64, GRID * 64, 3)
    cells = picture.reshape(GRID, 64, GRID, 64, 3).swapaxes(1, 2)
    assert not np.array_equal(cells[0, 0], cells[0, -1])
    assert not np.array_equal(cells[0, 0], cells[-1, 0])


def test_unknown_words_are_warned_about(tmp_path, capsys):
    assert run(tmp_path, "--text", "a quixotic smile", "--mask-rule", "reuse") == 0
    assert "never trained on “quixotic”" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--age", "9"], "The strength of age is 9.0; choose a number from -4 to 4."),
        (["--text", "blonde hair:much"], "The strength in “blonde hair:much” is not a number"),
        (["--text", "a face"], "The wanted and the neutral words are both 'a face'"),
        (["--text", "hair", "--focus", "2"], "The focus of 'hair' is 2.0; choose a number from 0 to 1."),
        (["--component", "three"], "The component three is not understood"),
        (["--component", "3:1.5:0"], "The component 3:1.5:0 is not understood"),
        (["--component", "3:x"], "The strength in “3:x” is not a number"),
        (["--component", "99:1"], "The component index is 99; choose a whole number from 0 to 79."),
        (["--component", "3:1:8-8"], "The rows of component 3 are (8, 8)"),
        (["--change", "age 2 smile ("], "cannot be read"),
        (["--recipe", "nothing.json"], "There is no recipe file nothing.json"),
        (["--recipe", str(PHOTO)], "astronaut.jpg is no recipe"),
        (["--mask-strength", "3"], "The mask strength is 3.0; choose a number from 0 to 2."),
        (["--strip", "wisdom"], "There is no attribute wisdom; choose one of age,"),
        (["--strip", ""], "There is no attribute ; choose one of age,"),
        (["--focus", "0.2"], "--focus says how the words of --text are meant; write them there."),
        (["--change", "elf ears", "--method", "optimize"], "--method says how the words of --text are meant"),
        (["--face", "0.7"], "There is no face 0.7; give a number from 1 on, or all."),
        (["--face", "²"], "There is no face ²; give a number from 1 on, or all."),
        (["--crop", "nan,1,99"], "astronaut.jpg: The crop cannot be centered at nan, 1; give two numbers"),
        (["--age", "nan"], "The strength of age is nan; choose a number from -4 to 4."),
        (["--grid", "age"], "The grid age is not understood; name two attributes"),
        (["--grid", "age,age"], "A grid needs two attributes; both are age"),
        (["--direction", "age"], "The direction age is not understood; write NAME=FILE"),
        (["--direction", "wisdom=x.npy"], "There is no attribute wisdom"),
        (["--direction", "age=x.npy"], "There is no file x.npy"),
        (["--text", "a smile", "--clip", "ViT-Z-99"], "open_clip knows no model ViT-Z-99"),
        (["--text", "quixotic zeugma"], "astronaut.jpg: The embedded text model knows no word of"),
        (["--text", "elf ears", "--method", "mapper"], "astronaut.jpg: No mapper was trained for “elf ears”"),
        (["--component", "3:1", "--components", "x.pt"], "astronaut.jpg: There is no file x.pt"),
        (["--component", "3:1:14-18"], "astronaut.jpg: There is no row from 14 up to 18"),
    ],
)
def test_refusals_are_one_sentence(arguments, sentence, tmp_path, capsys):
    assert run(tmp_path / "out", *arguments) == 1
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert error.endswith(".")
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(
    "arguments",
    ["--method magic", "--age old", "--age –2", "--mask-rule none", "--crop a,b,c", "--crop 1,2"],
)
def test_wrong_arguments_end_with_code_2(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run(tmp_path, *arguments.split())
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_photo_without_a_face_does_not_stop_the_rest(tmp_path, capsys):
    save_png(np.full((200, 300, 3), 90, np.uint8), tmp_path / "a_wall.png")
    (tmp_path / "b.jpg").write_bytes(PHOTO.read_bytes())
    assert run(tmp_path / "out", "--age", 1, "--mask-rule", "reuse", photo=tmp_path, crop=[]) == 1
    assert "a_wall.png: No face found" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"b_edit.png", "b_recipe.json"}
