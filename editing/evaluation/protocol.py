"""State how the figures of a comparison came about; whoever reads them needs it with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from editing.evaluation.comparison import Comparison, details
from editing.evaluation.judges import DRAWN, Judges
from editing.evaluation.measure import KEPT, REACH_PX, SOFT
from editing.evaluation.methods import CHANGE_LEVEL, CHANGE_PX
from editing.evaluation.samples import PSI, VIEW_SIZE
from editing.places import FACE, PSNR_LIMIT, REGIONS, background
from editing.recipe.line import describe
from editing.recipe.recipe import Recipe
from samm.crop.domains import FACES, Domain

__all__ = ["protocol"]


def protocol(comparison: Comparison, measured: int, asked: int, with_fid: bool) -> str:
    """State how the figures of a table came about, as Markdown.

    Args:
        comparison: what was compared.
        measured: photos in the table.
        asked: photos that were to be measured.
        with_fid: the table has FID.
    """
    bench, judges, domain = comparison.bench, comparison.judges, comparison.bench.model.domain
    model, options = bench.model, bench.options
    sides, view = _sides(model.resolution, domain), _sides(VIEW_SIZE, domain)
    machine = f"CPU threads: {torch.get_num_threads()}" if model.device.type == "cpu" else model.device.type
    kind = "square FFHQ crops" if domain == FACES else f"pictures of {domain.name}s, 4:3,"
    of = "" if measured == asked else f" of {asked}, the others not measured by all methods:"
    lines = [
        f"Photos: {measured}{of} {kind} at {sides}, others scaled to it; 8-bit RGB.",
        f"Model: preset {model.preset}, {model.precision}; {options.encoder_steps} encoder passes, "
        f"N = {options.iterations}, {options.refine_steps} refinement and {options.tune_steps} tuning "
        f"steps, mask strength {bench.mask_strength:g}, where a method does not say otherwise.",
        f"PSNR and SSIM: pictures rounded to 8 bits (0…255), {sides}, all three channels, no border cropped; "
        "SSIM with an 11×11 Gaussian of σ 1.5, valid region.",
        f"ST-LPIPS: AlexNet, RGB in -1…1, area-averaged to {view}; not LPIPS.",
        *_published(judges, sides, view, measured, with_fid),
        *([_IDENTITY] if judges.identity else []),
        "Mask area: mean of the mask of the blended picture. Blending copies pixels, so read blended rows "
        f"beside it. Soft share: of its pixels between {SOFT[0]:g} and {SOFT[1]:g}.",
        f"Seconds: a photo from crop to pictures, one run ({machine}), the first photo left out where there "
        "are more.",
        "Brackets: 95 % percentile bootstrap over photos (2,000 resamples, fixed seed). All methods see the "
        "same photos, so intervals that overlap may hide a difference that every photo shows; a table of "
        "differences, photo by photo, tells.",
    ]
    if bench.edits:
        lines += _edit_lines(bench.edits, model.resolution)
    for name, method in comparison.methods.items():
        lines.append(f"{name}: {method.description} ({method.source}){details(name, method, bench)}.")
    return "\n".join(f"- {line}" for line in lines)


_IDENTITY = (
    "Identity: cosine of FaceRes (MobileNet-v1, VGGFace2) at 224² on the whole crop; refinement and tuning "
    "have it in their loss, nothing else here has; different people score about .42, one in a hundred above "
    ".60; not ArcFace."
)


def _published(judges: Judges, sides: str, view: str, measured: int, with_fid: bool) -> list[str]:
    """State what LPIPS and FID are, or why they are missing."""
    if judges.lpips.network is not None:
        lpips = f"LPIPS: AlexNet of torchmetrics, RGB in -1…1, area-averaged to {view}."
    else:
        lpips = f"LPIPS: not available ({judges.lpips.reason})."
    if judges.fid.network is None:
        return [lpips, f"FID: not available ({judges.fid.reason})."]
    if not with_fid:
        return [lpips, "FID: left out (it needs two photos, all of them measured in this run)."]
    return [
        lpips,
        f"FID: 2048 Inception features of torch-fidelity, 8-bit pictures of {sides} in its own bilinear "
        f"scaling to 299², against the same photos; with {measured} photos it is strongly "
        "biased and no figure to compare with those of thousands.",
    ]


def _edit_lines(edits: Sequence[Recipe], size: int) -> list[str]:
    """State how edits were measured."""
    regions = dict.fromkeys(REGIONS[name].name for edit in edits for name in edit.attributes)
    return [
        f"Edits: {'; '.join(map(describe, edits))}; each starts from the photo's inversion. "
        "Generator-only methods draw the moved code; the others also blend it, with the flows and masks of "
        "the inversion where their lines do not say otherwise.",
        "Target: mean change of the scores of the edit's attributes in the wanted direction, from the result "
        "without the edit, and from the photo; leak: mean absolute change of the other sliders' scores, from "
        "the result without the edit. In standard deviations of each score over "
        f"{DRAWN} faces drawn at ψ = {PSI:g}. Scores are logits, years or shares of our scorer, a "
        "MobileNetV2 at 160² trained on CelebA and All-Age-Faces, which the directions were fitted with: "
        "what it cannot see does not count.",
        "Arrives: the target's mean change over that of the generator's pictures before blending; but for "
        "hats: over that of the same pictures with the photo's hats and backdrops in place, which no edit "
        "changes.",
        "Years: change of the age that FaceRes estimates, from the result without the edit; no direction was "
        "fitted with it.",
        "Identity of an edit: of its result to the photo, and to the method's own result without the edit. "
        "An edit of age, gender or glasses is meant to change the face, so read it beside the target: what "
        "changes nothing keeps identity best.",
        f"Outside: mean difference of result and photo, in levels of 255 at {VIEW_SIZE}², outside the "
        "changed region: where the edited picture before blending differs by more than "
        f"{CHANGE_LEVEL * 127.5:.0f} levels on average over {CHANGE_PX} pixels from the un-edited one and "
        f"from the photo, and {REACH_PX} pixels around; changed: the region's share of the picture.",
        f"Inside: share of the change of the generator's picture in the attributes' region "
        f"({', '.join(regions)}), fixed ellipses in the crop.",
        f"Background: outside the ellipse (x / {FACE[0]:g})² + (y / {FACE[1]:g})² = 1 of a crop that spans "
        f"-1…1, {background(VIEW_SIZE).mean():.0%} of it and the same for all methods: wall, shoulders, ends "
        f"of long hair. PSNR of edit and photo there at {size}², at most {PSNR_LIMIT:.1f} dB, which rounding "
        "costs; ST-LPIPS of both with the ellipse painted grey.",
        f"Kept PSNR: edit and photo where the mask of the result without the edit exceeds {KEPT:g}; photos "
        "of which it keeps nothing are left out. It tells whether an edit breaks into what was kept; each "
        "method keeps something else, so compare only those with equal masks.",
        "Mask area and soft share of an edit: of the mask that it was blended with.",
        "Seconds of an edit: from the inversion to the picture, the first photo left out where there are "
        "more.",
    ]


def _sides(size: int, domain: Domain) -> str:
    """Write the sides of a square without its bars."""
    rows = domain.rows(size)
    return f"{size}²" if domain.height == 1 else f"{size}×{rows.stop - rows.start}"
