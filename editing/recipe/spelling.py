"""How people spell a line: the signs, digits and separators that keyboards and phones produce.

Only what stands outside quotes is read this way; each character becomes one other, so that positions stay.
"""

from __future__ import annotations

import re
import unicodedata

from samm.errors import OptionError

__all__ = ["NUMBER", "QUOTED", "quoted", "read_number", "refuse", "respell", "segments"]

QUOTED = r'"(?:[^"\\]|\\.)*"'
# A strength: perhaps a mark (":", "=", "x"), perhaps a sign or its word, and digits up to a space or the end.
NUMBER = re.compile(
    r"(?P<mark>\s*[:=]\s*|\s+|(?<=[^\W\d_])(?=[+\-×*])|(?<=\x22)|^)(?:(?:[x×*]|(?:by|to|at|of)\s)\s*)?"
    r"(?P<sign>[+\-]|plus\s|minus\s|negative\s)?\s*(?P<digits>\d+(?:\.\d*)?|\.\d+)(?:\s?[x×])?(?=[\s(]|$)",
    re.IGNORECASE,
)
_EXAMPLE = "write it like age +2, blonde hair 1.2, component 3 +1.5"
_LOOKALIKES = {
    **dict.fromkeys("−–—‒―‐‑﹣－⁻➖", "-"),
    **dict.fromkeys("＋﹢⁺➕", "+"),
    **dict.fromkeys("；﹔\n\r\v\f\u2028\u2029\x85", ";"),
    **dict.fromkeys("，、﹐", ","),
    **dict.fromkeys("“”„‟«»＂", '"'),
    **{"：": ":", "＝": "=", "．": ".", "（": "(", "）": ")", "％": "%", "✕": "×", "⨯": "×", "＊": "*"},
}
_DECIMAL_COMMA = re.compile(r"\d,\d")
_SEGMENT = re.compile(rf'(?:{QUOTED}|\((?:{QUOTED}|[^"()])*\)|[^",;()])+')


def respell(line: str) -> str:
    """Write a line in plain signs, digits and separators, without the characters that nobody sees."""
    line = "".join(c for c in line.replace("\r\n", "\n") if unicodedata.category(c) != "Cf")
    parts = re.split(rf"({QUOTED})", line)
    parts[::2] = ["".join(map(_plain, part)) for part in parts[::2]]
    return "".join(parts)


def segments(line: str) -> list[tuple[int, str]]:
    """Part a respelled line at commas, semicolons and line breaks outside quotes and parentheses.

    Returns:
        Where each piece begins, from 0, and the piece without white space at its ends.

    Raises:
        OptionError: a comma within a number, or a quote or parenthesis without its partner.
    """
    pieces, at = [], 0
    while at < len(line):
        if line[at] in ",;" or line[at].isspace():
            at += 1
            continue
        found = _SEGMENT.match(line, at)
        if found is None or (found.end() < len(line) and line[found.end()] not in ",;"):
            raise refuse(line, at if found is None else found.end())
        end = found.end()
        if _DECIMAL_COMMA.match(line, end - 1):
            raise refuse(line, end, "a comma parts the changes", "write decimals with a point, as in 1.5")
        pieces.append((at, found[0].rstrip().rstrip(".!").rstrip()))
        at = end
    return [(at, piece) for at, piece in pieces if piece]


def read_number(found: re.Match[str]) -> float:
    """Give the value of a `NUMBER`."""
    sign = -1.0 if (found["sign"] or "").strip().casefold() in ("-", "minus", "negative") else 1.0
    return sign * float(found["digits"])


def refuse(line: str, at: int, reason: str = "it cannot be read", remedy: str = _EXAMPLE) -> OptionError:
    """Say what in a line cannot be read, and where: `at` counts from 0, the sentence from 1."""
    return OptionError(f"At position {at + 1}, {quoted(line[at:].strip(), 30)}: {reason}; {remedy}.")


def quoted(text: str, most: int = 200) -> str:
    """Put text into quotes for a sentence, shortened; what may steer a terminal is not shown."""
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return "“" + "".join(letter if letter.isprintable() else "\ufffd" for letter in shown) + "”"


def _plain(character: str) -> str:
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    if character.isspace():
        return " "
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
