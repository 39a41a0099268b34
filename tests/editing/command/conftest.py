"""Commands that share one loaded model and one inversion of each crop."""

import pytest

from editing.command import photos
from samm import models

_INVERSIONS = {}


@pytest.fixture(autouse=True)
def _shared(tiny, monkeypatch):
    """Spare each command the loading of what is loaded, and the inversion of what was inverted."""

    def load(preset, device=None, precision="fp32"):
        return tiny if (preset, precision) == ("tiny", "fp32") else models.load(preset, device, precision)

    def invert(crop, model, options, progress):
        key = (crop.pixels(model.resolution).tobytes(), model.preset, options)
        if key not in _INVERSIONS:
            _INVERSIONS[key] = original(crop, model, options, progress)
        return _INVERSIONS[key]

    original = photos.invert
    monkeypatch.setattr(photos, "invert", invert)
    for command in ("invert", "edit", "evaluate"):
        monkeypatch.setattr(f"editing.command.{command}.load", load)
