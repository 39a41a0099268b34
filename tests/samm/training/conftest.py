"""What tests of training do without, to be quick."""

from dataclasses import replace

import pytest

from samm.training.samm_trainer import SAMM_CONFIGS


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch):
    """The deviation of W from few samples: no test is about its digits, and sampling takes a second."""
    monkeypatch.setattr("samm.training.networks.W_SAMPLES", 256)


@pytest.fixture
def quick_configs(monkeypatch):
    """The tiny configurations of SAMM with one way to take a step, and one picture to judge by."""
    for name in ("tiny", "tiny-cars"):
        config = replace(SAMM_CONFIGS[name], batch=2, held_out=1, iterations=(1,), unlock=())
        monkeypatch.setitem(SAMM_CONFIGS, name, config)
