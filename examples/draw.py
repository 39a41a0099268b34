"""Draw the example portraits that show nobody: a generated face with an object the generator cannot draw.

Every picture starts from a face made by the project's own generator. A hat, sunglasses, a scarf, a
microphone, paint or the wear of an old print is then composed on top. Each object is a small height field
with a color: its surface normals are lit from one direction, it casts a soft shadow on what lies behind it,
and it is drawn at twice the final size so that its edges are smooth. All randomness is seeded, so a run
repeats the last one.

Example::

    python examples/draw.py --out examples
    python examples/draw.py --out /tmp --only cap scarf
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PSI = 0.7
SUPER = 2
FaceSource = Callable[[int], np.ndarray]


# ----------------------------------------------------------------------------------------------------
# The generator


def face_source() -> FaceSource:
    """Load the generator and return a function from a seed to a face, (1024, 1024, 3) in 0...1."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # For a run from a checkout.
    from samm import load

    generator = load().generator

    @torch.no_grad()
    def draw_face(seed: int) -> np.ndarray:
        z = np.random.default_rng(seed).standard_normal((1, 512)).astype(np.float32)
        w = generator.mapping(torch.from_numpy(z))
        w = generator.w_mean + PSI * (w - generator.w_mean)
        image = generator.synthesize(w[:, None].expand(-1, 16, -1))
        return ((image[0].float().permute(1, 2, 0).cpu().numpy() + 1) / 2).clip(0, 1)

    return draw_face


# ----------------------------------------------------------------------------------------------------
# Tools


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur an (H, W) or (H, W, C) array with a Gaussian; wide ones are computed at a smaller size."""
    x = torch.from_numpy(np.ascontiguousarray(image, np.float32))
    x = x[None, None] if x.ndim == 2 else x.permute(2, 0, 1)[:, None]
    height, width = x.shape[-2:]
    factor = max(1, int(sigma / 3))
    if factor > 1:
        x = F.interpolate(x, (max(2, height // factor), max(2, width // factor)), mode="area")
    s = sigma / factor
    radius = int(np.ceil(3 * s))
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / s) ** 2)
    kernel = (kernel / kernel.sum()).float()
    x = F.pad(x, (radius, radius, radius, radius), mode="replicate")
    x = F.conv2d(F.conv2d(x, kernel[None, None, None, :]), kernel[None, None, :, None])
    if factor > 1:
        x = F.interpolate(x, (height, width), mode="bicubic", align_corners=False)
    return x[0, 0].numpy() if image.ndim == 2 else x[:, 0].permute(1, 2, 0).numpy()


def smooth_noise(shape: tuple[int, int], cell: float, seed: int, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise with mean 0 and deviation 1; cell is its grain in pixels, stretch lengthens it along x."""
    rows, cols = max(3, int(shape[0] / cell)), max(3, int(shape[1] / (cell * stretch)))
    x = np.random.default_rng(seed).standard_normal((1, 1, rows, cols)).astype(np.float32)
    y = F.interpolate(torch.from_numpy(x), shape, mode="bicubic", align_corners=False)[0, 0].numpy()
    return (y - y.mean()) / y.std()


def step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step from 0 at low to 1 at high (low may be the larger one)."""
    t = ((x - low) / (high - low)).clip(0, 1)
    return t * t * (3 - 2 * t)


def rgb(code: str) -> np.ndarray:
    """Color such as 'c08040' as three numbers in 0...1."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def curve(
    points: list[tuple[float, float]], closed: bool = True, steps: int = 24
) -> list[tuple[float, float]]:
    """Catmull-Rom curve through points."""
    p = np.array(points, float)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    out = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        t = np.linspace(0, 1, steps, endpoint=False)[:, None]
        out.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    return [tuple(q) for q in np.concatenate(out)]


def trim(image: np.ndarray, border: int = 5) -> np.ndarray:
    """Replace the outermost pixels, which the generator draws slightly too bright or dark."""
    inner = image[border:-border, border:-border]
    return np.pad(inner, ((border, border), (border, border), (0, 0)), mode="edge")


def sheared_reflection(image: np.ndarray, left: int, right: int, slopes: tuple[float, float]) -> np.ndarray:
    """Widen an image by reflection at its sides; the slopes keep the shoulder lines falling outward."""
    height, width = image.shape[:2]
    x = np.arange(-left, width + right)
    beyond = np.where(x < 0, -x, np.where(x >= width, x - width + 1, 0))
    column = np.where(x < 0, -x, np.where(x >= width, 2 * width - 1 - x, x)).clip(0, width - 1)
    slope = np.where(x < 0, slopes[0], slopes[1])
    rows = (np.arange(height)[:, None] - 2 * slope * beyond).round().astype(int)
    rows = np.where(rows < 0, -rows, rows).clip(0, height - 1)
    out = image[rows, column[None, :]]
    weight = step(beyond.astype(np.float32), 2, 40)[None, :, None]
    return out * (1 - weight) + blur(out, 5) * weight


def extend_top(image: np.ndarray, top: int, head: tuple[int, int], seed: int, clear: int = 10) -> np.ndarray:
    """Add rows above an image by spreading the background of its first rows.

    Args:
        image: The picture, (H, W, 3).
        top: How many rows to add.
        head: Columns where the head begins below the first rows.
        seed: Seed of the variation added to the new background.
        clear: How many of the first rows show background in the head columns.

    Returns:
        The picture, (H + top, W, 3).
    """
    height, width = image.shape[:2]
    big = np.concatenate([np.zeros((top, width, 3), np.float32), image.astype(np.float32)])
    known = np.zeros((height + top, width), np.float32)
    known[top : top + 40] = 1
    known[top + clear :, head[0] : head[1]] = 0
    fill, weight = np.zeros_like(big), np.zeros_like(known)
    for sigma in (3, 7, 14, 30, 64, 130, 260):
        w = blur(known, sigma).clip(0, None)
        color = blur(big * known[..., None], sigma) / np.maximum(w, 1e-6)[..., None]
        use = step(w, 0.002, 0.25) * (1 - weight)
        fill += color * use[..., None]
        weight += use
    fill = fill / np.maximum(weight, 1e-3)[..., None]
    # New background varies as much as the old one does.
    rows = np.arange(height + top, dtype=np.float32)[:, None]
    fill = (
        fill * (1 - step(rows, top, top - 30))[..., None]
        + blur(fill, 8) * step(rows, top, top - 30)[..., None]
    )
    old = np.concatenate([image[:300, : head[0]].reshape(-1, 3), image[:300, head[1] :].reshape(-1, 3)])
    ramp = step(rows, top, top - 110)
    noise = smooth_noise(known.shape, 62, seed) + 0.6 * smooth_noise(known.shape, 30, seed + 1)
    fill += 0.55 * (ramp * blur(noise, 6))[..., None] * old.std(0)
    keep = step(rows, top - 1, top + 12)[..., None]
    return big * keep + fill * (1 - keep)


def grid(canvas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Canvas coordinates (x, y) of the pixels of a layer, which has SUPER times the canvas size."""
    height, width = canvas.shape[:2]
    y, x = np.mgrid[0 : height * SUPER, 0 : width * SUPER].astype(np.float32)
    return (x + 0.5) / SUPER, (y + 0.5) / SUPER


def polygon(canvas: np.ndarray, points: list[tuple[float, float]], width: float = 0) -> np.ndarray:
    """Mask of a filled polygon, or of a line of some width, at layer size."""
    height, cols = canvas.shape[:2]
    scale = 2 * SUPER
    image = Image.new("L", (cols * scale, height * scale))
    draw = ImageDraw.Draw(image)
    xy = [(x * scale, y * scale) for x, y in points]
    if width:
        draw.line(xy, fill=255, width=int(width * scale), joint="curve")
        for x, y in (xy[0], xy[-1]):
            r = width * scale / 2
            draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    else:
        draw.polygon(xy, fill=255)
    return np.asarray(image.reduce(2), np.float32) / 255


@dataclass
class Light:
    """Where the light of a picture comes from: x to the right, y down, z to the camera."""

    x: float = -0.45
    y: float = -0.6
    z: float = 0.66
    ambient: float = 0.45

    def shade(self, height: np.ndarray) -> np.ndarray:
        """Lambert shading of a height field given in canvas pixels."""
        gy, gx = np.gradient(height * SUPER)
        norm = np.sqrt(gx**2 + gy**2 + 1)
        lambert = ((-gx * self.x - gy * self.y + self.z) / norm).clip(0, None)
        return self.ambient + (1 - self.ambient) * lambert / self.z

    def gloss(self, height: np.ndarray, power: float) -> np.ndarray:
        """Specular highlight of a height field seen from the camera."""
        gy, gx = np.gradient(height * SUPER)
        half = np.array([self.x, self.y, self.z + 1])
        half = half / np.linalg.norm(half)
        dot = (-gx * half[0] - gy * half[1] + half[2]) / np.sqrt(gx**2 + gy**2 + 1)
        return dot.clip(0, 1) ** power


def reduce(layer: np.ndarray) -> np.ndarray:
    """Bring a layer down to canvas size."""
    height, width = layer.shape[0] // SUPER, layer.shape[1] // SUPER
    return layer.reshape(height, SUPER, width, SUPER, *layer.shape[2:]).mean((1, 3))


def over(canvas: np.ndarray, color: np.ndarray, alpha: np.ndarray, soften: float = 0.7) -> np.ndarray:
    """Compose a layer on the canvas; soften gives it the sharpness of the photo."""
    color = np.broadcast_to(color, (*alpha.shape, 3))
    premultiplied, a = reduce(color * alpha[..., None]), reduce(alpha)
    if soften:
        premultiplied, a = blur(premultiplied, soften), blur(a, soften)
    return (canvas * (1 - a[..., None]) + premultiplied).clip(0, 1)


def cast(
    canvas: np.ndarray,
    alpha: np.ndarray,
    shift: tuple[float, float],
    sigma: float,
    depth: float,
    where: np.ndarray | None = None,
) -> np.ndarray:
    """Darken the canvas with the shifted, blurred shadow of a layer, optionally only where a mask says."""
    down, right = round(shift[1]), round(shift[0])
    shadow = np.roll(reduce(alpha), (down, right), (0, 1))
    shadow[: max(down, 0)] = 0  # What rolled over from the lower edge is no shadow.
    shadow = blur(shadow, sigma).clip(0, 1) * depth
    if where is not None:
        shadow = shadow * where
    tint = np.array([0.92, 1.0, 1.04], np.float32)
    return canvas * (1 - shadow[..., None] * tint).clip(0, 1)


def finish(canvas: np.ndarray, seed: int, grain: float = 0.008, vignette: float = 0.12) -> np.ndarray:
    """Give the composition one lens and one sensor: slight blur, vignette and grain."""
    height, width = canvas.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    canvas = blur(canvas, 0.55) * (1 - vignette * ((x**2 + y**2) / 2) ** 1.5)[..., None]
    rng = np.random.default_rng(seed)
    luma = blur(rng.standard_normal((height, width)).astype(np.float32), 0.6) * 1.8
    chroma = blur(rng.standard_normal((height, width, 3)).astype(np.float32), 1.0) * 1.2
    return (canvas + grain * (luma[..., None] + 0.5 * chroma)).clip(0, 1)


# ----------------------------------------------------------------------------------------------------
# The pictures


def cap(faces: FaceSource) -> np.ndarray:
    """Draw a man in a ribbed knitted cap with a folded cuff and a stripe."""
    seed, left, top = 227, 88, 250
    canvas = sheared_reflection(trim(faces(seed)), left, 0, (0.2, 0.0))
    canvas = extend_top(canvas, top, (left + 170, left + 860), seed, 0)
    x, y = grid(canvas)
    x, y = x - left, y - top
    light = Light(-0.5, -0.55, 0.67, 0.42)
    middle = 522
    # The lower edge of the cuff sags toward the ears; its upper edge follows it.
    across = (x - middle) / 330
    low = 300 + 108 * across**2 + 3 * smooth_noise(x.shape, 160, 1)
    high = low - 172 + 20 * across**2
    # Half width of the head under the wool at each height.
    rise = ((high + 60 - y) / 322).clip(0, 1)
    half_dome = 314 * np.sqrt((1 - rise**2.4).clip(1e-4, 1))
    half_cuff = 325 - 0.05 * (y - 300)
    wobble = 1.3 * smooth_noise(x.shape, 7, 2) + 1.5 * np.sin(y / 2.2)
    dome = step(half_dome - np.abs(x - middle) + wobble, -1, 3) * step(high + 40 - y, 0, 2) * (rise < 1)
    cuff = step(half_cuff - np.abs(x - middle) + wobble, -1, 3) * step(low - y + 0.7 * wobble, -1, 3)
    cuff *= step(y - high + 0.4 * wobble, -1, 3)

    def knit(half: np.ndarray, along: np.ndarray, ribs: int, rows: float) -> tuple[np.ndarray, np.ndarray]:
        angle = np.arcsin(((x - middle) / np.maximum(half, 1)).clip(-0.999, 0.999))
        phase = angle / np.pi * ribs + 0.07 * smooth_noise(x.shape, 60, 3)
        rib = np.abs(np.sin(np.pi * phase)) ** 0.7
        tooth = np.abs((phase % 1) - 0.5)
        stitch = 0.5 + 0.5 * np.sin(2 * np.pi * (along / rows + 1.0 * tooth))
        return 9 * rib + 3.4 * rib * stitch, rib * (0.55 + 0.45 * stitch)

    rib_dome, open_dome = knit(half_dome, y + 30 * across**2, 46, 13)
    rib_cuff, open_cuff = knit(half_cuff, y - low, 46, 15)
    round_dome = 0.75 * np.sqrt((half_dome**2 - (x - middle) ** 2).clip(0, None)) + 120 * np.sqrt(
        1.0001 - rise**2
    )
    folds = 7 * smooth_noise(x.shape, 120, 4, 1.4) + 2.5 * smooth_noise(x.shape, 45, 5)
    t = ((low - y) / (low - high)).clip(0, 1)
    round_cuff = (
        0.75 * np.sqrt((half_cuff**2 - (x - middle) ** 2).clip(0, None)) + 22 * (4 * t * (1 - t)) ** 0.4
    )
    fuzz = 0.05 * smooth_noise(x.shape, 2, 6) + 0.05 * smooth_noise(x.shape, 30, 7)
    wool, stripe = rgb("1f4e5a"), rgb("d9a441")
    d = high - y + 0.0
    band = step(d, 62, 65) * step(d, 104, 101) + step(d, 116, 118) * step(d, 132, 130)
    dome_color = wool * (1 - band[..., None]) + stripe * band[..., None]

    canvas = cast(canvas, np.maximum(dome, cuff), (9, 20), 15, 0.55)
    for mask, ribs, opening, base, color in (
        (dome, rib_dome, open_dome, round_dome + folds, dome_color),
        (cuff, rib_cuff, open_cuff, round_cuff + 0.6 * folds, wool * np.ones((1, 1, 3), np.float32)),
    ):
        shade = light.shade(base + ribs) * (0.5 + 0.5 * opening) * (1 + fuzz)
        if mask is dome:  # The cuff keeps the light off the wool just above it.
            shade = shade * (1 - 0.5 * step(y, high - 40, high + 4) ** 2)
        layer = (color * (0.92 * shade)[..., None]).clip(0, 1)
        canvas = over(canvas, layer, mask, 0.8)
    return finish(canvas, seed)


def sunglasses(faces: FaceSource) -> np.ndarray:
    """Draw a woman in thick tortoise-shell sunglasses that mirror a bright horizon."""
    seed, left, top = 31, 150, 240
    canvas = sheared_reflection(trim(faces(seed)), left, 0, (0.0, 0.0))
    canvas = extend_top(canvas, top, (left + 210, left + 920), seed)
    x, y = grid(canvas)
    x, y = x - left, y - top
    light = Light(-0.3, -0.65, 0.7, 0.4)

    def place(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(px + left, py + top) for px, py in points]

    lens_left = curve(
        place(
            [
                (262, 420),
                (330, 402),
                (420, 408),
                (474, 428),
                (480, 476),
                (462, 540),
                (410, 578),
                (340, 578),
                (284, 548),
                (262, 486),
            ]
        )
    )
    lens_right = curve(
        place(
            [
                (556, 430),
                (612, 408),
                (712, 398),
                (796, 412),
                (806, 478),
                (786, 546),
                (726, 582),
                (644, 582),
                (584, 546),
                (556, 482),
            ]
        )
    )
    glass = np.maximum(polygon(canvas, lens_left), polygon(canvas, lens_right))
    rim = np.maximum(
        polygon(canvas, lens_left + lens_left[:2], 30), polygon(canvas, lens_right + lens_right[:2], 30)
    )
    bridge = polygon(
        canvas, curve(place([(462, 446), (490, 432), (518, 427), (546, 432), (574, 446)]), False), 26
    )
    wing_left = polygon(canvas, curve(place([(243, 402), (300, 388), (306, 420), (270, 446), (250, 440)])))
    wing_right = polygon(
        canvas, curve(place([(760, 384), (832, 386), (850, 404), (836, 440), (800, 446), (764, 420)]))
    )
    temple = polygon(canvas, place([(826, 396), (856, 404), (862, 416), (856, 428), (826, 430)]))
    frame = np.max([rim, bridge, wing_left, wing_right], axis=0)
    whole = np.maximum(frame, glass)

    # Light that passes the lenses is dimmed most at the top; the mirror image adds sky above dark trees.
    canvas = cast(canvas, np.maximum(frame, temple), (7, 17), 8, 0.5)
    canvas = cast(canvas, whole, (8, 24), 18, 0.28)
    t = ((y - 400) / 180).clip(0, 1)
    tint = rgb("1c120c") * (1 - t[..., None]) + rgb("5a3820") * t[..., None]
    rough = [
        np.interp(
            x[:1], np.arange(0, 1400, n), np.random.default_rng(n).standard_normal(len(range(0, 1400, n)))
        )
        for n in (22, 75)
    ]
    tree = 492 + 3.5 * rough[0] + 6 * rough[1]
    bulge = 40 * (((x - np.where(x < 518, 370, 682)) / 130) ** 2)
    sky = step(tree - bulge * 0.5 - y, -7, 12) * step(y, 380, 480)
    mirror = (sky * 0.30)[..., None] * rgb("dfe8f2") + (0.05 * (1 - sky))[..., None] * rgb("b7c77a")
    streak = step((x - 0.45 * y) % 312, 118, 122) * step((x - 0.45 * y) % 312, 176, 160)
    streak += step((x - 0.45 * y) % 312, 190, 192) * step((x - 0.45 * y) % 312, 206, 200)
    mirror = mirror + (0.05 * streak * (1.1 - t))[..., None]
    through = 0.90 - 0.22 * t
    small = reduce(np.repeat(through[..., None], 3, 2) * glass[..., None])
    canvas = canvas * (1 - small)
    canvas = (canvas + reduce((tint * 0.55 + mirror) * glass[..., None])).clip(0, 1)
    inner = blur(glass, 9) * glass
    canvas = canvas * (1 - 0.45 * reduce((glass - inner).clip(0, 1)))[..., None]

    spots = smooth_noise(x.shape, 30, 5, 1.6) + 0.45 * smooth_noise(x.shape, 13, 6, 1.3)
    amber, honey = step(spots, -0.2, 1.3)[..., None], step(spots, 1.0, 2.2)[..., None]
    shell = rgb("24100a") * (1 - amber) + rgb("9c5219") * amber
    shell = shell * (1 - 0.7 * honey) + 0.7 * rgb("d99a48") * honey
    for mask in (temple, frame):
        height = 13 * step(blur(mask, 8), 0.3, 0.85)
        shade = light.shade(height)
        shine = light.gloss(height, 30)
        layer = shell * (0.95 * shade)[..., None] + (0.6 * shine)[..., None]
        if mask is temple:
            layer = layer * 0.4
        canvas = over(canvas, layer.clip(0, 1), mask, 0.7)
    for cx, cy in ((268, 414), (815, 404)):  # Small metal pins at the hinges.
        r2 = ((x - cx) / 12) ** 2 + ((y - cy) / 5) ** 2
        dome = np.sqrt((1 - r2).clip(0, 1)) * 4
        metal = rgb("cfc6b0") * light.shade(dome)[..., None] + 0.5 * light.gloss(dome, 20)[..., None]
        canvas = over(canvas, metal.clip(0, 1), step(1 - r2, 0, 0.25), 0.6)
    return finish(canvas, seed)


def scarf(faces: FaceSource) -> np.ndarray:
    """Draw an older man in a wool coat with a checked scarf up to his lips."""
    seed, left, top, bottom = 32, 88, 190, 186
    canvas = sheared_reflection(trim(faces(seed)), left, left, (0.3, 0.3))
    canvas = extend_top(canvas, top, (left + 160, left + 840), seed)
    canvas = np.concatenate([canvas, np.repeat(canvas[-1:], bottom, 0)])
    x, y = grid(canvas)
    x, y = x - left, y - top
    light = Light(0.35, -0.6, 0.72, 0.45)
    middle = 498

    # Coat: sloping shoulders, a coarse twill and a few long folds.
    reach = np.abs(x - middle)
    shoulder = (
        900
        + 0.24 * (reach - 250).clip(0, None)
        + 80 * step(reach, 270, 150)
        + 0.00035 * (reach - 250).clip(0, None) ** 2
    )
    coat = step(y - shoulder + 0.8 * smooth_noise(x.shape, 14, 1), -2, 2)
    folds = 16 * smooth_noise(x.shape, 190, 2) + 4 * smooth_noise(x.shape, 60, 3)
    twill = 0.7 * np.sin((x + y) * 0.95) + 0.5 * smooth_noise(x.shape, 3, 4)
    body = 120 * np.sqrt((1 - ((x - middle) / 760) ** 2).clip(0.01, 1)) + 70 * step(y - shoulder, -5, 130)
    flecks = 1 + 0.13 * smooth_noise(x.shape, 2, 5) + 0.06 * smooth_noise(x.shape, 8, 6)
    cloth = rgb("2c3440") * (light.shade(body + folds + twill) * flecks * 0.95)[..., None]
    canvas = over(canvas, cloth.clip(0, 1), coat, 0.7)

    def tartan(s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Check of dark red, navy and cream; s runs along the cloth and t across it."""
        base = np.ones((*s.shape, 3), np.float32) * rgb("9a2a2c")
        weave = 0.5 + 0.5 * np.sign(np.sin((s + t) * 1.6))
        for axis, other in ((s, 0.5), (t, 0.5)):
            u = axis % 150
            navy = step(u, 18, 21) * step(u, 66, 63)
            cream = step(u, 104, 105.5) * step(u, 112, 110.5) + 0.7 * step(u, 40, 41) * step(u, 45, 44)
            share = (weave if other and axis is s else 1 - weave) * 0.5 + 0.25
            base = base * (1 - (navy * share)[..., None]) + (navy * share)[..., None] * rgb("1b2444")
            base = base * (1 - (cream * share)[..., None]) + (cream * share)[..., None] * rgb("efe3c8")
        return base

    def wrap(top_mid: float, bot_mid: float, lift: float, half: float, phase: float, key: int) -> None:
        """Lay one turn of the scarf; its edges sag in the middle and rise by lift at the sides."""
        nonlocal canvas
        u = ((x - middle) / half).clip(-1, 1)
        ripple = 5 * smooth_noise(x.shape, 170, key)
        rounded = u**2 - 9 * (np.abs(u) - 0.74).clip(0, None) ** 2
        upper = top_mid - lift * rounded + ripple
        lower = (
            bot_mid
            - 0.55 * lift * u**2
            - 900 * (np.abs(u) - 0.8).clip(0, None) ** 2
            + 6 * smooth_noise(x.shape, 150, key + 1)
        )
        t = ((y - upper) / (lower - upper)).clip(0, 1)
        hem = 0.8 * smooth_noise(x.shape, 8, key + 2)
        mask = step(y - upper + hem, 0, 2.5) * step(lower - y + hem, 0, 2.5)
        mask = mask * step(
            half * np.sqrt((1 - 0.10 * (2 * t - 1) ** 2).clip(0, 1)) - np.abs(x - middle), 0, 3
        )
        tube = 70 * (4 * t * (1 - t)).clip(0.0, 1) ** 0.5 + 190 * np.sqrt((1.02 - u**2).clip(0.01, 1))
        # Folds run along the turn and lean a little.
        v = t * 5 + 0.9 * u + 0.28 * smooth_noise(x.shape, 230, key + 3)
        crease = 13 * np.sin(2 * np.pi * v * 0.62) + 5 * np.sin(2 * np.pi * v * 1.37 + 1)
        rough = 0.9 * smooth_noise(x.shape, 3, key + 4)
        angle = np.arcsin((u * 0.97).clip(-0.999, 0.999))
        s = angle * half * 0.92 + phase + 5 * np.sin(2 * np.pi * v * 0.62)
        color = tartan(s, t * 210 + phase * 0.3 + 2 * smooth_noise(x.shape, 120, key + 5))
        shade = light.shade(tube + crease + rough) * (1 - 0.35 * step(t, 0.86, 1.0))
        shade = shade * (0.80 + 0.20 * np.cos(angle)) * (1 + 0.05 * smooth_noise(x.shape, 2, key + 6))
        canvas = cast(canvas, mask, (-4, 16), 16, 0.55)
        canvas = over(canvas, (color * (0.86 * shade)[..., None]).clip(0, 1), mask, 0.75)

    def tail(points: list[tuple[float, float]], width: float, key: int) -> None:
        """Let one end of the scarf hang down over the coat."""
        nonlocal canvas
        mid = np.interp(y, [p[1] for p in points], [p[0] for p in points]).astype(np.float32)
        u = (x - mid) / (width / 2) + 0.05 * smooth_noise(x.shape, 140, key)
        mask = step(1 - np.abs(u), 0, 0.02) * step(y, points[0][1], points[0][1] + 3)
        crease = 14 * np.sin(u * 5.2 + 0.004 * y + 0.5 * smooth_noise(x.shape, 200, key + 1))
        height = 45 * np.sqrt((1.02 - u**2).clip(0.01, 1)) + crease + 0.9 * smooth_noise(x.shape, 3, key + 2)
        color = tartan(u * 100 + 40 + crease * 0.5, y * 1.0 + 14 * u)
        shade = light.shade(height) * (1 + 0.05 * smooth_noise(x.shape, 2, key + 3))
        canvas = cast(canvas, mask, (-9, 14), 16, 0.5)
        canvas = over(canvas, (color * (0.86 * shade)[..., None]).clip(0, 1), mask, 0.75)

    wrap(990, 1195, 130, 356, 30, 20)
    tail([(610, 1010), (640, 1120), (655, 1300)], 210, 60)
    wrap(862, 1085, 66, 318, 95, 40)
    return finish(canvas, seed)


def microphone(faces: FaceSource) -> np.ndarray:
    """Draw a man who speaks into a stage microphone with a wire-mesh grille."""
    seed, side = 221, 128
    canvas = sheared_reflection(trim(faces(seed)), side, side, (0.55, 0.5))
    x, y = grid(canvas)
    x, y = x - side, y
    light = Light(0.35, -0.6, 0.72, 0.25)
    cx, cy, radius = 452.0, 868.0, 112.0
    axis = np.array([-0.30, 0.954], np.float32)  # From the grille down the handle.
    along = (x - cx) * axis[0] + (y - cy) * axis[1]
    across = (x - cx) * axis[1] - (y - cy) * axis[0]

    handle_half = np.interp(along, [0, 96, 125, 320], [88, 86, 66, 52]).astype(np.float32)
    handle = step(handle_half - np.abs(across), 0, 1.5) * step(along, 80, 82)
    flat = across / radius
    down = along / (radius * 1.04)
    r2 = flat**2 + down**2
    ball = step(1 - np.sqrt(r2), 0, 0.012) * step(along, 92, 90)
    ring = step(97 - np.abs(across), 0, 1.5) * step(along, 66 + 10 * (1 - flat**2), 67 + 10 * (1 - flat**2))
    ring = ring * step(along, 104 + 10 * (1 - flat**2), 103 + 10 * (1 - flat**2))
    whole = np.max([ball, handle, ring], axis=0)
    canvas = cast(canvas, whole, (-16, 26), 24, 0.6)

    tube = np.sqrt((1 - (across / np.maximum(handle_half, 1)) ** 2).clip(0, 1)) * handle_half
    metal = rgb("26272b") * light.shade(tube + 0.2 * smooth_noise(x.shape, 2, 1))[..., None]
    metal = metal + (0.55 * light.gloss(tube, 18))[..., None] * rgb("ffe9c8")
    edge = np.exp(-((((across / np.maximum(handle_half, 1)) + 0.86) / 0.06) ** 2))
    metal = metal + (0.16 * edge)[..., None] * rgb("9fb4d8")
    canvas = over(canvas, metal.clip(0, 1), handle, 0.9)

    # Wire mesh on a sphere: two families of wires in spherical coordinates cross at an angle and weave.
    z = np.sqrt((1 - r2).clip(0.0004, 1))
    lon, lat = np.arctan2(flat, z + 0.15), np.arcsin(down.clip(-1, 1))
    a, b = (lon + lat) * 17, (lon - lat) * 17
    wire_a, wire_b = np.abs(np.cos(np.pi * a)) ** 1.6, np.abs(np.cos(np.pi * b)) ** 1.6
    wires = np.maximum(wire_a * (0.75 + 0.25 * np.cos(np.pi * (b + np.floor(a + 0.5)))), wire_b * 0.93)
    sphere = radius * z
    covered = step(wires, 0.45, 0.75)
    shade = light.shade(sphere + 2.2 * wires)
    shine = light.gloss(sphere + 1.6 * wires, 14)
    steel = rgb("85888f") * (0.85 * shade * (0.45 + 0.55 * wires))[..., None] + (0.55 * shine)[
        ..., None
    ] * rgb("fff0d8")
    foam = rgb("0d0d10") * np.ones((1, 1, 3), np.float32)
    mesh = foam * (1 - covered[..., None]) + steel * covered[..., None]
    rim = step(np.sqrt(r2), 0.8, 1.0)[..., None]
    mesh = mesh * (1 - 0.45 * rim) + 0.04 * rim
    canvas = over(canvas, mesh.clip(0, 1), ball, 0.9)

    hoop = np.sqrt((1 - (across / 99) ** 2).clip(0, 1)) * 99
    hoop = hoop + 6 * np.sqrt((1 - ((along - 85 - 10 * (1 - flat**2)) / 19) ** 2).clip(0, 1))
    collar = rgb("6f7278") * light.shade(hoop)[..., None] + (0.8 * light.gloss(hoop, 16))[..., None] * rgb(
        "fff0d8"
    )
    canvas = over(canvas, collar.clip(0, 1), ring, 0.9)
    return finish(canvas, seed, 0.009)


def face_paint(faces: FaceSource) -> np.ndarray:
    """Draw a woman with brushed stripes and lettering painted on her face."""
    seed, left, top = 138, 0, 200
    canvas = extend_top(trim(faces(seed)), top, (left + 190, left + 800), seed)
    height, width = canvas.shape[:2]
    x, y = grid(canvas)
    x, y = x - left, y - top
    skin = blur(canvas.mean(2), 1.2)
    level = float(np.median(skin[top + 480 : top + 640, left + 300 : left + 700]))
    relief = (skin / level)[..., None] ** 1.15

    def paint(mask: np.ndarray, color: str, cover: float = 0.9) -> None:
        """Put paint on the skin; the shading of the skin shows through and the pores break it up."""
        nonlocal canvas
        a = reduce(mask)
        pores = smooth_noise((height, width), 2, 9)
        a = blur(a, 0.9) * (cover - 0.05 * step(pores, 0.6, 2.0))
        canvas = (canvas * (1 - a[..., None]) + (rgb(color) * relief).clip(0, 1) * a[..., None]).clip(0, 1)

    def stroke(points: list[tuple[float, float]], thick: float, key: int) -> np.ndarray:
        """Brush stroke along a curve with streaks, and dry at its end."""
        path = np.array(curve(points, False, 40), np.float32)
        sx, sy = x[::2, ::2], y[::2, ::2]
        best = np.full(sx.shape, 1e9, np.float32)
        side, where = np.zeros_like(best), np.zeros_like(best)
        tangent = np.gradient(path, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        for i in range(0, len(path), 2):
            dx, dy = sx - path[i, 0], sy - path[i, 1]
            d = dx * dx + dy * dy
            hit = d < best
            best = np.where(hit, d, best)
            side = np.where(hit, dx * tangent[i, 1] - dy * tangent[i, 0], side)
            where = np.where(hit, i / len(path) + (dx * tangent[i, 0] + dy * tangent[i, 1]) / 600, where)
        rng = np.random.default_rng(key)
        hairs = np.interp(side / thick, np.linspace(-1, 1, 60), blur(rng.standard_normal((1, 60)), 1.0)[0])
        hairs = hairs + 0.35 * smooth_noise(sx.shape, 8, key)
        size = thick * (0.86 + 0.14 * np.sin(np.pi * where.clip(0, 1))) * (1 + 0.05 * hairs)
        mask = step(size - np.sqrt(best), 0, 3)
        dry = step(hairs, -1.3, -0.5) * (1 - step(where, 0.55, 1.0)) + step(hairs, -0.2, 0.5) * step(
            where, 0.55, 1.0
        )
        mask = mask * (0.25 + 0.75 * dry.clip(0, 1))
        big = torch.from_numpy(mask.astype(np.float32))[None, None]
        return F.interpolate(big, x.shape, mode="bilinear", align_corners=False)[0, 0].numpy()

    for i, color in enumerate(("1f5fb4", "f3f1ea", "d8352c")):
        low = 566 + 46 * i
        cheek = [(422 - 13 * i, low - 4), (372 - 6 * i, low + 17), (318, low + 14), (262 + 9 * i, low - 12)]
        paint(stroke(cheek, 21, 11 + i), color, 0.87)
        arc = [
            (398, 308 + 30 * i),
            (455, 292 + 30 * i),
            (520, 287 + 30 * i),
            (590, 293 + 30 * i),
            (650, 310 + 30 * i),
        ]
        paint(stroke(arc, 14, 21 + i), color, 0.85)

    # Lettering, drawn flat and then wrapped around the cheek, which turns away from the camera.
    font = ImageFont.truetype("DejaVuSans-Bold.ttf", 150) if _has_font() else ImageFont.load_default(150)
    sheet = Image.new("L", (460, 220))
    ImageDraw.Draw(sheet).text((230, 110), "GO!", fill=255, font=font, anchor="mm")
    flat = np.asarray(sheet.filter(ImageFilter.GaussianBlur(1.2)), np.float32) / 255
    turn = np.arcsin(((x - 640) / 190).clip(-0.999, 0.999)) * 190
    lx = (turn - 66) * 1.9 + 230
    ly = (y - 622 + 0.16 * (x - 690)) * 1.75 + 110 + 10 * smooth_noise(x.shape, 60, 32) * 0.4
    points = torch.from_numpy(np.stack([lx / 230 - 1, ly / 110 - 1], -1))[None]
    letters = F.grid_sample(torch.from_numpy(flat)[None, None], points, align_corners=False)[0, 0].numpy()
    letters = step(letters + 0.06 * smooth_noise(x.shape, 5, 33), 0.35, 0.62)
    paint(letters * (0.88 + 0.12 * np.tanh(smooth_noise(x.shape, 9, 34, 3))), "16489a", 0.9)
    return finish(canvas, seed)


def _has_font() -> bool:
    """Tell whether the bold DejaVu face can be loaded; otherwise the font inside Pillow is used."""
    try:
        ImageFont.truetype("DejaVuSans-Bold.ttf", 20)
    except OSError:
        return False
    return True


def old_photo(faces: FaceSource) -> np.ndarray:
    """Draw a creased, scratched sepia print with a paper border."""
    seed, left, top = 226, 20, 190
    photo = sheared_reflection(trim(faces(seed)), left, left, (0.0, 0.0))
    photo = extend_top(photo, top, (left + 150, left + 960), seed)
    height, width = photo.shape[:2]
    # Orthochromatic plates are nearly blind to red: lips and skin come out darker, blues lighter.
    gray = photo @ np.array([0.18, 0.50, 0.32], np.float32)
    gray = 0.85 * blur(gray, 1.3) + 0.15 * blur(gray, 10)
    gray = (gray / np.percentile(gray, 99.3)).clip(0, 1) ** 0.85
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    burn = step(np.sqrt((x / 1.0) ** 2 + ((y - 0.02) / 1.05) ** 2), 0.72, 1.12)
    gray = gray * (1 - 0.25 * burn) + 0.06 * burn
    gray = (
        0.10 + 0.80 * gray + 0.03 * smooth_noise(gray.shape, 260, 1) + 0.012 * smooth_noise(gray.shape, 30, 2)
    )

    border, foot = 68, 96
    total = (height + border + foot, width + 2 * border)
    paper = 0.86 + 0.02 * smooth_noise(total, 180, 3) + 0.010 * smooth_noise(total, 3, 4)
    tone = paper.copy()
    inside = np.zeros(total, np.float32)
    inside[border : border + height, border : border + width] = 1
    soft = blur(inside, 1.5)
    placed = np.zeros(total, np.float32)
    placed[border : border + height, border : border + width] = gray
    placed = np.where(inside > 0, placed, 0.5)
    tone = tone * (1 - soft) + placed * soft
    py, px = np.mgrid[0 : total[0], 0 : total[1]].astype(np.float32)

    # Two folds: the emulsion has cracked off along them, and the paper catches the light on one side.
    for a, b, c, key in ((0.06, 1.0, 838.0, 5), (1.0, 0.09, 905.0, 6)):
        d = a * px + b * py - c + 3.5 * smooth_noise(total, 60, key) + 1.2 * smooth_noise(total, 9, key + 40)
        flake = 2.0 + 2.2 * smooth_noise(total, 26, key + 10).clip(-0.8, 2.4)
        crack = step(flake - np.abs(d), 0, 1.5)
        tone = tone + 0.07 * np.exp(-(((d + 9) / 12) ** 2)) - 0.10 * np.exp(-(((d - 9) / 12) ** 2))
        tone = tone * (1 - 0.85 * crack) + 0.84 * 0.85 * crack
    # Scratches, dust and stains.
    rng = np.random.default_rng(7)
    scale = 3
    sheet = Image.new("L", (total[1] * scale, total[0] * scale))
    draw = ImageDraw.Draw(sheet)
    for _ in range(46):
        x0, y0 = rng.uniform(0, total[1]), rng.uniform(0, total[0])
        length, angle = rng.gamma(2.0, 60), rng.normal(np.pi / 2, 0.35)
        bend = rng.normal(0, 0.1)
        line = [
            (
                (x0 + length * t * np.cos(angle + bend * t)) * scale,
                (y0 + length * t * np.sin(angle + bend * t)) * scale,
            )
            for t in np.linspace(0, 1, 12)
        ]
        draw.line(line, fill=int(rng.uniform(60, 210)), width=int(rng.integers(2, 5)))
    for _ in range(420):
        x0, y0, r = (
            rng.uniform(0, total[1]) * scale,
            rng.uniform(0, total[0]) * scale,
            rng.gamma(1.2, 1.2) * scale,
        )
        draw.ellipse((x0 - r, y0 - r * 0.8, x0 + r, y0 + r * 0.8), fill=int(rng.uniform(60, 230)))
    marks = np.asarray(sheet.reduce(scale), np.float32) / 255
    tone = tone * (1 - 0.75 * marks) + 0.86 * 0.75 * marks
    stain = step(smooth_noise(total, 240, 8) + 0.15 * smooth_noise(total, 40, 9), 1.35, 1.6)
    ring = (blur(stain, 2) - blur(stain, 10)).clip(0, 1)
    tone = tone * (1 - 0.07 * stain - 0.30 * ring)
    # A lost corner and worn edges show the dark table below.
    d = np.minimum.reduce([px, py, total[1] - 1 - px, total[0] - 1 - py])
    wear = d - 13 - 2.2 * smooth_noise(total, 45, 11) - 1.2 * smooth_noise(total, 8, 12)
    corner = (
        (px + 0.8 * (total[0] - py)) - 118 + 9 * smooth_noise(total, 40, 13) + 3 * smooth_noise(total, 9, 14)
    )
    sheet_mask = step(wear, 0, 2) * step(corner, 0, 2)
    edge = 1 - step(np.minimum(wear, corner), 0, 16)
    tone = tone * (1 - 0.14 * edge)

    tone = tone.clip(0, 1)
    dark, mid, light = rgb("21140c"), rgb("8d6d4b"), rgb("f4e8cf")
    t = tone[..., None]
    print_color = np.where(t < 0.5, dark + (mid - dark) * (t / 0.5), mid + (light - mid) * ((t - 0.5) / 0.5))
    table = (
        rgb("3b2c22")
        * (1 + 0.16 * smooth_noise(total, 5, 15, 30) + 0.10 * smooth_noise(total, 40, 16, 12))[..., None]
    )
    shadow = blur(np.roll(sheet_mask, (7, 6), (0, 1)), 7)
    table = table * (1 - 0.55 * shadow)[..., None]
    m = blur(sheet_mask, 0.7)[..., None]
    return finish((print_color * m + table * (1 - m)).clip(0, 1), seed, 0.012, 0.08)


PICTURES: dict[str, Callable[[FaceSource], np.ndarray]] = {
    "cap": cap,
    "sunglasses": sunglasses,
    "scarf": scarf,
    "microphone": microphone,
    "face_paint": face_paint,
    "old_photo": old_photo,
}


def save(image: np.ndarray, path: Path, limit: int = 295_000) -> None:
    """Write a JPEG at the best quality that keeps the file below limit bytes."""
    picture = Image.fromarray((image * 255).round().astype(np.uint8))
    for quality in range(93, 60, -1):
        picture.save(path, quality=quality, optimize=True, subsampling=0 if quality > 88 else 2)
        if path.stat().st_size < limit:
            break


def main() -> None:
    """Draw the pictures named on the command line."""
    parser = argparse.ArgumentParser(description="Draw the example portraits made from generated faces.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the JPEG files")
    parser.add_argument(
        "--only", nargs="+", choices=PICTURES, default=list(PICTURES), help="pictures to draw"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    faces = face_source()
    for name in args.only:
        path = args.out / f"{name}.jpg"
        save(PICTURES[name](faces), path)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
