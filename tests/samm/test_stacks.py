"""Stacks: generator, encoder and SAMM of every preset fit together; full-size ones on the meta device."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import samm
from samm.checkpoints import WeightFile
from samm.crop.domains import CARS, FACES
from samm.method.alignment import Levels, aligner
from samm.method.paper_samm import PaperSAMM
from samm.models import PRESETS
from samm.networks.encoders import Encoder
from samm.networks.generators import Generator

LEVELS = (32, 64, 128, 256)
PAPER = [name for name in PRESETS if name.startswith("stylegan2")]
FORMATS = {  # edge of the picture, rows of w_plus, passes of the encoder
    "mobile": (1024, 16, 2),
    "stylegan2-e4e": (1024, 18, 1),
    "stylegan2-restyle": (1024, 18, 5),
    "stylegan2-e4e-cars": (512, 16, 1),
    "tiny": (512, 14, 2),
    "tiny-stylegan2-e4e": (256, 14, 1),
    "tiny-stylegan2-restyle": (256, 14, 5),
    "tiny-stylegan2-e4e-cars": (256, 14, 1),
}


def networks(preset: str) -> tuple[Generator, Encoder, Levels, str]:
    """Build a preset's networks: small ones with values, full-size ones as mere shapes."""
    if not PRESETS[preset].weights:
        model = samm.load(preset, "cpu")
        return model.generator, model.encoder, model.samm, "cpu"
    spec = PRESETS[preset]
    with torch.device("meta"):
        return spec.generator(), spec.encoder().eval(), spec.samm(), "meta"


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@torch.no_grad()
def test_generator_encoder_and_samm_fit_together(preset):
    generator, encoder, levels, device = networks(preset)
    size, rows, passes = FORMATS[preset]
    assert (generator.resolution, generator.num_layers, encoder.default_steps) == (size, rows, passes)
    assert levels.resolutions == LEVELS

    photo = torch.linspace(-1, 1, 3 * 256 * 256, device=device).view(1, 3, 256, 256)
    encoder.prepare(generator)
    code = encoder.encode(photo, generator, passes)
    assert code.w_plus.shape == (1, rows, 512)
    for r, level in levels.levels.items():
        # The level's first convolution says which channels SAMM expects.
        wanted = next(m for m in level.modules() if isinstance(m, torch.nn.Conv2d)).in_channels
        assert code.features[int(r)].shape == (1, wanted, int(r), int(r))
    again = encoder.features(photo, generator, code.w_plus)
    assert {r: f.shape for r, f in again.items()} == {r: f.shape for r, f in code.features.items()}

    adapt, alignment = aligner(levels, code.features, 2)
    assert generator.synthesize(code.w_plus, adapt).shape == (1, 3, size, size)
    assert {r: flow.shape for r, flow in alignment.flows.items()} == {r: (1, 2, r, r) for r in LEVELS}
    assert {r: mask.shape for r, mask in alignment.masks.items()} == {r: (1, 1, r, r) for r in LEVELS}
    assert generator.synthesize(code.w_plus, size=256).shape == (1, 3, 256, 256)


@pytest.mark.parametrize("preset", PAPER)
def test_the_papers_stacks_are_as_the_paper_has_them(preset):
    generator, _, levels, _ = networks(preset)
    counts = {name: p.numel() for name, p in levels.named_parameters()}
    feats = sum(count for name, count in counts.items() if ".feats." in name)
    assert (sum(counts.values()) - feats, feats) == (43_751_552, 222_592)
    assert generator.adapt_after == "convolution"
    domain = CARS if preset.endswith("cars") else FACES
    assert PRESETS[preset].domain == domain


class Watched:
    """A generator that notes whether SAMM took part, and how large each picture was drawn."""

    def __init__(self, generator: Generator):
        self._generator = generator
        self.w_mean, self.num_layers = generator.w_mean, generator.num_layers
        self.resolution = generator.resolution
        self.drawn: list[tuple[torch.Tensor, bool, int | None]] = []

    def synthesize(self, w_plus, adapt=None, size=None):
        self.drawn.append((w_plus, adapt is not None, size))
        return self._generator.synthesize(w_plus, adapt, size)


def test_samm_takes_no_part_in_restyles_passes_and_sees_the_features_of_the_last(tiny_crop):
    model = samm.load("tiny-stylegan2-restyle", "cpu")
    watched = Watched(model.generator)
    seen = []
    for level in model.samm.levels.values():
        level.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    crop = np.ascontiguousarray(tiny_crop[::2, ::2])
    assert model.encoder.default_steps == 5  # as many as it was published with
    inversion = samm.invert(crop, replace(model, generator=watched), samm.Options(5, readout=False))
    # Four renders between five passes, and one with SAMM.
    assert [how for _, *how in watched.drawn] == [[False, 256]] * 4 + [[True, None]]
    assert list(inversion.masks) == list(LEVELS)
    with torch.no_grad():
        render = model.generator.synthesize(watched.drawn[3][0], size=256)
        last = model.encoder.pyramid(inversion.photo_pm1, render)
    assert len(seen) == len(LEVELS)
    for r, features in zip(LEVELS, seen, strict=True):
        torch.testing.assert_close(features, last[r], atol=1e-4, rtol=1e-4)


# SAMM's own file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PAPER)
def test_samms_file_is_ours_and_optional(preset):
    file = PRESETS[preset].weights["samm"]
    assert file.name == f"samm_paper_{preset.replace('-', '_')}.safetensors"
    assert file.optional
    assert file.repo is None
    assert file.layout is None


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of weights, and the tiny stack with a file for SAMM."""
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    file = WeightFile("made_samm.safetensors", "", "", "", optional=True)
    spec = replace(PRESETS["tiny-stylegan2-e4e"], weights={"samm": file})
    monkeypatch.setitem(PRESETS, "made", spec)
    return tmp_path


def test_without_its_file_a_model_has_no_samm_and_its_inversions_say_so(folder, tiny_crop):
    model = samm.load("made", "cpu")
    assert model.samm is None
    inversion = samm.invert(np.ascontiguousarray(tiny_crop[::2, ::2]), model)
    assert inversion.notice.startswith("The preset made has no trained SAMM")


def test_with_its_file_a_model_has_that_samm(folder):
    state = {key: torch.rand_like(value) for key, value in PRESETS["made"].samm().state_dict().items()}
    save_file(state, folder / "made_samm.safetensors")
    loaded = samm.load("made", "cpu").samm.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_the_file_of_another_samm_is_refused(folder):
    other = PaperSAMM(dict.fromkeys(LEVELS, 8), dict.fromkeys(LEVELS, 16))
    save_file(other.state_dict(), folder / "made_samm.safetensors")
    with pytest.raises(samm.WeightsError, match="belongs to another network"):
        samm.load("made", "cpu")
