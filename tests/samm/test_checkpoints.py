"""Published originals: small files in their layouts load, and a bad or unreachable one is one sentence."""

import hashlib
import pickle
import socket
import time
from dataclasses import replace

import huggingface_hub
import pytest
import torch
from torch import nn

import samm
from samm.checkpoints import WeightFile, decoder_layout, encoder_layout, g_ema_layout, load_weights
from samm.models import E4E_CARS, E4E_FFHQ, PRESETS, RESTYLE_FFHQ, STYLEGAN2_CARS, STYLEGAN2_FFHQ, ModelSpec
from samm.networks.encoders.restyle import ReStyle
from samm.networks.generators.stylegan2 import CHANNELS, StyleGAN2

G_EMA = WeightFile("made_g_ema.pt", "", "somebody's README", "", layout=g_ema_layout)
ENCODER = WeightFile("made_encoder.pt", "", "somebody's README", "", layout=encoder_layout)
HUB = replace(G_EMA, repo="somebody/faces", revision="0123abc", size=132_729_083)


def generator() -> StyleGAN2:
    return StyleGAN2(256, dict.fromkeys(CHANNELS, 2))


def encoder() -> ReStyle:
    return ReStyle(14, (16,) * 5, depths=(1,) * 4)


def random_state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {
        key: torch.rand_like(value) if value.is_floating_point() else value
        for key, value in module.state_dict().items()
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["zip", "legacy"])
def save(request, folder):
    """Write a checkpoint as torch does since 1.6 and as it did before."""

    def save(original: object, file: WeightFile) -> None:
        torch.save(original, folder / file.name, _use_new_zipfile_serialization=request.param == "zip")

    return save


def published_generator(state: dict[str, torch.Tensor]) -> dict:
    state = dict(state)
    mean = state.pop("w_mean")
    return {"g": {"other": torch.zeros(1)}, "d": {}, "g_ema": state, "latent_avg": mean}


def published_encoder(state: dict[str, torch.Tensor]) -> dict:
    state = dict(state)
    mean = state.pop("latent_avg")
    parts = {f"encoder.{key}": value for key, value in state.items()} | {
        "decoder.input.input": torch.zeros(1)
    }
    return {"state_dict": parts, "latent_avg": mean, "opts": {"input_nc": 6, "exp_dir": "here", "lr": 1e-4}}


@pytest.mark.parametrize(
    ("make", "publish", "file"),
    [(generator, published_generator, G_EMA), (encoder, published_encoder, ENCODER)],
)
def test_published_layouts_load_whole(make, publish, file, save):
    module = make()
    state = random_state(module)
    save(publish(state), file)
    load_weights(module, file)
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


def test_a_preset_is_built_from_published_files(folder, monkeypatch):
    monkeypatch.setitem(
        PRESETS,
        "made",
        ModelSpec(generator, encoder, None, nn.Identity, {"generator": G_EMA, "encoder": ENCODER}),
    )
    parts = {name: random_state(make()) for name, make in (("generator", generator), ("encoder", encoder))}
    torch.save(published_generator(parts["generator"]), folder / G_EMA.name)
    torch.save(published_encoder(parts["encoder"]), folder / ENCODER.name)
    model = samm.load("made", "cpu")
    assert model.samm is None
    assert torch.equal(model.generator.w_mean, parts["generator"]["w_mean"])
    assert torch.equal(model.encoder.latent_avg, parts["encoder"]["latent_avg"])
    assert model.encoder.mean_render.shape == (1, 3, 256, 256)


def test_the_file_of_an_encoder_gives_its_generator_too(save):
    module, rows = generator(), torch.rand(1, 512).expand(14, -1)
    state = random_state(module)
    decoder = {f"decoder.{key}": value for key, value in state.items() if key != "w_mean"}
    original = published_encoder(random_state(encoder()))
    save(original | {"state_dict": original["state_dict"] | decoder, "latent_avg": rows.clone()}, ENCODER)
    load_weights(module, replace(ENCODER, layout=decoder_layout))
    assert all(
        torch.equal(value, (state | {"w_mean": rows[0]})[key]) for key, value in module.state_dict().items()
    )


def test_cars_come_from_one_file():
    files = PRESETS["stylegan2-e4e-cars"].weights
    assert (files["generator"], files["encoder"]) == (STYLEGAN2_CARS, E4E_CARS)
    assert files["generator"].name == files["encoder"].name == "e4e_cars_encode.pt"
    assert files["generator"].layout is decoder_layout
    assert files["generator"].repo is None


def refusal(file: WeightFile) -> str:
    with pytest.raises(samm.WeightsError) as caught:
        load_weights(generator(), file)
    sentence = str(caught.value)
    assert sentence.startswith(f"The model file {file.name} ")
    assert sentence.endswith(".")
    assert sentence.count("\n") == 0
    return sentence


@pytest.mark.parametrize("share", [0.9, 0.5, 0.01, 0])
def test_a_cut_off_original_is_one_sentence(share, save, folder):
    save(published_generator(generator().state_dict()), G_EMA)
    data = (folder / G_EMA.name).read_bytes()
    (folder / G_EMA.name).write_bytes(data[: int(share * len(data))])
    assert "is damaged, cut off" in refusal(G_EMA)
    assert "get it from somebody's README" in refusal(G_EMA)


def test_ten_missing_keys_are_named(save):
    state = generator().state_dict()
    kept = {key: value for key, value in state.items() if not key.startswith("convs.")}
    save(published_generator(kept), G_EMA)
    sentence = refusal(G_EMA)
    assert sentence.count("is missing") == 10
    assert "convs.0.activate.bias is missing" in sentence


def test_unknown_keys_and_other_shapes_are_named(save):
    state = generator().state_dict() | {"extra": torch.zeros(1), "conv1.noise.weight": torch.zeros(2)}
    save(published_generator(state), G_EMA)
    assert "(2 differences: extra is unknown; conv1.noise.weight is (2,) instead of (1,))" in refusal(G_EMA)


@pytest.mark.parametrize("original", [{}, [1, 2], {"g_ema": None, "latent_avg": None}, torch.zeros(3)])
def test_a_checkpoint_of_something_else_is_another_network(original, save):
    save(original, G_EMA)
    assert "belongs to another network" in refusal(G_EMA)


class Trap:
    """Unpickled without care, it leaves a file behind."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self):
        """Ask the one who unpickles it to open the file for writing."""
        return open, (self.path, "w")


def test_code_in_a_checkpoint_is_not_run(save, tmp_path):
    sprung = tmp_path / "sprung"
    save({"g_ema": {}, "latent_avg": Trap(str(sprung))}, G_EMA)
    assert "could run code" in refusal(G_EMA)
    assert not sprung.exists()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_like_nvidias_is_refused_unread(protocol, folder):
    sprung = folder / "sprung"
    (folder / G_EMA.name).write_bytes(pickle.dumps({"G_ema": Trap(str(sprung))}, protocol))
    sentence = refusal(G_EMA)
    assert "as NVIDIA publishes them, which runs code when it is loaded and is therefore refused" in sentence
    assert not sprung.exists()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that gives whatever lies at `path` and keeps what it was asked for."""

    class Hub:
        path = tmp_path / "cached.pt"
        asked: list[tuple[str, str, str | None]] = []

        @classmethod
        def download(cls, repo_id: str, filename: str, *, revision: str | None = None) -> str:
            cls.asked.append((repo_id, filename, revision))
            return str(cls.path)

    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path / "nothing_here"))
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda address, timeout: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", Hub.download)
    return Hub


def test_a_file_is_fetched_at_its_pinned_revision(hub):
    state = random_state(generator())
    torch.save(published_generator(state), hub.path)
    module = generator()
    load_weights(module, replace(HUB, sha256=hashlib.sha256(hub.path.read_bytes()).hexdigest()))
    assert hub.asked == [("somebody/faces", "made_g_ema.pt", "0123abc")]
    assert torch.equal(module.input.input, state["input.input"])


def test_another_content_is_refused(hub):
    hub.path.write_bytes(b"something else")
    sentence = refusal(replace(HUB, sha256="5" * 64))
    assert "SHA-256 is not 5555555555555555…" in sentence


def test_a_file_at_hand_is_never_fetched(folder, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", None)
    torch.save(published_generator(generator().state_dict()), folder / HUB.name)
    load_weights(generator(), HUB)


def test_without_network_the_sentence_says_what_and_where(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert refusal(HUB) == (
        "The model file made_g_ema.pt (133 MB) could not be fetched from somebody/faces on the Hugging Face "
        "Hub; go online and try again, or get it by hand and put it into samm/weights or into the folder "
        "that SAMM_WEIGHTS names."
    )


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_asked_once(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it listens, and that is all
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        monkeypatch.setattr(huggingface_hub, "hf_hub_url", lambda *args, **options: address)
        begun = time.monotonic()
        assert "could not be fetched from somebody/faces" in refusal(HUB)
    assert 4 < time.monotonic() - begun < 10


def test_a_file_that_only_people_can_fetch_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    assert "is missing; get it from the README of yuval-alaluf/restyle-encoder" in refusal(RESTYLE_FFHQ)


def test_a_repository_needs_a_revision():
    with pytest.raises(ValueError, match="needs a revision"):
        replace(HUB, revision=None)


@pytest.mark.parametrize("file", [STYLEGAN2_FFHQ, E4E_FFHQ])
def test_the_table_pins_what_it_fetches(file):
    assert len(file.revision) == 40
    assert len(file.sha256) == 64
    assert file.size > 1e8
