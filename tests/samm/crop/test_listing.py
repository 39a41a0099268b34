"""Which photos are meant by files, folders and patterns."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editing.command.photos import expand
from samm.crop.listing import HEIC, OTHER, list_photos, survey
from samm.crop.photo import open_photo, register_heif
from samm.errors import PhotoError


@pytest.fixture
def folder(tmp_path) -> Path:
    """Pictures of every kind, some of odd names, and other files."""
    picture = Image.fromarray(np.full((40, 50, 3), 120, np.uint8))
    for name in ("a.jfif", "b.jpe", "c.jif", "d.avif", "e.tif", "f.bmp", "g.webp", "h.gif", "i.ppm"):
        kind = {".jif": "JPEG", ".avif": "AVIF"}.get(Path(name).suffix)
        picture.save(tmp_path / name, kind)
    picture.save(tmp_path / "no suffix", "JPEG")
    picture.save(tmp_path / "wrong.txt", "PNG")
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "table.csv").write_text("none")
    (tmp_path / "broken.jpg").write_text("none")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / ".hidden.jpg").write_text("none")
    (tmp_path / "deep").mkdir()
    picture.save(tmp_path / "deep" / "z.png")
    return tmp_path


def found(paths) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_gives_what_can_be_read_and_counts_the_rest(folder):
    listing = survey(folder)
    expected = "a.jfif b.jpe broken.jpg c.jif d.avif e.tif f.bmp g.webp h.gif i.ppm"
    assert found(listing.photos) == [*expected.split(), "no suffix", "wrong.txt"]
    assert listing.skipped == {OTHER: 2, HEIC: 1}
    for photo in listing.photos:
        if photo.name != "broken.jpg":
            assert open_photo(photo).shape == (40, 50, 3)


def test_what_is_left_out_is_one_line(folder, capsys):
    photos, failures = expand(
        [folder, folder / "a.jfif", folder / "deep", folder / "nothing"], folder / "out"
    )
    assert (len(photos), failures) == (14, 0)  # each once; what is named outright fails later, by name
    line = f"Left out: 1 × {HEIC}, 2 × {OTHER}.\n"
    assert sorted(capsys.readouterr().err) == sorted(line)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.jfif", ["a.jfif"]),
        ("?.j*f*", ["a.jfif", "c.jif"]),
        ("deep/*.p*g", ["z.png"]),
        ("**/*.png", ["z.png"]),
        ("[de].*", ["d.avif", "e.tif"]),
    ],
)
def test_patterns(pattern, names, folder):
    assert found(list_photos([folder / pattern])) == names
    listing = survey(folder / "*")
    assert listing.photos == survey(folder).photos
    assert listing.skipped == survey(folder).skipped


def test_a_file_whose_name_looks_like_a_pattern_is_itself(folder):
    shutil.copy(folder / "a.jfif", folder / "[1].jpg")
    assert found(list_photos([folder / "[1].jpg"])) == ["[1].jpg"]


def test_a_pattern_may_begin_at_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert found(list_photos(["~/*.bmp"])) == ["f.bmp"]


def test_nothing_found_is_one_sentence(folder):
    with pytest.raises(PhotoError, match=r"^No picture matches .*\*\.jpeg; check the pattern and"):
        survey(folder / "*.jpeg")
    (folder / "phones").mkdir()
    shutil.copy(folder / "phone.heic", folder / "phones")
    with pytest.raises(PhotoError, match="holds no pictures but 1 × HEIC .save as JPEG"):
        survey(folder / "phones")


@pytest.mark.skipif(not register_heif(), reason="needs pillow-heif")
def test_heic_is_read_where_it_can_be(tmp_path):
    Image.fromarray(np.full((40, 50, 3), 120, np.uint8)).save(tmp_path / "phone.heic", "HEIF")
    assert found(survey(tmp_path).photos) == ["phone.heic"]
    assert np.abs(open_photo(tmp_path / "phone.heic").astype(int) - 120).max() <= 2
