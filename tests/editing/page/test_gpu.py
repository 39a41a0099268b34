"""The border to a GPU's process, and visits of which all drawing is done there or here."""

import ast
import json
import os
import pickle
import re
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, is_dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image
from visits import HOPPER, OLDER, ROOT

import samm
from editing.edit import edit
from editing.page import ids
from editing.page.gate import GATE, new_upload_folder
from editing.page.idle import Idle
from editing.page.lab.strip import NO_GRID, on_strip
from editing.page.layout import INPUTS, PARTS, on_controls
from editing.page.likeness import LIKENESS, Likeness
from editing.page.line import EDIT
from editing.page.packing import unpack
from editing.page.parts import settings
from editing.page.presence import leave, presence
from editing.page.regions import better
from editing.page.regions.better import on_better, on_improve, on_taken
from editing.page.regions.choice import on_undo_turn
from editing.page.regions.crop import on_invert
from editing.page.regions.photo import on_photo
from editing.page.sentences import EDITED, PHRASES
from editing.page.session import Inverted, Visit
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import ComponentEdit, Recipe
from editing.strip import strip

MOST_S = 15  # what one call may ask of a shared GPU
TUNED = "Closest"


@pytest.fixture(scope="module")
def tuned(small, quick) -> samm.Inversion:
    """The inversion after two steps of tuning."""
    return samm.tune(small, quick, 2)


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


def last_visit(updates) -> Inverted:
    """Run a handler to its end and give the visit it has reached; it must not have reported an error."""
    visit = None
    for update in updates:
        assert "Something went wrong" not in str(update.get(ids.STATUS))
        visit = update.get(ids.VISIT, visit)
    return visit


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The face is only")  # a notice that has no page to be shown on
def test_a_whole_visit_works_where_the_gpu_is_in_another_process(far_gpu, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setitem(LIKENESS, TUNED, Likeness(2, 1))
    upload = uploaded(HOPPER)
    visit = last_visit(on_photo(Visit(tab="far", view=EDITED), {"path": str(upload)}))
    visit = last_visit(on_invert(visit))
    monkeypatch.setattr(better, "is_closer", lambda better, inversion: True)
    list(on_improve(visit, TUNED))
    visit = last_visit(on_better(visit))
    assert far_gpu == ["invert_on_gpu", "refine_on_gpu", "tune_on_gpu"]
    inversion = unpack(visit.inversion)
    assert (inversion.refined, inversion.tuned_steps) == (2, 1)
    assert visit.inversion.tuned.parent == visit.folder
    updates = settings(PARTS, visit)
    values = {name: "All" if name == ids.LAYERS else updates[name].value for name in INPUTS} | {"age": 2.0}
    visit = last_visit(on_controls(visit, *values.values()))
    assert visit.recipe == OLDER
    list(on_strip(visit, "smile", NO_GRID))
    assert presence("far").strip == tuple(strip(OLDER, "smile"))
    assert far_gpu[3:] == ["edit_on_gpu", "strip_on_gpu"]
    leave("far")
    assert not upload.exists()
    assert list((tmp_path / "visits").iterdir()) == []


@pytest.fixture
def near(gpu, monkeypatch, tmp_path):
    """A visitor of a page whose work is done here, with a photo and no inversion yet."""
    monkeypatch.setattr(gpu, "ZERO_GPU", False)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    upload = uploaded(HOPPER)
    yield last_visit(on_photo(Visit(tab="near", view=EDITED), {"path": str(upload)}))
    leave("near")


def told_by(updates) -> list[str]:
    """Run a handler to its end and list what the status line has said."""
    said = [str(update.get("status", "")) for update in updates]
    return [re.sub("<[^>]*>", "", line) for line in said if line.startswith("<p")]


@pytest.mark.filterwarnings("ignore:The face is only")
def test_a_closer_likeness_joins_the_edit_that_was_made_meanwhile(near, monkeypatch):
    monkeypatch.setitem(LIKENESS, TUNED, Likeness(2, 1))
    monkeypatch.setattr(better, "is_closer", lambda better, inversion: True)
    visit = last_visit(on_invert(near))
    told = [update[ids.BETTER_TEXT] for update in on_improve(visit, TUNED) if ids.BETTER_TEXT in update]
    assert any(re.search(r"closer to your photo: 1 of 2", sentence) for sentence in told)
    values = settings(PARTS, visit)
    wanted = {name: "All" if name == ids.LAYERS else values[name].value for name in INPUTS} | {"age": 2.0}
    edited = last_visit(on_controls(visit, *wanted.values()))
    (update,) = on_better(edited)
    after = update[ids.VISIT]
    inversion = unpack(after.inversion)
    assert (inversion.refined, inversion.tuned_steps) == (2, 1)
    assert after.recipe == OLDER
    assert after.steps == edited.steps
    assert Path(after.after).read_bytes() != Path(edited.after).read_bytes()
    assert list(on_better(after)) == []  # it is taken once
    (seen,) = on_taken(replace(after, brushing=True))  # whoever paints goes on painting
    assert seen.keys() == {ids.COMPARE, ids.STAGE}
    assert {part.visible for part in seen.values()} == {"hidden"}


@pytest.mark.filterwarnings("ignore:The face is only")
def test_a_likeness_that_is_not_closer_changes_nothing(near, monkeypatch):
    monkeypatch.setitem(LIKENESS, TUNED, Likeness(1))
    monkeypatch.setattr(better, "is_closer", lambda better, inversion: False)
    visit = last_visit(on_invert(near))
    *_, last = on_improve(visit, TUNED)
    assert last == {ids.BETTER: last[ids.BETTER]}
    assert not last[ids.BETTER].visible
    assert list(on_better(visit)) == []


@pytest.mark.filterwarnings("ignore:The face is only")
def test_a_stopped_improvement_ends_at_once_with_what_it_had(near, monkeypatch):
    monkeypatch.setitem(LIKENESS, TUNED, Likeness(50))
    visit = last_visit(on_invert(near))
    begun_s = time.monotonic()
    for update in on_improve(visit, TUNED):
        if "1 of 50" in update.get(ids.BETTER_TEXT, ""):
            begun_s = time.monotonic()
            presence("near").beginning("improvement")
    assert time.monotonic() - begun_s < 1
    assert list(on_better(visit)) == []


@pytest.mark.filterwarnings("ignore:The face is only")
@pytest.mark.filterwarnings("ignore:The photo was turned")
def test_a_photo_on_its_side_is_turned_and_can_be_turned_back(near, tmp_path):
    with Image.open(HOPPER) as hopper:
        hopper.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "side.png")
    updates = list(on_photo(near, {"path": str(uploaded(tmp_path / "side.png"))}))
    turned = updates[-1][ids.VISIT]
    assert turned.opened.photo.turned_deg == 90
    assert updates[-1][ids.UNDO_TURN].visible
    assert "turned by 90° clockwise" in told_by(updates)[-1]
    assert "pressing Turn back" in told_by(on_invert(turned))[-1]
    updates = list(on_undo_turn(turned))
    visit = updates[-1][ids.VISIT]
    assert visit.opened.photo.turned_deg == 0
    assert not updates[-1][ids.UNDO_TURN].visible
    assert visit.photo_id != turned.photo_id
    assert list(on_undo_turn(visit)) == []


@pytest.mark.filterwarnings("ignore:The face is only")
def test_what_is_kept_stands_beside_the_result_and_follows_the_mask(near):
    *_, last = on_invert(near)
    values = settings(PARTS, last[ids.VISIT])
    wanted = {name: "All" if name == ids.LAYERS else values[name].value for name in INPUTS}
    *_, none = on_controls(last[ids.VISIT], *(wanted | {ids.MASK_STRENGTH: 0.0}).values())
    assert none[ids.KEPT].alt_text == "Mask: white is kept from your photo, 0 %"
    assert none[ids.KEPT].value["path"] != last[ids.KEPT].value["path"]


def test_what_is_idle_for_a_while_is_told_once_and_what_works_is_not():
    told = []
    idle = Idle(lambda: told.append(1), after_s=0.05)
    with idle.awake(), idle.awake():
        time.sleep(0.1)
    assert told == []
    time.sleep(0.3)
    assert told == [1]


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
    def work(engine, tell):
        raise error

    return work


def test_on_a_shared_gpu_errors_arrive_as_one_sentence(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "ZERO_GPU", True)
    with pytest.raises(gr.Error, match="Type what you want") as caught:
        gpu._carefully(fails_with(samm.OptionError("Type what you want to see.")), EDIT)
    assert pickle.loads(pickle.dumps(str(caught.value.message))) == "Type what you want to see."
    with pytest.raises(gr.Error, match="The GPU is full. Try again in a moment"):
        gpu._carefully(fails_with(torch.cuda.OutOfMemoryError("CUDA out of memory")), EDIT)


def test_at_home_an_error_of_ours_stays_what_it_is(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "ZERO_GPU", False)
    with pytest.raises(samm.OptionError, match="one of two"):
        gpu._carefully(fails_with(samm.OptionError("choose one of two")), EDIT)
    with pytest.raises(ZeroDivisionError):
        gpu._carefully(fails_with(ZeroDivisionError()), EDIT)


def test_at_home_a_full_gpu_hands_the_work_to_the_cpu(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "ZERO_GPU", False)
    monkeypatch.setattr(gpu, "_on_cpu", lambda: "on the CPU")
    tried = []

    def work(engine, tell):
        tried.append(engine)
        if engine is gpu.engine():
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return engine, 3

    assert gpu._carefully(work, EDIT) == ("on the CPU", 3)
    assert tried == [gpu.engine(), "on the CPU"]
