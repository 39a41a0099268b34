"""Faults of the machine, played in child processes: each ends in a sentence, and the next start works.

A fault is a function that takes an empty folder and gives how often it was tried and what was lost.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from editing.evaluation.stress import hub, seeds
from editing.evaluation.stress.site import ROOT, Refused, start
from editing.evaluation.stress.tally import Row, is_sentence
from editing.evaluation.stress.visitors import (
    GONE,
    one_picture,
    small_photo,
    tell_gone,
    vanish_in_call,
    vanish_in_improvement,
    vanish_in_upload,
)
from samm.crop.listing import list_photos
from samm.crop.photo import open_photo

__all__ = ["FAULTS", "Fault", "play"]

Fault = Callable[[Path], tuple[int, list[str]]]

_DISK_BYTES = 20_000  # that a full disk still takes; less than a picture
_KILLS = 20
_TRIES_S = 15  # until the sentence that the Hub does not answer, the start of the program included
_SAVES = """
import sys, numpy as np
from samm.crop.png import save_png
ramp = np.arange(400, dtype=np.uint8)[:, None]
pictures = [np.full((400, 400, 3), level, np.uint8) + ramp for level in (1, 7)]
print("ready", flush=True)
while True:
    for picture in pictures:
        save_png(picture, sys.argv[1])
"""
_HOLDS = """
import sys, torch
from pathlib import Path
from editing.moves.directions import load_directions, read_tensors
from editing.moves.words.files import read_safetensors
path = Path(sys.argv[1])
held = [load_directions(path, 14)[0]["age"].vector, *read_tensors(path).values(),
        *read_safetensors(path, torch.device("cpu"))[0].values()]
before = [tensor.clone() for tensor in held]
path.write_bytes(bytes(20))
assert all(map(torch.equal, before, held))
"""
_FULL_GPU = """
import torch
import samm
from editing.page import gpu

def full(self, *args):
    if self is gpu._Loaded.engine:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")
    return works(self, *args)

gpu.PRESET = "tiny"
gpu.load()
crop = samm.open("examples/hopper.jpg").faces[0]
crop.pixels(512)
right = samm.invert(crop, gpu.engine().model)
works, gpu.Engine.invert = gpu.Engine.invert, full
assert (gpu.invert_on_gpu(crop, None).aligned == right.aligned).all()
"""
_FULL_MEMORY = """
import resource, sys, torch, open_clip, sklearn.linear_model, torchvision
from editing.command.__main__ import main
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[1]), -1))
sys.exit(main(["invert", "examples/hopper.jpg", "--out", sys.argv[2]]))
"""


def _child(
    code: str,
    *words: object,
    variables: Mapping[str, str] | None = None,
    limit: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program, or with "-m" a module, in a process of its own from the repository's root."""
    command = [sys.executable, *(() if code == "-m" else ("-c",)), code, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(variables or {})}
    return subprocess.run(
        command, cwd=ROOT, env=environment, preexec_fn=limit, capture_output=True, text=True, timeout=300
    )


def _failure(what: str, done: subprocess.CompletedProcess[str], code: int = 0) -> list[str]:
    """Tell how a child has ended, if not as it should: with this code, and a sentence unless it is 0."""
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode == code and (code == 0 or is_sentence(last)) and "Traceback" not in done.stderr:
        return []
    return [f"{what}: ended with {done.returncode}, saying {last[:200]!r}"]


def kill_while_saving(folder: Path) -> tuple[int, list[str]]:
    """Kill a program that saves without end: its picture is always whole, and the folder shows no other."""
    target, lost, dice = folder / "picture.png", [], random.Random(1)
    for _ in range(_KILLS):
        command = [sys.executable, "-c", _SAVES, str(target)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as saving:
            assert saving.stdout is not None
            saving.stdout.readline()
            while not target.exists():  # of the first program, on a slow machine
                time.sleep(0.01)
            time.sleep(0.02 + dice.random() / 10)
            saving.kill()
        if target.exists() and open_photo(target)[0, 0, 0] not in (1, 7):
            lost.append("a picture of another content")
        if list_photos([folder]) != [target]:
            lost.append(f"{len(list_photos([folder]))} pictures in place of one")
    return _KILLS, lost


def full_disk(folder: Path) -> tuple[int, list[str]]:
    """Invert and edit on a full disk: one sentence each, nothing half written, and a later run works."""
    lost = []

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_DISK_BYTES, _DISK_BYTES))

    for command in ("invert", "edit"):
        words = ["samm", command, "examples/hopper.jpg", "--preset", "tiny", "--out", folder / command]
        words += ["--age", "2"] if command == "edit" else []
        lost += _failure(f"{command} on a full disk", _child("-m", *words, limit=limit), 1)
        left = [path.name for path in (folder / command).glob("*")]
        lost += [f"{command} on a full disk has left {left}"] if left else []
        lost += _failure(f"{command} afterwards", _child("-m", *words))
    return 2, lost


def changed_weights(folder: Path) -> tuple[int, list[str]]:
    """Damage weights before they are read, and while what was read of them is in use."""
    lost = []
    weights = ROOT / "samm" / "weights"
    damages: dict[str, Callable[[bytes], bytes]] = {
        "cut off": lambda data: data[: len(data) // 2],
        "empty": lambda data: b"",
        "longer": lambda data: data + bytes(100),
        "of another network": lambda data: (weights / "mtcnn.safetensors").read_bytes(),
    }
    for name, damage in damages.items():
        file = folder / "weights" / "samm_compact.safetensors"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(damage((weights / file.name).read_bytes()))
        words = ["samm", "invert", "examples/hopper.jpg", "--out", folder / "out"]
        done = _child("-m", *words, variables={"SAMM_WEIGHTS": str(file.parent)})
        lost += _failure(f"weights {name}", done, 1)
    table = folder / "table.safetensors"
    table.write_bytes(next(data for data in seeds.tensors() if b"directions" in data[:400]))
    lost += _failure("weights changed while in use", _child(_HOLDS, table))
    return len(damages) + 1, lost


def out_of_memory(folder: Path) -> tuple[int, list[str]]:
    """Run out of memory on a GPU, which then leaves the work to the CPU, and on the CPU at several limits."""
    lost = _failure("a full GPU", _child(_FULL_GPU))
    limits = [60, 200, 400, 800]
    for megabytes in limits:
        done = _child(_FULL_MEMORY, megabytes << 20, folder / "out")
        if done.returncode:  # the highest may be enough
            lost += _failure(f"{megabytes} MB of memory", done, 1)
    return len(limits) + 1, lost


def no_hub(folder: Path) -> tuple[int, list[str]]:
    """Ask for weights where the Hub is away, or the download is killed; then it works."""
    data = folder / "published.safetensors"
    save_file({"weight": torch.rand(12 << 20)}, data)
    lost = []
    for name, away in (("closed", hub.closed), ("silent", hub.silent)):
        begun = time.monotonic()
        with away() as address:
            lost += _failure(f"the Hub is {name}", hub.ask(address, data, folder / "cache"), 1)
        took_s = time.monotonic() - begun
        lost += [f"the Hub is {name}: took {took_s:.0f} s"] if took_s > _TRIES_S else []
    with hub.serving(data) as address:
        for bytes_in in (0, 1, 15_000_000):  # the client writes ten megabytes at a time
            if not hub.kill_when(address, data, folder / "cache", bytes_in):
                lost.append("a download has ended before it could be killed")
            partial = [path for path in folder.rglob(data.name) if path != data]
            lost += ["a download that was killed is taken for whole"] if partial else []
        lost += _failure("the Hub afterwards", hub.ask(address, data, folder / "cache"))
        (found,) = [path for path in folder.rglob(data.name) if path != data]
        found.write_bytes(found.read_bytes()[:-1] + b"x")
        lost += _failure("a changed file in the cache", hub.ask(address, data, folder / "cache"), 1)
    return 7, lost


def page_in_trouble(folder: Path) -> tuple[int, list[str]]:
    """Kill the page while it inverts, let its clock jump, and let visitors vanish: the next call is right."""
    lost, right = [], ""
    site = start(folder)
    try:
        right = one_picture(site)
        for jump in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR2):
            site.process.send_signal(jump)
            lost += [] if one_picture(site) == right else [f"another picture after {jump.name}"]
        for bytes_in in (200, 5000):
            vanish_in_upload(site, bytes_in)
        vanish_in_call(site)
        lost += [] if one_picture(site) == right else ["another picture after visitors had vanished"]
        for name, begin in (("an inversion", vanish_in_call), ("an improvement", vanish_in_improvement)):
            begin(site)
            site.kill()
            site = start(folder)
            left = len(site.files())
            lost += [f"{left} files of the page killed in {name} were left"] if left else []
            lost += [] if one_picture(site) == right else [f"another picture after a kill in {name}"]
            lost += [] if "was deleted" in tell_gone(site) else [f"after a kill in {name} no word of it"]
    finally:
        site.kill()
    return 10, lost


def full_disk_of_page(folder: Path) -> tuple[int, list[str]]:
    """Fill the disk of a running page: a sentence for each, and with room again all is as it was."""
    lost = []
    site = start(folder)
    try:
        right, upload = one_picture(site), site.upload(small_photo("hopper"))
        before = set(site.files())
        resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, (_DISK_BYTES, resource.RLIM_INFINITY))
        for name, work in {
            "an upload": lambda: site.upload(small_photo("cap")),
            "an edit": lambda: site.call("edit", [upload, "age +2"], GONE),
            "an inversion": lambda: site.call("invert", [upload, 0], GONE),
        }.items():
            try:
                work()
                lost.append(f"{name} on a full disk has worked")
            except Refused as error:
                said = str(error)
                lost += [] if is_sentence(said) and "disk" in said else [f"{name} on a full disk: {said!r}"]
        left = {path for path in site.files() if "uploads" in path.parts} - before
        lost += [f"half of an upload is left: {left}"] if left else []
        infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, infinite)
        lost += [] if one_picture(site, upload, GONE) == right else ["another picture with room again"]
    finally:
        site.kill()
    return 5, lost


FAULTS: dict[str, Fault] = {
    "killed while saving": kill_while_saving,
    "full disk": full_disk,
    "weights changed": changed_weights,
    "out of memory": out_of_memory,
    "Hub away, download killed": no_hub,
    "page killed, clock jumps, visitors vanish": page_in_trouble,
    "full disk under the page": full_disk_of_page,
}


def play(folder: Path) -> Iterator[Row]:
    """Play all faults, each in an empty folder."""
    for number, (name, fault) in enumerate(FAULTS.items()):
        place = folder / f"fault_{number}"
        place.mkdir()
        tried, lost = fault(place)
        yield Row(name, tried, tried - len(lost), lost=tuple(lost))
