"""Data flows one way: app and commands → editing → samm, and fitting and training stand apart."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMANDS = {ROOT / "samm" / "__main__.py"}  # where all parts meet


def _imports(path):
    """List the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(package, *apart):
    folders = [ROOT / package / name for name in apart]
    return [
        path
        for path in sorted((ROOT / package).rglob("*.py"))
        if path not in COMMANDS and not any(folder in path.parents for folder in folders)
    ]


def _within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [
        (_files("samm", "training"), ("editing", "app", "gradio", "spaces", "open_clip", "samm.training")),
        (_files("samm/training"), ("editing", "app", "gradio", "spaces", "open_clip")),
        (
            _files("editing", "fit", "page"),
            ("app", "gradio", "spaces", "samm.training", "editing.fit", "editing.page", "sklearn"),
        ),
        (_files("editing/fit"), ("app", "gradio", "spaces")),
        (
            [ROOT / "app.py", *_files("editing/page")],
            ("app", "samm.training", "editing.fit", "editing.prove"),
        ),
    ],
    ids=["samm", "training", "editing", "fitting", "page"],
)
def test_no_file_imports_what_lies_above_or_beside_it(files, forbidden):
    assert files
    found = {(path.name, name) for path in files for name in _imports(path) if _within(name, *forbidden)}
    assert not found


def test_commands_load_no_text_model_unless_words_are_used():
    import subprocess
    import sys

    code = "import sys, samm.__main__; print('open_clip' in sys.modules, 'torchvision' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]
