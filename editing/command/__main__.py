"""The command line: `python -m samm invert|edit PHOTO… --out DIR`, `evaluate PATH…`, `publish OWNER/NAME`.

It calls the functions the page calls. A photo that cannot be used is reported in one sentence and does not
stop the rest; the exit code is 0 only if all went well, 1 if anything failed, 2 for wrong arguments and 130
after Ctrl-C, which loses nothing that was finished.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from editing.command.choices import plain_options
from editing.command.console import complain, explain, prepare_console
from samm.allocator import keep_large_buffers

__all__ = ["main"]

_COMMANDS = ("invert", "edit", "evaluate", "prove", "bench", "stress", "examples", "publish")


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    try:
        prepare_console()
        argv = plain_options(sys.argv[1:] if argv is None else argv)
        args = _parser(argv).parse_args(argv)
        prepare_console(args.debug)
        keep_large_buffers()
        return args.run(args)
    except KeyboardInterrupt:
        complain("Stopped; what was finished has been saved.")
        return 130
    except Exception as error:
        complain(explain(error))
        return 1


def _parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Know the command that was named, or all where none was: most bring libraries that others do without."""
    parser = argparse.ArgumentParser(
        prog="python -m samm", description="Invert and edit photos of faces, or cars, with SAMM."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in [name for name in _COMMANDS if name in argv[:1]] or _COMMANDS:
        import_module(f"editing.command.{name}").add_parser(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show where unexpected errors come from")
    return parser


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # in place of what `samm.__main__` set up
    sys.exit(main())
