"""Checkpoints in pieces, for machines that hand back small files only."""

from __future__ import annotations

from pathlib import Path

from samm.checkpoints import sha256

__all__ = ["split"]


def split(path: Path, megabytes: float) -> str:
    """Write `path` once more as `NAME.part_000`, `NAME.part_001` …, each of at most that many MB.

    Returns:
        The command line that joins them again, and the hash that the result must have.
    """
    for stale in path.parent.glob(f"{path.name}.part_*"):
        stale.unlink()
    with path.open("rb") as whole:
        number = 0
        while piece := whole.read(int(megabytes * 1e6)):
            path.with_name(f"{path.name}.part_{number:03}").write_bytes(piece)
            number += 1
    return f"cat {path.name}.part_* > {path.name}  # SHA-256 {sha256(path)}"
