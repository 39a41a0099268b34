"""The README's example for programs works as it is written."""

import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


def test_the_example_of_the_readme_runs(address, monkeypatch):
    pytest.importorskip("gradio_client")
    monkeypatch.chdir(ROOT)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from gradio_client.*?)```", readme, re.DOTALL)
    names = {}
    exec(code.replace("http://127.0.0.1:7860", address), names)
    assert "age" in names["attributes"]
    assert len(names["masks"]) == 5
    assert names["report"]["kept"]["gathered"] > 0
    assert '"age": 2' in names["recipe"]
    portrait, whole, photo = (
        Image.open(path) for path in (names["portrait"], names["whole"], "examples/hopper.jpg")
    )
    assert portrait.size == (512, 512)
    assert whole.size == photo.size
