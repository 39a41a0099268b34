"""Publishing as a Space: which files, which checks, and what the Hub's refusals become. Nothing is sent."""

import fnmatch
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import huggingface_hub
import pytest
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from packaging.requirements import Requirement

import samm
from editing.command import publish as publishing
from editing.command.__main__ import main
from editing.command.publish import plan, publish
from editing.command.space import ZERO_TORCH

ROOT = Path(__file__).parents[3]

NAME = "somebody/faces"
HUB_FILES = [".gitattributes", "README.md"]  # what a new Space holds


def weights_files() -> list[Path]:
    return sorted((ROOT / "samm/weights").glob("*.safetensors"))


@pytest.fixture
def checkout(tmp_path) -> Path:
    """The real files of the top level, and a little of everything else."""
    root = tmp_path / "checkout"
    (root / "samm/weights").mkdir(parents=True)
    (root / "editing/page").mkdir(parents=True)
    (root / "examples").mkdir()
    for name in ("README.md", "app.py", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    for path in weights_files():
        (root / "samm/weights" / path.name).write_bytes(b"weights")
    for name in ("samm/__init__.py", "editing/words.json", "editing/page/look.css", "examples/me.jpg"):
        (root / name).write_text(name)
    return root


@pytest.fixture
def api():
    """A client with the real one's signatures that reaches nothing and finds a new Space."""
    api = create_autospec(huggingface_hub.HfApi, instance=True)
    api.list_repo_files.return_value = HUB_FILES
    api.get_space_runtime.return_value = SimpleNamespace(requested_hardware="zero-a10g")
    return api


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def sent(api) -> dict[str, bytes]:
    """What the folder held that the client was given, by path, once `publish` has run."""
    held: dict[str, bytes] = {}

    def look(*, repo_id: str, folder_path: Path, repo_type: str, commit_message: str, delete_patterns: str):
        assert (repo_id, repo_type) == (NAME, "space")
        assert fnmatch.filter(["samm/old.py", "notes.txt"], delete_patterns) == ["samm/old.py", "notes.txt"]
        files = [path for path in Path(folder_path).rglob("*") if path.is_file()]
        held.update({path.relative_to(folder_path).as_posix(): path.read_bytes() for path in files})

    api.upload_folder.side_effect = look
    return held


def pinned(space: publishing.Plan) -> str:
    content = space.files["requirements.txt"]
    assert isinstance(content, bytes)
    return content.decode()


def sentence(caught) -> str:
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def git(*arguments: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.mark.skipif(
    not shutil.which("git") or not (ROOT / ".git").exists(), reason="needs git and its checkout"
)
def test_a_space_gets_what_git_keeps_but_tests_and_dotfiles():
    wanted = {name for name in git() if not name.startswith((".", "tests/"))}
    listed = set(plan(NAME).files)
    assert not wanted - listed
    assert not listed - wanted - git("--others", "--exclude-standard")  # new files, about to be added


def test_scratch_is_not_published(checkout):
    clean = set(plan(NAME, root=checkout).files)
    assert {"app.py", "samm/__init__.py", "editing/words.json", "editing/page/look.css"} < clean
    scratch = (
        *("notes.txt", "data.tar", ".env", "todo.md", "try.py", "runs/x.pt", "out/a.jpg", "tests/test_a.py"),
        *("samm/stray.png", "samm/__pycache__/a.py", "samm/.hidden.py", "samm/weights/run.pt", "samm/a.py~"),
        *("editing/.ruff_cache/a.json", "editing/page/notes.txt", "examples/astronaut_edit.png"),
    )
    for name in scratch:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("scratch")
    outside = checkout.parent / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("secret")
    (checkout / "samm/linked.py").symlink_to(outside / "secret.py")
    (checkout / "editing/linked").symlink_to(outside, target_is_directory=True)
    assert set(plan(NAME, root=checkout).files) == clean


def test_zero_gpu_changes_one_line_of_the_requirements(checkout):
    zero = plan(NAME, root=checkout)
    before = (checkout / "requirements.txt").read_text().splitlines()
    after = pinned(zero).splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [("torch>=2.8,<3", f"torch=={ZERO_TORCH}")]
    (difference,) = zero.differences
    assert f"torch=={ZERO_TORCH}, the newest that ZeroGPU runs, instead of torch<3,>=2.8" in difference
    assert all(
        isinstance(content, Path) for name, content in zero.files.items() if name != "requirements.txt"
    )
    other = plan(NAME, "cpu-basic", checkout)
    assert other.files["requirements.txt"] == checkout / "requirements.txt"
    assert other.differences == ()


def test_only_the_line_of_torch_is_pinned(checkout):
    (checkout / "requirements.txt").write_text("torchvision\n torch >= 2.8  # any\ngradio\nopen-clip-torch\n")
    assert pinned(plan(NAME, root=checkout)) == f"torchvision\ntorch=={ZERO_TORCH}\ngradio\nopen-clip-torch\n"


def test_the_front_matter_names_the_gradio_that_is_required_and_tested():
    matter = huggingface_hub.metadata_load(ROOT / "README.md") or {}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    (gradio,) = [r for r in map(Requirement, lines) if r.name == "gradio"]
    lowest = [s.version for s in gradio.specifier if s.operator in ("==", ">=", "~=")]
    assert lowest == [matter["sdk_version"]]
    assert gradio.specifier.contains(version("gradio"))


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("README.md", "sdk: gradio", "sdk: docker", "says sdk: docker"),
        ("README.md", "app_file: app.py", "app_file: page.py", "names page.py, which is not published"),
        ("README.md", "sdk_version: ", "sdk: gradio  # ", "does not say sdk_version"),
        ("README.md", "sdk_version: ", "sdk_version: 6.31  # ", "write all three numbers"),
        ("README.md", "sdk_version: ", "sdk_version: 5.49.1  # ", "but requirements.txt says gradio"),
        ("README.md", "python_version: ", "python_version: 3.13.1  # ", "ZeroGPU has 3.10.13 and 3.12.12"),
        ("README.md", "short_description: ", "short_description: " + 9 * "again, ", "shorten it to 60"),
        ("README.md", "license: ", "licence: ", "does not say license"),
        ("README.md", "title: ", "title: [", "not valid YAML"),
        ("README.md", "---\ntitle", "title", "does not say title"),
        ("README.md", "| `mtcnn.safetensors` |", "| mtcnn |", "mtcnn.safetensors is not in the table"),
        ("README.md", "| `mtcnn.", "| `a.safetensors` |\n| `mtcnn.", "a.safetensors of README.md is missing"),
        ("requirements.txt", "gradio", "gradually", "says nothing of gradio"),
        ("requirements.txt", "torch>=2.8,<3", "torch>=2.14", "(torch>=2.14); allow it there"),
        ("requirements.txt", "torch>=2.8,<3", "", "(it names no torch)"),
        ("requirements.txt", "pillow>=11.3,<13", "pillow (at last", "The line “pillow (at last”"),
    ],
)
def test_what_would_not_run_is_refused_in_one_sentence(file, old, new, words, checkout):
    replace(checkout / file, old, new)
    with pytest.raises(samm.OptionError) as caught:
        plan(NAME, root=checkout)
    assert words in sentence(caught)


def test_what_only_zero_gpu_demands_is_not_demanded_elsewhere(checkout):
    replace(checkout / "README.md", "python_version: 3.12.12", "python_version: 3.13.1")
    replace(checkout / "requirements.txt", "torch>=2.8,<3", "torch>=2.14")
    assert "app.py" in plan(NAME, "t4-small", checkout).files


@pytest.mark.parametrize("name", ["README.md", "app.py", "requirements.txt"])
def test_a_missing_file_is_one_sentence(name, checkout):
    (checkout / name).unlink()
    with pytest.raises(samm.OptionError, match=f"The file {name} is missing"):
        plan(NAME, root=checkout)


@pytest.mark.parametrize("name", ["faces", "a/b/c", "some body/faces", "somebody/", "/faces", "a/b--c", ""])
def test_names_that_the_hub_would_refuse(name):
    with pytest.raises(samm.OptionError, match="write OWNER/NAME"):
        plan(name)


def test_unknown_hardware_is_one_sentence():
    with pytest.raises(samm.OptionError, match="no hardware called tpu; choose one of cpu-basic,"):
        plan(NAME, "tpu")


def test_a_new_space_is_made_and_gets_the_files(checkout, api, sent):
    space = plan(NAME, root=checkout)
    publish(space, api=api)
    assert api.create_repo.call_args.kwargs == {
        "repo_type": "space",
        "private": None,
        "exist_ok": True,
        "space_sdk": "gradio",
        "space_hardware": "zero-a10g",
    }
    assert set(sent) == set(space.files)
    assert sent["requirements.txt"] == space.files["requirements.txt"]
    assert sent["app.py"] == (checkout / "app.py").read_bytes()
    api.update_repo_settings.assert_not_called()
    api.request_space_hardware.assert_not_called()


def test_a_space_of_ours_is_brought_up_to_date(checkout, api, sent):
    """What is old there matches the pattern that is deleted; see `sent`."""
    api.list_repo_files.return_value = [*HUB_FILES, "samm/__init__.py", "samm/old.py", "notes.txt"]
    publish(plan(NAME, root=checkout), api=api)
    assert "samm/__init__.py" in sent


def test_another_program_is_never_replaced(checkout, api):
    api.list_repo_files.return_value = [*HUB_FILES, "app.py", "precious.bin"]
    with pytest.raises(samm.OptionError) as caught:
        publish(plan(NAME, root=checkout), private=True, api=api)
    assert "holds another program, which would be deleted" in sentence(caught)
    api.upload_folder.assert_not_called()
    api.update_repo_settings.assert_not_called()


def test_a_public_space_is_hidden_before_anything_is_sent(checkout, api):
    publish(plan(NAME, root=checkout), private=True, api=api)
    assert api.create_repo.call_args.kwargs["private"] is True
    calls = [call[0] for call in api.mock_calls]
    assert calls.index("update_repo_settings") < calls.index("upload_folder")
    assert api.update_repo_settings.call_args.kwargs == {"repo_type": "space", "private": True}


def test_an_old_space_moves_to_the_hardware_that_is_asked_for(checkout, api):
    publish(plan(NAME, "cpu-basic", checkout), api=api)
    api.request_space_hardware.assert_called_once_with(NAME, "cpu-basic")


def hub_error(status: int, kind: type[HfHubHTTPError] = HfHubHTTPError) -> HfHubHTTPError:
    response: Any = SimpleNamespace(status_code=status, headers={}, request=None)
    return kind("a\nlong\nstory", response=response, server_message="Server says\nno.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (hub_error(401), "does not know who you are; run hf auth login"),
        (hub_error(401, RepositoryNotFoundError), "does not know who you are; run hf auth login"),
        (LocalTokenNotFoundError("no token"), "does not know who you are; run hf auth login"),
        (hub_error(402), "asks for a subscription or payment"),
        (hub_error(403), "forbids your account to publish somebody/faces on zero-a10g (Server says no); run"),
        (hub_error(404, RepositoryNotFoundError), "finds no somebody/faces that you may see"),
        (hub_error(409), "refuses somebody/faces as it is (Server says no)"),
        (hub_error(429), "busy or out of order (status 429)"),
        (hub_error(503), "busy or out of order (status 503)"),
        (ValueError("Invalid metadata in README.md.\n- emoji"), "(Invalid metadata in README.md. - emoji)"),
        (OfflineModeIsEnabled("offline"), "cannot be reached (OfflineModeIsEnabled); go online"),
        (publishing.HTTPError("no route"), "cannot be reached (HTTPError); go online"),
        (RuntimeError("upload broke off"), "cannot be reached (RuntimeError); go online"),
    ],
)
@pytest.mark.parametrize("call", ["create_repo", "list_repo_files", "upload_folder"])
def test_the_hubs_refusals_are_one_sentence(call, error, words, checkout, api):
    getattr(api, call).side_effect = error
    with pytest.raises(samm.OptionError) as caught:
        publish(plan(NAME, root=checkout), api=api)
    assert words in sentence(caught)


def test_our_own_mistakes_are_not_blamed_on_the_hub(checkout, api):
    api.list_repo_files.side_effect = TypeError("ours")
    with pytest.raises(TypeError, match="ours"):
        publish(plan(NAME, root=checkout), api=api)


def test_a_dry_run_lists_all_and_needs_no_client(monkeypatch, capsys):
    monkeypatch.setattr(publishing, "HfApi", None)
    assert main(["publish", NAME, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    files = {line.split()[1]: int(line.split()[0].replace(",", "")) for line in lines[1:-3]}
    assert files["editing/command/publish.py"] == (ROOT / "editing/command/publish.py").stat().st_size
    assert set(files) == set(plan(NAME).files)
    assert lines[-3] == f"{sum(files.values()) / 1e6:,.1f} MB in {len(files)} files"
    assert f"torch=={ZERO_TORCH}" in lines[-2]
    assert lines[-1].startswith("Nothing was sent; the Space would be https://")
    assert lines[-1].endswith(f"/spaces/{NAME} on zero-a10g.")


def test_the_command_publishes(monkeypatch, capsys, api, sent):
    monkeypatch.setattr(publishing, "HfApi", lambda: api)
    assert main(["publish", NAME, "--private", "--hardware", "zero-a10g"]) == 0
    assert set(sent) == set(plan(NAME).files)
    assert f"/spaces/{NAME} on zero-a10g; the Hub takes some minutes" in capsys.readouterr().out
    api.create_repo.side_effect = hub_error(401)
    assert main(["publish", NAME]) == 1
    assert "run hf auth login" in capsys.readouterr().err
