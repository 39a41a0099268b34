"""Commands that share one loaded model, one detector, and one inversion of each crop."""

import pytest

from editing.command import photos
from samm import models

_INVERSIONS = {}


@pytest.fixture(autouse=True)
def _shared(tiny, detector, monkeypatch):
    """Spare each command the loading of what is loaded, and the inversion of what was inverted."""

    def load(preset, device=None, precision="fp32"):
        return tiny if (preset, precision) == ("tiny", "fp32") else models.load(preset, device, precision)

    def invert(crop, model, options, progress):
        key = (crop.tobytes(), model.preset, options)
        if key not in _INVERSIONS:
            _INVERSIONS[key] = original(crop, model, options, progress)
        return _INVERSIONS[key]

    original = photos.invert
    monkeypatch.setattr(photos, "invert", invert)
    monkeypatch.setattr(photos, "load_detector", lambda: detector)
    for command in ("invert", "edit", "evaluate"):
        monkeypatch.setattr(f"editing.command.{command}.load", load)
