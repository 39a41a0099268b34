"""The command `python -m samm publish OWNER/NAME`: put this checkout on the Hugging Face Hub as a Space.

`plan` collects and checks everything on disk and needs neither account nor network; `publish` hands a folder
with these files to the Hub's client, which sends them and deletes what is old.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, SpaceHardware
from huggingface_hub.errors import (
    HTTPError,  # pyright: ignore[reportPrivateImportUsage]
    LocalTokenNotFoundError,
)

from editing.command.space import ZERO_GPU, Plan, plan
from samm.errors import OptionError

__all__ = ["Plan", "add_parser", "plan", "publish"]


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to `python -m samm`."""
    space = commands.add_parser("publish", help="put this checkout on the Hugging Face Hub as a Space")
    space.add_argument("name", metavar="OWNER/NAME", help="the Space; it is made where there is none")
    space.add_argument("--private", action="store_true", help="only its owner may see it")
    space.add_argument(
        "--hardware",
        default=ZERO_GPU,
        metavar="KIND",
        help="what it runs on: zero-a10g (default), which is ZeroGPU, cpu-basic or another of the Hub's",
    )
    space.add_argument(
        "--dry-run", action="store_true", help="only list what would be sent; needs no account and no network"
    )
    space.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    space = plan(args.name, args.hardware)
    if args.dry_run:
        print("       bytes  file")
        for name, size in space.sizes.items():
            print(f"{size:>12,}  {name}")
    print(f"{sum(space.sizes.values()) / 1e6:,.1f} MB in {len(space.files)} files")
    for difference in space.differences:
        print(difference)
    if args.dry_run:
        print(f"Nothing was sent; the Space would be {space.address} on {space.hardware}.")
        return 0
    publish(space, args.private)
    print(f"The Space is {space.address} on {space.hardware}; the Hub takes some minutes to build it.")
    return 0


def publish(plan: Plan, private: bool = False, api: HfApi | None = None) -> None:
    """Send a plan to the Hub, and delete there what the Space no longer needs.

    Args:
        plan: what to send.
        private: hide the Space; otherwise a new one is as its owner's new Spaces are, and an old one stays as
            it is.
        api: the client; by default one with the account that is logged in here.

    Raises:
        OptionError: the Space holds another program, nobody is logged in, the Hub refuses, or it cannot be
            reached.
    """
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(plan, Path(folder))
        try:
            _send(plan, private, Path(folder), api or HfApi())
        except (HTTPError, OSError, RuntimeError, ValueError) as error:
            # Uploads of large files raise RuntimeError, the Hub's check of the front matter ValueError.
            raise OptionError(_refusal(error, plan)) from error


def _send(plan: Plan, private: bool, folder: Path, api: HfApi) -> None:
    """Make the Space where there is none, and let it hold what the folder holds."""
    api.create_repo(
        plan.name,
        repo_type="space",
        private=private or None,
        exist_ok=True,
        space_sdk="gradio",
        space_hardware=SpaceHardware(plan.hardware),
    )
    _check_ours(plan.name, api.list_repo_files(plan.name, repo_type="space"))
    if private:  # one that was there before may be public
        api.update_repo_settings(plan.name, repo_type="space", private=True)
    api.upload_folder(
        repo_id=plan.name,
        folder_path=folder,
        repo_type="space",
        commit_message="Publish the checkout",
        delete_patterns="*",  # but for what is sent, and .gitattributes, which is the Hub's own
    )
    if api.get_space_runtime(plan.name).requested_hardware != plan.hardware:
        api.request_space_hardware(plan.name, SpaceHardware(plan.hardware))


def _lay_out(plan: Plan, folder: Path) -> None:
    """Copy a plan's files into an empty folder."""
    for name, content in plan.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copyfile(content, path)


def _check_ours(name: str, present: list[str]) -> None:
    """Keep from replacing another program after a slip in the name."""
    new = set(present) <= {".gitattributes", "README.md"}  # as the Hub makes it
    if not new and "samm/__init__.py" not in present:
        raise OptionError(
            f"The Space {name} holds another program, which would be deleted; choose another name, or "
            "empty that Space first."
        )


def _refusal(error: Exception, plan: Plan) -> str:
    """Say in one sentence why the Hub did not take a plan, and what to do."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = " ".join(str(getattr(error, "server_message", None) or error).split()).rstrip(".")
    token = "run hf auth login with a token that may write"
    if status == 401 or isinstance(error, LocalTokenNotFoundError):
        return f"The Hub does not know who you are; {token}, then publish again."
    if status == 402:
        return (
            f"The Hub asks for a subscription or payment before it runs a Space on {plan.hardware} ({said}); "
            "choose another --hardware, or see to billing in your account's settings."
        )
    if status == 403:
        return (
            f"The Hub forbids your account to publish {plan.name} on {plan.hardware} ({said}); {token} for "
            f"{plan.name.partition('/')[0]}, or choose another owner or --hardware."
        )
    if status == 404:
        return f"The Hub finds no {plan.name} that you may see; check owner and name, or {token}."
    if status is not None and (status == 429 or status >= 500):
        return f"The Hub is busy or out of order (status {status}); publish again in a few minutes."
    if status is not None or isinstance(error, ValueError):
        return f"The Hub refuses {plan.name} as it is ({said}); change what it names and publish again."
    return (
        f"The Hub cannot be reached ({type(error).__name__}); go online, unset HF_HUB_OFFLINE if it is set, "
        "and publish again."
    )
