"""The published metrics' wiring: what is absent has a reason, what is there is built as it should be."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import Tensor

from editing.evaluation.judges import load_fid, load_lpips


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Callable[[str, bytes], Path]:
    """Put a file into an otherwise empty cache of torch.hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)

    def put(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return put


def _library(monkeypatch, name: str, **content: object) -> None:
    """Make `import name` give a module with this content."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(".".join(parts[:depth])))
    for attribute, value in content.items():
        setattr(sys.modules[name], attribute, value)
    if len(parts) > 1:
        setattr(sys.modules[".".join(parts[:-1])], parts[-1], sys.modules[name])


class _Network(torch.nn.Module):
    """What a fake library builds; remembers with what."""

    def __init__(self, *args: object, **options: object):
        super().__init__()
        self.made_with = (*args, options)

    def forward(self, *pictures: Tensor) -> tuple[Tensor, ...]:
        return (torch.stack([p.float().mean() for p in pictures]),)


def test_absent_libraries_are_reasons(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    lpips, fid = load_lpips(), load_fid()
    assert lpips.network is None
    assert fid.network is None
    assert "torchmetrics" in lpips.reason
    assert "torch_fidelity" in fid.reason


def test_lpips_is_taken_only_with_whole_weights(monkeypatch, shelf):
    content = b"weights"
    name = f"alexnet-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    weights = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=f"https://example.org/{name}"))
    _library(monkeypatch, "torchmetrics.image.lpip", LearnedPerceptualImagePatchSimilarity=_Network)
    _library(monkeypatch, "torchvision.models", AlexNet_Weights=weights)
    assert load_lpips().reason == f"its weights {name} are not in the cache of torch.hub"
    shelf(name, content[:3])
    assert load_lpips().reason == f"its weights {name} in the cache of torch.hub are damaged"
    shelf(name, content)
    found = load_lpips()
    assert isinstance(found.network, _Network)
    assert found.reason == ""
    assert found.network.made_with == ({"net_type": "alex"},)
    assert not found.network.training


def test_fid_reads_2048_features_from_the_cached_file(monkeypatch, shelf):
    address = "https://example.org/inception-2015-12-05.pth"
    inception = SimpleNamespace(URL_INCEPTION_V3=address, FeatureExtractorInceptionV3=_Network)
    _library(monkeypatch, "torch_fidelity", feature_extractor_inceptionv3=inception)
    assert "inception-2015-12-05.pth are not in" in load_fid().reason
    file = shelf("inception-2015-12-05.pth", b"weights")
    made = []
    monkeypatch.setattr(
        inception, "FeatureExtractorInceptionV3", lambda *a, **k: made.append((a, k)) or _Network()
    )
    network = load_fid().network
    assert network is not None
    features = network(torch.full((1, 3, 4, 4), 9, dtype=torch.uint8))
    assert features.tolist() == [9]
    assert made == [(("inception-v3-compat", ["2048"]), {"feature_extractor_weights_path": str(file)})]
