"""Errors that a person can mend.

Everything raised on purpose for a visitor derives from `UserError`; its text is one sentence with cause and
remedy and is shown word for word by the page and by the command line. All other exceptions are our own bugs.
"""

from __future__ import annotations


class UserError(Exception):
    """Say in one sentence what is wrong and what to do about it."""


class PhotoError(UserError):
    """Raise when a photo, or the face in it, cannot be used as it is."""


class WeightsError(UserError):
    """Raise when a weights file is absent, damaged or of another layout."""


class OptionError(UserError):
    """Raise when an option lies outside its range."""
