"""The READMEs name files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("readme", ["README.md", "samm/README.md", "editing/README.md"])
def test_every_python_file_that_a_readme_names_exists(readme):
    named = set(re.findall(r"`((?:[\w.]+/)*\w+\.py)`", (ROOT / readme).read_text(encoding="utf-8")))
    assert len(named) > 3
    rooms = [ROOT, ROOT / "samm", ROOT / "editing", ROOT / "editing" / "page"]
    assert {name for name in named if not any((room / name).is_file() for room in rooms)} == set()
