"""Presets and weights files: the table tells the truth, and a bad file is one clear sentence."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import editing.moves.weights
import samm
from samm.checkpoints import EMBEDDED, WeightFile, load_weights, sha256
from samm.models import DESCRIPTOR, PRESETS
from samm.networks.detector import DETECTOR

_OWN = [*PRESETS["mobile"].weights.values(), DETECTOR, DESCRIPTOR]
FILES = {file.name: file for file in [*_OWN, *editing.moves.weights.FILES]}


@pytest.mark.parametrize("name", sorted(FILES))
def test_embedded_files_are_the_ones_in_the_table(name):
    assert sha256(EMBEDDED / name) == FILES[name].sha256


def test_no_file_is_embedded_without_an_entry():
    assert {path.name for path in EMBEDDED.iterdir()} == FILES.keys()


def test_the_readme_names_every_file_with_its_hash():
    readme = (EMBEDDED.parents[1] / "README.md").read_text()
    for file in FILES.values():
        assert file.name in readme
        assert file.sha256[:16] in readme


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMM_WEIGHTS", str(tmp_path))
    return tmp_path


def _samm():
    return PRESETS["mobile"].samm()


SAMM_FILE = PRESETS["mobile"].weights["samm"]


def test_the_folder_named_by_the_environment_comes_first(folder):
    state = {k: torch.zeros_like(v) for k, v in load_file(EMBEDDED / SAMM_FILE.name).items()}
    save_file(state, folder / SAMM_FILE.name)
    module = _samm()
    load_weights(module, SAMM_FILE)
    assert not any(value.any() for value in module.state_dict().values())


@pytest.mark.parametrize("share", [0.5, 0.0001, 0])
def test_a_cut_off_file_is_one_sentence(folder, share):
    data = (EMBEDDED / SAMM_FILE.name).read_bytes()
    (folder / SAMM_FILE.name).write_bytes(data[: int(share * len(data))])
    with pytest.raises(samm.WeightsError, match=r"samm_compact.safetensors is damaged or cut off") as caught:
        load_weights(_samm(), SAMM_FILE)
    assert str(folder) not in str(caught.value)


def test_the_file_of_another_network_names_ten_differences(folder):
    shutil.copy(EMBEDDED / DETECTOR.name, folder / SAMM_FILE.name)
    with pytest.raises(samm.WeightsError, match="belongs to another network") as caught:
        load_weights(_samm(), SAMM_FILE)
    assert str(caught.value).count("is missing") == 10
    assert str(caught.value).endswith(".")


def test_a_wrong_shape_is_named(folder):
    state = load_file(EMBEDDED / SAMM_FILE.name)
    state["levels.32.out.bias"] = torch.zeros(4)
    save_file(state, folder / SAMM_FILE.name)
    with pytest.raises(samm.WeightsError, match=r"levels.32.out.bias is \(4,\) instead of \(3,\)"):
        load_weights(_samm(), SAMM_FILE)


def test_a_missing_file_says_where_to_put_it():
    with pytest.raises(samm.WeightsError, match="nowhere.safetensors is missing; put it into samm/weights"):
        load_weights(_samm(), WeightFile("nowhere.safetensors", "", "", ""))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("huge",), "no preset called huge"),
        (("tiny", "cpu", "int3"), "no precision called int3"),
        (("tiny", "abacus"), "device abacus is not available"),
        pytest.param(
            ("tiny", "cuda"),
            "device cuda is not available",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_unknown_choices_are_sentences(arguments, words):
    with pytest.raises(samm.OptionError, match=words):
        samm.load(*arguments)
