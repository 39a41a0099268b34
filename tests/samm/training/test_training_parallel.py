"""Two processes that share a batch make the run that one process makes alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from samm.training.dice import Dice
from samm.training.loop import STATE_FILE

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0)
    for number in range(6):
        small = Image.fromarray(noise.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        small.resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


# Rows lend their faces in pairs, and every second row is judged by ST-LPIPS (vgg): shares are even.
@pytest.mark.long
# Adam blows up what rounding has left of small gradients, so only SAMM's first step is compared.
@pytest.mark.parametrize(("network", "batch", "steps"), [("encoder", 16, 2), ("samm", 12, 1)])
def test_two_processes_agree_with_one(network, batch, steps, pack, tmp_path):
    run = [network, "--config", "tiny", "--data", str(pack), "--steps", str(steps), "--batch", str(batch)]
    together = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    # With one thread each, sums are rounded alike: Adam makes whole steps of what is left of small gradients.
    for name, launcher in {"one": [], "two": together}.items():
        subprocess.run(
            [sys.executable, *launcher, "-m", "samm.training", *run, "--out", str(tmp_path / name)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
        )
    one, two = (torch.load(tmp_path / name / STATE_FILE) for name in ("one", "two"))

    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)
    # Gradients as the optimizers' running means: parameters without influence drift as rounding has it.
    for part in (lambda state: state, lambda state: state["trainer"]["adversary"]):
        gradients = [_running_means(part(state)["optimizer"]) for state in (one, two)]
        assert gradients[0].abs().max() > 5e-3
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-4)
    torch.testing.assert_close(two["trainer"]["dice"], one["trainer"]["dice"], rtol=0, atol=0)
    if network == "encoder":
        carried = [state["trainer"]["rows"] for state in (one, two)]
        torch.testing.assert_close(*carried, rtol=0, atol=1e-3)
    log = (tmp_path / "two" / "log.txt").read_text()
    assert log.count(f"saved at step {steps}") == 1  # one process writes


def _running_means(optimizer: dict) -> torch.Tensor:
    return torch.cat([state["exp_avg"].flatten() for state in optimizer["state"].values()])


def test_the_rows_of_a_share_are_those_of_the_whole(monkeypatch):
    whole = Dice(3, "cpu").normal(6, 4)
    shares = []
    for rank in range(2):
        monkeypatch.setattr("samm.training.parallel.size", lambda: 2)
        monkeypatch.setattr("samm.training.parallel.rank", lambda rank=rank: rank)
        shares.append(Dice(3, "cpu").normal(3, 4))
    assert torch.equal(torch.cat(shares), whole)
