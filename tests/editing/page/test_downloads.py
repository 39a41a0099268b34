"""Files to take home, without a browser."""

import filecmp
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from visits import HOPPER, OLDER, older

import samm
from editing.edit import edit
from editing.page import files
from editing.page.lab import programs
from editing.page.lab.programs import latent, masks, recipe
from editing.page.packing import pack
from editing.page.pictures import present
from editing.page.regions.downloads import (
    DOWNLOADS,
    SAVE,
    SHARE,
    before_after,
    film,
    photo,
    portrait,
)
from editing.page.session import Inverted
from editing.recipe.file import from_json, load_recipe
from samm.crop.photo import open_photo
from samm.crop.png import read_png_text
from samm.pixels import mask_to_u8

NAME = re.compile(r"^samm_\d{8}T\d{6}Z_.*\.png$")


@pytest.fixture
def older_visit(small, tiny, tools, tmp_path, detector) -> Inverted:
    return older(small, edit(small, OLDER, tiny, tools), detector, tmp_path)


@pytest.fixture(scope="module")
def tuned(small, quick) -> samm.Inversion:
    """The inversion after two steps of tuning."""
    return samm.tune(small, quick, 2)


def test_each_download_has_a_button_of_its_own():
    offered = (SAVE, SHARE, *DOWNLOADS, *programs.DOWNLOADS)
    assert len({download.id for download in offered}) == len(offered) == 8
    assert len({download.make for download in offered}) == 7  # what is shared is the card


def test_a_saved_picture_says_what_it_is_and_how_it_was_made(older_visit):
    path = Path(portrait(older_visit, present(older_visit)))
    assert NAME.fullmatch(path.name)
    assert "age+2" in path.name
    assert load_recipe(path) == OLDER
    texts = read_png_text(path)
    assert "compositeWithTrainedAlgorithmicMedia" in texts["XML:com.adobe.xmp"]
    assert texts["Software"] == "SAMM face editor"


def test_the_whole_photo_changes_only_around_the_face(older_visit):
    path = Path(photo(older_visit, present(older_visit)))
    assert NAME.fullmatch(path.name)
    assert load_recipe(path) == OLDER
    original, pasted = open_photo(HOPPER), np.asarray(Image.open(path))
    assert pasted.shape == original.shape
    changed = (pasted != original).any(-1)
    assert changed.any()
    x, y = np.nonzero(changed)[::-1]
    (left, top), (right, bottom) = older_visit.crop.quad.min(0), older_visit.crop.quad.max(0)
    assert left - 2 <= x.min() <= x.max() <= right + 2
    assert top - 2 <= y.min() <= y.max() <= bottom + 2


def test_card_and_film_show_photo_and_result_and_say_what_they_are(older_visit):
    edited = present(older_visit)
    for make, kind, moves in ((before_after, "JPEG", False), (film, "WEBP", True)):
        path = Path(make(older_visit, edited))
        assert path.name.startswith("samm_")
        with Image.open(path) as shown:
            assert (shown.format, getattr(shown, "n_frames", 1) > 1) == (kind, moves)
            assert "age" in shown.getexif()[0x010E]
            width = 2 * edited.size if kind == "JPEG" else edited.size
            assert shown.width == pytest.approx(width, rel=0.02)


def test_the_masks_come_as_pictures(older_visit, small):
    edited = present(older_visit)
    path = Path(masks(older_visit, edited))
    assert re.fullmatch(r"samm_.*_masks\.zip", path.name)
    with zipfile.ZipFile(path) as archive:
        shown = {name: np.asarray(Image.open(archive.open(name))) for name in archive.namelist()}
    assert list(shown) == [f"mask_{r}.png" for r in (32, 64, 128, 256, "gathered")]
    assert np.array_equal(shown["mask_64.png"], mask_to_u8(small.masks[64]))
    assert np.array_equal(shown["mask_gathered.png"], mask_to_u8(edited.keep_photo))


def test_the_recipe_is_plain_json(older_visit):
    path = Path(recipe(older_visit, present(older_visit)))
    assert re.fullmatch(r"samm_.*_recipe\.json", path.name)
    assert from_json(path.read_text()) == OLDER


def test_the_latent_holds_both_codes_flows_and_masks(older_visit, small, tiny, tools):
    path = latent(older_visit, present(older_visit))
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


def test_the_latent_of_a_tuned_inversion_holds_its_weights_and_says_so(older_visit, tuned):
    visit = replace(older_visit, inversion=pack(tuned, older_visit.folder))
    with safe_open(latent(visit, present(visit)), "pt") as stored:
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
