"""What the repository promises of itself: which loaders are called, which packages, which commands exist."""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from samm.models import PRESETS

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "app.py", *sorted((ROOT / "samm").rglob("*.py")), *sorted((ROOT / "editing").rglob("*.py"))]
READMES = [path for path in sorted(ROOT.rglob("*.md")) if ".venv" not in path.parts]
# Imported only where they are installed; the code says what to do without, or does without.
OPTIONAL = {"hypothesis", "mcp", "pillow_heif", "sklearn", "torch_fidelity", "torchmetrics"}
# What comes with a package that is named: torchvision with open_clip, the others with gradio and torch.
WITH_OTHERS = {
    "torchvision": "open-clip-torch",
    "pandas": "gradio",
    "starlette": "gradio",
    "jinja2": "gradio",
}
WITH_OTHERS |= {"safetensors": "huggingface-hub", "tqdm": "huggingface-hub", "packaging": "huggingface-hub"}
RUNS_CODE = {"pickle", "dill", "joblib", "marshal", "shelve", "yaml", "cloudpickle"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """List the calls of a file with the dotted names of what is called."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_loaded_that_could_run_code(path):
    assert not imports(path) & RUNS_CODE
    for name, call in calls(path):
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if name == "torch.load":
            assert given.get("weights_only") == "True", ast.unparse(call)
        if name in ("np.load", "numpy.load"):
            assert given.get("allow_pickle") == "False", ast.unparse(call)
        assert name not in ("eval", "exec", "compile", "torch.jit.load", "torch.hub.load"), ast.unparse(call)
        assert not name.endswith(("snapshot_download", "load_state_dict_from_url")), ast.unparse(call)
        if name.endswith("hf_hub_download"):
            assert path.name == "checkpoints.py"  # which verifies hashes
            assert "revision" in given


def test_what_comes_from_the_hub_has_a_hash():
    files = [file for spec in PRESETS.values() for file in spec.weights.values() if file.repo]
    assert files
    for file in files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256), file.name
        assert re.fullmatch("[0-9a-f]{40}", file.revision), file.name


def test_packages_that_are_imported_are_named():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = {re.split("[<>=! ]", line)[0].lower() for line in lines}
    known = packages_distributions()
    for name in (
        set().union(*map(imports, FILES)) - set(sys.stdlib_module_names) - {"samm", "editing"} - OPTIONAL
    ):
        distributions = {one.lower().replace("_", "-") for one in known.get(name, [name])}
        assert distributions & named or WITH_OTHERS.get(name) in named, name


@pytest.mark.slow
def test_the_page_s_program_starts_offline_with_an_empty_cache(tmp_path):
    code = "import samm; print(samm.load(device='cpu').preset)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "mobile"
    assert not list(tmp_path.rglob("*.safetensors"))


def commands() -> list[tuple[str, str]]:
    """List the programs that READMEs show, in code blocks and in backticks."""
    found = []
    for path in READMES:
        text = path.read_text(encoding="utf-8")
        shown = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line for block in shown for line in block.replace("\\\n", " ").splitlines()]
        lines += re.findall(r"`([^`\n]*python -m [^`\n]+)`", text)
        for line in lines:
            found += [(path.name, one) for one in re.findall(r"python -m ((?:samm|editing)\b[^&#`]*)", line)]
    return found


class Parsed(Exception):
    """The arguments were good."""


def parses(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse the arguments of one of our programs as it would, and go no further."""
    real = argparse.ArgumentParser.parse_args

    def parse_args(self, args=None, namespace=None):
        real(self, words[1:], namespace)
        raise Parsed

    name = {"samm": "editing.command"}.get(words[0], words[0])
    program = importlib.import_module(name if "interpolate" in name else f"{name}.__main__")
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    monkeypatch.setattr(sys, "argv", words)
    program._parser().parse_args(words[1:]) if name == "editing.command" else program.main()


@pytest.mark.parametrize(("readme", "command"), sorted(set(commands())))
def test_each_command_of_a_readme_exists_and_parses(readme, command, monkeypatch, capsys):
    command = re.sub(
        r"\[(--[^\]]*)\]",
        r"\1",
        command.replace("--data …", "--data a.tar").replace("…", "").replace("$DATA", "a.tar"),
    )
    words = [word for word in shlex.split(command) if word not in ("FILE.",)]
    numbers = {"N": "2", "X,Y,SIZE,TURN": "9,9,9,0", "X,Y,WIDTH,TURN": "9,9,9,0", "OWNER/NAME": "a/b"}
    words = [numbers.get(word, word) for word in words]
    if len(words) == 1 or (words[0] == "samm" and words[1:] == ["edit"]):
        importlib.import_module(f"{words[0]}.__main__" if words[0] != "samm" else "editing.command.__main__")
        return
    if len(words) == 2 and not words[1].startswith("-"):  # names the command alone
        words.append("--help")
    with pytest.raises((Parsed, SystemExit)) as end:
        parses(words, monkeypatch)
    if end.type is SystemExit and end.value.code:  # what a sentence leaves out may be missing, nothing else
        assert "the following arguments are required" in capsys.readouterr().err, command


@pytest.mark.parametrize("readme", [path for path in READMES if "| " in path.read_text(encoding="utf-8")])
def test_readmes_with_figures_name_the_commands(readme):
    text = readme.read_text(encoding="utf-8")
    if re.search(r"\| *(PSNR|accuracy|effect|tried)", text):
        assert re.search(r"python -m samm (evaluate|prove|stress)", text)
