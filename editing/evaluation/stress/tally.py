"""What a case may end in, a result or one sentence in little time and memory, and how many did."""

from __future__ import annotations

import contextlib
import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from samm.errors import UserError

__all__ = ["LIMIT_MB", "LIMIT_S", "Row", "Tally", "is_sentence"]

LIMIT_S, LIMIT_MB = 10.0, 1024.0  # of one case
_CLEAR_PEAK = Path("/proc/self/clear_refs")  # Linux only; elsewhere memory is not measured
_STATUS = Path("/proc/self/status")
_LONGEST = 1000  # letters of a sentence; the list of attributes takes 250
_FOLDER = re.compile(r"(?<![\w:/])/(?:\w[\w.-]*/)+")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: was tried.
        tried, survived: how often, and how often all was well; the rest is lost.
        figures: what else was measured, for people.
        lost: of each loss one line.
    """

    what: str
    tried: int
    survived: int
    figures: str = ""
    lost: tuple[str, ...] = ()


@dataclass
class Tally:
    """Count what cases end in.

    Attributes:
        what: is tried.
        keep: folder for the cases that are lost; None to keep none.
        tried, results, refused: how many there were, and how many ended in a result and in a sentence.
        lost: one line of each that ended in anything else, or beyond the limits.
        slowest_s, most_mb: the most that one case took.
    """

    what: str
    keep: Path | None = None
    tried: int = 0
    results: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    most_mb: float = 0.0

    def take(self, work: Callable[[], object], case: object) -> None:
        """Run one case."""
        self.tried += 1
        before, start = _clear_peak(), time.perf_counter()
        why = ""
        try:
            work()
            self.results += 1
        except UserError as error:
            self.refused += 1
            why = "" if is_sentence(str(error)) else f"no sentence: {error!r}"
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            why = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {str(error)[:120]}"
        seconds, megabytes = time.perf_counter() - start, _status_mb("VmHWM") - before
        self.slowest_s, self.most_mb = max(self.slowest_s, seconds), max(self.most_mb, megabytes)
        if seconds > LIMIT_S or megabytes > LIMIT_MB:
            why = why or f"took {seconds:.1f} s and {megabytes:.0f} MB"
        if why:
            self.lose(why, case)

    def lose(self, why: str, case: object) -> None:
        """Note a loss, and keep its case."""
        self.lost.append(f"{self.what}: {why}")
        if self.keep:
            data = case if isinstance(case, bytes) else repr(case).encode(errors="backslashreplace")
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / f"{self.what.replace(' ', '_')}_{len(self.lost)}").write_bytes(data)

    def row(self) -> Row:
        """Give the line for the table."""
        figures = f"{self.results} results, {self.refused} sentences; at most {self.slowest_s:.1f} s"
        figures += f" and {self.most_mb:.0f} MB" if _CLEAR_PEAK.exists() else ""
        return Row(self.what, self.tried, self.tried - len(self.lost), figures, tuple(self.lost))


def is_sentence(text: str) -> bool:
    """Tell whether a text can be shown: one line with an end, not too long, and no folder of this machine."""
    ends = text.rstrip(")").endswith((".", "?", "!"))
    return ends and text.isprintable() and len(text) <= _LONGEST and not _FOLDER.search(text)


def _clear_peak() -> float:
    """Forget the most memory that this process has held, and give what it holds now, in MB."""
    with contextlib.suppress(OSError):
        _CLEAR_PEAK.write_text("5")
    return _status_mb("VmRSS")


def _status_mb(name: str) -> float:
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
