"""A server's folder goes with the server, however it ends: by itself, by a signal, or with no time left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from editing.page import files, folders
from editing.page.gate import GATE, new_upload_folder

ROOT = Path(__file__).parents[3]
SERVER = """
import sys, time
from pathlib import Path
from editing.page import folders
folder = Path(sys.argv[1])
folders.claim(folder, 3600)
folders.delete_at_exit(folder)
(folder / "photo.jpg").write_bytes(b"a face")
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
"""


def served(folder: Path, seconds: float = 60) -> subprocess.Popen:
    """Start a process that has claimed a folder and has a photo in it."""
    command = [sys.executable, "-c", SERVER, str(folder), str(seconds)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background
    )
    assert process.stdout.readline() == "ready\n"
    assert (folder / "photo.jpg").is_file()
    return process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_leaves_nothing(tmp_path, number):
    process = served(tmp_path / "page_1")
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == -number
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_server_that_ends_by_itself_leaves_nothing(tmp_path):
    process = served(tmp_path / "page_1", 1)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_a_killed_server_left_goes_when_the_next_one_starts_and_the_living_keep_theirs(tmp_path):
    killed, living = served(tmp_path / "page_1"), served(tmp_path / "page_2")
    strange = tmp_path / "photos"
    strange.mkdir()
    killed.kill()
    killed.communicate()
    assert (tmp_path / "page_1" / "photo.jpg").is_file()
    third = served(tmp_path / "page_3")
    assert {path.name for path in tmp_path.iterdir()} == {
        *("page_2", "page_2.lock", "page_3", "page_3.lock", "photos")
    }
    assert (tmp_path / "page_2" / "photo.jpg").is_file()
    for process in (living, third):
        process.terminate()
        process.communicate(timeout=30)
    assert list(tmp_path.iterdir()) == [strange]


def test_a_folder_without_a_lock_goes_when_it_is_old(tmp_path):
    old, young = tmp_path / "page_old", tmp_path / "page_young"
    for folder in (old, young):
        folder.mkdir()
    hour_ago = time.time() - 3600
    os.utime(old, (hour_ago, hour_ago))
    folders.sweep_dead(tmp_path, 60)
    assert list(tmp_path.iterdir()) == [young]


def test_a_link_that_is_named_like_a_folder_of_ours_is_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "photo.jpg").write_bytes(b"mine")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "page_1").symlink_to(kept)
    (shared / "page_1.lock").touch()
    folders.sweep_dead(shared, 0)
    assert (kept / "photo.jpg").is_file()


def test_uploads_and_visits_go_at_a_short_age_and_others_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    old_visit, old_upload = files.new_folder(), new_upload_folder()
    (old_upload / "me.jpg").write_bytes(b"a face")
    GATE.record(old_upload, [str(old_upload / "me.jpg")])
    time.sleep(0.3)
    young_visit, young_upload = files.new_folder(), new_upload_folder()
    GATE.record(young_upload, [str(young_upload / "me.jpg")])
    files.sweep(0.2)
    assert not old_visit.exists()
    assert not old_upload.exists()
    assert young_visit.exists()
    assert young_upload.exists()


def test_what_gradio_itself_stored_in_our_folder_goes_at_an_age_and_examples_stay(tmp_path, monkeypatch):
    mine, shared = tmp_path / "page_1", tmp_path / "shared"
    folders.claim(mine, 3600)
    for root in (mine, shared):
        for letter, name in (("a", "image.png"), ("b", "hopper.jpg")):
            (root / (64 * letter)).mkdir(parents=True)
            (root / (64 * letter) / name).write_bytes(b"a face")
    time.sleep(0.2)
    for root in (mine, shared):
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(root))
        files.sweep(0.1)
    assert [path.name[0] for path in mine.iterdir()] == ["b"]
    assert len(list(shared.iterdir())) == 2  # another program's, perhaps


def test_the_background_sweeps_until_it_is_told_to_stop():
    swept = []
    stop = folders.keep_clean(lambda: swept.append(1), every_s=0.01)
    deadline = time.monotonic() + 5
    while len(swept) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop.set()
    time.sleep(0.1)
    count = len(swept)
    time.sleep(0.1)
    assert len(swept) == count
