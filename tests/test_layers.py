"""Data flows one way, and so do imports: each room of the house uses only what stands below it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the bottom up. A room may import from itself and from rooms before it; training stands apart.
FLOORS = [
    "samm.allocator",
    "samm.clock",
    "samm.errors",
    "samm.pixels",
    "samm.frame",
    "samm.checkpoints",
    "samm.networks",
    "samm.crop",
    "samm.method",
    "samm.tiny",
    "samm.models",
    "samm.likeness",
    "samm.metrics",
    "samm.options",
    "samm.picture",
    "samm.inversion",
    "samm",
    "editing.recipe",
    "editing.moves",
    "editing.places",
    "editing.hair",
    "editing.focus",
    "editing.parts",
    "editing.hats",
    "editing.carrying",
    "editing.masks",
    "editing.turning",
    "editing.edit",
    "editing.check",
    "editing.strip",
    "editing",
    "editing.evaluation",
    "editing.command",
    "editing.page",
    "app",
]
APART = {"samm.training": "samm", "editing.training": "editing.evaluation"}  # nothing above imports these


def _module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _floor(module):
    """The longest name in the plan that holds a module."""
    names = [name for name in (*FLOORS, *APART) if module == name or module.startswith(f"{name}.")]
    return max(names, key=len) if names else None


def _imports(path):
    """List the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                inner = ROOT / name.replace(".", "/")
                yield name if inner.is_dir() or inner.with_suffix(".py").is_file() else node.module


def _files():
    return [
        ROOT / "app.py",
        *sorted((ROOT / "samm").rglob("*.py")),
        *sorted((ROOT / "editing").rglob("*.py")),
    ]


@pytest.mark.parametrize("path", _files(), ids=_module)
def test_a_file_imports_only_from_its_own_floor_and_those_below(path):
    own = _floor(_module(path))
    ceiling = FLOORS.index(APART.get(own, own))
    for name in _imports(path):
        floor = _floor(name)
        if floor is None or floor == own:
            continue
        if floor in APART:
            assert own in APART, f"{name} is for training only"
            continue
        assert FLOORS.index(floor) <= ceiling, f"{name} lies above {own}"


@pytest.mark.parametrize(
    ("rooms", "forbidden"),
    [
        (("samm",), ("gradio", "spaces", "open_clip", "argparse", "pandas")),
        (("editing.recipe", "editing.moves"), ("gradio", "spaces", "argparse", "pandas", "sklearn")),
    ],
    ids=["library", "editor"],
)
def test_rooms_do_without_what_belongs_above_them(rooms, forbidden):
    files = [path for path in _files() if _module(path).startswith(rooms) and "training" not in _module(path)]
    assert len(files) > 10
    found = {
        (_module(path), name) for path in files for name in _imports(path) if name.split(".")[0] in forbidden
    }
    assert found <= {("editing.moves.words.model", "open_clip")}  # the text model is open_clip's


def test_commands_load_no_text_model_unless_words_are_used():
    code = (
        "import sys, editing.command.__main__;print('open_clip' in sys.modules, 'torchvision' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]
