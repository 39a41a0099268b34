"""A cache of the values that were used last, from which some can be dropped."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Recent"]

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """Keep the values that were used last, up to a number of them; threads may share it."""

    def __init__(self, size: int):
        self._size = size
        self._kept: OrderedDict[_Key, _Value] = OrderedDict()  # the least recently used first
        self._lock = Lock()

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """Give the value of a key; `make` it if it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = make()  # without the lock, since it may take a minute
        with self._lock:
            self._kept[key] = value
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return value

    def drop(self, unwanted: Callable[[_Key], bool]) -> None:
        """Forget the values of the keys that are unwanted."""
        with self._lock:
            for key in [key for key in self._kept if unwanted(key)]:
                del self._kept[key]
