"""Large buffers are kept and reused, can be given back, and the setting can be turned off."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from samm import allocator

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")

# Touches a buffer of 64 MB forty times and counts the pages that the system had to bring in for it.
PROBE = """
import resource, sys
sys.path.insert(0, {root!r})
from samm.allocator import keep_large_buffers, release
kept = keep_large_buffers()
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def resident(): return int(open("/proc/self/statm").read().split()[1])
bytearray(64 << 20)
start = faults()
for _ in range(40): bytearray(b"x") * (64 << 20)
spent, held = faults() - start, resident()
release()
print(kept, spent, held - resident())
"""


def probe(**environment):
    result = subprocess.run(
        [sys.executable, "-c", PROBE.format(root=str(ROOT))],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults, released = result.stdout.split()
    return kept == "True", int(faults), int(released)


@LINUX
def test_a_kept_buffer_is_not_brought_in_again():
    kept, faults, released = probe()
    assert kept
    assert faults < 2 * (64 << 20) // 4096  # once, not forty times
    assert released > (48 << 20) // 4096  # and it goes back when asked


@LINUX
def test_it_can_be_turned_off():
    kept, faults, _ = probe(SAMM_SYSTEM_ALLOCATOR="1")
    assert not kept
    assert faults > 20 * (64 << 20) // 4096


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    allocator._glibc.cache_clear()
    try:
        assert not allocator.keep_large_buffers()
        assert not allocator.release()
    finally:
        allocator._glibc.cache_clear()
