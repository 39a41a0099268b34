"""What every test of training does without."""

import pytest


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch):
    """The deviation of W from few samples: no test is about its digits, and sampling takes a second."""
    monkeypatch.setattr("samm.training.networks.W_SAMPLES", 256)
