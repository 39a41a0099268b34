"""Between the network and the page: every request and value passes here before Gradio or a handler acts.

Three doors, because Gradio has no single one: `upload` gives each upload a folder of its own and tells the
gate; `GatedBlocks` is where all calls end up, by name or by number, from the queue, from `/run` or from MCP;
`Wall` stands before all routes, closes those that this page has no use for and lets `/file=` give nothing but
what lies in our own folders. See `editing.page.gate` for the rule itself.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import routes
from gradio.blocks import Block
from gradio.route_utils import upload_fn
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from editing.page.folders import is_full
from editing.page.gate import GATE, REFUSED, is_plain_file, new_upload_folder
from editing.page.news import news
from editing.page.painted import check_painted, limit_strokes
from editing.page.sentences import DISK_FULL
from editing.page.values import check_pick, check_value
from samm.errors import OptionError, PhotoError, UserError

__all__ = ["BUSY", "FULL", "MISFIT", "GatedBlocks", "Wall", "open_doors"]

log = logging.getLogger("samm.page")

MISFIT = "The values of this request do not fit; reload the page, or see the API's description for programs."
FULL = f"{DISK_FULL}; try again later."
BUSY = "Too many visitors are waiting just now; try again in a minute."
# Proxies, recordings, code editing, monitoring, streams and links to a state: nothing of the page needs them.
_CLOSED = re.compile(
    r"/(gradio_api/)?(proxy=|process_recording|vibe-|monitoring|stream/|deep_link|run-history|runs\b)"
)
_FILE = re.compile(r"/gradio_api/file[=/](.*)", re.DOTALL)


def open_doors() -> dict[str, Any]:
    """Put the doors in, and give what `launch` needs for it."""
    routes.upload_fn = upload  # pyright: ignore[reportPrivateImportUsage] - looked up at each request
    limit_strokes()
    return {"app_kwargs": {"middleware": [Middleware(Wall)]}, "enable_monitoring": False, "num_workers": 0}


async def upload(request: Any, upload_dir: str, *args: Any, **options: Any) -> tuple[list[str], list, list]:
    """Store the files of one request as Gradio does, but in a folder of their own; see `upload_fn` there."""
    folder = new_upload_folder()
    try:
        stored, to_copy, targets = await upload_fn(request, str(folder), *args, **options)
    except BaseException:  # also when the sender hangs up: nothing of it may stay
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not stored:
        shutil.rmtree(folder, ignore_errors=True)
    GATE.record(folder, stored)
    return stored, to_copy, targets


class GatedBlocks(gr.Blocks):
    """A page whose handlers get no file but an admitted one, and whose callers get one sentence."""

    async def process_api(
        self,
        block_fn: Any,
        inputs: list[Any],
        *args: Any,
        session_hash: str | None = None,
        event_id: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Pass on a call whose files are admitted; the parameters are Gradio's."""
        # The queue names a session after the event where the caller has none.
        session = None if session_hash == event_id else session_hash or None
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        try:
            if options.get("iterator") is None:  # else it goes on with inputs that have passed
                inputs = _admit(function, inputs, session, options.get("state"))
                event = options.get("event_data")
                if event is not None and any(name == "select" for _, name in function.targets):
                    event._data = check_pick(event._data)
            return await super().process_api(
                function, inputs, *args, session_hash=session_hash, event_id=event_id, **options
            )
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    async def preprocess_data(self, *args: Any, **options: Any) -> list[Any]:
        """Read the values as Gradio does; what does not fit is the caller's mistake and no traceback."""
        try:
            return await super().preprocess_data(*args, **options)
        except gr.Error as error:
            raise gr.Error(error.message, print_exception=False) from error
        except Exception as error:
            log.info("refused the values of a request: %s", type(error).__name__)
            raise gr.Error(MISFIT, print_exception=False) from error

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Make ready what is new to the page as Gradio does; all else stays as it is."""
        if not isinstance(predictions, dict) or not all(isinstance(part, Block) for part in predictions):
            return await super().postprocess_data(block_fn, predictions, state)
        changed = news(predictions, state)
        fewer = copy.copy(block_fn)
        fewer.outputs = [part for part in block_fn.outputs if part in changed]
        ready = iter(await super().postprocess_data(fewer, changed, state) if changed else ())
        return [next(ready) if part in changed else gr.skip() for part in block_fn.outputs]


def _admit(function: Any, inputs: list[Any], session: str | None, state: Any) -> list[Any]:
    """Check the values of a call.

    Raises:
        UserError: a file is not admitted, or a value does not fit its control.
    """
    if not function.fn:
        raise OptionError(MISFIT)
    left_out = function.inputs[len(inputs) :]
    missing = [part for part in left_out if function.api_visibility != "public" or part.value is None]
    if missing:
        names = ", ".join(str(getattr(part, "label", "")) for part in missing[:4])
        raise OptionError(
            f"This call needs {len(inputs) + len(missing)} values, not {len(inputs)}: {names} missing; "
            "see the API's description."
        )
    inputs = [*inputs, *(part.value for part in left_out)]
    values = [GATE.admit(value, session) for value in inputs]
    for part, value in zip(function.inputs, values, strict=False):
        if state is not None and not part.stateful and part._id in state:
            part = state[part._id]  # a session's own, once a handler has changed it
        if getattr(part, "data_model", None) and not isinstance(value, dict | list | None):
            raise PhotoError(REFUSED)
        check_value(part, value)
        if isinstance(part, gr.ImageEditor):
            check_painted(part, value)
    return values


class _Busy(Exception):
    """The answer would be that there is no place in the queue."""


class _Misfit(Exception):
    """The answer would list what of a body is no list or mapping, with all that was sent."""


class Wall:
    """Stand before all routes, as ASGI middleware."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is refused, and pass on the rest."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if _CLOSED.match(path):
            await _answer(send, 404, "Not Found")
            return
        asked = _FILE.match(path)
        if asked and not is_plain_file(Path(asked[1])):
            await _answer(send, 403, REFUSED)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message.get("status") == 503:  # Gradio's queue is full, or the server ends
                raise _Busy
            if message.get("status") == 422:
                raise _Misfit
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except _Busy:
            await _answer(send, 503, BUSY)
        except _Misfit:
            await _answer(send, 422, MISFIT)
        except Exception as error:
            if begun and not isinstance(error.__cause__, HTTPException):
                raise
            if begun:  # a stream of a session that there is none of, which it has told already
                await send({"type": "http.response.body", "body": b""})
                return
            # Unknown functions, components and fields end here: Gradio looks them up without asking.
            log.info("could not answer a request: %s", type(error).__name__, exc_info=log.isEnabledFor(10))
            sentence = FULL if is_full(error) else MISFIT
            if isinstance(error, TypeError) and "/call/v2/" in path:  # names the argument that is wrong
                sentence = f"{_readable(str(error).partition('. Please')[0])}; see the API's description."
            await _answer(send, 400, sentence)


def _readable(text: str) -> str:
    """Shorten a text that repeats what was sent, and leave out what cannot be shown."""
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return text if len(text) <= 200 else f"{text[:100]} … {text[-60:]}"


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
