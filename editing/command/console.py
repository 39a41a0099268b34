"""What the commands say: whatever the console's encoding, and of every error one sentence."""

from __future__ import annotations

import codecs
import io
import logging
import os
import re
import sys
import traceback
import unicodedata
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from samm.crop.photo import reason
from samm.crop.png import remedy
from samm.errors import UserError

__all__ = ["complain", "explain", "prepare_console", "say"]

log = logging.getLogger(__name__)

# A “?” in place of a minus sign would say the opposite of what was done.
_PLAIN = {"−": "-", "–": "-", "…": "...", "“": '"', "”": '"', "×": "x", "β": "beta", "σ": "sigma", "·": "-"}


def prepare_console(debug: bool = False) -> None:
    """Let the output streams write what their encoding lacks in plain letters; log tracebacks if `debug`."""
    codecs.register_error("plain", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    if debug:
        logging.basicConfig(format="%(message)s")
        log.setLevel(logging.DEBUG)


def say(sentence: str) -> None:
    """Write a line to the output stream, beside a progress bar."""
    _write(sentence, sys.stdout)


def complain(sentence: str) -> None:
    """Write a line to the error stream, beside a progress bar."""
    _write(sentence, sys.stderr)


def explain(error: Exception) -> str:
    """Say in one sentence what went wrong; of what nobody expected, with a code that names the place."""
    if isinstance(error, UserError):
        return str(error)
    log.debug("The traceback:", exc_info=error)
    if isinstance(error, MemoryError) or re.search("out of memory|not enough memory|allocate", str(error)):
        return "There is not enough memory; close other programs, or make the photo smaller."
    if isinstance(error, OSError) and error.errno:
        return f"The system refused it ({reason(error)}); {remedy(error)}."
    place = traceback.extract_tb(error.__traceback__)[-1]
    code = f"{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}"
    return f"Something unexpected went wrong ({code}); run it again with --debug and report what that prints."


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """Handle what an encoding lacks: letters of ours by their plain likeness, others by their number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = [_PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in lacking]
    return "".join(plain), error.end


def _write(sentence: str, stream: TextIO) -> None:
    # Names of files may hold anything, and end a line or steer a terminal.
    shown = "".join("?" if unicodedata.category(letter) == "Cc" else letter for letter in sentence)
    try:
        tqdm.write(shown, file=stream)
    except OSError:  # whoever read the output has gone, or its disk is full: the work goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
