"""Half precision, the fast path of a GPU, draws the pictures of float32 to 45 dB; seen on a processor."""

from dataclasses import replace

import pytest

import samm
from editing.edit import edit
from editing.moves.moves import Moves
from samm.metrics import psnr

LEAST_DB = 45.0  # measured: 51 of bfloat16, 60 of float16


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_an_inversion_and_an_edit_in_half_precision(precision, inversion, crop, embedded):
    half = replace(embedded, precision=precision)
    fast = samm.invert(crop, half)
    assert psnr(fast.aligned, inversion.aligned) > LEAST_DB
    assert psnr(fast.blended, inversion.blended) > LEAST_DB
    smile, fast_smile = (edit(inversion, "smile +2", model, Moves(model)) for model in (embedded, half))
    assert psnr(fast_smile.aligned, smile.aligned) > LEAST_DB
    assert psnr(fast_smile.blended, smile.blended) > LEAST_DB
    assert psnr(smile.aligned, inversion.aligned) < LEAST_DB  # so the limit tells pictures apart
