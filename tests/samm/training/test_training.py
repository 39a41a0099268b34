"""Training: data and losses by numbers, and tiny runs of both trainers from start to resumed checkpoint."""

import re
import signal
import tarfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import samm
from samm.errors import OptionError
from samm.networks.generators.mobile import Sketch
from samm.training import interpolate, losses, synthetic
from samm.training.__main__ import NETWORKS, main
from samm.training.adversary import Adversary, LatentDiscriminator, PictureDiscriminator, discriminator_loss
from samm.training.data import FacePool, read_pack
from samm.training.dice import Dice
from samm.training.encoder_trainer import ENCODER_CONFIGS
from samm.training.loop import STATE_FILE, Budget, Outcome, _Run, train
from samm.training.networks import load_networks
from samm.training.samm_trainer import SAMM_CONFIGS, SAMMTrainer
from samm.training.stopwatch import Stopwatch


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> Path:
    """Give a folder of five drawn pictures whose names lie about their format."""
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0)
    for number in range(5):
        small = Image.fromarray(noise.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        small.resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", format="WEBP")
    return folder


@pytest.fixture(scope="module")
def faces(drawn_folder) -> Path:
    return drawn_folder("tiny", 8)


def trainer(network: str, pack: Path, preset: str = "tiny", stack: str = "tiny", **changes):
    trainer_class, presets = NETWORKS[network]
    config = replace(presets[preset], **changes)
    networks = load_networks(None, "cpu", stack)
    faces = FacePool([read_pack(pack, domain=networks.domain)], "cpu", config.held_out)
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
    with pytest.raises(OptionError, match="none are left"):
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
    weights = ENCODER_CONFIGS["mobile"].weights
    terms = {"identity": torch.tensor(2.0), "code": torch.tensor(1.0)}
    assert losses.weigh(terms, weights) == pytest.approx(2 * weights.identity + weights.code)


def test_a_term_without_weight_is_not_computed():
    def fail():
        raise AssertionError("computed")

    weights = replace(ENCODER_CONFIGS["mobile"].weights, vgg=0.0)
    assert list(losses.build({"mse": lambda: torch.ones(()), "vgg": fail}, weights)) == ["mse"]


def test_row_spread_is_zero_for_one_code_in_all_rows():
    w = torch.randn(2, 1, 8)
    assert losses.row_spread(w.expand(-1, 5, -1)) == pytest.approx(0, abs=1e-10)
    assert losses.row_spread(torch.randn(2, 5, 8)) > 0.1


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: LatentDiscriminator(torch.zeros(8), torch.ones(8)), (64, 8)),
        (lambda: PictureDiscriminator(width=4, size=32), (16, 3, 32, 32)),
    ],
    ids=["codes", "pictures"],
)
def test_an_adversary_learns_to_tell_apart_and_passes_its_gradient_on(make, shape, generator_rng):
    torch.manual_seed(0)
    adversary = Adversary(make(), learning_rate=1e-2, r1=0.1, r1_every=8)
    real = torch.randn(shape, generator=generator_rng)
    fake = (torch.randn(shape, generator=generator_rng) + 1).requires_grad_()
    before = adversary.fooled_by(fake).item()
    for _ in range(20):
        adversary.learn(real, fake)
    caught = adversary.fooled_by(fake)
    caught.backward()
    assert caught > 1.5 * before
    assert fake.grad.abs().sum() > 0
    assert all(p.grad is None or not p.requires_grad for p in adversary.judge.parameters())


def test_r1_is_the_squared_slope_at_the_real_ones():
    judge = torch.nn.Linear(3, 1)
    real, fake = torch.randn(4, 3), torch.randn(4, 3)
    plain = discriminator_loss(judge, real, fake, 0.0)
    penalty = discriminator_loss(judge, real, fake, 2.0) - plain
    torch.testing.assert_close(penalty, 2 * judge.weight.square().sum())


# Recipes --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("preset", SAMM_CONFIGS)
def test_every_recipe_computes_the_terms_that_it_weighs(preset, pack):
    learner, config = trainer("samm", pack, preset, batch=3, held_out=2, adversary_width=4)
    with torch.no_grad():
        total, terms = learner.losses(1.0, Stopwatch(torch.device("cpu")))
    weighed = {name for name, weight in asdict(config.weights).items() if weight}
    assert torch.isfinite(total)
    assert set(terms) == weighed | {"kept"}


def test_the_papers_recipe_is_real_photos_without_occluders(pack):
    learner, _ = trainer("samm", pack, "paper", batch=2, held_out=2, adversary_width=4)
    photo, clean, truth, occluder = learner._photos()
    assert len(photo) == 2
    assert len(truth) == 0
    assert occluder.sum() == 0
    assert torch.equal(photo, clean)


def test_levels_join_coarse_to_fine_and_locked_ones_do_not_learn(pack):
    learner, _ = trainer("samm", pack, unlock=(0.0, 0.2, 0.4, 0.6))
    assert [len(learner._unlocked(p).resolutions) for p in (0.0, 0.2, 0.5, 1.0)] == [1, 2, 3, 4]
    total, _ = learner.losses(0.3, Stopwatch(torch.device("cpu")))
    total.backward()
    learns = {r: level.out.weight.grad is not None for r, level in learner.model.levels.items()}
    assert learns == {"32": True, "64": True, "128": False, "256": False}


def test_without_alignment_flows_stay_zero_while_masks_learn(pack):
    learner, config = trainer("samm", pack, align=False, unlock=())
    run = _Run(learner, config.loop, Outcome(Path()))
    heads = [level.out.weight for level in learner.model.levels.values()]
    masks_before = [head[2:].clone() for head in heads]
    run.advance(0.0)
    assert all(not head[:2].any() for head in heads)
    assert all(not torch.equal(head[2:], before) for head, before in zip(heads, masks_before, strict=True))


def test_an_ablations_weights_file_is_loaded_through_samm_weights(pack, tmp_path, monkeypatch):
    networks = load_networks(None, "cpu", vgg=False, fresh="samm")
    config = SAMM_CONFIGS["no-alignment"]
    faces = FacePool([read_pack(pack)], "cpu", held_out=1)
    learner = SAMMTrainer(networks, faces, config, lambda function: function)
    _Run(learner, config.loop, Outcome(tmp_path)).save()
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    head = samm.load(device="cpu").samm.levels["32"].out
    assert head.bias.tolist() == [0.0, 0.0, -1.0]


def test_a_budget_counts_seconds_or_steps_and_may_be_empty():
    assert Budget(seconds=10).progress(2.5, step=99) == 0.25
    assert Budget(seconds=10, steps=4).progress(2.5, step=1) == 0.25
    assert Budget(seconds=1).progress(2.5, step=0) == 1
    assert Budget(seconds=0).progress(0.0, step=0) == 1
    assert Budget(seconds=9, steps=0).progress(0.0, step=0) == 1


def test_wrong_options_are_named_in_a_sentence(pack, tmp_path):
    common = ["--data", str(pack), "--out", str(tmp_path)]
    with pytest.raises(OptionError, match="no configuration n9 for training samm; choose one of mobile"):
        main(["samm", "--config", "n9", *common])
    with pytest.raises(OptionError, match="multiple of 4"):
        main(["encoder", "--config", "tiny", "--batch", "6", *common])
    with pytest.raises(OptionError, match="resume"):
        main(["encoder", "--config", "tiny", "--resume", *common])


# Whole runs -----------------------------------------------------------------------------------------------


SHORT, LONG = ("--steps", "10"), ("--minutes", "2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "budget"),
    [
        ("encoder", SHORT),
        ("samm", SHORT),
        pytest.param("encoder", LONG, marks=pytest.mark.long),
        pytest.param("samm", LONG, marks=pytest.mark.long),
    ],
)
def test_a_tiny_run_from_nothing_lowers_its_held_out_loss(network, budget, faces, tmp_path):
    main([network, "--config", "tiny", "--data", str(faces), *budget, "--out", str(tmp_path)])
    log = (tmp_path / "log.txt").read_text()
    judged = [float(loss) for loss in re.findall(r"held out.* loss (\S+)", log)]
    print(f"{network} {' '.join(budget)}: held-out loss {judged[0]:.4f} -> {judged[-1]:.4f}")
    assert judged[-1] < (0.97 if budget == SHORT else 0.85) * judged[0]
    assert "images/s" in log
    (file,) = tmp_path.glob("*.safetensors")
    weights = load_file(file)
    getattr(load_networks(None, "cpu", "tiny"), network).load_state_dict(weights)
    assert {value.dtype for value in weights.values()} == {torch.float16}
    with Image.open(sorted(tmp_path.glob("sheet_*.png"))[-1]) as sheet:
        assert sheet.width % 128 == 0


def test_a_tiny_sketch_comes_nearer_to_the_drawing_and_is_read_from_its_file(faces, tmp_path):
    out = tmp_path / "out"
    main(["sketch", "--config", "tiny", "--data", str(faces), "--steps", "20", "--out", str(out)])
    judged = [float(loss) for loss in re.findall(r"held out.* loss (\S+)", (out / "log.txt").read_text())]
    assert judged[-1] < 0.9 * judged[0]
    weights = load_file(out / "sketch_mobile.safetensors")
    generator = load_networks(None, "cpu", "tiny").generator
    generator.reader = Sketch(16, len(weights["center"]), 8)
    generator.reader.load_state_dict(weights)
    styles = generator.styles(generator.w_mean.expand(1, generator.num_layers, -1))
    with torch.no_grad():
        assert (generator.sketch(styles, 256) - generator.draw(styles, size=256)).square().mean() < judged[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "call"), [("encoder", 3), ("sketch", 2)]
)  # which warms up by a call, or not
def test_an_interrupted_run_resumes_with_equal_losses(pack, tmp_path, network, call):
    budget = Budget(seconds=0, steps=5)
    whole, config = trainer(network, pack)
    expected = train(whole, config.loop, budget, Outcome(tmp_path / "whole"))

    first, _ = trainer(network, pack)
    first.losses = _at_call(call, first.losses, _press_ctrl_c)  # in the middle of the second step
    begun = train(first, config.loop, budget, Outcome(tmp_path / "parts"))
    second, _ = trainer(network, pack)
    resumed = train(second, config.loop, budget, Outcome(tmp_path / "parts"), resume=True)

    assert begun == expected[:2]
    assert resumed == expected


@pytest.mark.slow
@pytest.mark.usefixtures("quick_configs")
def test_a_killed_samm_run_resumes_bit_for_bit(pack, tmp_path, monkeypatch):
    """What a run leaves that is torn out of its second step is what was saved after the first."""
    run = ["samm", "--config", "tiny", "--data", str(pack), "--steps", "3", "--save-every", "0"]
    main([*run, "--out", str(tmp_path / "whole")])

    class Killed(BaseException):
        pass

    def kill(*args):
        raise Killed

    parts = tmp_path / "parts"
    with monkeypatch.context() as during:
        during.setattr(Adversary, "learn", _at_call(2, Adversary.learn, kill))
        with pytest.raises(Killed):
            main([*run, "--out", str(parts)])
    main([*run, "--out", str(parts), "--resume"])
    assert "resumed at step 1" in (parts / "log.txt").read_text()
    whole, parts = (torch.load(tmp_path / name / STATE_FILE) for name in ("whole", "parts"))
    for state in (whole, parts):
        del state["elapsed_s"]
    assert len(whole["losses"]) == 3
    assert _equal(whole, parts)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_configs")
def test_bench_prints_speed_and_shares(pack, capsys):
    main(["bench", "--config", "tiny", "--data", str(pack), "--steps", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["encoder", "samm", "sketch"]
    assert all("images/s" in line and "backward" in line for line in lines)


def _at_call(number, function, happens):
    """Let something happen before `function` is called the given time."""
    calls = iter(range(1, 1000))

    def wrapped(*args):
        if next(calls) == number:
            happens()
        return function(*args)

    return wrapped


def _press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def _equal(a, b):
    """Compare nested states bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


# Files ----------------------------------------------------------------------------------------------------


def test_interpolating_two_files_of_one_network(tmp_path):
    start = {"levels.32.out.bias": torch.tensor([0.0, 0.0, -1.0]), "levels.32.out.weight": torch.zeros(3, 2)}
    trained = {"levels.32.out.bias": torch.tensor([1.0, 0.0, 0.0]), "levels.32.out.weight": torch.ones(3, 2)}
    paths = [tmp_path / name for name in ("start.safetensors", "trained.safetensors", "out.safetensors")]
    save_file(start, paths[0])
    save_file(trained, paths[1])
    changes = ["--share", "0.25", "--mask-bias", "2", "--flows", "0.5"]
    interpolate.main([*map(str, paths[:2]), *changes, "--out", str(paths[2])])
    mixed = load_file(paths[2])
    assert mixed["levels.32.out.bias"].tolist() == [0.125, 0.0, -0.25]
    assert mixed["levels.32.out.weight"].tolist() == [[0.125] * 2, [0.125] * 2, [0.25] * 2]
    with pytest.raises(ValueError, match="different networks"):
        interpolate.interpolate(start, {"levels.32.out.bias": torch.zeros(2)}, 0.5)
