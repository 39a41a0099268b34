"""Fitting on made data: labels, captions, both trainings, and fits that find what was planted."""

import io
import logging
import random
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from editing.moves import scorer as scores_module
from editing.moves.components import load_components
from editing.moves.directions import load_directions, sample_w, save_directions, spread
from editing.moves.scorer import CELEBA, SCORES, YES_NO, load_scorer, probabilities
from editing.moves.words.model import FaceText, words
from editing.recipe.attributes import Attribute
from editing.training import directions as directions_module
from editing.training.__main__ import SAMPLES_FILE, SAMPLES_PSI, SAMPLES_SEED, main
from editing.training.augment import augment
from editing.training.captions import CONCEPTS, NEUTRAL, draw_caption, every_word
from editing.training.directions import FitConfig, fit_directions
from editing.training.labels import HELD_OUT, SIZE, LabeledFaces, read_labeled
from editing.training.sampled_faces import draw_faces, score_faces
from editing.training.scorer import report, train_scorer
from editing.training.text import caption_report, text_config, train_text
from samm.networks.ops import area_resize

CPU = torch.device("cpu")
AGE = SCORES.index("age")


def gradients(count: int, size: int = 64) -> torch.Tensor:
    """Draw uint8 pictures (N, 3, size, size) of smooth random color gradients."""
    corners = torch.rand(count, 3, 2, 2, generator=torch.Generator().manual_seed(6))
    smooth = F.interpolate(corners, size=size, mode="bilinear", align_corners=True)
    return (255 * smooth).round().byte()


@pytest.fixture(scope="module")
def made() -> LabeledFaces:
    """48 drawn gradients with random labels, a fifth of them unknown; every fourth is held out."""
    noise = torch.Generator().manual_seed(8)
    labels = (torch.rand(48, len(SCORES), generator=noise) > 0.5).float()
    labels[:, YES_NO:] = torch.randn(48, len(SCORES) - YES_NO, generator=noise)
    labels[:, AGE] = 40 + 15 * labels[:, AGE]
    labels[torch.rand(labels.shape, generator=noise) < 0.2] = torch.nan
    return LabeledFaces(gradients(48), labels, torch.arange(48) % 4 == 0)


# Labels ---------------------------------------------------------------------------------------------------

NAMES = ["07606A33.jpg", "000002.jpg", "000001.jpg", "unknown.jpg", *(f"1000{i:02}.jpg" for i in range(12))]


@pytest.fixture
def pack(tmp_path, crop) -> Path:
    """A tar of 16 pictures: the astronaut first and third, gradients otherwise."""
    pictures = gradients(len(NAMES)).permute(0, 2, 3, 1).numpy()
    with tarfile.open(tmp_path / "pack.tar", "w") as tar:
        for number, (name, picture) in enumerate(zip(NAMES, pictures, strict=True)):
            stream = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(crop[::4, ::4]) if number in (0, 2) else picture).save(
                stream, format="PNG"
            )
            member = tarfile.TarInfo(f"faces/{name}")
            member.size = stream.tell()
            tar.addfile(member, io.BytesIO(stream.getvalue()))
    return tmp_path / "pack.tar"


@pytest.fixture
def attributes(tmp_path) -> Path:
    values = -np.ones((2, len(CELEBA)), np.int8)
    values[0, [CELEBA.index("smiling"), CELEBA.index("eyeglasses")]] = 1
    np.savez(tmp_path / "attributes.npz", files=np.array(["000001.jpg", "000002.jpg"]), values=values)
    return tmp_path / "attributes.npz"


def test_labels_hold_what_is_known_and_nothing_else(pack, attributes, detector, tmp_path):
    data = read_labeled(pack, attributes, detector, tmp_path / "cache")
    label = {name: data.labels[:, i] for i, name in enumerate(SCORES)}
    assert data.faces.shape == (16, 3, SIZE, SIZE)
    assert label["age"][0] == 33
    assert label["age"][1:].isnan().all()
    known = torch.tensor([name in ("000001.jpg", "000002.jpg") for name in NAMES])
    assert torch.equal(label["smiling"].isfinite(), known)
    assert label["smiling"][[1, 2]].tolist() == [0, 1]
    assert label["bald"][[1, 2]].tolist() == [0, 0]
    assert label["dark_lenses"].isfinite()[known].all()
    assert label["dark_lenses"][2] == 0  # the table says glasses, and the eyes are not dark
    for measure in ("yaw", "pitch", "roll"):  # only of faces that were found
        assert label[measure].isfinite().nonzero()[:, 0].tolist() == [0, 2]
    assert label["roll"][0].abs() < 3
    skin = data.faces[3, :, round(0.52 * SIZE) : round(0.66 * SIZE), round(0.34 * SIZE) : round(0.66 * SIZE)]
    luma = (skin.permute(1, 2, 0).float() @ torch.tensor([0.299, 0.587, 0.114])).median() / 255
    assert label["skin_lightness"][3] == pytest.approx(float(luma), abs=1e-4)
    assert data.held_out.nonzero()[:, 0].tolist() == [0, *range(16 - HELD_OUT, 16)]


def test_points_are_found_once_and_packs_are_joined(pack, attributes, detector, tmp_path):
    first = read_labeled(pack, attributes, detector, tmp_path / "cache")
    again = read_labeled(pack, attributes, None, tmp_path / "cache")
    torch.testing.assert_close(first.labels, again.labels, equal_nan=True)
    both = first + again
    assert both.faces.shape[0] == both.labels.shape[0] == both.held_out.shape[0] == 32


def test_a_table_of_other_columns_is_refused(pack, detector, tmp_path):
    np.savez(tmp_path / "short.npz", files=np.array(["a"]), values=np.ones((1, 39)))
    with pytest.raises(ValueError, match=r"39 columns instead of 40"):
        read_labeled(pack, tmp_path / "short.npz", detector, tmp_path)


# Training -------------------------------------------------------------------------------------------------


def test_views_differ_and_stay_in_range():
    faces = gradients(1).repeat(6, 1, 1, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        views = augment(faces)
    assert views.shape == faces.shape
    assert -1 <= views.min() < views.max() <= 1
    assert all((views[0] - view).abs().mean() > 0.01 for view in views[1:])
    assert (views - (faces.float() / 127.5 - 1)).abs().mean() < 0.25


def is_settled(module: nn.Module) -> bool:
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    counts = {int(norm.num_batches_tracked) for norm in norms}
    return bool(norms) and counts == {60} and all(norm.running_var.isfinite().all() for norm in norms)


def logged_losses(caplog: pytest.LogCaptureFixture) -> list[float]:
    return [float(message.rsplit(" ", 1)[1]) for message in caplog.messages if ", loss " in message]


def test_a_scorer_is_trained_and_judged(made, monkeypatch, caplog):
    monkeypatch.setattr(scores_module, "INPUT_SIZE", 32)
    with caplog.at_level(logging.INFO, "editing.training"), torch.random.fork_rng(devices=[]):
        scorer = train_scorer(made, CPU, epochs=1, batch=8)
    assert logged_losses(caplog)
    assert np.isfinite(logged_losses(caplog)).all()
    assert is_settled(scorer)
    assert not scorer.training
    known = made.labels[~made.held_out][:, AGE]
    assert float(scorer.shift[AGE]) == pytest.approx(float(known[known.isfinite()].mean()), abs=1e-3)
    figures = report(scorer, made, CPU)
    assert list(figures) == list(SCORES)
    assert set(figures["smiling"]) == {"faces", "share", "accuracy", "balanced_accuracy", "area_under_curve"}
    assert set(figures["age"]) == {"faces", "mean_absolute_error", "standard_deviation", "correlation"}
    assert np.isfinite([value for entry in figures.values() for value in entry.values()]).all()
    assert 0 < figures["smiling"]["faces"] < int(made.held_out.sum())


def test_the_report_knows_a_perfect_scorer_and_a_contrary_one(made):
    labels = made.labels[made.held_out]

    class Oracle(nn.Module):
        def forward(self, image_pm1: torch.Tensor) -> torch.Tensor:
            return torch.cat([labels[:, :YES_NO] - 0.5, labels[:, YES_NO:]], 1)

    class Contrary(Oracle):
        def forward(self, image_pm1: torch.Tensor) -> torch.Tensor:
            return -super().forward(image_pm1)

    best, worst = (report(scorer, made, CPU) for scorer in (Oracle(), Contrary()))
    for name in CELEBA:
        assert (best[name]["balanced_accuracy"], best[name]["area_under_curve"]) == (1, 1)
        assert (worst[name]["accuracy"], worst[name]["area_under_curve"]) == (0, 0)
    assert best["age"]["mean_absolute_error"] == 0
    assert best["age"]["correlation"] == pytest.approx(1)
    assert worst["age"]["correlation"] == pytest.approx(-1)


@pytest.fixture(scope="module")
def some_scores() -> torch.Tensor:
    """Probabilities, ages from 0 to 90 and other measures of 48 faces."""
    noise = torch.Generator().manual_seed(9)
    values = torch.rand(48, len(SCORES), generator=noise)
    values[:, AGE] *= 90
    values[:, [SCORES.index("yaw"), SCORES.index("pitch")]] -= 0.5
    return values


def test_a_text_model_is_trained_and_judged(made, some_scores, caplog):
    config = text_config()
    config["vision_cfg"] = {**config["vision_cfg"], "image_size": 32}
    with caplog.at_level(logging.INFO, "editing.training"), torch.random.fork_rng(devices=[]):
        model = train_text(made.faces, some_scores, CPU, steps=3, batch=8, captions=16, config=config)
    assert logged_losses(caplog)
    assert np.isfinite(logged_losses(caplog)).all()
    assert isinstance(model, FaceText)
    assert is_settled(model)
    assert not model.training
    figures = caption_report(model, made.faces, some_scores, CPU)
    assert figures.keys() <= CONCEPTS.keys()
    assert {"smiling", "glasses", "man", "old"} <= figures.keys()
    for figure in figures.values():
        assert 0 < figure["share"] < 1
        assert 0 <= figure["area_under_curve"] <= 1


# Captions -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def said() -> dict:
    rng = random.Random(1)
    return {caption.text: caption.truth for caption in (draw_caption(rng) for _ in range(20_000))}


def test_captions_use_the_vocabulary_and_truths_are_shares(said, some_scores):
    vocabulary = set(every_word())
    config = text_config()
    assert list(config["vocabulary"]) == sorted(vocabulary)
    for text, truth in said.items():
        assert set(words(text)) <= vocabulary, text
        assert len(words(text)) < config["text_cfg"]["context_length"], text
        values = truth(some_scores)
        assert values.shape == (48,)
        assert 0 <= values.min() <= values.max() <= 1, text
    for neutral in NEUTRAL:
        assert said[neutral](some_scores).min() == 1


def test_no_something_is_the_opposite_of_something(said, some_scores):
    bare = {
        noun.removeprefix("a "): concept
        for concept in CONCEPTS.values() if concept.absent
        for noun in concept.nouns
    }  # fmt: skip
    checked = 0
    for noun, concept in bare.items():
        for text in (f"no {noun}", f"without {noun}", f"{noun} off"):
            if text in said:
                torch.testing.assert_close(said[text](some_scores), 1 - concept.truth(some_scores))
                checked += 1
    assert checked > len(bare)


def test_two_statements_are_true_together(said, some_scores):
    checked = 0
    for subject in CONCEPTS.values():
        for feature in CONCEPTS.values():
            for text in (f"{who} with {what}" for who in subject.people for what in feature.nouns):
                if text in said:
                    wanted = subject.truth(some_scores) * feature.truth(some_scores)
                    torch.testing.assert_close(said[text](some_scores), wanted)
                    checked += 1
    assert checked > 100


def test_ages_are_told_apart(some_scores):
    people = some_scores[:4].clone()
    people[:, AGE] = torch.tensor([6.0, 17.0, 25.0, 75.0])
    for column, name in ((0, "child"), (1, "teenager"), (3, "old")):
        assert int(CONCEPTS[name].truth(people).argmax()) == column
    assert CONCEPTS["child"].truth(people)[2:].max() < 0.05


# Directions -------------------------------------------------------------------------------------------


class Pixels(nn.Module):
    """Stands in for scorer and likeness network: fixed random views of a small picture."""

    def __init__(self, count: int, unit: bool = False):
        super().__init__()
        views = torch.randn(3 * 64, count, generator=torch.Generator().manual_seed(count))
        self.register_buffer("views", views)
        self.unit = unit

    def forward(self, image_pm1: torch.Tensor) -> torch.Tensor:
        values = area_resize(image_pm1, 8).flatten(1) @ self.views
        return F.normalize(values, dim=1) if self.unit else values


def test_directions_find_what_was_planted(tiny, generator_rng, tmp_path, monkeypatch):
    def few_samples(generator):
        return sample_w(generator, 3000, 1.0, seed=2)

    monkeypatch.setattr(directions_module, "sigma_along_all", few_samples)
    w = sample_w(tiny.generator, 6000, 0.8, seed=3)
    # Random directions of W's own spread: along others there is nothing to separate.
    leading = torch.linalg.eigh(torch.cov(w.T)).eigenvectors[:, -20:]
    smile, other = F.normalize(leading @ torch.randn(20, 2, generator=generator_rng), dim=0).T
    age = F.normalize(other + 0.7 * smile, dim=0)
    scores = torch.randn(6000, len(SCORES), generator=generator_rng)
    scores[:, SCORES.index("smiling")] = w @ smile
    scores[:, AGE] = -(w @ age)
    table = {
        "smile": Attribute("smile", "Smile", "", "smiling"),
        "age": Attribute("age", "Age", "", "-age", ("smile",)),
    }
    config = FitConfig(share=0.1, probes=3, rows=((0, None), (4, 8)), gains=(1.0,))
    directions, metadata = fit_directions(
        tiny.generator, Pixels(len(SCORES)), Pixels(16, unit=True), table, w, scores, config
    )

    found = {name: direction.vector[4] for name, direction in directions.items()}
    assert found["smile"] @ smile > 0.8
    assert found["age"] @ other > 0.7
    assert (found["age"] @ found["smile"]).abs() < 1e-4  # the condition holds
    sigma = (sample_w(tiny.generator, 3000, 1.0, 5) @ found["smile"]).std()
    assert directions["smile"].sigma == pytest.approx(float(sigma), rel=0.05)
    assert metadata["smile"]["accuracy"] > 0.9
    assert metadata["smile"]["samples"] == 1200
    assert metadata["age"]["conditions"] == ["smile"]
    assert all(0 <= entry["right_way"] <= 1 and entry["identity"] <= 1 for entry in metadata.values())

    save_directions(tmp_path / "directions.safetensors", directions, metadata)
    again, about = load_directions(tmp_path / "directions.safetensors", tiny.generator.num_layers)
    assert torch.equal(again["age"].vector, directions["age"].vector)
    assert about["age"]["accuracy"] == metadata["age"]["accuracy"]


def test_sampled_faces_are_those_of_their_codes(tiny):
    w = sample_w(tiny.generator, 5, 0.8, seed=1)
    rows = spread(w, tiny.generator.num_layers)
    pictures = list(draw_faces(tiny.generator, w, batch=2, size=64))
    assert [len(part) for part in pictures] == [2, 2, 1]
    with torch.no_grad():
        alone = tiny.generator.synthesize(rows[3:4], size=64).clamp(-1, 1)
    torch.testing.assert_close(pictures[1][1:], alone, atol=1e-4, rtol=1e-4)
    scores = score_faces(Pixels(3), draw_faces(tiny.generator, rows, batch=4, size=64))
    torch.testing.assert_close(scores, Pixels(3)(torch.cat(pictures)), atol=1e-3, rtol=1e-3)


# Command line ---------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path):
    """Run a step on the tiny preset in a folder, and put back what it sets for all of torch."""
    precision, benchmark = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark

    def run(step: str, *arguments: object) -> Path:
        main([step, "--out", str(tmp_path), "--preset", "tiny", "--device", "cpu", *map(str, arguments)])
        return tmp_path

    yield run
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.benchmark = benchmark


def test_components_from_the_command_line(command, tiny):
    components = load_components(
        command("components", "--samples", 400, "--seed", 5) / "components.safetensors"
    )
    assert components.vectors.shape == (80, 512)
    assert (components.sigma.diff() <= 0).all()
    w = tiny.generator.mapping(torch.randn(400, 512, generator=torch.Generator().manual_seed(5)))
    deviations = (w @ components.vectors.T).std(0)
    torch.testing.assert_close(components.sigma, deviations, atol=1e-3, rtol=1e-3)


def test_samples_from_the_command_line(command, tiny):
    samples = load_file(command("samples", "--samples", 3) / SAMPLES_FILE)
    w = sample_w(tiny.generator, 3, SAMPLES_PSI, SAMPLES_SEED)
    scores = score_faces(load_scorer(), draw_faces(tiny.generator, w))
    torch.testing.assert_close(samples["scores"].float(), scores, atol=0.02, rtol=2e-3)
    assert probabilities(scores).isfinite().all()


def test_steps_and_options_are_listed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    listed = capsys.readouterr().out
    for step in ("scorer", "text", "samples", "directions", "components", "channels", "mapper"):
        assert step in listed
    with pytest.raises(SystemExit):
        main(["components"])  # no folder for the results
