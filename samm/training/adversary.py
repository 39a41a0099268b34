"""Adversaries: networks that learn to tell what is real from what the trained network makes.

`Adversary` plays the logistic game of StyleGAN2 with lazy R1: the paper's L_adv (equation 9) where its
network judges pictures, e4e's guard of editability where it judges latent codes. The authors' code never
applies R1; we do, because a discriminator that starts from nothing runs away without it.

Shapes: N batch, M other batch, C channels, H W pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from samm.training import parallel

__all__ = ["Adversary", "LatentDiscriminator", "PictureDiscriminator", "discriminator_loss"]

SMALLEST = 8  # edge of the discriminator's last map


class LatentDiscriminator(nn.Module):
    """Tell sampled w from rows of encoded w_plus; keeps codes where the generator was trained (as in e4e)."""

    w_mean: Tensor  # (512,)
    w_std: Tensor

    def __init__(self, w_mean: Tensor, w_std: Tensor):
        super().__init__()
        self.register_buffer("w_mean", w_mean.clone())
        self.register_buffer("w_std", w_std.clone())
        width = len(w_mean)
        self.net = nn.Sequential(
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, 1),
        )

    def forward(self, w: Tensor) -> Tensor:
        """Map w (N, 512) to logits (N, 1), high for sampled ones."""
        return self.net((w - self.w_mean) / self.w_std)


class _Down(nn.Module):
    """Residual block that halves the edge; box averages stand for StyleGAN2's blur."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.a, self.b = nn.Conv2d(c_in, c_in, 3, padding=1), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.skip = nn.Conv2d(c_in, c_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, H) to (N, C_out, H/2, H/2)."""
        h = F.leaky_relu(self.a(x), 0.2)
        h = F.leaky_relu(self.b(F.avg_pool2d(h, 2)), 0.2)
        return (h + self.skip(F.avg_pool2d(x, 2))) * 2**-0.5


class PictureDiscriminator(nn.Module):
    """Tell photos from what training made of them: StyleGAN2's residual discriminator, smaller.

    `width` channels at full size double with every halving, up to eight times `width`. No minibatch deviation
    is appended: what is judged is made from a given photo and cannot collapse to one picture.
    """

    def __init__(self, width: int = 24, size: int = 256):
        super().__init__()
        halvings = (size // SMALLEST).bit_length() - 1
        widths = [width * min(2**k, 8) for k in range(halvings + 1)]
        self.from_rgb = nn.Conv2d(3, width, 1)
        self.downs = nn.Sequential(*[_Down(widths[k], widths[k + 1]) for k in range(halvings)])
        self.last = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.out = nn.Sequential(
            nn.Linear(widths[-1] * SMALLEST**2, widths[-1]), nn.LeakyReLU(0.2), nn.Linear(widths[-1], 1)
        )

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Map pictures (N, 3, H, H) in -1…1 to logits (N, 1), high for photos."""
        x = self.downs(F.leaky_relu(self.from_rgb(image_pm1), 0.2))
        return self.out(F.leaky_relu(self.last(x), 0.2).flatten(1))


def discriminator_loss(judge: nn.Module, real: Tensor, fake: Tensor, r1: float) -> Tensor:
    """Logistic loss of a discriminator on real (N, …) and fake (M, …), plus r1·‖∇D‖² at the real ones."""
    real = real.detach().requires_grad_(r1 > 0)
    on_real, on_fake = judge(real), judge(fake.detach())
    loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    if r1 > 0:
        (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
        loss = loss + r1 * slope.square().flatten(1).sum(1).mean()
    return loss


class Adversary:
    """A discriminator with its optimizer; float32, as second derivatives want it."""

    def __init__(self, judge: nn.Module, learning_rate: float, r1: float, r1_every: int):
        self.judge = judge.requires_grad_(False)
        self._optimizer = torch.optim.Adam(judge.parameters(), learning_rate, betas=(0.0, 0.99))
        self._r1, self._r1_every = r1, r1_every
        self._steps = 0

    def fooled_by(self, fake: Tensor) -> Tensor:
        """Give the loss of what made `fake` (N, …): softplus(−D). Only `fake` receives a gradient."""
        return F.softplus(-self.judge(fake)).mean()

    def learn(self, real: Tensor, fake: Tensor) -> None:
        """Take one step from real (N, …) and fake (M, …); every `r1_every`-th is regularized."""
        self.judge.requires_grad_(True)
        self._optimizer.zero_grad(set_to_none=True)
        r1 = self._r1 if self._steps % self._r1_every == 0 else 0.0
        discriminator_loss(self.judge, real, fake, r1).backward()
        parallel.average_gradients(self.judge)
        self._optimizer.step()
        self._steps += 1
        self.judge.requires_grad_(False)

    def state_dict(self) -> dict[str, Any]:
        """Give all that `learn` depends on."""
        return {
            "judge": self.judge.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "steps": self._steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.judge.load_state_dict(state["judge"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._steps = state["steps"]
