"""Interpolate between two weights files of one network.

`python -m samm.training.interpolate START TRAINED --share S --out FILE`. A run that starts from good weights
drifts; a point on the way back to its start is often better than either end in every figure (Wortsman et al.
2022, robust fine-tuning of zero-shot models).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

__all__ = ["interpolate", "main"]


def interpolate(start: dict[str, Tensor], trained: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Give start + share·(trained − start) in fp16; both must hold the same keys and shapes.

    Raises:
        ValueError: the files belong to different networks.
    """
    if {k: v.shape for k, v in start.items()} != {k: v.shape for k, v in trained.items()}:
        raise ValueError("the two files belong to different networks")
    return {
        key: value.float().lerp(trained[key].float(), share).to(torch.float16).contiguous()
        for key, value in start.items()
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Read, interpolate, write."""
    parser = argparse.ArgumentParser(prog="python -m samm.training.interpolate", description=__doc__)
    parser.add_argument("start", type=Path)
    parser.add_argument("trained", type=Path)
    parser.add_argument("--share", type=float, required=True, help="of the trained weights, 0…1")
    parser.add_argument(
        "--mask-bias", type=float, default=0.0, help="first raise the compact SAMM's mask logits"
    )
    parser.add_argument(
        "--flows",
        type=float,
        nargs="+",
        metavar="F",
        help="first scale the compact SAMM's flow steps, coarsest first",
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    trained = load_file(options.trained)
    levels = sorted({int(key.split(".")[1]) for key in trained if key.startswith("levels.")})
    if options.mask_bias:
        for r in levels:
            trained[f"levels.{r}.out.bias"][2] += options.mask_bias
    # Coarse flows that are steep from cell to cell tear outlines in un-blended and edited pictures.
    for r, scale in zip(levels, options.flows, strict=True) if options.flows else ():
        trained[f"levels.{r}.out.weight"][:2] *= scale
        trained[f"levels.{r}.out.bias"][:2] *= scale
    source = f"{options.share:g} of {options.trained.name}, the rest of {options.start.name}"
    save_file(interpolate(load_file(options.start), trained, options.share), options.out, {"source": source})


if __name__ == "__main__":
    main()
