"""Training SAMM for the paper's stacks: codes of every encoder, tiny runs, and pictures with black bars."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import samm
from samm.checkpoints import WeightFile
from samm.crop.domains import CARS, FACES
from samm.errors import OptionError
from samm.method.alignment import Alignment, aligner
from samm.models import PRESETS
from samm.training import losses, synthetic
from samm.training.__main__ import main
from samm.training.codes import Coder
from samm.training.data import FacePool, read_pack, with_bars, within
from samm.training.dice import Dice
from samm.training.loop import Outcome, _Run
from samm.training.networks import Networks, Painter, load_networks, lower_precision
from samm.training.samm_trainer import SAMM_CONFIGS, SAMMTrainer, _Drawn
from samm.training.validation import mask_figures, picture_figures

RECIPES = {
    "tiny-stylegan2-e4e": "tiny",
    "tiny-stylegan2-restyle": "tiny",
    "tiny-stylegan2-e4e-cars": "tiny-cars",
}


@pytest.fixture(scope="module")
def pack(drawn_folder) -> Path:
    return drawn_folder("tiny-stylegan2-e4e", 3)


def trainer(stack: str, pack: Path, recipe: str, **changes) -> SAMMTrainer:
    networks = load_networks(None, "cpu", stack)
    config = replace(SAMM_CONFIGS[recipe], batch=2, held_out=1, **changes)
    faces = FacePool([read_pack(pack, domain=networks.domain)], "cpu", config.held_out)
    return SAMMTrainer(networks, faces, config, lambda function: function)


# Whole runs -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stack", "recipe"),
    [
        pytest.param(*item, marks=pytest.mark.long if item[0] == "tiny-stylegan2-e4e" else ())  # as cars are
        for item in RECIPES.items()
    ],
)
def test_a_run_learns_resumes_bit_for_bit_and_its_file_is_loaded(stack, recipe, pack, tmp_path, monkeypatch):
    def learner() -> _Run:
        weights = replace(SAMM_CONFIGS[recipe].weights, adversarial=0.0)
        new = trainer(stack, pack, recipe, weights=weights, synthetic=0.5, unlock=(), iterations=(1,))
        return _Run(new, new.config.loop, Outcome(tmp_path))

    def held_out_loss(run: _Run) -> float:
        with torch.no_grad():
            lines, _ = run.trainer.validate(run.ema.module)
        (blended,) = (line for line in lines if "loss" in line)
        assert ("identity" in blended) == (stack != "tiny-stylegan2-e4e-cars")
        return float(blended.split("loss ")[1].split()[0])

    run = learner()
    before = held_out_loss(run)
    for _ in range(3):
        run.advance(0.0)
    run.save()
    run.advance(0.5)
    assert held_out_loss(run) < 0.97 * before

    resumed = learner()
    resumed.load()
    resumed.advance(0.5)
    assert resumed.losses() == run.losses()
    weights = (r.trainer.model.state_dict() for r in (run, resumed))
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))

    file = WeightFile(run.trainer.file_name, "", "", "", optional=True)
    monkeypatch.setitem(PRESETS, stack, replace(PRESETS[stack], weights={"samm": file}))
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    model = samm.load(stack, "cpu")
    crop = (np.random.default_rng(0).random((256, 256, 3)) * 255).astype(np.uint8)
    inversion = samm.invert(crop, model, samm.Options(encoder_steps=1, iterations=1))
    assert list(inversion.masks) == [32, 64, 128, 256]


@pytest.mark.usefixtures("quick_configs")
def test_a_preset_is_trained_from_the_command_line_under_its_own_file_name(pack, tmp_path):
    data = ["--data", str(pack), "--out", str(tmp_path)]
    main(["samm", "--preset", "tiny-stylegan2-e4e", "--config", "tiny", *data, "--steps", "0"])
    assert (tmp_path / "samm_tiny_stylegan2_e4e.safetensors").is_file()
    assert "held out" in (tmp_path / "log.txt").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("quick_configs")
def test_bench_times_what_a_preset_can_learn(pack, capsys):
    main(["bench", "--config", "tiny-cars", "--data", str(pack), "--steps", "1"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("samm: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["samm", "--preset", "biggan"], "no preset called biggan; choose one of mobile"),
        (["encoder", "--preset", "stylegan2-e4e"], "encoder of the preset stylegan2-e4e is not trained here"),
        (["samm", "--preset", "tiny-stylegan2-e4e-cars", "--config", "tiny"], "the preset draws cars"),
    ],
)
def test_what_does_not_fit_is_a_sentence(arguments, words, pack, tmp_path):
    with pytest.raises(OptionError, match=words):
        main([*arguments, "--data", str(pack), str(pack), "--out", str(tmp_path)])


def test_the_recipe_for_cars_is_the_papers_without_faces():
    paper, cars = (asdict(SAMM_CONFIGS[name]) for name in ("paper", "cars"))
    assert paper["weights"].pop("identity")
    assert not cars["weights"].pop("identity")
    assert cars == paper
    assert not SAMM_CONFIGS["cars"].needs_faces


@pytest.mark.slow
def test_a_samm_without_a_file_starts_at_random_and_the_log_says_so(pack, tmp_path, monkeypatch):
    tiny = PRESETS["tiny-stylegan2-e4e"]
    files = {
        part: WeightFile(f"made_{part}.safetensors", "", "", "", optional=part == "samm")
        for part in ("generator", "encoder", "samm")
    }
    monkeypatch.setitem(PRESETS, "made", replace(tiny, weights=files))
    model = samm.load("tiny-stylegan2-e4e", "cpu")
    for part in ("generator", "encoder"):
        save_file(getattr(model, part).state_dict(), tmp_path / files[part].name)
    networks = load_networks(tmp_path, "cpu", "made", vgg=False)
    assert networks.samm_is_new
    assert torch.equal(networks.generator.input.input, model.generator.input.input)
    faces = FacePool([read_pack(pack)], "cpu", held_out=1)
    config = replace(SAMM_CONFIGS["tiny"], batch=2, unlock=())
    said = []
    monkeypatch.setattr(
        "samm.training.samm_trainer.log.info", lambda text, *values: said.append(text % values)
    )
    SAMMTrainer(networks, faces, config, lambda function: function).warm_up()
    assert said == ["there is no made_samm.safetensors yet: SAMM starts at random"]

    save_file(model.samm.state_dict(), tmp_path / "made_samm.safetensors")
    networks = load_networks(tmp_path, "cpu", "made", vgg=False)
    assert not networks.samm_is_new
    assert all(
        torch.equal(value, model.samm.state_dict()[key]) for key, value in networks.samm.state_dict().items()
    )


@pytest.mark.parametrize("stack", ["tiny", "tiny-stylegan2-e4e"])
def test_without_alignment_flows_are_zero_in_either_samm(stack, pack):
    learner = trainer(stack, pack, "tiny", align=False, unlock=())
    run = _Run(learner, learner.config.loop, Outcome(Path()))
    run.advance(0.0)
    features = learner.networks.encoder.features(
        learner.faces.held_out, learner.networks.generator, torch.zeros(1, 14, 512)
    )
    adapt, alignment = aligner(learner.model, features, 2)
    adapt(32, torch.rand(1, 16, 32, 32))
    assert not alignment.flows[32].any()
    assert alignment.masks[32].std() > 0


# Codes ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["tiny-stylegan2-e4e", "tiny-stylegan2-restyle"])
def networks(request) -> Networks:
    return load_networks(None, "cpu", request.param)


@torch.no_grad()
def test_codes_of_real_rows_are_the_encoders_and_synthetic_ones_near_their_truth(networks, monkeypatch):
    monkeypatch.setattr("samm.training.codes.GOES_ON", 1.0)
    painter = Painter(networks, lambda function: function)
    photo = torch.rand(3, 3, 256, 256, generator=torch.Generator().manual_seed(1)) * 2 - 1
    truth = torch.full((1, 14, 512), 5.0)
    code = Coder(networks, painter, 2, Dice(0, "cpu"), lambda f: f).encode(photo, truth)
    plain = networks.encoder.encode(photo, networks.generator, 2)
    torch.testing.assert_close(code.w_plus[1:], plain.w_plus[1:])
    for r in (32, 64, 128, 256):
        torch.testing.assert_close(code.features[r][1:], plain.features[r][1:])
    assert 0.5 < code.w_plus[0].mean() < 4.5  # on the way
    seen = networks.encoder.features(photo[:1], networks.generator, code.w_plus[:1])
    torch.testing.assert_close(code.features[32][:1], seen[32])  # features fit the code


@torch.no_grad()
def test_some_real_rows_stop_before_the_last_pass(monkeypatch):
    networks = load_networks(None, "cpu", "tiny-stylegan2-restyle")
    monkeypatch.setattr("samm.training.codes.GOES_ON", 0.0)
    painter = Painter(networks, lambda function: function)
    photo, truth = torch.zeros(2, 3, 256, 256), torch.zeros(0, 14, 512)
    code = Coder(networks, painter, 3, Dice(0, "cpu"), lambda f: f).encode(photo, truth)
    torch.testing.assert_close(code.w_plus, networks.encoder.encode(photo, networks.generator, 2).w_plus)


@torch.no_grad()
def test_stylegan2_is_drawn_in_lower_precision_throughout():
    networks = load_networks(None, "cpu", "tiny-stylegan2-e4e")
    generator, w_plus = networks.generator, synthetic.sample_w_plus(networks.generator, 2, Dice(3, "cpu"))
    exact = generator.synthesize(w_plus)
    lower_precision(generator)
    kinds = []
    with torch.autocast("cpu", torch.bfloat16):
        code = networks.encoder.encode(exact.clamp(-1, 1), generator, 1)
        adapt, alignment = aligner(networks.samm, code.features, 2)
        rough = generator.synthesize(w_plus, lambda r, g: kinds.append(g.dtype) or g)
        generator.synthesize(w_plus, adapt)
    assert set(kinds) == {torch.bfloat16}
    assert (rough.float() - exact).abs().mean() < 0.02 * exact.std()
    assert {flow.dtype for flow in alignment.flows.values()} == {torch.float32}


# Bars -----------------------------------------------------------------------------------------------------


def test_cars_of_any_size_are_letterboxed(tmp_path):
    stripes = np.repeat(np.array([[50], [150], [250]], np.uint8), [40, 120, 40], 0)  # (200, 1)
    Image.fromarray(np.broadcast_to(stripes, (200, 160)).copy()).save(tmp_path / "high.png")  # center 160×120
    wide = np.broadcast_to(stripes.T, (60, 200)).copy()  # center 80×60
    Image.fromarray(wide).save(tmp_path / "wide.png")
    cars = read_pack(tmp_path, domain=CARS)
    assert cars.shape == (2, 3, 256, 256)
    assert not cars[:, :, :32].any()
    assert not cars[:, :, 224:].any()
    assert (cars[:, :, 36:220] == 150).all()
    assert read_pack(tmp_path)[:, :, 0].all()  # faces have no bars


def test_bars_are_painted_black_and_cut_off():
    pictures = torch.rand(2, 3, 16, 16)
    barred = with_bars(pictures, CARS)
    assert (barred[:, :, [0, 1, 14, 15]] == -1).all()
    assert torch.equal(within(barred, CARS), pictures[:, :, 2:14])
    assert with_bars(pictures, FACES) is pictures
    assert torch.equal(within(pictures, FACES), pictures)


def test_what_masks_keep_in_the_bars_costs_nothing(pack):
    learner = trainer("tiny-stylegan2-e4e-cars", pack, "tiny-cars")
    photo = with_bars(torch.zeros(1, 3, 256, 256), CARS)
    masks = {r: torch.ones(1, 1, r, r) for r in (32, 64, 128, 256)}
    for mask in masks.values():
        within(mask, CARS).zero_()  # a view: white in the bars alone
    flows = {r: torch.zeros(1, 2, r, r) for r in masks}
    drawn = _Drawn(photo, photo, torch.zeros(1, 1, 256, 256), photo, Alignment(flows, masks))
    terms = losses.build(learner._terms(drawn, 1.0, charged=slice(None)), learner.config.weights)
    assert terms["area"] == 0
    # What scaling carries over the edge is all that is left of the binary term and of the step.
    assert terms["binary"] < 0.01
    assert terms["mask_smoothness"] < 0.01
    assert mask_figures(drawn.keep_photo, CARS).startswith("area 0.00")


@torch.no_grad()
def test_what_a_car_trainer_sees_and_draws_has_black_bars(pack):
    learner = trainer("tiny-stylegan2-e4e-cars", pack, "tiny-cars", synthetic=0.5, occluded_real=1.0)
    photo, clean, truth, _ = learner._photos()
    assert len(truth) == 1
    _, sheet = learner.validate(learner.model)
    photos, _, aligned, _, blended, *_ = sheet
    for pictures in (photo, clean, photos, aligned, blended):
        assert (pictures[:, :, :32] == -1).all()
        assert (pictures[:, :, 224:] == -1).all()
        assert within(pictures, CARS).std() > 0.1


def test_black_bars_are_no_decibels():
    cars = load_networks(None, "cpu", "tiny-stylegan2-e4e-cars")
    photos, pictures = torch.zeros(1, 3, 256, 256), torch.full((1, 3, 256, 256), 0.2)
    expected = picture_figures(cars, photos, pictures)
    assert expected.startswith("PSNR 20.00 ")
    assert "identity" not in expected
    assert picture_figures(cars, with_bars(photos, CARS), with_bars(pictures, CARS)) == expected
