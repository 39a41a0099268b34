"""Pivotal tuning: what changes, what must not, when it ends, and what draws with it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import samm
from editing.edit import edit, edit_all
from editing.moves.moves import Moves
from editing.recipe.recipe import Recipe, TextEdit
from samm.errors import OptionError
from samm.inversion import drawing_model
from samm.likeness.tuning import TuneConfig
from samm.metrics import psnr
from samm.models import load_generator
from samm.pixels import to_u8

OLDER = Recipe({"age": 2.0})


@pytest.fixture(scope="module")
def pivot(quick, tiny_crop) -> samm.Inversion:
    return samm.invert(tiny_crop, quick)


@pytest.fixture(scope="module")
def tuned(pivot, quick) -> samm.Inversion:
    return samm.tune(pivot, quick, 3)


def _generated(inversion: samm.Inversion, model: samm.Model) -> np.ndarray:
    picture = samm.draw_generated(inversion, model).generated
    assert picture is not None
    return picture


def _nearness(inversion: samm.Inversion, model: samm.Model) -> float:
    """How near the generator's own picture is to the photo, in dB."""
    return psnr(inversion.photo_u8, _generated(inversion, model))


def _weights(generator: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in generator.state_dict().items()}


def _same(generator: nn.Module, weights: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, weights[name]) for name, value in generator.state_dict().items())


@pytest.mark.parametrize(
    ("preset", "blocks"),
    [("tiny", {f"blocks.{i}" for i in range(5)}), ("tiny-stylegan2-e4e", {f"convs.{i}" for i in range(10)})],
)
def test_a_generator_says_which_of_its_weights_may_be_tuned(preset, blocks):
    generator = load_generator(preset, "cpu")
    weights = generator.tunable()
    assert {".".join(name.split(".")[:2]) for name in weights} == blocks  # from 8² to 128²
    assert all(generator.get_parameter(name) is weight for name, weight in weights.items())


def test_tuning_comes_nearer_to_the_photo_and_leaves_the_model_alone(quick, pivot):
    before = _weights(quick.generator)
    with torch.inference_mode():  # as the page calls it
        tuned = samm.tune(pivot, quick, 2)
    assert _nearness(tuned, quick) > _nearness(pivot, quick) + 0.1
    assert torch.equal(tuned.w_plus, pivot.w_plus)
    assert tuned.options == replace(pivot.options, tune_steps=2)
    assert (tuned.tuned_steps, tuned.report["tuned"], tuned.refined) == (2, 2, 0)
    assert tuned.seconds["Tuning"] > 0
    assert _same(quick.generator, before)


def test_it_is_stored_in_half_precision_and_survives_pickling(tuned, pivot):
    again = pickle.loads(pickle.dumps(tuned))
    assert pivot.tuned == {}
    assert again.tuned.keys() == tuned.tuned.keys()
    for name, difference in again.tuned.items():
        assert difference.dtype == torch.float16
        assert difference.any(), name
        assert torch.equal(difference, tuned.tuned[name])


def test_its_pictures_are_those_of_the_stored_weights(tuned, quick):
    again = drawing_model(quick, pickle.loads(pickle.dumps(tuned)))
    assert not any(weight.requires_grad for weight in again.generator.parameters())
    with torch.inference_mode():
        assert np.array_equal(to_u8(again.generator.synthesize(tuned.w_plus)), _generated(tuned, quick))
        shared = to_u8(quick.generator.synthesize(tuned.w_plus))
    assert not np.array_equal(shared, _generated(tuned, quick))


def test_styles_stay_so_that_edits_move_the_same_ones(tuned, quick, pivot):
    generator = drawing_model(quick, tuned).generator
    pairs = zip(generator.styles(pivot.w_plus), quick.generator.styles(pivot.w_plus), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    z = torch.ones(1, 512)
    assert torch.equal(generator.mapping(z), quick.generator.mapping(z))


def test_edits_draw_with_the_tuned_weights_and_the_next_untuned_ones_without(tuned, pivot, quick, tools):
    before = edit(pivot, OLDER, quick, tools)
    ours = edit(tuned, OLDER, quick, tools)
    by_hand = edit(replace(tuned, tuned={}), OLDER, drawing_model(quick, tuned), tools)
    assert np.array_equal(ours.aligned, by_hand.aligned)
    untuned = edit(replace(tuned, tuned={}), OLDER, quick, tools)
    assert not np.array_equal(ours.aligned, untuned.aligned)
    assert np.array_equal(edit(pivot, OLDER, quick, tools).aligned, before.aligned)


def test_an_empty_edit_is_the_inversion(tuned, quick, tools):
    empty = edit(tuned, Recipe(), quick, tools)
    assert np.array_equal(empty.blended, tuned.blended)
    for masks in ("reuse", "recompute"):
        (drawn,) = edit_all(tuned, [Recipe(masks=masks)], quick, tools)
        assert np.array_equal(drawn.aligned, tuned.aligned)
        if masks == "reuse":  # masks that are predicted anew are not cleared
            assert np.array_equal(drawn.blended, tuned.blended)
    assert replace(tuned, strength=0).tuned is tuned.tuned


def test_searched_words_look_through_the_tuned_weights(tuned, pivot, quick, monkeypatch):
    monkeypatch.setattr("editing.moves.words.optimize.SEARCH_STEPS", 1)
    monkeypatch.setattr("editing.moves.words.optimize.SEARCH_IDENTITY", 0.0)
    tools, glasses = Moves(quick), TextEdit("glasses", method="optimize")
    moves = [tools.text_move(glasses, inversion).w_plus for inversion in (tuned, pivot, tuned)]
    assert not torch.equal(moves[0], moves[1])  # of the same code
    assert moves[0] is moves[2]


def test_a_tuned_inversion_can_be_refined_and_stays_tuned(tuned, quick):
    refined = samm.refine(tuned, quick, 2)
    assert refined.tuned is tuned.tuned
    assert refined.tuned_steps == 3
    assert _nearness(refined, quick) > _nearness(tuned, quick)
    with torch.inference_mode():
        drawn = drawing_model(quick, tuned).generator.synthesize(refined.w_plus)
    assert np.array_equal(to_u8(drawn), _generated(refined, quick))


def test_tuning_begins_at_the_shared_generator(tuned, pivot, quick):
    none = samm.tune(tuned, quick, 0)
    assert none.tuned == {}
    assert np.array_equal(_generated(none, quick), _generated(pivot, quick))


@pytest.mark.slow
def test_inverting_refines_and_tunes_as_its_options_say(quick, tiny_crop):
    told = []
    options = samm.Options(refine_steps=2, tune_steps=3)
    both = samm.invert(tiny_crop, quick, options, lambda stage, *_: told.append(stage))
    assert both.options == options
    assert (both.refined, both.tuned_steps) == (2, 3)
    assert told.index("Refining") < told.index("Tuning")
    refined = samm.refine(samm.invert(tiny_crop, quick), quick, 2)
    assert np.array_equal(both.blended, samm.tune(refined, quick, 3).blended)


def test_stopping_keeps_the_best_so_far(quick, pivot):
    told = []

    def stop_at_once(stage: str, done: int, total: int) -> bool:
        told.append((stage, done, total))
        return stage == "Tuning" and done == 1

    tuned = samm.tune(pivot, quick, 9, stop_at_once)
    assert told[:2] == [("Tuning", 0, 9), ("Tuning", 1, 9)]
    assert ("Tuning", 2, 9) not in told
    assert tuned.tuned_steps == 1
    assert _nearness(tuned, quick) > _nearness(pivot, quick)


def test_steps_that_make_it_worse_are_undone(quick, pivot):
    tuned = samm.tune(pivot, quick, 2, config=TuneConfig(lr=10.0))
    assert tuned.tuned == {}
    assert np.array_equal(_generated(tuned, quick), _generated(pivot, quick))


def test_a_lack_of_gain_ends_it(quick, pivot):
    told = []
    config = TuneConfig(lr=0.0, patience=1)
    samm.tune(pivot, quick, 50, lambda stage, done, _: stage == "Tuning" and told.append(done), config)
    assert told == [0, 1, 2]


def test_nothing_is_spent_on_what_the_photo_supplies(quick, pivot):
    everything = replace(pivot, masks={256: torch.ones(1, 1, 256, 256)})
    assert samm.tune(everything, quick, 1).tuned == {}


def test_locality_holds_the_generator_near_the_pivot(quick, pivot):
    random = torch.Generator().manual_seed(1)
    w = quick.generator.mapping(torch.randn(1, 512, generator=random))[:, None]
    direction = F.normalize((w - pivot.w_plus).flatten(), dim=0).view_as(pivot.w_plus)
    near = pivot.w_plus + TuneConfig.reach * direction

    def drift(locality: float) -> float:
        tuned = samm.tune(pivot, quick, 4, config=TuneConfig(lr=1e-4, locality=locality))
        generator = drawing_model(quick, tuned).generator
        with torch.inference_mode():
            apart = generator.synthesize(near, size=256) - quick.generator.synthesize(near, size=256)
        return apart.square().mean().item()

    assert drift(1000.0) < 0.7 * drift(0.0)


@pytest.mark.parametrize("steps", [-1, 501])
def test_a_wrong_number_of_steps_is_a_sentence(steps, quick, pivot):
    with pytest.raises(OptionError, match=f"tune steps is {steps}; choose a value from 0 to 500"):
        samm.tune(pivot, quick, steps)
