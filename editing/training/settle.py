"""Give averaged weights the batch-norm statistics that fit them.

Averaging statistics along with weights would not do: what a layer sees depends on the weights before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

__all__ = ["settle"]


@torch.no_grad()
def settle(module: nn.Module, run: Callable[[Tensor], object], batches: Iterable[Tensor]) -> None:
    """Measure all batch-norm statistics of `module` anew, as means over `batches` that `run` passes on."""
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    module.train()
    for batch in batches:
        run(batch)
    module.eval()
