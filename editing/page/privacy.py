"""What becomes of a visitor's photo, said truly for the way in which the page was started and is reached."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

__all__ = ["how_served", "privacy"]

_DELETED = "is used for nothing else and is deleted within an hour"
_SENTENCES = {
    "here": "Your photo never leaves this computer.",
    "server": f"Your photo is sent to this server, {_DELETED}. Only upload people who agreed.",
    "share": "Your photo passes through the relay of this public link to the computer that runs the page, "
    f"{_DELETED}. Only upload people who agreed.",
    "space": f"Your photo is sent to this Space on Hugging Face's servers, {_DELETED}. "
    "Only upload people who agreed.",
}
_TRUE = ("1", "true", "yes", "on")
# What proxies add to a request.
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def how_served(
    environ: Mapping[str, str],
    server_name: str | None = None,
    share: bool | None = None,
    root_path: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Decide how a visitor reaches the page; the worse guess where it is not known.

    Args:
        environ: of the process, from which Gradio takes what `launch` was not told.
        server_name: as given to `launch`; None or "" where it was not.
        share: as given to `launch`; None where it was not.
        root_path: as given to `launch`; None or "" where it was not.
        headers: of the visitor's request, names in lower case; they give away a proxy that nobody announced.

    Returns:
        "here" on this computer alone, else "server", "share" or "space".
    """
    if environ.get("SPACE_ID") or environ.get("SYSTEM") == "spaces":
        return "space"
    if share or (share is None and environ.get("GRADIO_SHARE", "").lower() in _TRUE):
        return "share"
    headers = headers or {}
    proxied = root_path or environ.get("GRADIO_ROOT_PATH") or any(name in headers for name in _FORWARDED)
    served = _is_loopback(server_name or environ.get("GRADIO_SERVER_NAME") or "127.0.0.1")
    asked = _is_loopback(_host(headers.get("host") or "127.0.0.1"))
    return "here" if served and asked and not proxied else "server"


def privacy(how: str) -> str:
    """Say what becomes of a photo; `how` is one of the answers of `how_served`."""
    return _SENTENCES[how]


def _host(address: str) -> str:
    """Take the port off a request's host."""
    name, _, port = address.rpartition(":")
    return name if port.isdigit() and (name.endswith("]") or ":" not in name) else address


def _is_loopback(name: str) -> bool:
    name = name.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False  # a name that others may know it by
