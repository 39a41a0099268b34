"""Cars: their crop with bars, what is shown and measured of it, their attributes, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import samm
from editing.command.__main__ import main
from editing.edit import edit, move_code
from editing.evaluation.comparison import open_crop
from editing.evaluation.judges import load_judges
from editing.evaluation.measure import measure
from editing.moves.moves import Moves
from editing.recipe.attributes import ATTRIBUTES, CAR_ATTRIBUTES, find
from editing.recipe.file import from_json, load_recipe, to_json
from editing.recipe.line import describe, parse
from editing.recipe.recipe import Recipe, TextEdit
from samm.crop.cars import center_quad, crop_car
from samm.crop.crop import Photo
from samm.crop.domains import CARS, FACES
from samm.crop.photo import open_photo
from samm.crop.png import save_png
from samm.crop.quad import manual_quad
from samm.errors import OptionError, PhotoError, WeightsError
from samm.metrics import psnr, ssim

PRESET = "tiny-stylegan2-e4e-cars"
SIZE, ROWS = 256, slice(32, 224)  # of the preset: its pictures are 256×192
INSIDE = slice(80, 560)  # columns of the 640×360 photo that the middle crop of 480×360 shows


@pytest.fixture(scope="module")
def cars() -> samm.Model:
    return samm.load(PRESET, "cpu")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """640×360 pixels, nowhere near black: x in red, y in green, coarse noise in blue."""
    rows, columns = np.mgrid[:360, :640]
    noise = np.random.default_rng(4).integers(60, 200, (36, 64)).repeat(10, 0).repeat(10, 1)
    return np.stack([50 + columns * 0.3, 50 + rows * 0.5, noise], 2).round().astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photo) -> Path:
    """Holds the photo and, made up, a components file in the published layout."""
    folder = tmp_path_factory.mktemp("cars")
    save_png(photo, folder / "car.png")
    v = torch.linalg.qr(torch.randn(512, 80, generator=torch.Generator().manual_seed(6)))[0].T
    published = {"mean": torch.zeros(1, 512), "comp": v[:, None], "std": torch.linspace(2, 0.2, 80)}
    torch.save(published, folder / "cars_pca.pt")
    return folder


@pytest.fixture(scope="module")
def inversion(photo, cars) -> samm.Inversion:
    return samm.invert(Photo(pixels=photo).locate(CARS)[0], cars)


@pytest.fixture(scope="module")
def tools(cars, folder) -> Moves:
    return Moves(cars, components=folder / "cars_pca.pt")


@pytest.fixture(autouse=True)
def _no_detector(cars, monkeypatch):
    """Cars are never looked for with the face detector; commands share the loaded model."""

    def refuse() -> None:
        raise AssertionError("a face detector was loaded")

    monkeypatch.setattr("samm.crop.domains.load_detector", refuse)

    def load(preset: str, device: str | None = None, precision: str = "fp32") -> samm.Model:
        return cars if preset == PRESET else samm.load(preset, device, precision)

    for command in ("invert", "edit", "evaluate"):
        monkeypatch.setattr(f"editing.command.{command}.load", load)


def run(command: str, folder: Path, out: Path, *arguments: object, preset: str = PRESET) -> int:
    common = [folder / "car.png", "--out", out, "--preset", preset, "--device", "cpu"]
    return main([command, *map(str, [*common, *arguments])])


# Geometry ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((360, 640), (80, 0, 560, 360)), ((640, 300), (0, 207.5, 300, 432.5)), ((30, 40), (0, 0, 40, 30))],
)
def test_the_middle_crop_is_the_largest_of_its_sides(shape, expected):
    corners = CARS.inner(center_quad(np.zeros((*shape, 3), np.uint8))) + 0.5
    left, top, right, bottom = expected
    assert corners.ravel().tolist() == pytest.approx([left, top, left, bottom, right, bottom, right, top])


def test_a_domain_without_bars_changes_nothing():
    quad, square = manual_quad((50, 60), 40, 10), np.zeros((16, 16))
    assert np.array_equal(FACES.inner(quad), quad)
    assert FACES.trim(square).shape == (16, 16)
    assert [CARS.rows(size) for size in (512, 256, 32)] == [slice(64, 448), slice(32, 224), slice(4, 28)]


def test_the_picture_lands_in_its_rows_and_the_bars_are_black(photo):
    crop = crop_car(photo, center_quad(photo), SIZE)
    assert crop.shape == (SIZE, SIZE, 3)
    assert not crop[:32].any()
    assert not crop[224:].any()
    step = 480 / SIZE  # pixels of the photo in one of the crop
    x, y = 80 + (np.arange(SIZE) + 0.5) * step - 0.5, (np.arange(192) + 0.5) * step - 0.5
    shown = crop[ROWS].astype(float)  # to its very border: nothing of the bars or of a continuation is in it
    assert np.abs(shown[..., 0] - (50 + x * 0.3)).max() < 2
    assert np.abs(shown[..., 1] - (50 + y * 0.5)[:, None]).max() < 2


def test_a_picture_of_the_right_size_is_taken_as_it_is():
    rows, columns = np.mgrid[:192, :SIZE]
    part = np.stack([columns, rows, 255 - columns], 2).astype(np.uint8)
    crop = crop_car(part, center_quad(part), SIZE).astype(int)
    assert np.abs(crop[ROWS] - part).max() <= 1
    turned = np.ascontiguousarray(part[::-1, ::-1])  # by 180°, which would double a shift by half a pixel
    assert np.abs(crop_car(turned, center_quad(part), SIZE)[::-1, ::-1] - crop).mean() < 0.2


def test_a_turned_crop_is_turned(photo):
    crop = crop_car(photo, manual_quad((319.5, 179.5), 320, 90), SIZE)[ROWS]
    upright = crop_car(np.rot90(photo).copy(), manual_quad((179.5, 319.5), 320, 0), SIZE)[ROWS]
    assert np.abs(crop.astype(int) - upright)[..., :2].max() <= 1
    assert not crop_car(photo, manual_quad((319.5, 179.5), 320, 90), SIZE)[:32].any()


@pytest.mark.parametrize(
    "placement", [((319.5, 179.5), 482, 0), ((200, 179.5), 420, 0), ((319.5, 179.5), 470, 20)]
)
def test_a_crop_beyond_the_photo_is_refused(photo, placement):
    with pytest.raises(PhotoError, match="crop of the car, 0.75 times as high") as refusal:
        crop_car(photo, manual_quad(*placement), SIZE)
    assert "face" not in str(refusal.value)


@pytest.mark.parametrize("turn", [0, 25])
def test_pasting_touches_only_the_rectangle(photo, turn):
    quad = manual_quad((300, 170), 200, turn)
    white, drawn = np.full((SIZE, SIZE, 3), 255, np.uint8), np.zeros((SIZE, SIZE), np.float32)
    changed = (CARS.paste(photo, quad, white, drawn) != photo).any(2)
    rows, columns = np.nonzero(changed)
    angle = np.deg2rad(turn)
    x, y = columns - 300, rows - 170
    across, down = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    assert np.abs(across).max() <= 100
    assert np.abs(down).max() <= 75  # not 100: the bars of the square are no part of the picture
    assert np.abs(down).max() > 68  # at the border nothing changes, lest the rectangle show
    assert changed[170, 300]
    kept = CARS.paste(photo, quad, white, np.ones_like(drawn))
    assert np.array_equal(kept, photo)


def test_a_crop_pasted_back_lies_where_it_was_taken(photo):
    quad = center_quad(photo)
    crop = crop_car(photo, quad, SIZE)
    whole = CARS.paste(photo, quad, crop, np.zeros((SIZE, SIZE), np.float32))
    assert np.abs(whole[..., :2].astype(int) - photo[..., :2]).max() <= 2


# Inverting --------------------------------------------------------------------------------------------------


def test_figures_count_picture_rows_only(inversion):
    pictures = (inversion.photo_u8[ROWS], inversion.blended[ROWS])
    assert inversion.report["psnr"]["blended"] == psnr(*pictures)
    assert inversion.report["ssim"]["blended"] == ssim(*pictures)
    assert inversion.report["kept"]["gathered"] == float(inversion.keep_photo[:, :, ROWS].mean())
    assert inversion.report["kept"]["32"] == float(inversion.masks[32][:, :, 4:28].mean())
    assert psnr(*pictures) != psnr(inversion.photo_u8, inversion.blended)


def test_saved_pictures_have_no_bars(folder, photo, tmp_path):
    assert run("invert", folder, tmp_path, "--masks", "--sheet", "--whole-photo") == 0
    for kind in ("inversion", "crop", "generator", "aligned"):
        assert open_photo(tmp_path / f"car_{kind}.png").shape == (192, SIZE, 3)
    for kind, shape in (("mask", (192, SIZE)), ("mask_32", (24, 32)), ("sheet", (192, 5 * SIZE, 3))):
        assert np.asarray(Image.open(tmp_path / f"car_{kind}.png")).shape == shape
    assert open_photo(tmp_path / "car_crop.png").min() > 30
    whole = open_photo(tmp_path / "car_whole.png")
    assert not np.array_equal(whole[:, INSIDE], photo[:, INSIDE])
    whole[:, INSIDE] = photo[:, INSIDE]
    assert np.array_equal(whole, photo)
    report = json.loads((tmp_path / "car.json").read_text())
    saved = [open_photo(tmp_path / f"car_{kind}.png") for kind in ("crop", "inversion")]
    assert report["psnr"]["blended"] == pytest.approx(psnr(*saved))


def test_a_crop_by_hand(folder, photo, tmp_path):
    assert run("invert", folder, tmp_path, "--crop", "200,180,256", "--masks", "--whole-photo") == 0
    crop = open_photo(tmp_path / "car_crop.png").astype(int)
    assert np.abs(crop[96, 128, :2] - photo[180, 200, :2]).max() <= 1
    whole = open_photo(tmp_path / "car_whole.png")
    assert np.array_equal(whole[:83], photo[:83])
    assert np.array_equal(whole[277:], photo[277:])
    assert not np.array_equal(whole[84:276], photo[84:276])


def test_evaluation_takes_pictures_of_cars_only_when_cropped(folder, photo, cars, tmp_path, capsys):
    save_png(photo[:, 80:560].copy(), tmp_path / "good.png")
    save_png(photo, tmp_path / "wide.png")
    save_png(np.pad(photo[:, 80:560], ((60, 60), (0, 0), (0, 0))), tmp_path / "square.png")
    file = tmp_path / "figures.json"
    assert main(["evaluate", str(tmp_path), "--preset", PRESET, "--device", "cpu", "--json", str(file)]) == 1
    printed = capsys.readouterr()
    for name, sides in (("wide", "640×360"), ("square", "480×480")):
        sentence = (
            f"{name}.png: {name}.png is {sides} pixels and thus not cropped; evaluation takes cars of 4:3"
        )
        assert sentence in printed.err
    assert "Photos: 1 of 3" in printed.out
    assert "pictures of cars, 4:3, at 256×192" in printed.out
    assert "dentity" not in printed.out  # the network knows faces
    assert np.array_equal(
        open_crop(tmp_path / "good.png", SIZE, CARS), crop_car(photo, center_quad(photo), SIZE)
    )
    assert set(json.loads(file.read_text())["photos"][0]["pictures"]["blended"]) == {
        "psnr",
        "ssim",
        "st_lpips",
        "mask_area",
        "mask_soft",
    }


def test_edits_of_cars_are_not_measured_by_a_scorer_of_faces(folder, capsys):
    command = ["evaluate", str(folder), "--preset", PRESET, "--device", "cpu", "--edits", "viewpoint +1"]
    assert main(command) == 1
    assert "Edits of cars cannot be measured" in capsys.readouterr().err


def test_evaluation_measures_picture_rows_only(inversion, cars):
    judges = load_judges(cars)
    figures = measure("car", "samm", inversion, ("blended",), 1.0, judges)
    assert figures.pictures["blended"]["psnr"] == inversion.report["psnr"]["blended"]
    assert figures.pictures["blended"]["mask_area"] == inversion.report["kept"]["gathered"]
    bars = inversion.aligned_pm1.clone()
    bars[:, :, :32] = 1
    other = replace(inversion, aligned_pm1=bars)
    assert measure("car", "samm", other, ("blended",), 1.0, judges).pictures == figures.pictures


# Editing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "component", "rows", "published"),
    [
        ("viewpoint", 0, slice(0, 5), 2),
        ("cube", 16, slice(3, 6), 25),
        ("color", 22, slice(9, 11), -8),
        ("grass", 41, slice(9, 11), -18),
    ],
)
def test_an_attribute_at_its_end_is_the_published_edit(name, component, rows, published, inversion, tools):
    recipe = Recipe({name: find(name, "car").high}, domain="car")
    offset = (move_code(inversion, recipe, tools) - inversion.w_plus)[0]
    expected = torch.zeros_like(offset)
    expected[rows] = published * tools.components.sigma[component] * tools.components.vectors[component]
    torch.testing.assert_close(offset, expected, atol=1e-5, rtol=0)
    assert set(CAR_ATTRIBUTES) == {"viewpoint", "cube", "color", "grass"}
    assert not set(CAR_ATTRIBUTES) & set(ATTRIBUTES)


def test_an_edit_changes_the_picture_and_none_does_not(inversion, cars, tools):
    plain = edit(inversion, Recipe(domain="car"), cars, tools)
    assert np.array_equal(plain.blended, inversion.blended)
    drawn = edit(inversion, Recipe(masks="recompute", domain="car"), cars, tools)
    assert np.array_equal(drawn.aligned, inversion.aligned)  # its mask is predicted anew and not cleared
    moved = edit(inversion, parse("viewpoint +1", "car"), cars, tools)
    assert not np.array_equal(moved.aligned[ROWS], inversion.aligned[ROWS])


def test_edits_from_the_command_line(folder, photo, tmp_path, capsys):
    pca = ["--components", folder / "cars_pca.pt"]
    more = ["--cube", -0.5, "--strip", "viewpoint", "--whole-photo", "--save-mask"]
    assert run("edit", folder, tmp_path, "--change", "viewpoint +1", *more, *pca) == 0
    assert "car: viewpoint +1.0, cube −0.5; " in capsys.readouterr().out
    assert open_photo(tmp_path / "car_edit.png").shape == (192, SIZE, 3)
    assert np.asarray(Image.open(tmp_path / "car_edit_mask.png")).shape == (192, SIZE)
    assert open_photo(tmp_path / "car_strip_viewpoint.png").shape == (192, 7 * SIZE, 3)
    whole = open_photo(tmp_path / "car_whole.png")
    assert np.array_equal(whole[:, :80], photo[:, :80])
    assert np.array_equal(whole[:, 560:], photo[:, 560:])
    assert load_recipe(tmp_path / "car_edit.png", "car") == Recipe(
        {"viewpoint": 1, "cube": -0.5}, domain="car"
    )
    assert run("edit", folder, tmp_path / "again", "--recipe", tmp_path / "car_edit.png", *pca) == 0
    again, first = (open_photo(place / "car_edit.png") for place in (tmp_path / "again", tmp_path))
    assert np.array_equal(again, first)


def test_no_edit_is_the_inversion_and_needs_no_components(folder, tmp_path):
    assert run("edit", folder, tmp_path) == 0
    assert run("invert", folder, tmp_path) == 0
    pictures = [open_photo(tmp_path / f"car_{kind}.png") for kind in ("edit", "inversion")]
    assert np.array_equal(*pictures)


def test_components_are_found_where_weights_lie(folder, tmp_path, monkeypatch, cars):
    with pytest.raises(WeightsError, match=r"cars_pca\.pt is missing; get it from .*encoder4editing"):
        Moves(cars).direction("cube")
    monkeypatch.setenv("SAMM_WEIGHTS", str(folder))
    assert Moves(cars).direction("cube").name == "cube"


def test_recipes_know_their_domain():
    recipe = Recipe(
        {"grass": 1}, (TextEdit("a red car", "a car"), TextEdit("viewpoint", "a car")), domain="car"
    )
    assert from_json(to_json(recipe), "car") == recipe
    assert describe(recipe) == 'grass +1.0, a red car, "viewpoint"'
    assert parse(describe(recipe), "car") == recipe
    assert '"domain": "car"' in to_json(recipe)
    assert "domain" not in to_json(Recipe({"age": 1}))
    with pytest.raises(OptionError, match="This recipe is for cars, and these are faces; choose another"):
        from_json(to_json(recipe))
    with pytest.raises(OptionError, match="This recipe is for faces, and these are cars"):
        from_json(to_json(Recipe({"age": 1})), "car")
    with pytest.raises(OptionError, match="The domain is 'boat'; choose one of face, car"):
        Recipe(domain="boat")


def test_a_recipe_for_faces_is_refused_by_the_generator_of_cars(inversion, cars, tools):
    with pytest.raises(OptionError, match="The attribute age is for faces, and these are cars"):
        edit(inversion, Recipe({"age": 1}), cars, tools)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--face", "1"], "--face chooses among faces, but the preset tiny-stylegan2-e4e-cars draws cars;"),
        (["--age", "1"], "The attribute age is for faces, and these are cars; choose one of viewpoint,"),
        (["--change", "age +1"], "The attribute age is for faces, and these are cars"),
        (["--change", "cube 3"], "The strength of cube is 3.0; choose a number from -2 to 2."),
        (["--strip", "smile"], "The attribute smile is for faces, and these are cars"),
        (["--strip", "wisdom"], "There is no attribute wisdom; choose one of viewpoint, cube, color, grass."),
        (["--direction", "age=x.npy"], "The attribute age is for faces"),
        (["--cube", "1"], "The model file cars_pca.pt is missing; get it from editings/ganspace_pca of"),
        (["--component", "3:1"], "car.png: The model file cars_pca.pt is missing; get it from"),
        (
            ["--text", "a red car"],
            "The embedded text model knows faces only; for words about cars choose a full",
        ),
        (
            ["--crop", "320,180,600"],
            "car.png: The crop of the car, 0.75 times as high as wide, reaches beyond",
        ),
    ],
)
def test_refusals_are_one_sentence(arguments, sentence, folder, tmp_path, capsys):
    assert run("edit", folder, tmp_path / "out", *arguments) == 1
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert error.endswith(".")
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("arguments", [["--viewpoint", "1"], ["--change", "viewpoint +1"]])
def test_a_car_attribute_is_refused_for_faces(arguments, folder, tmp_path, capsys):
    assert run("edit", folder, tmp_path / "out", *arguments, preset="tiny") == 1
    sentence = "The attribute viewpoint is for cars, and these are faces; choose one of age,"
    assert sentence in capsys.readouterr().err
