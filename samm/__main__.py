"""`python -m samm COMMAND` hands over to the editor's command line."""

import os
import runpy
import signal
from types import FrameType


def _stop(number: int, frame: FrameType | None) -> None:
    """End at once: nothing can be lost yet, and a library being imported could swallow an exception."""
    os.write(2, b"Stopped; nothing was begun yet.\n")
    os._exit(130)


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell wants it ignored
    signal.signal(signal.SIGINT, _stop)
runpy.run_module("editing.command", run_name="__main__", alter_sys=True)
