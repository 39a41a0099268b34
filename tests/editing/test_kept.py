"""Examples as they are shipped: what a file gives back, and whether the files fit weights and program."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import samm
from editing.command.__main__ import main
from editing.edit import edit
from editing.kept import EDITS, EXAMPLES, FOLDER, PREVIEW_PX, Kept, fingerprint, keep, kept, pair
from samm.metrics import psnr

needs_files = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="examples/kept is not made yet: python -m samm examples"
)


@pytest.fixture(scope="module")
def cap(tiny) -> samm.Inversion:
    return samm.invert(samm.open(EXAMPLES / "cap.jpg").faces[0], tiny)


@pytest.fixture(scope="module")
def folder(cap, tiny, tools, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    preview = np.full((PREVIEW_PX, PREVIEW_PX, 3), 90, np.uint8)
    keep("cap", Kept(cap, edit(cap, "age +2", tiny, tools), {"smile": preview}), tiny, folder)
    return folder


def small(picture_u8: np.ndarray) -> np.ndarray:
    """Average 4 × 4 pixels: random weights draw noise, which lossy pictures leave out."""
    return np.asarray(Image.fromarray(picture_u8).reduce(4))


def assert_alike(opened: samm.Inversion, fresh: samm.Inversion) -> None:
    """Numbers to half precision, pictures as lossy WebP leaves them."""
    assert (opened.preset, opened.options, opened.tone) == (fresh.preset, fresh.options, fresh.tone)
    assert np.abs(opened.crop.quad - fresh.crop.quad).max() < 0.01
    assert opened.crop.face
    assert fresh.crop.face
    for part in ("box", "points"):
        ours, theirs = getattr(opened.crop.face, part), getattr(fresh.crop.face, part)
        assert np.allclose(ours, theirs, atol=0.01)  # pixels
    assert torch.allclose(opened.w_plus, fresh.w_plus, atol=1e-3)
    assert [*opened.flows] == [*fresh.flows]
    for r in fresh.flows:
        assert torch.allclose(opened.flows[r], fresh.flows[r], atol=2e-4)  # a tenth of a pixel of 1024
        assert torch.allclose(opened.masks[r], fresh.masks[r], atol=4e-3)  # a step of 8 bits
    for r, head in fresh.readout.heads.items():
        assert torch.allclose(opened.readout.heads[r].weight, head.weight, atol=2e-3)
    assert float((opened.gathered - fresh.gathered).abs().mean()) < 0.01
    for name in ("photo_u8", "aligned", "drawn", "blended"):
        assert psnr(small(getattr(opened, name)), small(getattr(fresh, name))) > 36, name


def test_a_file_gives_back_the_inversion(cap, folder, tiny):
    opened = kept("cap.jpg", tiny, folder).inversion
    assert_alike(opened, cap)
    assert torch.equal(opened.w_plus, cap.w_plus)
    assert opened.crop.face == cap.crop.face
    assert np.array_equal(opened.crop.photo.pixels, cap.crop.photo.pixels)


def test_a_file_gives_back_the_edit_that_was_drawn(cap, folder, tiny, tools):
    opened = kept("cap", tiny, folder)
    fresh = edit(cap, "age +2", tiny, tools)
    assert opened.edit.recipe == fresh.recipe
    assert torch.equal(opened.edit.w_plus, fresh.w_plus)
    assert float((opened.edit.gathered - fresh.gathered).abs().mean()) < 0.01
    assert psnr(small(opened.edit.blended), small(fresh.blended)) > 36
    assert opened.edit.whole().shape == cap.crop.photo.pixels.shape


def test_a_file_gives_back_previews_and_the_pair(cap, folder, tiny):
    previews = kept("cap", tiny, folder).previews
    assert [*previews] == ["smile"]
    assert np.abs(previews["smile"].astype(int) - 90).max() <= 2  # lossy
    both = pair("cap.jpg", tiny, folder)
    assert both.shape == (PREVIEW_PX, 2 * PREVIEW_PX, 3)
    before, after = np.split(small(both).astype(int), 2, axis=1)
    photo = np.asarray(Image.fromarray(cap.photo_u8).resize((48, 48), Image.Resampling.BOX)).astype(int)
    assert np.abs(before - photo).mean() < np.abs(after - photo).mean()
    assert pair("hopper", tiny, folder) is None


def test_edits_of_an_opened_inversion_are_those_of_a_fresh_one(cap, folder, tiny, tools):
    """What random weights draw is noise, which lossy files keep far less well than faces."""
    opened = kept("cap", tiny, folder).inversion
    ours, fresh = (edit(each, "smile -2", tiny, tools).aligned for each in (opened, cap))
    assert psnr(ours, fresh) > 23


def test_other_weights_names_and_folders_open_nothing(folder, tiny, tmp_path):
    assert kept("cap", samm.load("tiny-stylegan2-e4e", "cpu"), folder) is None
    for name in ("hopper", "nobody", "../kept/cap", ""):
        assert kept(name, tiny, folder) is None
    assert kept("cap", tiny, tmp_path) is None


def test_a_fingerprint_changes_with_any_part_of_a_model(tiny):
    own = fingerprint(tiny)
    assert len(own) == 64
    assert fingerprint(samm.load("tiny", "cpu")) == own
    for part in ("generator", "encoder", "samm"):
        changed = getattr(samm.load("tiny", "cpu"), part)
        with torch.no_grad():
            next(iter(changed.parameters())).add_(1e-3)
        assert fingerprint(replace(tiny, **{part: changed})) != own


@pytest.mark.slow
def test_the_command_makes_files_that_open(tiny, tmp_path, capsys):
    assert main(["examples", "--preset", "tiny", "--only", "cap", "--out", str(tmp_path / "kept")]) == 0
    assert "cap.safetensors" in capsys.readouterr().out
    assert kept("cap", tiny, tmp_path / "kept").inversion.size == tiny.resolution


@needs_files
def test_all_examples_are_shipped_for_these_weights_and_open_quickly(embedded):
    assert {file.stem for file in FOLDER.iterdir()} == set(EDITS)
    assert {file.stem for file in EXAMPLES.glob("*.jpg")} - {"result"} == set(EDITS)
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 8e6
    took_s = []
    for name in EDITS:
        began_s = time.perf_counter()
        assert kept(name, embedded) is not None, f"{name} was made by other weights: python -m samm examples"
        took_s.append(time.perf_counter() - began_s)
    assert min(took_s) < 0.5


@pytest.mark.slow
@needs_files
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "cap" else pytest.mark.long) for name in EDITS]
)
def test_a_shipped_example_is_what_this_program_makes(embedded, name):
    fresh = samm.invert(samm.open(EXAMPLES / f"{name}.jpg").faces[0], embedded)
    assert_alike(kept(name, embedded).inversion, fresh)
