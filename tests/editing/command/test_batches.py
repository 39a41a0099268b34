"""A batch loses nothing: neither to one photo, nor to names, to a console, or to what was there before."""

import errno
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from editing.command import edit as command
from editing.command import photos as loop
from editing.command.__main__ import main
from editing.edit import edit
from samm.crop.photo import open_photo
from samm.crop.png import save_png

ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "examples" / "astronaut.jpg"
CROP = ("--crop", "222,128,250")


def run(photos: object, out: Path, *arguments: object, crop: tuple[str, ...] = CROP) -> int:
    change = ["--age", "1", "--mask-rule", "reuse"]
    return main(
        ["edit", str(photos), "--out", str(out), "--preset", "tiny", *change, *crop, *map(str, arguments)]
    )


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def results(*stems: str) -> set[str]:
    return {f"{stem}_{kind}" for stem in stems for kind in ("edit.png", "recipe.json")}


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder with three copies of a photo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "abc":
        shutil.copy(PHOTO, folder / f"{name}.jpg")
    return folder


@pytest.fixture
def pair(tmp_path) -> Path:
    """A photo of two people."""
    one = open_photo(ROOT / "examples" / "hopper.jpg")
    save_png(np.concatenate([one, one[:, ::-1]], 1), tmp_path / "pair.png")
    return tmp_path / "pair.png"


@pytest.fixture
def failing(monkeypatch):
    """A function that makes the second edit raise an error."""

    def install(error: BaseException) -> None:
        calls = []

        def second_fails(*arguments):
            calls.append(1)
            if len(calls) == 2:
                raise error
            return edit(*arguments)

        monkeypatch.setattr(command, "edit", second_fails)

    return install


# Failures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyError("x"), "b.jpg: Something unexpected went wrong (KeyError-test_batches-"),
        (UnicodeEncodeError("ascii", "−", 0, 1, "x"), "went wrong (UnicodeEncodeError-test_batches-"),
        (
            MemoryError(),
            "b.jpg: There is not enough memory; close other programs, or make the photo smaller.",
        ),
        (RuntimeError("CUDA out of memory. Tried"), "b.jpg: There is not enough memory;"),
        (
            OSError(errno.EIO, "Input/output error"),
            "b.jpg: The system refused it (input/output error); choose",
        ),
    ],
)
def test_one_photos_failure_does_not_end_the_batch(error, sentence, photos, tmp_path, capsys, failing):
    failing(error)
    assert run(photos, tmp_path / "out") == 1
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in said
    assert said.endswith(".")
    assert names(tmp_path / "out") == results("a", "c")


def test_the_traceback_is_shown_to_those_who_ask(photos, tmp_path, caplog, failing):
    failing(KeyError("x"))
    assert run(photos, tmp_path / "out") == 1
    assert not caplog.records
    failing(KeyError("x"))
    assert run(photos, tmp_path / "out", "--debug") == 1
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert record.exc_info[0] is KeyError


def test_a_full_disk_leaves_nothing_half_finished(photos, tmp_path, capsys, monkeypatch):
    writes, write = [], Path.write_bytes

    def full_at_third(path: Path, data: bytes) -> int:
        writes.append(path)
        if len(writes) in (2, 5):  # the picture of the first, the recipe of the second photo
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_at_third)
    assert run(photos, tmp_path / "out") == 1
    first, second = capsys.readouterr().err.strip().splitlines()
    said = "could not be saved (no space left on device); choose an existing folder with free space"
    assert first.startswith(f"a.jpg: a_edit.png {said}")
    assert second.startswith(f"c.jpg: c_recipe.json {said}")
    assert names(tmp_path / "out") == results("b")


def test_ctrl_c_keeps_what_is_finished_and_nothing_else(photos, tmp_path, capsys, failing):
    failing(KeyboardInterrupt())
    assert run(photos, tmp_path / "out") == 130
    assert capsys.readouterr().err.strip() == "Stopped; what was finished has been saved."
    assert names(tmp_path / "out") == results("a")


def test_ctrl_c_during_the_first_seconds_is_one_sentence(tmp_path):
    """Also where a library turns it into an error of its own."""
    # In short naps, as a signal that comes just before one does not end it.
    slow = "try:\n    for _ in range(600): time.sleep(0.1)\nexcept BaseException: raise ImportError"
    (tmp_path / "torch.py").write_text(f"import time\nprint('importing', flush=True)\n{slow}")
    started = subprocess.Popen(
        [sys.executable, "-m", "samm", "edit", "x.jpg", "--out", "x"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "importing\n"
    started.send_signal(signal.SIGINT)
    assert started.communicate(timeout=30)[1] == "Stopped; nothing was begun yet.\n"
    assert started.returncode == 130


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_output_goes_through_every_encoding(encoding, photos, tmp_path, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(SystemExit) as ended:
        main(["edit", "--help"])
    assert ended.value.code == 0
    assert run(photos / "a.jpg", tmp_path / "out", "--age", -1) == 0
    stream.flush()
    written = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert ("age −1.0" if encoding == "utf-8" else "age -1.0") in written
    assert ("β of global" if encoding == "utf-8" else "beta of global") in written


def test_output_that_nobody_reads_stops_no_work(photos, tmp_path, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(photos, tmp_path / "out") == 0
    assert names(tmp_path / "out") == results("a", "b", "c")


# Names ------------------------------------------------------------------------------------------------------


def test_names_that_are_long_or_no_text(tmp_path, capsys):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name in ("x" * 245 + "1", "x" * 245 + "2", "😀" * 61, os.fsdecode(b"\xff\xfe"), "two\nlines"):
        shutil.copy(PHOTO, folder / f"{name}.jpg")
    assert run(folder, out) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    stems = {name.removesuffix("_edit.png") for name in names(out) if name.endswith(".png")}
    assert names(out) == results(*stems)
    long = "x" * (255 - len("_recipe.json") - len("-9999"))
    emoji = "😀" * (len(long) // 4)
    assert stems == {long, f"{long}-2", emoji, "__", "two_lines"}
    assert "two?lines.jpg" not in printed.out  # it went well, and said so by the name of its results
    assert "two_lines: age +1.0" in printed.out


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_what_is_there_is_never_overwritten(kind, photos, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    place = out / "a_edit.png"
    if kind == "file":
        place.write_text("a person's own")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(out / "nothing")
    before = place.lstat()
    assert run(photos, out) == 0
    assert place.lstat() == before
    assert names(out) == {"a_edit.png"} | results("a-2", "b", "c")
    assert "a.jpg: results of this name are there, so these are called a-2." in capsys.readouterr().out


def test_results_beside_the_photos(photos, capsys):
    """A person's own a_edit.png is read as a photo; results of an earlier run are not."""
    save_png(open_photo(PHOTO), photos / "a_edit.png")
    own = (photos / "a_edit.png").read_bytes()
    before = names(photos)
    assert run(photos, photos) == 0
    assert (photos / "a_edit.png").read_bytes() == own
    made = results("a-2", "a_edit", "b", "c")
    assert names(photos) == before | made
    kept = {name: (photos / name).read_bytes() for name in made}
    capsys.readouterr()
    assert run(photos, photos) == 0
    assert {name: (photos / name).read_bytes() for name in made} == kept
    assert names(photos) == before | made | results("a-3", "a_edit-2", "b-2", "c-2")
    assert (
        "Left out: 4 × no picture that can be read, 4 × result of an earlier run." in capsys.readouterr().err
    )


def test_names_that_meet_across_photos(pair, tmp_path):
    shutil.copy(PHOTO, tmp_path / "pair_face2.jpg")
    arguments = ["edit", str(pair), str(tmp_path / "pair_face2.jpg"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--preset", "tiny", "--face", "all", "--mask-rule", "reuse"]) == 0
    assert names(tmp_path / "out") == results("pair_face1", "pair_face2", "pair_face2-2")


def test_a_file_in_place_of_the_folder_and_a_closed_folder(photos, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    assert run(photos, tmp_path / "file") == 1
    assert "The folder file cannot be made, since a file of that name is there;" in capsys.readouterr().err

    def closed(dir: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", closed)
    assert run(photos, tmp_path / "out") == 1
    said = "Nothing can be written to out (permission denied); choose a folder that you may write to."
    assert capsys.readouterr().err.strip() == said


# Going on ---------------------------------------------------------------------------------------------------


def test_resume_does_what_is_left(photos, tmp_path, capsys, failing, monkeypatch):
    out = tmp_path / "out"
    failing(KeyError("x"))
    assert run(photos, out) == 1
    before = {path.name: path.stat() for path in out.iterdir()}
    monkeypatch.setattr(command, "edit", edit)
    shutil.copy(ROOT / "examples" / "hopper.jpg", photos / "b.jpg")
    (out / "c_edit.png").rename(out / "kept.png")
    before["kept.png"] = before.pop("c_edit.png")
    capsys.readouterr()
    assert run(photos, out, "--resume") == 0
    printed = capsys.readouterr().out
    assert "a.jpg: finished earlier." in printed
    assert "c.jpg: finished earlier." in printed
    assert "b: age +1.0" in printed
    after = {path.name: path.stat() for path in out.iterdir()}
    assert {name: after[name].st_mtime_ns for name in before} == {n: s.st_mtime_ns for n, s in before.items()}
    assert after.keys() - before.keys() == results("b")


@pytest.mark.parametrize("other", [("--age", 2), ("--save-mask",), ("--whole-photo",), ("--steps", 1)])
def test_resume_makes_anew_what_was_made_otherwise(other, photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(photos / "a.jpg", out) == 0
    assert run(photos / "a.jpg", out, "--resume", *other) == 0
    assert results("a", "a-2") <= names(out)
    assert run(photos / "a.jpg", out, "--resume", *other) == 0
    assert "a-3_edit.png" not in names(out)
    (out / "a-2_edit.png").unlink()
    assert run(photos / "a.jpg", out, "--resume", *other) == 0
    assert "finished earlier" not in capsys.readouterr().out.splitlines()[-1]


def test_processes_of_torchrun_share_a_folder(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    shutil.copy(PHOTO, photos / "g.jpg")
    made = []
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        assert run(photos, tmp_path / rank) == 0
        made.append(names(tmp_path / rank))
    assert made[0]
    assert made[1]
    assert made[0].isdisjoint(made[1])
    assert made[0] | made[1] == results(*"abcg")
    # Names that results could share stay together, so that they are numbered and not written over.
    alike = [Path(name) for name in ("a.jpg", "more/A.png", "a-2.jpg", "a_face1.jpg", "a_face1-3.jpg")]
    shares = []
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        shares.append(loop.own_share(alike))
    assert sorted(map(len, shares)) == [0, 5]


# Several faces ----------------------------------------------------------------------------------------------


def test_all_faces_go_into_one_whole_photo(pair, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    assert run(pair, out, "--face", "all", "--whole-photo", crop=()) == 0
    assert names(out) == {"pair_whole.png"} | results("pair_face1", "pair_face2")
    before, after = open_photo(pair), open_photo(out / "pair_whole.png")
    changed = (before != after).any(2)
    half = before.shape[1] // 2
    assert changed[:, :half].mean() > 0.05
    assert changed[:, half:].mean() > 0.05
    for number in (1, 2):  # each face as if it had been changed alone
        assert run(pair, tmp_path / str(number), "--face", number, "--whole-photo", crop=()) == 0
    first = open_photo(tmp_path / "1" / "pair_whole.png")
    second = open_photo(tmp_path / "2" / "pair_face2_whole.png")
    alone = (first != before).any(2) & ~(second != before).any(2)
    assert np.array_equal(after[alone], first[alone])
    alone = (second != before).any(2) & ~(first != before).any(2)
    assert np.array_equal(after[alone], second[alone])
    capsys.readouterr()
    monkeypatch.setattr(loop, "invert", None)
    assert run(pair, out, "--face", "all", "--whole-photo", "--resume", crop=()) == 0
    assert capsys.readouterr().out == "pair.png: finished earlier.\n"


def test_one_face_that_fails_leaves_the_others(pair, tmp_path, capsys, failing):
    failing(KeyError("x"))
    assert run(pair, tmp_path / "out", "--face", "all", "--whole-photo", crop=()) == 1
    assert "pair.png, face 2: Something unexpected went wrong (KeyError-" in capsys.readouterr().err
    assert names(tmp_path / "out") == {"pair_whole.png"} | results("pair_face1")
