"""What a person may choose about an inversion, checked where it is said."""

from __future__ import annotations

from dataclasses import dataclass

from samm.errors import OptionError

__all__ = ["MAX_STEPS", "Options"]

MAX_STEPS = 500  # of a search

_LIMITS = {
    "encoder_steps": (1, 10),
    "iterations": (1, 5),
    "refine_steps": (0, MAX_STEPS),
    "tune_steps": (0, MAX_STEPS),
}


@dataclass(frozen=True)
class Options:
    """What a person may choose about an inversion.

    Attributes:
        encoder_steps: passes of the encoder, 1…10.
        iterations: N of Algorithm 1, 1…5.
        refine_steps: optimization steps on w_plus, 0…500; 0 is the fast inversion.
        tune_steps: steps of tuning the generator to the photo after that, 0…500.
        readout: match the drawn picture to the photo, see `samm.method.readout`.

    Raises:
        OptionError: a value outside its range.
    """

    encoder_steps: int = 2
    iterations: int = 2
    refine_steps: int = 0
    tune_steps: int = 0
    readout: bool = True

    def __post_init__(self):
        """Check the ranges."""
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                label = name.replace("_", " ")
                raise OptionError(f"The option {label} is {value}; choose a value from {low} to {high}.")
