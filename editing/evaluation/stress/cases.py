"""What hypothesis makes up: damaged files, recipes and lines that are nearly right, and any value of JSON."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from editing.recipe.attributes import TABLES
from editing.recipe.recipe import MASKS, METHODS

__all__ = ["any_value", "damaged", "lines", "recipe_values"]

_PNG = b"\x89PNG\r\n\x1a\n"
_TELLING = (
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\0\0\0",
    b"\0\0\xff\xff",
    b"{",
    b"\0" * 8,
)
_LONGEST = 1 << 21  # bytes of a damaged file

# One damage: its kind, where (0…1 of the file, or a byte near its beginning), how far, and with what.
_Damage = tuple[str, float, int, int, bytes]
_damage = st.tuples(
    st.sampled_from(["cut", "flip", "put", "drop", "repeat", "insert", "swap"]),
    st.floats(0, 1),
    st.integers(0, 400),
    st.integers(1, 300),
    st.one_of(st.sampled_from(_TELLING), st.binary(min_size=1, max_size=12)),
)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Make files out of real ones by up to four damages, often with checksums and lengths mended."""
    return st.builds(
        _spoil, st.sampled_from(seeds), st.sampled_from(seeds), st.lists(_damage, max_size=4), st.booleans()
    )


def _spoil(data: bytes, other: bytes, damages: Sequence[_Damage], mend: bool) -> bytes:
    for kind, share, near, length, filling in damages:
        at = int(share * len(data)) if near > 200 else min(near, len(data))
        head, part, tail = data[:at], data[at : at + length], data[at + length :]
        if kind == "cut":
            data = head
        elif kind == "flip" and part:
            data = head + bytes([part[0] ^ filling[0] or 1]) + part[1:] + tail
        elif kind == "put":
            data = head + filling + data[at + len(filling) :]
        elif kind == "drop":
            data = head + tail
        elif kind == "repeat":
            data = head + part * min(length, 20) + tail
        elif kind == "insert":
            data = head + filling + part + tail
        elif kind == "swap":
            data = head + other[at : at + length] + tail
    return _mended(data[:_LONGEST]) if mend else data[:_LONGEST]


def _mended(data: bytes) -> bytes:
    """Mend a PNG's checksums, or the length that opens a safetensors file, so that damage goes deeper."""
    if data[4:9] == b"\0\0\0\0{":
        with contextlib.suppress(ValueError):
            _, end = json.JSONDecoder().raw_decode(data[8:].decode("latin-1"))
            return end.to_bytes(8, "little") + data[8:]
    if not data.startswith(_PNG):
        return data
    chunks, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        length = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        body = data[at + 4 : at + 8 + length]
        chunks.append(length.to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big"))
        at += 12 + length
    return b"".join(chunks)


def any_value() -> st.SearchStrategy[object]:
    """Give any value that JSON can hold, with infinities and numbers that fit nowhere."""
    plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), _numbers())
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
        max_leaves=9,
    )


def recipe_values() -> st.SearchStrategy[object]:
    """Give what a recipe's JSON may hold: mostly fields as they should be, some values that are not."""
    names = [name for table in TABLES.values() for one in table.values() for name in (one.name, one.label)]
    strength = _mostly(st.floats(-2, 2), st.integers(-3, 3))
    text = _fields(
        {"target": _mostly(st.sampled_from(_WORDS) | st.text(max_size=40))},
        neutral=_mostly(st.sampled_from(_WORDS)),
        strength=strength,
        focus=_mostly(st.floats(0, 1)),
        method=_mostly(st.sampled_from(METHODS)),
    )
    component = _fields(
        {"index": _mostly(st.integers(-1, 81)), "strength": _mostly(st.floats(-21, 21))},
        rows=_mostly(st.lists(st.integers(-1, 19), min_size=2, max_size=2)),
        absolute=_mostly(st.booleans()),
    )
    return _fields(
        {"recipe": _mostly(st.just(1))},
        attributes=_mostly(st.dictionaries(st.sampled_from(names), strength, max_size=4)),
        texts=_mostly(st.lists(text, max_size=9)),
        components=_mostly(st.lists(component, max_size=3)),
        mask_strength=_mostly(st.floats(-1, 3)),
        masks=_mostly(st.sampled_from(MASKS)),
        domain=_mostly(st.sampled_from([*TABLES, *TABLES, "dog"])),
    )


def lines() -> st.SearchStrategy[str]:
    """Give lines as people type them: names, words, numbers and signs in any order, and any other text."""
    known = [name for table in TABLES.values() for one in table.values() for name in (one.name, one.label)]
    names = [name.replace("_", " ").replace(" ", gap) for name in known for gap in " _-"]
    piece = st.one_of(
        st.sampled_from(names),
        st.sampled_from(_WORDS),
        st.sampled_from(_SIGNS),
        _numbers().map(str),
        st.floats(-6, 6).map(lambda value: f"{value:.{int(abs(value))}f}"),
        st.text(max_size=12),
    )
    gap = st.sampled_from(["", " ", " ", " ", ", ", "; ", "\n", "\u3000"])
    return st.lists(st.tuples(piece, gap), max_size=14).map(lambda parts: "".join(map("".join, parts)))


_WORDS = (
    *("blonde hair", "no glasses", "without a beard", "5 o'clock shadow", "a face", "красная помада", "笑顔"),
    *("20 years old", "in her thirties", "twice as old", "component 3", "mask strength", "masks reuse"),
    *("rows 0-8", "absolute", "focus 0.2", 'from "a man"', "optimize", "percent", "half", "two", "minus"),
    *("and", "not", "less", "more", "up", "off", "by"),
)
_SIGNS = (
    *"+-−–—＋－×:;=,.()\"'%&/\\|#*<>{}[]…～½²١٢\u200b\u202e\ufeff\0",
    "++",
    "--",
    "1,5",
    "x2",
    "2x",
    "e5",
    "1e999",
    "0x1f",
)


def _numbers() -> st.SearchStrategy[object]:
    return st.sampled_from(
        [0, -0.0, 1e308, -1e-320, 10**400, 2**63, float("nan"), float("inf"), "１２", "9" * 5000, True]
    )


def _mostly(*good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give a fitting value nine times of ten, else any."""
    return st.integers(0, 9).flatmap(lambda dice: st.one_of(*good) if dice else any_value())


def _fields(
    wanted: dict[str, st.SearchStrategy[object]], **optional: st.SearchStrategy[object]
) -> st.SearchStrategy[object]:
    """Give objects with all fields that are wanted and some that may be there."""
    known = st.fixed_dictionaries(wanted, optional=optional)
    return st.one_of(
        known,
        known,
        known,
        st.builds(
            lambda a, b: {**a, **b}, known, st.dictionaries(st.text(max_size=9), any_value(), max_size=2)
        ),
    )
