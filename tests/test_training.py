"""Training: data and losses by numbers, and tiny runs of both trainers from start to resumed checkpoint."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from samm.training import average, losses, synthetic
from samm.training.__main__ import NETWORKS, main
from samm.training.data import FacePool, read_pack
from samm.training.dice import Dice
from samm.training.encoder import ENCODER_PRESETS
from samm.training.loop import STATE_FILE, Budget, train
from samm.training.networks import load_networks


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> Path:
    """Give a folder of five drawn pictures whose names lie about their format."""
    folder = tmp_path_factory.mktemp("faces")
    noise = np.random.default_rng(0)
    for number in range(5):
        small = Image.fromarray(noise.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        small.resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", format="WEBP")
    return folder


def trainer(network: str, pack: Path, **changes):
    trainer_class, presets = NETWORKS[network]
    config = replace(presets["tiny"], **changes)
    networks = load_networks(None, "cpu", tiny=True)
    faces = FacePool([read_pack(pack)], "cpu", config.held_out)
    return trainer_class(networks, faces, config, lambda function: function), config


# Data -----------------------------------------------------------------------------------------------------


def test_a_pack_is_read_by_content_from_folder_and_tar(pack, tmp_path):
    with tarfile.open(tmp_path / "pack.tar", "w") as tar:
        for file in sorted(pack.iterdir()):
            tar.add(file, file.name)
    from_folder, from_tar = read_pack(pack), read_pack(tmp_path / "pack.tar")
    assert from_folder.shape == (5, 3, 256, 256)
    assert from_folder.dtype == torch.uint8
    assert torch.equal(from_folder, from_tar)


def test_held_out_faces_are_never_drawn():
    packs = [
        torch.full((6, 3, 8, 8), 10, dtype=torch.uint8),
        torch.full((40, 3, 8, 8), 20, dtype=torch.uint8),
    ]
    for pack in packs:
        pack[-2:] = 255
    pool = FacePool(packs, "cpu", held_out=2)
    drawn = pool.draw(500, Dice(0, "cpu"))
    assert len(pool) == 42
    assert (pool.held_out == 1).all()
    assert drawn.max() < 0
    share = (drawn[:, 0, 0, 0] * 127.5 + 127.5 > 15).float().mean()
    assert share == pytest.approx(38**0.5 / (38**0.5 + 4**0.5), abs=0.08)


def test_a_pack_with_nothing_left_to_train_on_is_refused():
    with pytest.raises(ValueError, match="none are left"):
        FacePool([torch.zeros(3, 3, 8, 8, dtype=torch.uint8)], "cpu", held_out=3)


# Synthetic photos -----------------------------------------------------------------------------------------


def test_occluders_are_masks_of_reasonable_size_and_repeat_with_their_seed():
    masks = synthetic.occluders(64, 32, Dice(1, "cpu"))
    assert masks.shape == (64, 1, 32, 32)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert 0.05 < masks.mean() < 0.5
    assert torch.equal(masks, synthetic.occluders(64, 32, Dice(1, "cpu")))


def test_pasting_leaves_uncovered_pixels_alone():
    photos = torch.rand(8, 3, 32, 32) * 2 - 1
    pasted, mask = synthetic.paste(photos, 1.0, Dice(2, "cpu"))
    bare = (mask == 0).expand_as(photos)
    assert torch.equal(pasted[bare], photos[bare])
    assert (pasted - photos).abs().mean() > 0.01


def test_degradation_and_jitter_stay_in_range_and_near_the_photo():
    photos = synthetic._smooth_noise(4, 3, 4, 64, Dice(3, "cpu")).clamp(-1, 1)
    for changed in (synthetic.degrade(photos, Dice(3, "cpu")), synthetic.jitter(photos, Dice(3, "cpu"))):
        assert changed.shape == photos.shape
        assert changed.abs().max() <= 1
        assert (changed - photos).abs().mean() < 0.15


# Losses ---------------------------------------------------------------------------------------------------


def test_face_window_is_high_at_the_eyes_and_low_in_the_corners():
    window = losses.face_window(64, "cpu")[0, 0]
    assert window[29, 23] > 0.6  # an eye
    assert window[36, 32] > 0.99
    assert window[0, 0] < 1e-3


def test_area_loss_is_a_hinge_that_does_not_charge_known_occluders():
    mask, nothing = torch.full((2, 1, 8, 8), 0.5), torch.zeros(2, 1, 16, 16)
    assert losses.area_loss([mask, mask], [0.3, 0.6], nothing) == pytest.approx(0.2)
    assert losses.area_loss([mask], [0.3], nothing + 1) == 0


def test_mask_terms_reward_what_they_should():
    occluder = torch.zeros(1, 1, 16, 16)
    occluder[..., :8] = 1
    right, wrong, face = occluder, 1 - occluder, torch.ones(1, 1, 16, 16)
    assert losses.occluder_loss([right], occluder) == 0
    assert losses.occluder_loss([wrong], occluder) > 1
    assert losses.face_occupation([right], face, occluder) == 0
    assert losses.face_occupation([wrong], face, occluder) == pytest.approx(0.5)
    assert losses.binary_total([right, wrong]) == 0
    assert losses.total_variation([right]) == pytest.approx(1 / 15)


def test_weigh_multiplies_each_term_by_its_own_weight():
    weights = ENCODER_PRESETS["mobile"].weights
    terms = {"identity": torch.tensor(2.0), "code": torch.tensor(1.0)}
    assert losses.weigh(terms, weights) == pytest.approx(2 * weights.identity + weights.code)


def test_row_spread_is_zero_for_one_code_in_all_rows():
    w = torch.randn(2, 1, 8)
    assert losses.row_spread(w.expand(-1, 5, -1)) == pytest.approx(0, abs=1e-10)
    assert losses.row_spread(torch.randn(2, 5, 8)) > 0.1


def test_discriminator_learns_to_tell_codes_apart():
    torch.manual_seed(0)
    judge = losses.LatentDiscriminator(torch.zeros(8), torch.ones(8))
    optimizer = torch.optim.Adam(judge.parameters(), 1e-2)
    sampled, encoded = torch.randn(64, 8), torch.randn(64, 8) + 3
    history = []
    for step in range(20):
        optimizer.zero_grad()
        loss = losses.discriminator_loss(judge, sampled, encoded, r1=0.1 if step % 8 == 0 else 0.0)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0]


# Whole runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["encoder", "samm"])
def test_a_tiny_run_learns_and_writes_what_the_network_can_load(network, pack, tmp_path):
    main([network, "--tiny", "--data", str(pack), "--steps", "2", "--out", str(tmp_path)])
    trainer_class, _ = NETWORKS[network]
    weights = load_file(tmp_path / trainer_class.file_name)
    fresh = getattr(load_networks(None, "cpu", tiny=True), network)
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    fresh.load_state_dict(weights)
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert any(not torch.equal(value, before[key].half()) for key, value in weights.items())
    log = (tmp_path / "log.txt").read_text()
    assert "images/s" in log
    assert "held out, step 2" in log
    with Image.open(io.BytesIO((tmp_path / "sheet_000002.png").read_bytes())) as sheet:
        assert sheet.width % 128 == 0


def test_samm_learns_from_a_batch_that_it_sees_again(pack):
    learner, config = trainer("samm", pack)
    optimizer = torch.optim.Adam(learner.model.parameters(), 5e-3)
    start, totals = learner.state_dict(), []
    for _ in range(4):
        learner.load_state_dict(start)  # the same dice: the same photos, codes and occluders
        total, _ = learner._losses(1, 0.5, _Silence())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < totals[0]


def test_an_interrupted_encoder_run_resumes_with_the_same_losses(pack, tmp_path):
    budget = Budget(seconds=0, steps=3)
    whole, config = trainer("encoder", pack)
    expected = train(whole, config.loop, budget, tmp_path / "whole")

    first, _ = trainer("encoder", pack)
    first.losses = _interrupted_at_call(3, first.losses)  # the warm-up, one step, and no more
    begun = train(first, config.loop, budget, tmp_path / "parts")
    assert (tmp_path / "parts" / STATE_FILE).is_file()
    second, _ = trainer("encoder", pack)
    ended = train(second, config.loop, budget, tmp_path / "parts", resume=True)

    assert begun + ended == pytest.approx(expected, rel=1e-4)


class _Silence:
    """A stopwatch that does not watch."""

    def part(self, name):
        return io.BytesIO()  # any context manager


def _interrupted_at_call(number, function):
    """Behave as if Ctrl-C were pressed when `function` is called the given time."""
    calls = iter(range(1, number + 1))

    def wrapped(*args):
        if next(calls) == number:
            raise KeyboardInterrupt
        return function(*args)

    return wrapped


def test_averaging_two_files_of_one_network(tmp_path):
    start = {"levels.32.out.bias": torch.tensor([0.0, 0.0, -1.0]), "levels.32.f.bias": torch.zeros(2)}
    trained = {"levels.32.out.bias": torch.tensor([1.0, 0.0, 0.0]), "levels.32.f.bias": torch.ones(2)}
    paths = [tmp_path / name for name in ("start.safetensors", "trained.safetensors", "out.safetensors")]
    save_file(start, paths[0])
    save_file(trained, paths[1])
    average.main([*map(str, paths[:2]), "--share", "0.25", "--mask-bias", "2", "--out", str(paths[2])])
    mixed = load_file(paths[2])
    assert mixed["levels.32.out.bias"].tolist() == [0.25, 0.0, -0.25]
    assert mixed["levels.32.f.bias"].tolist() == [0.25, 0.25]
    with pytest.raises(ValueError, match="different networks"):
        average.average(start, {"levels.32.f.bias": torch.zeros(2)}, 0.5)
