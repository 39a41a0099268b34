"""A preset without SAMM: generator and encoder alone, said so in a sentence."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

import samm


@pytest.fixture(scope="module")
def model() -> samm.Model:
    return replace(samm.load("tiny-stylegan2-restyle", "cpu"), samm=None)


@pytest.fixture(scope="module")
def alone(model, tiny_crop) -> samm.Inversion:
    crop = np.ascontiguousarray(tiny_crop[::2, ::2])
    return samm.invert(crop, model, samm.Options(encoder_steps=1, readout=False))


def test_the_generators_picture_is_the_result(alone):
    assert np.array_equal(alone.aligned, alone.generated)
    assert np.array_equal(alone.blended, alone.generated)
    assert alone.masks == alone.flows == {}


def test_nothing_is_kept_at_any_strength(alone):
    assert alone.gathered.shape == (1, 1, 256, 256)
    assert not alone.gathered.any()
    assert np.array_equal(replace(alone, strength=2).blended, alone.generated)


def test_the_report_says_so(alone):
    assert alone.report["notice"] == alone.notice
    assert alone.notice.startswith("The preset tiny-stylegan2-restyle has no trained SAMM: ")
    assert alone.report["kept"] == {"gathered": 0}


def test_with_samm_there_is_no_notice(tiny, tiny_crop):
    inversion = samm.invert(tiny_crop, tiny, samm.Options(encoder_steps=1, iterations=1))
    assert inversion.notice is None
    assert "notice" not in inversion.report


def test_a_read_out_needs_no_samm(alone, model):
    matched = samm.invert(alone.crop, model, samm.Options(encoder_steps=1))
    assert np.array_equal(matched.generated, alone.generated)
    assert np.array_equal(matched.blended, matched.aligned)
    assert matched.report["psnr"]["blended"] > alone.report["psnr"]["blended"]


def test_it_survives_pickling_and_refinement(alone, model):
    again = pickle.loads(pickle.dumps(alone))
    assert torch.equal(again.w_plus, alone.w_plus)
    refined = samm.refine(again, model, 1)
    assert refined.refined == 1
    assert np.array_equal(refined.blended, refined.generated)
