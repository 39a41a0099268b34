"""What a Space on the Hugging Face Hub is made of, and whether this checkout would run there.

What a Space needs is listed by rule, not by git: named files at the top and, of each folder, the kinds of
file that belong into it. ZeroGPU, the Hub's shared GPU, runs few versions of torch and of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import SpaceHardware, constants, metadata_load
from huggingface_hub.utils import validate_repo_id
from packaging.requirements import InvalidRequirement, Requirement

from samm.errors import OptionError

__all__ = ["ZERO_GPU", "ZERO_TORCH", "Plan", "plan"]

ROOT = Path(__file__).parents[2]
ZERO_GPU = "zero-a10g"

# The newest that the Hub's documentation of ZeroGPU listed in August 2026, beside 2.8.0, 2.9.1 and 2.10.0; a
# Space with any other version fails to build.
ZERO_TORCH = "2.11.0"
ZERO_PYTHONS = ("3.10.13", "3.12.12")

DESCRIPTION_LENGTH = 60  # characters; the Hub refuses a longer short_description

_TOP = ("README.md", "app.py", "pyproject.toml", "requirements.txt")
_FOLDERS = {
    "editing": {".css", ".js", ".json", ".md", ".py", ".svg"},
    "examples": {".jpg", ".json", ".md", ".py", ".safetensors"},
    "samm": {".md", ".py", ".safetensors"},
}
_TORCH_LINE = re.compile(r"\s*torch\s*([<>=!~;#[]|$)", re.IGNORECASE)
_WEIGHTS = "samm/weights"
_WEIGHTS_ROW = re.compile(r"^\| `([\w.-]+\.safetensors)` \|", re.MULTILINE)


@dataclass(frozen=True)
class Plan:
    """A Space as it would be published.

    Attributes:
        name: OWNER/NAME.
        hardware: what it runs on, such as "zero-a10g" or "cpu-basic".
        files: by path in the Space, in alphabetical order; bytes where the Space's file differs from the
            checkout's, else the path on disk.
        differences: from the checkout, one sentence each.
    """

    name: str
    hardware: str
    files: Mapping[str, Path | bytes]
    differences: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where the Space's page is."""
        return f"{constants.ENDPOINT}/spaces/{self.name}"

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in self.files.items()
        }


def plan(name: str, hardware: str = ZERO_GPU, root: Path = ROOT) -> Plan:
    """Collect and check what a Space needs.

    Args:
        name: OWNER/NAME of the Space.
        hardware: one of the Hub's kinds.
        root: the checkout.

    Raises:
        OptionError: the Hub has no such name or hardware, or the checkout would not run there.
    """
    _check_name(name)
    kinds = [kind.value for kind in SpaceHardware]
    if hardware not in kinds:
        raise OptionError(f"There is no hardware called {hardware}; choose one of {', '.join(kinds)}.")
    files: dict[str, Path | bytes] = {path.relative_to(root).as_posix(): path for path in _listed(root)}
    missing = [top for top in _TOP if top not in files]
    if missing:
        raise OptionError(f"The file {missing[0]} is missing; check out the repository again.")
    on_zero = hardware.startswith("zero-")
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = _requirements(lines)
    _check_front_matter(root / "README.md", files, requirements, on_zero)
    _check_weights((root / "README.md").read_text(encoding="utf-8"), files)
    differences = ()
    if on_zero:
        files["requirements.txt"], difference = _with_zero_torch(lines, requirements)
        differences = (difference,)
    return Plan(name, hardware, dict(sorted(files.items())), differences)


def _listed(root: Path) -> Iterator[Path]:
    """Give the files of the checkout that a Space needs; no links, which may point anywhere."""
    for path in (root / name for name in _TOP):
        if path.is_file() and not path.is_symlink():
            yield path
    for folder, suffixes in _FOLDERS.items():
        for path in (root / folder).rglob("*"):
            parts = path.relative_to(root).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
            linked = any((root / Path(*parts[:depth])).is_symlink() for depth in range(1, len(parts) + 1))
            if path.suffix in suffixes and path.is_file() and not hidden and not linked:
                yield path


def _check_name(name: str) -> None:
    try:
        validate_repo_id(name)
        owner, _, rest = name.partition("/")
        valid = bool(owner and rest)
    except ValueError:
        valid = False
    if not valid:
        raise OptionError(
            f"The Hub takes no Space called {name}; write OWNER/NAME with letters, digits and single dots or "
            "hyphens."
        )


def _requirements(lines: list[str]) -> dict[str, Requirement]:
    """Read the lines of requirements.txt, by lower-case name."""
    requirements = {}
    for line in lines:
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise OptionError(
                f"The line “{text}” of requirements.txt is not understood; write a name and its "
                "versions, such as numpy>=2."
            ) from error
        requirements[requirement.name.lower()] = requirement
    return requirements


def _check_front_matter(
    readme: Path, files: Mapping[str, Path | bytes], requirements: Mapping[str, Requirement], on_zero: bool
) -> None:
    """Refuse a README whose front matter the Hub would not take or could not build from."""
    try:
        matter = metadata_load(readme) or {}
    except Exception as error:  # whatever the YAML reader behind the client raises
        raise OptionError(
            "The front matter of README.md is not valid YAML; mend the lines between its two ---."
        ) from error

    def refuse(found: str, remedy: str) -> OptionError:
        return OptionError(f"The front matter of README.md {found}; {remedy}.")

    wanted = ["title", "sdk", "sdk_version", "app_file", "short_description", "license"]
    if on_zero:
        wanted.append("python_version")
    for key in wanted:
        if not matter.get(key):
            raise refuse(f"does not say {key}", f"add a line {key}: …")
    if matter["sdk"] != "gradio":
        raise refuse(f"says sdk: {matter['sdk']}", "the page is made with gradio, so write sdk: gradio")
    if str(matter["app_file"]) not in files:
        raise refuse(
            f"names {matter['app_file']}, which is not published", "name the file that starts the page"
        )
    version, gradio = str(matter["sdk_version"]), requirements.get("gradio")
    # sdk_version wins over requirements.txt on a Space, so both have to mean the same.
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise refuse(f"says sdk_version: {version}", "write all three numbers, such as 6.31.0")
    if gradio is None or not gradio.specifier.contains(version):
        raise refuse(
            f"says sdk_version: {version}, but requirements.txt says {gradio or 'nothing of gradio'}",
            "make the two agree",
        )
    if on_zero and str(matter["python_version"]) not in ZERO_PYTHONS:
        raise refuse(
            f"says python_version: {matter['python_version']}",
            f"ZeroGPU has {' and '.join(ZERO_PYTHONS)}, so write one of them or choose another --hardware",
        )
    length = len(str(matter["short_description"]))
    if length > DESCRIPTION_LENGTH:
        raise refuse(
            f"has a short_description of {length} characters", f"shorten it to {DESCRIPTION_LENGTH} or fewer"
        )


def _check_weights(readme: str, files: Mapping[str, Path | bytes]) -> None:
    """Insist that README and folder name the same weights, so that each has a source and a licence."""
    named = {f"{_WEIGHTS}/{name}" for name in _WEIGHTS_ROW.findall(readme)}
    present = {path for path in files if path.startswith(_WEIGHTS) and path.endswith(".safetensors")}
    for path in sorted(named - present):
        raise OptionError(f"The model file {path} of README.md is missing; check out the repository again.")
    for path in sorted(present - named):
        raise OptionError(
            f"The model file {path} is not in the table of README.md; add it there with source and "
            "licence, or move it out of samm."
        )


def _with_zero_torch(lines: list[str], requirements: Mapping[str, Requirement]) -> tuple[bytes, str]:
    """Pin torch for ZeroGPU: the changed requirements.txt, and a sentence that says so."""
    torch = requirements.get("torch")
    if torch is None or not torch.specifier.contains(ZERO_TORCH):
        raise OptionError(
            f"ZeroGPU runs torch {ZERO_TORCH}, which requirements.txt does not allow "
            f"({torch or 'it names no torch'}); allow it there, or choose another --hardware."
        )
    pin = f"torch=={ZERO_TORCH}"
    pinned = [pin if _TORCH_LINE.match(line) else line for line in lines]
    difference = f"requirements.txt says {pin}, the newest that ZeroGPU runs, instead of {torch}."
    return ("\n".join(pinned) + "\n").encode(), difference
