"""Commands that share one loaded model, one detector and one inversion of each crop."""

import pytest

from samm import models


@pytest.fixture(autouse=True)
def _loaded(tiny, detector, monkeypatch):
    """Spare each command the loading of what the session has loaded."""

    def load(preset, device=None, precision="fp32"):
        return tiny if (preset, precision) == ("tiny", "fp32") else models.load(preset, device, precision)

    for command in ("invert", "edit", "evaluate"):
        monkeypatch.setattr(f"editing.command.{command}.load", load)
    monkeypatch.setattr("editing.command.photos.load_detector", lambda: detector)
