"""The page, as `python app.py` serves it, but watched: a script for a process of its own, run by its path.

Each try to reach another host is written to the file that SAMM_STRESS_SOCKETS names. SIGUSR1 sets the clock
of the process a day forward, SIGUSR2 a day back.
"""

import os
import runpy
import signal
import sys
import time
from pathlib import Path
from typing import Any

_DAY_S = 86_400
_NEAR = ("127.", "::1", "localhost", "0.0.0.0")
_ASKS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request")
_ROOT = Path(__file__).parents[3]


def _note(event: str, details: tuple[Any, ...]) -> None:
    """Write down what the interpreter is about to do, where it is asking another host for something."""
    if event not in _ASKS:
        return
    asked = details[-1] if event in ("socket.connect", "socket.sendto") else details[0]
    host = asked[0] if isinstance(asked, tuple) else asked
    host = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    if event == "urllib.Request":
        host = host.partition("://")[2]
    is_path = not isinstance(asked, tuple) and event in (
        "socket.connect",
        "socket.sendto",
    )  # within this machine
    if host not in ("", "None") and not host.startswith(_NEAR) and not is_path:
        os.write(_NOTES, f"{event} {host}\n".encode())


def _jump(number: int, frame: object) -> None:
    _CLOCK["ahead_s"] += _DAY_S if number == signal.SIGUSR1 else -_DAY_S


_NOTES = os.open(os.environ["SAMM_STRESS_SOCKETS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_CLOCK = {"ahead_s": 0.0}
sys.addaudithook(_note)
signal.signal(signal.SIGUSR1, _jump)
signal.signal(signal.SIGUSR2, _jump)
_now = time.time
time.time = lambda: _now() + _CLOCK["ahead_s"]
sys.path[0] = str(_ROOT)  # in place of this script's folder
from samm.likeness import search  # noqa: E402 - found only now

# With random weights a search would end at once, since nothing is gained.
search._GAIN = -1e9
runpy.run_path(str(_ROOT / "app.py"), run_name="__main__")
