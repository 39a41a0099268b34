"""Colors that arrive as they were meant: profiles by what they do, PNG's gamma, marks of cameras."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from samm.crop.color import over_white, to_srgb, uncover
from samm.crop.photo import open_photo

# From linear light in each space to linear sRGB, as published with the spaces, and their curves.
TO_SRGB = {
    "linear": (np.eye(3), 1.0),
    "display_p3": (np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]), 2.2),
    "adobe_rgb": (np.array([[1.3984, -0.3984, 0], [0, 1, 0], [0, -0.0429, 1.0429]]), 563 / 256),
    "prophoto": (
        np.array([[2.0341, -0.7272, -0.3069], [-0.2290, 1.2317, -0.0027], [-0.0086, -0.1533, 1.1619]]),
        1.8,
    ),
}
SRGB_D50 = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
D50 = (0.9642, 1.0, 0.8249)


def profile(name: str, version: int = 2, description: str = "sRGB") -> bytes:
    """Build an ICC profile of a space from its published matrix; it calls itself sRGB, as GIMP's does."""
    matrix, gamma = TO_SRGB[name]
    columns = (SRGB_D50 @ matrix).T
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
    if version == 4:
        curve = b"para" + struct.pack(">IHHi", 0, 0, 0, round(gamma * 65536))
    tags = {key: _xyz(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _icc(b"RGB ", tags, version, description)


def grey_profile(gamma: float) -> bytes:
    return _icc(b"GRAY", {b"kTRC": b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"})


def cmyk_profile() -> bytes:
    """Build a profile in which only cyan ink exists: Lab of L = 100 without it and 0 where it is full."""
    corners = b"".join(
        bytes((0 if cyan else 255, 128, 128)) for cyan in (0, 1) for _ in range(2 * 2 * 2)
    )  # (c, m, y, k), k fastest
    identity = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel().tolist())
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + 4 * ramp + corners + 3 * ramp
    return _icc(b"CMYK", {b"A2B0": table}, space=b"Lab ", kind=b"prtr")


def _xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * float(value)) for value in values))


def _icc(
    colors: bytes,
    tags: dict[bytes, bytes],
    version: int = 2,
    description: str = "sRGB",
    space: bytes = b"XYZ ",
    kind: bytes = b"mntr",
) -> bytes:
    text = description.encode()
    named = b"desc" + struct.pack(">II", 0, len(text) + 1) + text + b"\0" * 79
    if version == 4:
        words = description.encode("utf-16-be")
        named = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(words), 28) + words
    tags = {b"desc": named, b"wtpt": _xyz(D50), **tags}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for key, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += key + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4xI", start + len(body), version << 24) + kind + colors + space
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", *(round(65536 * v) for v in D50))
    return head.ljust(128, b"\0") + table + body


def encode(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def colors() -> np.ndarray:
    """Draw muted colors, (40, 48, 3), that every space here can show."""
    y, x = np.mgrid[0:40, 0:48]
    return np.stack([90 + 2 * x, 100 + 2 * y, 150 - x // 2 - y // 2], axis=2).astype(np.uint8)


def opened(picture: Image.Image, format: str = "PNG", **options: object) -> np.ndarray:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    stream.seek(0)
    return open_photo(stream)


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("name", TO_SRGB)
def test_a_profile_counts_by_its_data_not_by_its_name(name: str, version: int) -> None:
    matrix, gamma = TO_SRGB[name]
    expected = encode((colors() / 255) ** gamma @ matrix.T)
    got = opened(Image.fromarray(colors()), icc_profile=profile(name, version))
    assert np.abs(expected - colors()).max() > 8  # the profile matters
    np.testing.assert_allclose(got, expected, atol=2.5)


def test_a_linear_photo_is_no_longer_dark() -> None:
    photo = colors()
    linear = np.where(photo / 255 <= 0.04045, photo / 255 / 12.92, ((photo / 255 + 0.055) / 1.055) ** 2.4)
    stored = Image.fromarray(np.rint(255 * linear).astype(np.uint8))
    got = opened(stored, icc_profile=profile("linear", description="GIMP built-in Linear sRGB"))
    np.testing.assert_allclose(got, photo, atol=3)


def test_srgb_by_any_name_leaves_every_bit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (srgb, srgb.replace(b"s\0R\0G\0B", b"o\0t\0h\0r"), b"nonsense", srgb[:200]):
        np.testing.assert_array_equal(opened(Image.fromarray(noise), icc_profile=data), noise)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_is_applied(mode: str) -> None:
    grey = np.tile(np.arange(40, 240, 4, dtype=np.uint8), (40, 1))
    expected = encode((grey / 255) ** 1.0)
    got = opened(Image.fromarray(grey).convert(mode), icc_profile=grey_profile(1.0))
    np.testing.assert_allclose(got[..., 0], expected, atol=2.5)
    assert (got == got[..., :1]).all()


def test_cmyk_follows_its_profile_and_without_one_the_plain_rule() -> None:
    picture = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    np.testing.assert_allclose(opened(picture, "TIFF")[0, 0], (255, 0, 0), atol=4)
    white = opened(picture, "TIFF", icc_profile=cmyk_profile())  # for which only cyan is ink
    np.testing.assert_allclose(white[0, 0], (255, 255, 255), atol=3)
    cyan = Image.new("CMYK", (40, 40), (255, 0, 0, 0))
    np.testing.assert_allclose(opened(cyan, "JPEG", icc_profile=cmyk_profile())[0, 0], (0, 0, 0), atol=6)


@pytest.mark.parametrize(
    ("mode", "data"),
    [("1", cmyk_profile()), ("L", cmyk_profile()), ("P", grey_profile(1.0)), ("CMYK", grey_profile(1.0))],
)
def test_a_profile_of_another_color_model_is_ignored(mode: str, data: bytes) -> None:
    picture = Image.fromarray(colors()).convert(mode)
    np.testing.assert_array_equal(opened(picture, "TIFF", icc_profile=data), opened(picture, "TIFF"))


# -- without a profile -----------------------------------------------------------------------------


def png(image_u8: np.ndarray, *chunks: tuple[bytes, bytes]) -> np.ndarray:
    info = PngImagePlugin.PngInfo()
    for kind, data in chunks:
        info.add(kind, data)
    return opened(Image.fromarray(image_u8), pnginfo=info)


def gamma_chunk(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def primaries_chunk(*primaries: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in primaries))


def test_pngs_linear_gamma_is_honored() -> None:
    np.testing.assert_allclose(png(colors(), gamma_chunk(1.0)), encode(colors() / 255), atol=0.51)


def test_pngs_usual_gamma_and_mark_leave_every_bit() -> None:
    srgb = primaries_chunk(0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
    np.testing.assert_array_equal(png(colors(), gamma_chunk(0.45455), srgb), colors())
    np.testing.assert_array_equal(png(colors(), (b"sRGB", b"\0"), gamma_chunk(1.0)), colors())


def test_pngs_primaries_are_honored() -> None:
    p3 = primaries_chunk(0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
    matrix, _ = TO_SRGB["display_p3"]
    linear = np.where(
        colors() / 255 <= 0.04045, colors() / 255 / 12.92, ((colors() / 255 + 0.055) / 1.055) ** 2.4
    )
    np.testing.assert_allclose(png(colors(), gamma_chunk(0.45455), p3), encode(linear @ matrix.T), atol=2)


def test_nonsense_gamma_and_primaries_are_ignored() -> None:
    np.testing.assert_array_equal(png(colors(), gamma_chunk(50.0)), colors())
    line = primaries_chunk(0.3127, 0.3290, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
    np.testing.assert_array_equal(png(colors(), gamma_chunk(0.45455), line), colors())


def test_the_mark_of_a_camera_stands_for_adobe_rgb() -> None:
    exif = Image.Exif()
    exif[0x8769] = {0xA005: {1: "R03"}}
    matrix, gamma = TO_SRGB["adobe_rgb"]
    flat = np.full((48, 48, 3), (180, 140, 120), np.uint8)
    got = opened(Image.fromarray(flat), "JPEG", exif=exif, quality=98, subsampling=0)
    np.testing.assert_allclose(got[0, 0], encode((flat[0, 0] / 255) ** gamma @ matrix.T), atol=3)


# -- transparency ----------------------------------------------------------------------------------


def test_uncovering_undoes_white() -> None:
    random = np.random.default_rng(1)
    image, alpha = random.integers(0, 256, (40, 40, 3), np.uint8), np.full((40, 40), 255, np.uint8)
    alpha[:10], alpha[10:20] = 0, 128
    covered = over_white(image, alpha)
    back = uncover(covered, alpha)
    np.testing.assert_array_equal(back[..., 3], alpha)
    np.testing.assert_array_equal(back[20:, :, :3], image[20:])
    assert np.abs(back[10:20, :, :3].astype(int) - image[10:20]).max() <= 2
    assert (back[:10, :, :3] == 255).all()
    np.testing.assert_array_equal(over_white(back[..., :3], alpha), covered)


def test_palettes_with_transparency_keep_their_colors() -> None:
    picture = Image.new("P", (40, 40), 1)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.info["transparency"] = b"\x00\xff"
    assert to_srgb(picture).getpixel((0, 0)) == (40, 50, 60)
