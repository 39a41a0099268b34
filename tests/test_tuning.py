"""Pivotal tuning: what changes, what must not, and when it ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import samm
from samm.errors import OptionError
from samm.photo import to_u8
from samm.tuning import TuneConfig, tune


@pytest.fixture(scope="module")
def pivot(quick, tiny_crop) -> samm.Inversion:
    return samm.invert(tiny_crop, quick)


def _weights(generator: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in generator.state_dict().items()}


def _same(generator: nn.Module, weights: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, weights[name]) for name, value in generator.state_dict().items())


def test_tuning_comes_nearer_to_the_photo_and_leaves_the_model_alone(quick, pivot):
    before = _weights(quick.generator)
    with torch.inference_mode():  # as the page calls it
        tuned, generator = tune(pivot, quick, 2)
    assert tuned.report["psnr"]["generated"] > pivot.report["psnr"]["generated"] + 0.1
    assert torch.equal(tuned.w_plus, pivot.w_plus)
    assert tuned.options == pivot.options
    assert tuned.seconds["Tuning"] > 0
    assert _same(quick.generator, before)
    assert not _same(generator, before)
    assert not any(weight.requires_grad for weight in generator.parameters())
    with torch.inference_mode():
        assert np.array_equal(to_u8(generator.synthesize(tuned.w_plus)), tuned.generated)


def test_stopping_keeps_the_best_so_far(quick, pivot):
    told = []

    def stop_at_once(stage: str, done: int, total: int) -> bool:
        told.append((stage, done, total))
        return done == 1

    tuned, _ = tune(pivot, quick, 9, stop_at_once)
    assert told == [("Tuning", 0, 9), ("Tuning", 1, 9)]
    assert tuned.report["psnr"]["generated"] > pivot.report["psnr"]["generated"]


def test_steps_that_make_it_worse_are_undone(quick, pivot):
    before = _weights(quick.generator)
    tuned, generator = tune(pivot, quick, 2, config=TuneConfig(lr=10.0))
    assert _same(generator, before)
    assert np.array_equal(tuned.generated, pivot.generated)


def test_a_lack_of_gain_ends_it(quick, pivot):
    told = []
    config = TuneConfig(lr=0.0, patience=1)
    tune(pivot, quick, 50, lambda stage, done, total: told.append(done), config)
    assert told == [0, 1, 2]


def test_nothing_is_spent_on_what_the_photo_supplies(quick, pivot):
    everything = replace(pivot, masks={256: torch.ones(1, 1, 256, 256)})
    _, generator = tune(everything, quick, 1)
    assert _same(generator, _weights(quick.generator))


def test_locality_holds_the_generator_near_the_pivot(quick, pivot):
    random = torch.Generator().manual_seed(1)
    w = quick.generator.mapping(torch.randn(1, 512, generator=random))[:, None]
    direction = F.normalize((w - pivot.w_plus).flatten(), dim=0).view_as(pivot.w_plus)
    near = pivot.w_plus + TuneConfig.reach * direction

    def drift(locality: float) -> float:
        _, generator = tune(pivot, quick, 4, config=TuneConfig(lr=1e-4, locality=locality))
        with torch.inference_mode():
            apart = generator.synthesize(near, size=256) - quick.generator.synthesize(near, size=256)
        return apart.square().mean().item()

    assert drift(10.0) < 0.85 * drift(0.0)


@pytest.mark.parametrize("steps", [0, 501])
def test_a_wrong_number_of_steps_is_a_sentence(steps, quick, pivot):
    with pytest.raises(OptionError, match=f"tuning steps is {steps}; choose a value from 1 to 500"):
        tune(pivot, quick, steps)
