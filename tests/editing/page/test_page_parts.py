"""The page without a browser: sessions, controls and recipes, files to take home, and the border to a GPU."""

import ast
import filecmp
import json
import os
import pickle
import re
import shutil
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, is_dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

import samm
from editing.edit import edit
from editing.moves.moves import Moves
from editing.page import controls, files
from editing.page.gate import GATE, new_upload_folder
from editing.page.pictures import present, thumbnail
from editing.page.sentences import PHRASES
from editing.page.session import (
    GESTURE_S,
    HISTORY,
    Paint,
    Session,
    forget,
    pack,
    pack_edit,
    unpack,
    unpack_edit,
)
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.file import from_json, load_recipe
from editing.recipe.recipe import ComponentEdit, Recipe, TextEdit
from editing.strip import grid, strip
from samm.crop.crop import Crop, Photo
from samm.crop.faces import find_faces
from samm.crop.photo import open_photo
from samm.crop.png import read_png_text
from samm.pixels import mask_to_u8

ROOT = Path(__file__).parents[3]
HOPPER = ROOT / "examples" / "hopper.jpg"
MOST_MB = 6  # what one visitor may cost a server
MOST_S = 15  # what one call may ask of a shared GPU
NAME = re.compile(r"^samm_\d{8}T\d{6}Z_.*\.png$")
OLDER = Recipe({"age": 2.0})
SMALL = "thumbnail.jpg"  # nobody opens it here
TUNED = "Faithful, tuned"


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference of two pictures, in levels."""
    return int(np.abs(one.astype(int) - other).max())


@pytest.fixture
def visit(small, tiny, tools, tmp_path, detector) -> Session:
    """A visitor who has inverted a photo, made the face older, and looks at the result."""
    photo = files.copy_upload(HOPPER, tmp_path)
    faces = tuple(find_faces(open_photo(photo), detector))
    crop = Crop(Photo(photo), faces[0].quad).with_pixels(small.photo_u8)
    packed = pack(replace(small, crop=crop), tmp_path)
    session = Session(tmp_path, photo, faces, faces[0].quad).inverted(packed)
    session = session.stepped(Recipe(), SMALL, "", 0)
    edited = edit(small, OLDER, tiny, tools)
    session = replace(session, edit=pack_edit(edited)).stepped(OLDER, SMALL, "age", 10)
    return replace(session, after=files.save_picture(edited.blended, tmp_path, OLDER))


@pytest.fixture(scope="module")
def tuned(small, quick) -> samm.Inversion:
    """The inversion after two steps of tuning."""
    return samm.tune(small, quick, 2)


@pytest.fixture(scope="module")
def gpu():
    """The module that a GPU's process imports, here with the tiny preset."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMM_TINY", "1")
        from editing.page import gpu

        patch.setattr(gpu, "PRESET", "tiny")
        gpu.load()
        yield gpu


# What a session holds -------------------------------------------------------------------------------------


def test_a_packed_inversion_comes_back(small, tmp_path):
    back = unpack(pickle.loads(pickle.dumps(pack(small, tmp_path))))
    assert back.generated is None  # nothing on the page shows it
    assert np.array_equal(back.photo_u8, small.photo_u8)
    assert np.array_equal(back.aligned, small.aligned)
    assert apart(back.blended, small.blended) <= 1  # blended again, from pictures of 8 bits
    assert torch.equal(back.w_plus, small.w_plus)
    for ours, theirs in ((back.flows, small.flows), (back.masks, small.masks)):
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[r], theirs[r]) for r in theirs)
    assert (back.preset, back.options, back.refined) == (small.preset, small.options, small.refined)
    assert (back.tuned, back.tuned_steps) == ({}, 0)
    assert not list(tmp_path.iterdir())


def test_tuned_weights_lie_in_the_visits_folder_and_go_with_it(tuned, tmp_path):
    folder = tmp_path / "visit"
    folder.mkdir()
    packed = pack(tuned, folder)
    assert len(pickle.dumps(packed)) < len(pickle.dumps(replace(packed, tuned=None))) + 500
    back = unpack(pickle.loads(pickle.dumps(packed)))
    assert back.tuned_steps == tuned.tuned_steps
    assert back.tuned.keys() == tuned.tuned.keys()
    assert all(torch.equal(back.tuned[name], change) for name, change in tuned.tuned.items())
    files.delete(folder)
    forget()
    with pytest.raises(samm.PhotoError, match="was deleted from this page"):
        unpack(packed)


def test_a_packed_edit_gives_the_same_picture(small, tiny, tools, visit):
    edited = edit(small, OLDER, tiny, tools)
    back = unpack_edit(pack_edit(edited), small.crop)
    assert np.array_equal(back.aligned, edited.aligned)
    assert (back.gathered - edited.gathered).abs().max() <= 0.5 / 255 + 1e-6
    assert apart(present(visit).blended, edited.blended) <= 1


def test_a_visitor_with_everything_costs_less_than_six_megabytes(inversion, embedded, detector, tmp_path):
    edited = edit(inversion, Recipe({"age": 2.0}, (TextEdit("blonde hair"),)), embedded, Moves(embedded))
    photo = Photo(ROOT / "examples" / "astronaut.jpg")
    faces = tuple(find_faces(photo.pixels, detector))
    crop = Crop(photo, faces[0].quad).with_pixels(inversion.photo_u8)
    tuned = replace(inversion, crop=crop, tuned={"pw": torch.ones(1_500_000).half()}, tuned_steps=30)
    session = Session(tmp_path, tmp_path / "photo", faces, faces[0].quad).inverted(pack(tuned, tmp_path))
    for step in range(HISTORY):
        session = session.stepped(edited.recipe, SMALL, "", float(step))
    marks = np.random.default_rng(7).random((2, 512, 512)) > 0.5
    session = replace(
        session,
        edit=pack_edit(edited),
        words=edited.recipe.texts,
        paint=Paint.of(*marks),
        strip=tuple(grid(edited.recipe, "smile", "yaw")),
    )
    assert len(session.steps) == HISTORY
    assert len(pickle.dumps(session)) < MOST_MB * 1e6


def test_the_session_of_a_closed_page_is_not_held_ready(small, tmp_path):
    packed = pack(small, tmp_path)
    assert unpack(packed) is unpack(packed)
    held = unpack(packed)
    forget()
    assert unpack(packed) is not held


def test_one_movement_of_a_slider_is_one_step_of_the_history():
    session = Session().stepped(Recipe(), SMALL, "", 0)
    for tenth in range(1, 11):
        session = session.stepped(Recipe({"age": tenth / 10}), SMALL, "age", tenth / 10)
    assert [step.recipe for step in session.steps] == [Recipe(), Recipe({"age": 1})]


def test_another_control_or_a_pause_is_another_step():
    session = Session().stepped(Recipe(), SMALL, "", 0)
    slow = session.stepped(Recipe({"age": 1}), SMALL, "age", 5, 4.5)
    slow = slow.stepped(Recipe({"age": 2}), SMALL, "age", 10, 4.5)  # drawing is no pause
    assert [step.recipe.attributes.get("age") for step in slow.steps] == [None, 2]
    session = session.stepped(Recipe({"age": 1}), SMALL, "age", 1)
    session = session.stepped(Recipe({"age": 1, "smile": 1}), SMALL, "smile", 1.1)
    assert len(session.steps) == 3
    session = session.stepped(Recipe({"age": 1, "smile": 2}), SMALL, "smile", 1.1 + GESTURE_S)
    assert len(session.steps) == 4
    session = session.stepped(Recipe(), SMALL, "", 3.2).stepped(OLDER, SMALL, "", 3.3)
    assert len(session.steps) == 6


def test_what_was_undone_is_replaced_by_the_next_change():
    session = Session()
    for value in range(3):
        session = session.stepped(Recipe({"age": value}), SMALL, "age", 10.0 * value)
    session = session.at_step(1).stepped(Recipe({"age": 3}), SMALL, "age", 10.5)
    assert [step.recipe.attributes.get("age", 0) for step in session.steps] == [0, 1, 3]
    assert session.recipe == Recipe({"age": 3})


def test_the_history_keeps_the_newest_steps():
    session = Session()
    for value in range(HISTORY + 5):
        session = session.stepped(Recipe({"age": value / 10}), SMALL, "", float(value))
    assert len(session.steps) == HISTORY
    assert session.at == HISTORY - 1
    assert session.recipe == Recipe({"age": (HISTORY + 4) / 10})
    assert session.steps[0].recipe == Recipe({"age": 0.5})


def test_a_step_brings_its_words_back_and_beyond_the_ends_nothing_happens():
    blonde = TextEdit("blonde hair")
    session = Session().stepped(Recipe(), SMALL, "", 0)
    session = replace(session.stepped(Recipe(texts=(blonde,)), SMALL, "", 1), words=(blonde,))
    first = session.at_step(0)
    assert (first.recipe, first.words) == (Recipe(), ())
    again = first.at_step(1)
    assert (again.recipe, again.words) == (Recipe(texts=(blonde,)), (blonde,))
    assert first.at_step(-1) is first
    assert again.at_step(2) is again


def test_a_thumbnail_is_a_small_picture(tmp_path):
    small = thumbnail(np.full((512, 512, 3), 200, np.uint8))
    path = files.put(small, tmp_path, "jpg")
    with Image.open(path) as picture:
        assert picture.size == (128, 128)
        assert abs(np.asarray(picture).mean() - 200) < 2


# Controls and recipes -------------------------------------------------------------------------------------


def set_values(session: Session) -> dict:
    """What the controls give back after a session has set them."""
    updates = controls.set_controls(session)
    values = {name: updates[name].value for name in (*controls.SLIDERS, "recompute")}
    return values | {"layers": "All"}


def visitor_with(recipe: Recipe) -> Session:
    return replace(Session().stepped(recipe, SMALL, "", 0), words=recipe.texts)


RECIPES = {
    "nothing": Recipe(),
    "every attribute": Recipe({name: a.low for name, a in ATTRIBUTES.items()}),
    "every other end": Recipe({name: a.high for name, a in ATTRIBUTES.items()}),
    "words": Recipe(texts=(TextEdit("blonde hair", strength=0.8), TextEdit("bangs", "a forehead", -1, 0.3))),
    "strong words": Recipe(texts=(TextEdit("blonde hair", strength=5),)),
    "component with rows of its own": Recipe(components=(ComponentEdit(3, 1.5, (2, 7)),)),
    "component without a slider": Recipe(components=(ComponentEdit(79, -2.0),)),
    "component beyond its slider": Recipe(components=(ComponentEdit(0, 12.0), ComponentEdit(1, -20.0))),
    "component to a coordinate": Recipe(components=(ComponentEdit(4, 0.0, (0, 4), absolute=True),)),
    "component twice": Recipe(components=(ComponentEdit(2, 1.0, (0, 4)), ComponentEdit(2, 2.0, (4, 8)))),
    "between a slider's steps": Recipe({"age": 1.2345}, components=(ComponentEdit(5, 0.1234),)),
    "masks": Recipe({"smile": 1.0}, mask_strength=0.3, masks="recompute"),
    "stored masks": Recipe({"smile": 1.0}, masks="reuse"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_loaded_recipe_is_what_the_controls_say_afterward(name):
    session = visitor_with(RECIPES[name])
    assert controls.read_recipe(session, set_values(session)) == RECIPES[name]


def test_the_order_of_absolute_and_relative_components_is_kept():
    recipe = Recipe(components=(ComponentEdit(7, 1.0), ComponentEdit(2, 3.0, absolute=True)))
    session = visitor_with(recipe)
    read = controls.read_recipe(session, set_values(session))
    assert set(read.components) == set(recipe.components)


@pytest.mark.parametrize("layers", controls.LAYERS)
def test_a_moved_component_takes_the_chosen_layers(layers):
    session = visitor_with(Recipe(components=(ComponentEdit(0, 12.0, (1, 3)), ComponentEdit(1, 2.0, (1, 3)))))
    values = set_values(session) | {"component_0": 5.0, "component_4": -1.0, "layers": layers}
    rows = controls.LAYERS[layers]
    assert controls.read_recipe(session, values).components == (
        ComponentEdit(0, 5.0, rows),
        ComponentEdit(1, 2.0, (1, 3)),  # was not moved
        ComponentEdit(4, -1.0, rows),
    )


def test_a_component_moved_to_zero_is_gone():
    session = visitor_with(Recipe(components=(ComponentEdit(2, 1.0, (0, 4)), ComponentEdit(2, 2.0, (4, 8)))))
    assert controls.read_recipe(session, set_values(session) | {"component_2": 0}) == Recipe()


def test_a_strength_beyond_the_slider_stays_until_the_slider_is_moved():
    words = (TextEdit("blonde hair", strength=4.5), TextEdit("bangs", strength=-5))
    limit = controls.STRENGTH_LIMIT
    assert controls.with_strength(words, 0, limit) == words
    assert controls.with_strength(words, 1, -limit) == words
    assert controls.with_strength(words, 0, limit - 0.1)[0].strength == pytest.approx(2.9)
    assert controls.with_strength(words, 0, -limit)[0].strength == -limit


def test_each_phrase_gets_a_row_with_its_name_and_the_rest_are_hidden():
    updates = controls.set_rows([TextEdit("blonde hair", strength=0.8), TextEdit("bangs", strength=-5)])
    assert [updates[f"row_{row}"].visible for row in controls.WORD_ROWS] == [True, True] + [False] * 6
    assert (updates["word_0"].label, updates["word_0"].value) == ("blonde hair", 0.8)
    assert (updates["word_1"].label, updates["word_1"].value) == ("bangs", -controls.STRENGTH_LIMIT)
    assert updates["remove_1"].value == "Remove “bangs”"


def test_what_needs_an_inversion_is_off_without_one(visit):
    for session, ready in ((Session(), False), (visit, True)):
        updates = controls.set_controls(session)
        assert set(updates) <= set(controls.CONTROLS)
        for name in ("age", "component_19", "mask_strength", "recompute", "add", "download", "chip_11"):
            assert updates[name].interactive is ready, name


@pytest.mark.parametrize(
    ("new", "control"),
    [
        (Recipe({"age": 2.1}), "age"),
        (Recipe({"age": 2, "smile": 1}), "smile"),
        (Recipe(), "age"),
        (Recipe({"age": 1, "smile": 1}), ""),
        (Recipe({"age": 2}), ""),
        (Recipe({"age": 2}, components=(ComponentEdit(3, 1),)), "component_3"),
        (Recipe({"age": 2}, (TextEdit("bangs"),)), "bangs"),
        (Recipe({"age": 2}, mask_strength=0.5), "mask_strength"),
        (Recipe({"age": 2}, masks="recompute"), ""),
        (Recipe({"age": 1}, (TextEdit("bangs"),)), ""),
    ],
)
def test_the_one_control_that_made_a_change_is_named(new, control):
    assert controls.changed_control(OLDER, new) == control


def stroke(rows: slice, level: int, alpha: int = 255) -> np.ndarray:
    layer = np.zeros((8, 8, 4), np.uint8)
    layer[rows] = (level, level, level, alpha)
    return layer


@pytest.mark.parametrize("editor", [None, {}, {"layers": []}, {"layers": [stroke(slice(8), 255, alpha=0)]}])
def test_an_untouched_or_wholly_erased_canvas_is_no_paint(editor):
    assert controls.read_paint(editor) is None


def test_white_keeps_black_draws_and_the_last_stroke_wins():
    layers = [stroke(slice(0, 4), 255), stroke(slice(3, 6), 0), stroke(slice(5, 7), 255)]
    paint = controls.read_paint({"layers": layers, "background": None})
    keep, draw = paint.areas[..., 0].astype(int).tolist()
    assert keep == [1, 1, 1, 0, 0, 1, 1, 0]
    assert draw == [0, 0, 0, 1, 1, 0, 0, 0]


def test_paint_at_a_pictures_size_covers_the_same_part():
    left = np.zeros((64, 64), bool)
    left[:, :32] = True
    keep, draw = Paint.of(left, ~left).at(256)
    assert keep.shape == draw.shape == (1, 1, 256, 256)
    assert torch.equal(keep[..., :120], torch.ones(1, 1, 256, 120))
    assert torch.equal(keep[..., 136:], torch.zeros(1, 1, 256, 120))
    assert torch.allclose(keep + draw, torch.ones(()))


# Files ----------------------------------------------------------------------------------------------------


def test_a_saved_picture_says_what_it_is_and_how_it_was_made(visit):
    path = Path(files.parcel("portrait", visit, present(visit)))
    assert NAME.fullmatch(path.name)
    assert "age+2" in path.name
    assert load_recipe(path) == OLDER
    texts = read_png_text(path)
    assert "compositeWithTrainedAlgorithmicMedia" in texts["XML:com.adobe.xmp"]
    assert texts["Software"] == "SAMM face editor"


def test_the_whole_photo_changes_only_around_the_face(visit):
    path = Path(files.parcel("photo", visit, present(visit)))
    assert NAME.fullmatch(path.name)
    assert load_recipe(path) == OLDER
    original, pasted = open_photo(HOPPER), np.asarray(Image.open(path))
    assert pasted.shape == original.shape
    changed = (pasted != original).any(-1)
    assert changed.any()
    x, y = np.nonzero(changed)[::-1]
    (left, top), (right, bottom) = visit.quad.min(0), visit.quad.max(0)
    assert left - 2 <= x.min() <= x.max() <= right + 2
    assert top - 2 <= y.min() <= y.max() <= bottom + 2


def test_the_masks_come_as_pictures(visit, small):
    edited = present(visit)
    path = Path(files.parcel("masks", visit, edited))
    assert re.fullmatch(r"samm_.*_masks\.zip", path.name)
    with zipfile.ZipFile(path) as archive:
        shown = {name: np.asarray(Image.open(archive.open(name))) for name in archive.namelist()}
    assert list(shown) == [f"mask_{r}.png" for r in (32, 64, 128, 256, "gathered")]
    assert np.array_equal(shown["mask_64.png"], mask_to_u8(small.masks[64]))
    assert np.array_equal(shown["mask_gathered.png"], mask_to_u8(edited.keep_photo))


def test_the_recipe_is_plain_json(visit):
    path = Path(files.parcel("recipe", visit, present(visit)))
    assert re.fullmatch(r"samm_.*_recipe\.json", path.name)
    assert from_json(path.read_text()) == OLDER


def test_the_latent_holds_both_codes_flows_and_masks(visit, small, tiny, tools):
    path = files.parcel("latent", visit, present(visit))
    with safe_open(path, "pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
        metadata = stored.metadata()
    assert torch.equal(tensors["w_plus"], small.w_plus)
    assert torch.equal(tensors["w_plus_edited"], edit(small, OLDER, tiny, tools).w_plus)
    assert torch.equal(tensors["mask_256"], small.masks[256])
    assert torch.equal(tensors["flow_32"], small.flows[32])
    assert len(tensors) == 2 + 4 + 4
    assert (metadata["preset"], from_json(metadata["recipe"])) == ("tiny", OLDER)
    assert "tuned" not in metadata


def test_the_latent_of_a_tuned_inversion_holds_its_weights_and_says_so(visit, tuned):
    session = replace(visit, inversion=pack(tuned, visit.folder))
    with safe_open(files.parcel("latent", session, present(session)), "pt") as stored:
        names = [name for name in stored.keys() if name.startswith("tuned.")]  # noqa: SIM118
        weights = {name.removeprefix("tuned."): stored.get_tensor(name) for name in names}
        assert "add each tensor tuned.NAME" in stored.metadata()["tuned"]
    assert weights.keys() == tuned.tuned.keys()
    assert all(torch.equal(weights[name], change) for name, change in tuned.tuned.items())


def test_a_visit_has_its_own_folder_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    mine, yours = files.new_folder(), files.new_folder()
    assert mine != yours
    assert mine.parent == yours.parent == tmp_path.resolve() / "visits"
    copied = files.copy_upload(HOPPER, mine)
    assert filecmp.cmp(copied, HOPPER, shallow=False)
    assert "hopper" not in copied.name
    files.delete(mine)
    files.delete(mine)  # a second time is no error
    files.delete(None)
    assert not mine.exists()
    assert yours.exists()


# What programs are told -----------------------------------------------------------------------------------


def test_describe_says_all_that_a_recipe_may_hold(gpu):
    from editing.page import api

    told = json.loads(json.dumps(api.describe()))
    assert (told["model"], told["size"], told["version"]) == ("tiny", 512, samm.__version__)
    assert told["phrases"] == list(PHRASES)
    assert list(told["attributes"]) == list(ATTRIBUTES)
    edges = {name: limits["high"] for name, limits in told["attributes"].items()}
    assert len(Recipe(edges).attributes) == len(ATTRIBUTES)  # all accepted
    for low, high in told["ranges"].values():
        assert low < high
    last = ComponentEdit(told["components"] - 1, told["ranges"]["component"][1])
    assert last.index == 79


# The border to a GPU's process ----------------------------------------------------------------------------


def tensors_in(value: object) -> list[torch.Tensor]:
    """All tensors in dataclasses, mappings and sequences."""
    if isinstance(value, torch.Tensor):
        return [value]
    if is_dataclass(value):
        value = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, dict):
        value = list(value.values())
    return [found for item in value for found in tensors_in(item)] if isinstance(value, list | tuple) else []


def _there(name: str, *args: object) -> object:
    """Call a function of the page in the process that this one runs in."""
    from editing.page import gpu

    if gpu.missing():
        gpu.load()
    return getattr(gpu, name)(*args)


@pytest.fixture(scope="module")
def worker():
    """A process that knows only what it is sent, like the one on a ZeroGPU Space."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMM_TINY", "1")
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            assert pool.submit(os.getpid).result() != os.getpid()
            yield pool


@pytest.fixture
def far_gpu(gpu, worker, monkeypatch):
    """The page's own process on a ZeroGPU Space: whatever the GPU does happens in `worker`."""
    sent = []
    monkeypatch.setattr(gpu, "ZERO_GPU", True)
    for name in ("invert_on_gpu", "refine_on_gpu", "tune_on_gpu", "edit_on_gpu", "strip_on_gpu"):

        def call(*args, name=name):
            result = worker.submit(_there, name, *args).result()
            assert all(tensor.device.type == "cpu" for tensor in tensors_in([args, result]))
            sent.append(name)
            return result

        monkeypatch.setattr(gpu, name, call)
    return sent


def uploaded(photo: Path) -> Path:
    """Bring a photo as the page's upload does, in a folder of its own."""
    folder = new_upload_folder()
    upload = Path(shutil.copyfile(photo, folder / photo.name))
    GATE.record(folder, [str(upload)])
    return upload


def last_session(updates) -> Session:
    """Run a handler to its end and give the session it has reached; it must not have reported an error."""
    session = None
    for update in updates:
        assert "Something went wrong" not in str(update.get("status"))
        session = update.get("session", session)
    return session


@pytest.mark.filterwarnings("ignore:The face is only")  # a notice that has no page to be shown on
def test_a_whole_visit_works_where_the_gpu_is_in_another_process(far_gpu, tmp_path, monkeypatch):
    from editing.page import handlers

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setitem(handlers.LIKENESS, TUNED, (2, 1))
    me = SimpleNamespace(session_hash="far")
    upload = uploaded(HOPPER)
    session = last_session(handlers.on_photo(Session(), {"path": str(upload)}, me))
    session = last_session(handlers.on_invert(session, TUNED, "Edited", False, me))
    assert far_gpu == ["invert_on_gpu", "refine_on_gpu", "tune_on_gpu"]
    assert (session.inversion.refined, session.inversion.tuned_steps) == (2, 1)
    assert session.inversion.tuned.parent == session.folder
    values = set_values(session) | {"age": 2.0}
    ordered = [values[name] for name in (*controls.SLIDERS, "layers", "recompute")]
    session = last_session(handlers.on_controls(session, "Edited", False, me, *ordered))
    assert session.recipe == OLDER
    session = last_session(handlers.on_strip(session, "smile", handlers.NO_GRID))
    assert session.strip == tuple(strip(OLDER, "smile"))
    assert far_gpu[3:] == ["edit_on_gpu", "strip_on_gpu"]
    handlers.on_leave(me)
    assert not upload.exists()
    assert list((tmp_path / "visits").iterdir()) == []


@pytest.fixture
def near(gpu, monkeypatch, tmp_path):
    """A visitor of a page whose work is done here, with a photo and no inversion yet."""
    from editing.page import handlers

    monkeypatch.setattr(gpu, "ZERO_GPU", False)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    me = SimpleNamespace(session_hash="near")
    upload = uploaded(HOPPER)
    yield me, last_session(handlers.on_photo(Session(), {"path": str(upload)}, me))
    handlers.on_leave(me)


def told_by(updates) -> list[str]:
    """Run a handler to its end and list what the status line has said."""
    said = [str(update.get("status", "")) for update in updates]
    return [re.sub("<[^>]*>", "", line) for line in said if line.startswith("<p")]


@pytest.mark.filterwarnings("ignore:The face is only")
def test_a_tuned_likeness_comes_in_three_pictures_and_each_is_announced(near, monkeypatch):
    from editing.page import handlers

    monkeypatch.setitem(handlers.LIKENESS, TUNED, (2, 1))
    me, session = near
    updates = list(handlers.on_invert(session, TUNED, "Edited", False, me))
    said = told_by(updates)
    assert said[0] == "Inverting…"
    assert re.fullmatch(r"Done in .* Now refining the likeness…", said[1])
    assert re.fullmatch(r"Refined in \d+ s\. 2 steps\. .* Now tuning the generator to your photo…", said[2])
    assert re.match(r"Refined and tuned in \d+ s\. 2 \+ 1 steps\. \d+ % of the picture is kept", said[3])
    sessions = [update["session"] for update in updates if "session" in update]
    reached = [(one.inversion.refined, one.inversion.tuned_steps) for one in sessions]
    assert list(dict.fromkeys(reached)) == [(0, 0), (2, 0), (2, 1)]
    assert len({Path(one.after).read_bytes() for one in sessions}) == 3
    assert updates[-1]["age"].interactive


@pytest.mark.filterwarnings("ignore:The face is only")
def test_stop_during_refining_leaves_tuning_out(near, monkeypatch):
    from editing.page import handlers

    monkeypatch.setitem(handlers.LIKENESS, TUNED, (9, 9))
    me, session = near
    updates = []
    for update in handlers.on_invert(session, TUNED, "Edited", False, me):
        updates.append(update)
        if "Now refining" in str(update.get("status")):
            handlers.on_stop(me)
    assert re.match(r"Refined in \d+ s\. Stopped after 1 steps\.", told_by(updates)[-1])
    assert updates[-1]["session"].inversion.tuned is None


@pytest.mark.filterwarnings("ignore:The face is only")
def test_the_fast_likeness_names_what_would_come_nearer(near):
    from editing.page import handlers

    me, session = near
    *_, last = told_by(handlers.on_invert(session, "Fast", "Edited", False, me))
    assert re.search(r"choose Faithful \(about \d+0 s here\) or Faithful, tuned \(about \d+0 s here\)", last)


def test_the_other_process_gives_what_this_one_gives(far_gpu, gpu, tuned, tiny, tools):
    there = gpu.edit_on_gpu(tuned, OLDER)
    here = edit(tuned, OLDER, tiny, tools)
    assert np.array_equal(there.blended, here.blended)
    assert torch.equal(there.w_plus, here.w_plus)


def test_no_call_asks_for_more_than_fifteen_seconds_of_a_gpu():
    tree = ast.parse((ROOT / "editing" / "page" / "gpu.py").read_text())
    asked = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name.endswith("_on_gpu"):
            outermost = function.decorator_list[0]
            assert ast.unparse(outermost.func) == "spaces.GPU"
            asked[function.name] = {k.arg: ast.literal_eval(k.value) for k in outermost.keywords}["duration"]
    assert set(asked) == {"invert_on_gpu", "refine_on_gpu", "tune_on_gpu", "edit_on_gpu", "strip_on_gpu"}
    assert max(asked.values()) <= MOST_S


def fails_with(error: Exception):
    def work(engine):
        raise error

    return work


def test_on_a_shared_gpu_errors_arrive_as_one_sentence(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "ZERO_GPU", True)
    with pytest.raises(gr.Error, match="Type what you want") as caught:
        gpu._carefully(fails_with(samm.OptionError("Type what you want to see.")))
    assert pickle.loads(pickle.dumps(str(caught.value.message))) == "Type what you want to see."
    with pytest.raises(gr.Error, match="The GPU is full. Try again in a moment"):
        gpu._carefully(fails_with(torch.cuda.OutOfMemoryError("CUDA out of memory")))


def test_at_home_an_error_of_ours_stays_what_it_is(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "ZERO_GPU", False)
    with pytest.raises(samm.OptionError, match="one of two"):
        gpu._carefully(fails_with(samm.OptionError("choose one of two")))
    with pytest.raises(ZeroDivisionError):
        gpu._carefully(fails_with(ZeroDivisionError()))


def test_at_home_a_full_gpu_hands_the_work_to_the_cpu(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "ZERO_GPU", False)
    monkeypatch.setattr(gpu, "_on_cpu", lambda: "on the CPU")
    tried = []

    def work(engine):
        tried.append(engine)
        if engine is gpu.engine():
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return engine, 3

    assert gpu._carefully(work) == ("on the CPU", 3)
    assert tried == [gpu.engine(), "on the CPU"]
