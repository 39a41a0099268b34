"""How an edit meets the inversion's masks (our addition to the paper, which predicts them anew).

The masks say what of the *photo* the generator cannot draw. After an edit the question is another one: what
of the photo is still right? So this rule starts from the photo and draws a pixel only where the edit changes
the drawing. How clear the change has to be depends on whose pixel it is:

- where the generator draws the photo well, a slight change counts: skin, hair, the eyes;
- where the mask keeps the photo, a slight change is the backdrop that wavers, and a strong one is the head
  that moves there, as in a turn, whose old and new contour both differ and are both drawn;
- where moreover photo and drawing disagree there is a hat, a hand or a microphone, which no edit has to take
  away. This is seen in the drawing before the read-out, which has learned to color such things.
  What `editing.hats` spares, as a dark hat on dark hair, stays however clear the change.

Specks of change outside are left out, and what is left of the photo inside a changed region goes with it.

Shapes: S edge of the picture, V edge of views; masks are (1, 1, S, S) in 0…1, 1 keeps the photo.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from samm.method.regions import apart, blur, close, open_, rise, widen
from samm.networks.ops import area_resize

__all__ = ["WORK_SIZE", "adaptive_mask", "disagreement"]

COMPARE_SIZE = 256  # edge at which pictures are compared, whatever size they are drawn at
WORK_SIZE = 128  # edge of the maps made from that; lengths below are its pixels
CHANGED = (0.03, 0.09)  # largest channel's change, of a range of 2: none of it counts, all of it counts
SHARE = 0.1  # of the edit's own clearest change that is the least upper limit: strong edits stir more
CLEAREST = 0.98  # quantile of the change that is meant
SOFT_PX = 1.5  # deviation of the blur before that: hair and noise wander without an edit
KEPT_DOUBT = 2.0  # how much clearer a change must be where the mask keeps the photo: 1 + this times
FOREIGN_DOUBT = 12.0  # and where something foreign lies, likewise
FOREIGN = (0.06, 0.2)  # disagreement of photo and un-edited drawing: nothing foreign, surely foreign
FOREIGN_PX = 3.0  # deviation of its blur
BELIEVED = (0.3, 0.6)  # mask below which a disagreement is a poor drawing, above which something foreign
SPECK_PX, HOLE_PX = 1, 4  # half widths of the largest speck that is left out and hole that is filled
THING_PX = 3  # half width of the smallest foreign thing
REACH_PX = 2  # the change is widened by this, since a contour's old place is seldom wholly under it
FEATHER_PX = 1.5


def adaptive_mask(
    keep_photo: Tensor,
    predicted: Tensor,
    photo_pm1: Tensor,
    drawn_pm1: Tensor,
    before_pm1: Tensor,
    after_pm1: Tensor,
    things: Tensor | None = None,
    smoothed: Tensor | None = None,
) -> Tensor:
    """Keep the photo where an edit leaves the drawing alone or something foreign lies.

    Args:
        keep_photo: (1, 1, S, S), the mask of the inversion.
        predicted: (1, 1, H, H), the same before it is cleared, in any size.
        photo_pm1: (1, 3, V, V), the crop; this and the next three in any size.
        drawn_pm1: (1, 3, V, V), the aligned picture of the inversion before the read-out.
        before_pm1: (1, 3, V, V), the same with it.
        after_pm1: (1, 3, V, V), that of the edit.
        things: (1, 1, WORK_SIZE, WORK_SIZE) in 0…1, what stays whatever changes.
        smoothed: likewise, what changes although its drawing does not, but for what the masks keep.
    """
    kept = area_resize(keep_photo, WORK_SIZE)
    change = blur(_apart(before_pm1, after_pm1), SOFT_PX)
    foreign = rise(disagreement(photo_pm1, drawn_pm1, FOREIGN_PX), FOREIGN)
    foreign = foreign * rise(area_resize(predicted, WORK_SIZE), BELIEVED)
    foreign = open_(close(foreign, THING_PX), THING_PX + 1)
    stirred = SHARE * float(change.flatten().quantile(CLEAREST))
    low, high = (limit * max(1.0, stirred / CHANGED[1]) for limit in CHANGED)
    changed = rise(change / (1 + KEPT_DOUBT * kept + FOREIGN_DOUBT * foreign), (low, high))
    changed = changed if smoothed is None else changed.maximum(smoothed * (1 - kept) * (1 - foreign))
    changed = changed if things is None else changed * (1 - things)
    changed = close(open_(changed, SPECK_PX), HOLE_PX)
    changed = blur(widen(changed, REACH_PX), FEATHER_PX)
    size = keep_photo.shape[-1]
    return 1 - F.interpolate(changed, size=(size, size), mode="bilinear", align_corners=False)


def disagreement(photo_pm1: Tensor, drawn_pm1: Tensor, soft_px: float) -> Tensor:
    """Measure how far two pictures are apart around each place: (1, 1, WORK_SIZE, WORK_SIZE) in 0…2."""
    return blur(_apart(photo_pm1, drawn_pm1), soft_px)


def _apart(a_pm1: Tensor, b_pm1: Tensor) -> Tensor:
    return apart(area_resize(a_pm1, COMPARE_SIZE), area_resize(b_pm1, COMPARE_SIZE), WORK_SIZE)
