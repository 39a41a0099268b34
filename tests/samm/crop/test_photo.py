"""Opening, refusing, converting and saving pictures."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, features

from samm import pixels
from samm.crop import listing, photo, png
from samm.crop.quad import manual_quad
from samm.errors import PhotoError

ASTRONAUT = Path(__file__).parents[3] / "examples" / "astronaut.jpg"
UNREADABLE = (
    "This file is not a picture we can read. Use a JPEG, PNG or WebP photo. "
    "(iPhone HEIC: choose 'Most compatible' or take a screenshot.)"
)


def gradient(height: int = 48, width: int = 64) -> np.ndarray:
    """Draw a picture whose four corners differ, so that no turn or flip goes unnoticed."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x // (width - 1), 255 * y // (height - 1), 0 * x + 60], axis=2).astype(np.uint8)


def encoded(image: Image.Image, format: str, **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    buffer.seek(0)
    return buffer


def png_header(width: int, height: int) -> io.BytesIO:
    """Write a PNG that declares a size and holds no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0\0\0\0")


def refusal(source: object) -> str:
    with pytest.raises(PhotoError) as caught:
        photo.open_photo(source)
    return str(caught.value)


# -- opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_open_alike(orientation: int, format: str) -> None:
    upright = gradient()
    # What a camera held that way stores: the inverse of the turn a viewer applies.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    picture = Image.fromarray(np.ascontiguousarray(stored))
    opened = photo.open_photo(encoded(picture, format, exif=exif, **options))
    assert opened.shape == upright.shape
    assert np.abs(opened.astype(int) - upright).mean() < (2 if format == "JPEG" else 1e-9)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_refuse_the_photo() -> None:
    buffer = encoded(Image.fromarray(gradient()), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    assert photo.open_photo(buffer).shape == (48, 64, 3)


def test_path_string_and_stream_open_alike() -> None:
    from_path = photo.open_photo(ASTRONAUT)
    assert from_path.shape == (512, 512, 3)
    assert from_path.dtype == np.uint8
    assert from_path.flags.writeable
    np.testing.assert_array_equal(photo.open_photo(str(ASTRONAUT)), from_path)
    with ASTRONAUT.open("rb") as stream:
        np.testing.assert_array_equal(photo.open_photo(stream), from_path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_usual_modes_become_rgb(mode: str) -> None:
    picture = Image.fromarray(gradient()).convert(mode)
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(photo.open_photo(encoded(picture, "PNG")), expected)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format: str) -> None:
    picture = Image.new("CMYK", (40, 40), (0, 255, 255, 0))  # no cyan, full magenta and yellow: red
    red = photo.open_photo(encoded(picture, format)).reshape(-1, 3).mean(0)
    np.testing.assert_allclose(red, (255, 0, 0), atol=4)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (20, 0, 40, 40))
    opened = photo.open_photo(encoded(picture.convert(mode), "PNG"))
    assert (opened[:, :20] == 0).all()
    assert (opened[:, 20:] == 255).all()


def test_transparent_palette_entry_is_white() -> None:
    picture = Image.new("P", (40, 40), 0)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.paste(1, (20, 0, 40, 40))
    opened = photo.open_photo(encoded(picture, "PNG", transparency=1))
    assert (opened[:, :20] == (10, 20, 30)).all()
    assert (opened[:, 20:] == 255).all()


def test_half_transparent_is_mixed_with_white() -> None:
    opened = photo.open_photo(encoded(Image.new("RGBA", (40, 40), (200, 0, 0, 51)), "PNG"))
    np.testing.assert_allclose(opened[0, 0], (244, 204, 204), atol=1)


@pytest.mark.parametrize(
    ("dtype", "format"), [("<u2", "PNG"), ("<u2", "TIFF"), (">u2", "TIFF"), ("<i4", "TIFF")]
)
def test_deep_grey_is_scaled_not_clipped(dtype: str, format: str) -> None:
    ramp = np.linspace(0, 65535, 64).astype(dtype)
    opened = photo.open_photo(encoded(Image.fromarray(np.tile(ramp, (40, 1))), format))
    np.testing.assert_allclose(opened[0, :, 0], np.linspace(0, 255, 64), atol=1)


@pytest.mark.parametrize("white", [1.0, 255.0, 4000.0])
def test_float_grey_finds_its_white(white: float) -> None:
    ramp = np.linspace(-0.1 * white, white, 64, dtype=np.float32)
    ramp[1] = np.nan
    opened = photo.open_photo(encoded(Image.fromarray(np.tile(ramp, (40, 1))), "TIFF"))
    expected = 255 * np.nan_to_num(ramp).clip(0) / (65535 if white == 4000 else white)
    np.testing.assert_allclose(opened[0, :, 0], expected, atol=1)


@pytest.mark.parametrize("format", ["MPO", "JPEG2000", "BMP", "PPM", "AVIF"])
def test_rarer_formats_open(format: str) -> None:
    opened = photo.open_photo(encoded(Image.fromarray(gradient()), format))
    assert np.abs(opened.astype(int) - gradient()).mean() < 8


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "lime", "blue")]
    opened = photo.open_photo(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert (opened == (255, 0, 0)).all()


def test_embedded_profile_is_converted_and_damaged_ones_ignored() -> None:
    picture = Image.fromarray(gradient())
    plain = np.asarray(picture)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Not sRGB any more: red and green primaries are exchanged, so a true conversion exchanges the channels.
    tags = bytearray(srgb.replace(b"s\0R\0G\0B", b"o\0t\0h\0r"))
    red, green = tags.index(b"rXYZ"), tags.index(b"gXYZ")
    tags[red : red + 4], tags[green : green + 4] = b"gXYZ", b"rXYZ"
    swapped = photo.open_photo(encoded(picture, "PNG", icc_profile=bytes(tags))).astype(int)
    assert np.abs(swapped - plain[..., [1, 0, 2]]).mean() < 4
    np.testing.assert_array_equal(photo.open_photo(encoded(picture, "PNG", icc_profile=srgb)), plain)
    np.testing.assert_array_equal(photo.open_photo(encoded(picture, "PNG", icc_profile=b"nonsense")), plain)
    # A profile for another color model.
    grey = encoded(picture.convert("L"), "PNG", icc_profile=bytes(tags))
    np.testing.assert_array_equal(photo.open_photo(grey)[..., 0], np.asarray(picture.convert("L")))


# -- deep TIFFs, opacity, size ---------------------------------------------------------------------


def deep_tiff(levels: np.ndarray, predictor: int = 1, deflate: bool = False, order: str = "<") -> io.BytesIO:
    """Write levels (H, W, C) of any depth as a TIFF of two strips."""
    height, width, channels = levels.shape
    kind, size = levels.dtype.kind, levels.dtype.itemsize
    rows, strips = height // 2, []
    for part in (levels[:rows], levels[rows:]):
        if predictor == 3:
            planes = part.astype(f">f{size}").reshape(len(part), -1, 1).view(np.uint8).swapaxes(1, 2)
            planes = np.ascontiguousarray(planes).reshape(len(part), -1, channels)
            data = np.diff(planes, axis=1, prepend=np.uint8(0)).tobytes()
        elif predictor == 2:
            data = np.diff(part, axis=1, prepend=part.dtype.type(0)).astype(f"{order}{kind}{size}").tobytes()
        else:
            data = part.astype(f"{order}{kind}{size}").tobytes()
        strips.append(zlib.compress(data) if deflate else data)
    after = 8 + 2 + 12 * 11 + 4
    words = {256: width, 257: height, 259: 8 if deflate else 1, 262: 2, 277: channels, 278: rows}
    arrays = {258: [8 * size] * channels, 339: [3 if kind == "f" else 1] * channels}
    starts = [after + 4 * channels, after + 4 * channels + len(strips[0])]
    longs = {273: starts, 279: [len(strip) for strip in strips]}
    table, extra = [], b"".join(struct.pack(f"{order}{channels}H", *arrays[tag]) for tag in (258, 339))
    offsets = {258: after, 339: after + 2 * channels, 273: after + 4 * channels + sum(map(len, strips))}
    offsets[279] = offsets[273] + 8
    for tag, value in {**words, 317: predictor}.items():
        table.append((tag, struct.pack(order + "HHIHH", tag, 3, 1, value, 0)))
    for tag, values in {**arrays, **longs}.items():
        kind_of = 3 if tag in arrays else 4
        table.append((tag, struct.pack(order + "HHII", tag, kind_of, len(values), offsets[tag])))
    body = struct.pack(order + "H", len(table)) + b"".join(entry for _, entry in sorted(table)) + b"\0" * 4
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    tail = b"".join(struct.pack(order + "2I", *values) for values in longs.values())
    return io.BytesIO(head + body + extra + b"".join(strips) + tail)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "white", "predictor", "deflate"),
    [("f4", 1, 1, False), ("f4", 1, 3, True), ("f4", 255, 1, True), ("f2", 1, 3, True), ("f8", 1, 1, True)],
)
def test_color_in_floats(dtype: str, white: float, predictor: int, deflate: bool, order: str) -> None:
    levels = (gradient() / 255 * white).astype(dtype)
    opened = photo.open_photo(deep_tiff(levels, predictor, deflate, order))
    assert np.abs(opened.astype(int) - gradient()).max() <= 1


@pytest.mark.parametrize("predictor", [1, 2])
def test_color_in_sixteen_bits(predictor: int) -> None:
    levels = gradient().astype(np.uint16) * 257
    opened = photo.open_photo(deep_tiff(levels, predictor, deflate=True))
    np.testing.assert_array_equal(opened, gradient())


def test_floats_beyond_white_and_their_opacity() -> None:
    levels = np.dstack([gradient() / 255, np.ones((48, 64))]).astype(np.float32)
    levels[:10, :, 3] = 0
    levels[20, 20] = np.nan
    read = photo.read_photo(deep_tiff(levels))
    assert (read.image_u8[:10] == 255).all()
    assert read.alpha_u8 is not None
    assert read.alpha_u8[:10].max() == 0
    assert np.abs(read.image_u8[30:].astype(int) - gradient()[30:]).max() <= 1


def test_cut_off_float_tiff() -> None:
    whole = deep_tiff((gradient() / 255).astype(np.float32), deflate=True).getvalue()
    assert refusal(io.BytesIO(whole[: len(whole) // 2] + whole[-16:])) in (photo.DAMAGED, UNREADABLE)
    damaged = bytearray(deep_tiff((gradient() / 255).astype(np.float32), deflate=True).getvalue())
    damaged[300:600] = bytes(300)
    assert refusal(io.BytesIO(bytes(damaged))) == photo.DAMAGED


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_cut_outs_keep_their_opacity(format: str) -> None:
    rgba = np.dstack([gradient(), np.full((48, 64), 255, np.uint8)])
    rgba[:, :20, 3] = 0
    rgba[:, 20:30, 3] = 100
    options = {"WEBP": {"lossless": True}}.get(format, {})
    read = photo.read_photo(encoded(Image.fromarray(rgba), format, **options))
    np.testing.assert_array_equal(read.alpha_u8, rgba[..., 3])
    back = read.with_alpha(read.image_u8)
    np.testing.assert_array_equal(back[..., 3], rgba[..., 3])
    np.testing.assert_array_equal(back[:, 30:], rgba[:, 30:])
    turned = read.turned(90)
    np.testing.assert_array_equal(turned.alpha_u8, np.rot90(rgba[..., 3], -1))
    crop = read.crop_with_alpha(read.image_u8[8:40, 10:42].copy(), manual_quad((25.5, 23.5), 32, 0))
    np.testing.assert_allclose(crop[..., 3].astype(int), rgba[8:40, 10:42, 3], atol=40)
    assert (crop[:, :8, 3] <= 1).all()
    assert (crop[:, 22:, 3] >= 254).all()
    np.testing.assert_array_equal(photo.open_photo(io.BytesIO(png.png_bytes(back)))[:, 30:], rgba[:, 30:, :3])


def test_opaque_files_have_no_opacity() -> None:
    opaque = np.dstack([gradient(), np.full((48, 64), 255, np.uint8)])
    read = photo.read_photo(encoded(Image.fromarray(opaque), "PNG"))
    assert read.alpha_u8 is None
    assert read.with_alpha(read.image_u8) is read.image_u8


@pytest.mark.parametrize(
    ("format", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGBA"), ("MPO", "RGB")]
)
def test_huge_photos_are_reduced(format: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo, "KEPT_MEGAPIXELS", 0.1)
    wide = Image.fromarray(gradient()).resize((1200, 900), Image.Resampling.BICUBIC).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    read = photo.read_photo(encoded(wide, format, exif=exif))
    assert read.image_u8.shape[1] / read.image_u8.shape[0] == pytest.approx(0.75, abs=0.01)
    assert 0.09e6 < read.image_u8.shape[0] * read.image_u8.shape[1] <= 0.1e6
    assert read.notes == (
        "This photo has 1 megapixels and was reduced to 0.1, also for the whole photo that is saved.",
    )
    expected = np.asarray(wide.convert("RGB").transpose(Image.Transpose.ROTATE_270).resize((273, 365)))
    small = np.asarray(Image.fromarray(read.image_u8).resize((273, 365)))
    assert np.abs(small.astype(int) - expected).mean() < 4


def test_heic_is_told_by_its_content(tmp_path: Path) -> None:
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    (tmp_path / "photo.jpg").write_bytes(content)
    if importlib.util.find_spec("pillow_heif"):
        assert refusal(tmp_path / "photo.jpg") == UNREADABLE  # no picture is in it
    else:
        assert refusal(tmp_path / "photo.jpg").startswith(
            "This is an iPhone HEIC photo, which cannot be read"
        )


# -- refusing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"hello, I am a text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n"],
)
def test_not_a_picture(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "face.jpg").write_bytes(content)
    assert refusal(tmp_path / "face.jpg") == UNREADABLE


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "face.jpg").touch()
    assert refusal(tmp_path / "face.jpg") == "This file is empty; save or upload the picture again."


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def test_cut_off_file(format: str) -> None:
    whole = encoded(Image.open(ASTRONAUT), format).getvalue()
    assert refusal(io.BytesIO(whole[: len(whole) // 2])) == (
        "This picture seems to be cut off or damaged; save or download it again."
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("width", "height", "megapixels"),
    [(15000, 14001, 211), (20000, 15000, 300), (60000, 60000, 3600)],
)
def test_too_many_megapixels_by_the_header_alone(width: int, height: int, megapixels: int) -> None:
    assert refusal(png_header(width, height)) == (
        f"This picture has {megapixels} megapixels; the limit is 210. Make it smaller and try again."
    )


def test_two_hundred_megapixels_pass_the_limit() -> None:
    assert "cut off" in refusal(png_header(15000, 14000))  # by its missing pixels, not by its size


def test_too_small() -> None:
    assert refusal(encoded(Image.new("RGB", (200, 31)), "PNG")) == (
        "This picture is only 200 × 31 pixels, too small to hold a face; use a larger one."
    )
    assert photo.open_photo(encoded(Image.new("RGB", (32, 32)), "PNG")).shape == (32, 32, 3)


def test_paths_that_are_no_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(tmp_path / "no.jpg") == "There is no file no.jpg; check its name and folder."
    assert refusal(tmp_path) == f"{tmp_path.name} is a folder; choose a photo inside it."
    assert refusal("/dev/null") == "null is not a file; choose a photo."
    assert "cannot be opened" in refusal(tmp_path / ("x" * 300))

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "mine.jpg"))

    (tmp_path / "mine.jpg").touch()
    monkeypatch.setattr(Path, "open", forbidden)
    assert refusal(tmp_path / "mine.jpg") == (
        "You may not read mine.jpg; change its permissions or choose another photo."
    )


@pytest.mark.filterwarnings("ignore::UserWarning")  # by which Pillow comments on broken EXIF blocks
def test_damage_anywhere_raises_nothing_but_photo_errors() -> None:
    random = np.random.default_rng(0)
    for format in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        whole = encoded(Image.fromarray(gradient()), format).getvalue()
        for _ in range(30):
            damaged = bytearray(whole)
            for place in random.integers(0, len(damaged), 8):
                damaged[place] = random.integers(256)
            with contextlib.suppress(PhotoError):
                assert photo.open_photo(io.BytesIO(bytes(damaged))).dtype == np.uint8


# -- converting ------------------------------------------------------------------------------------


def test_u8_to_pm1_and_back_is_exact() -> None:
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image_pm1 = pixels.to_pm1(every)
    assert image_pm1.shape == (1, 3, 16, 16)
    assert image_pm1.dtype == torch.float32
    assert (image_pm1.min(), image_pm1.max()) == (-1, 1)
    np.testing.assert_array_equal(pixels.to_u8(image_pm1), every)
    np.testing.assert_array_equal(pixels.to_u8(image_pm1[0]), every)


def test_channels_stay_in_place() -> None:
    image_pm1 = pixels.to_pm1(gradient())
    assert image_pm1[0, 0, 0, -1] == 1  # red grows along x
    assert image_pm1[0, 0, -1, 0] == -1
    assert image_pm1[0, 1, -1, 0] == 1  # green along y


def test_to_u8_clamps_and_rounds() -> None:
    levels = torch.tensor([-7.0, -1.0, 0.0, 0.005, 1.0, 7.0]).expand(1, 3, 1, 6).requires_grad_()
    np.testing.assert_array_equal(pixels.to_u8(levels)[0, :, 0], [0, 0, 128, 128, 255, 255])
    with pytest.raises(ValueError, match=re.escape("(2, 3, 4, 4)")):
        pixels.to_u8(torch.zeros(2, 3, 4, 4))


def test_mask_to_u8() -> None:
    mask = torch.tensor([[-1.0, 0.0, 0.5], [0.999, 1.0, 2.0]])
    expected = [[0, 0, 128], [255, 255, 255]]
    np.testing.assert_array_equal(pixels.mask_to_u8(mask), expected)
    np.testing.assert_array_equal(pixels.mask_to_u8(mask[None, None]), expected)
    with pytest.raises(ValueError, match="expected"):
        pixels.mask_to_u8(mask[None])


# -- saving and listing ----------------------------------------------------------------------------


def test_saved_png_reads_back_with_its_text(tmp_path: Path) -> None:
    text = {"XML:com.adobe.xmp": "<x:xmpmeta/>", "recipe": '{"age": 2.0, "words": "größer"}'}
    png.save_png(gradient(), tmp_path / "out.png", text)
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    with Image.open(tmp_path / "out.png") as saved:
        assert saved.text == text
    np.testing.assert_array_equal(photo.open_photo(tmp_path / "out.png"), gradient())
    assert b"iTXt" in png.png_bytes(gradient(), text)
    np.testing.assert_array_equal(photo.open_photo(io.BytesIO(png.png_bytes(gradient()))), gradient())


def test_no_metadata_of_the_upload_survives() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    buffer = encoded(Image.fromarray(gradient()), "JPEG", exif=exif, comment=b"secret place")
    assert b"secret place" in buffer.getvalue()
    assert b"secret place" not in png.png_bytes(photo.open_photo(buffer))


def test_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out.png").write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/folder/out.png")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PhotoError) as caught:
        png.save_png(gradient(), tmp_path / "out.png")
    assert str(caught.value) == (
        "out.png could not be saved (no space left on device); "
        "choose an existing folder with free space that you may write to."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_text() == "old"


def test_save_creates_no_folder(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="existing folder"):
        png.save_png(gradient(), tmp_path / "new" / "out.png")
    assert not list(tmp_path.iterdir())


def test_folders_expand_to_their_pictures(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", ".hidden.jpg", "notes.txt", "c.webp"):
        (tmp_path / name).touch()
    (tmp_path / "deep.png").mkdir()
    (tmp_path / "deep.png" / "d.jpg").touch()
    named = tmp_path / "notes.txt"
    found = listing.list_photos([named, str(tmp_path)])
    assert [path.name for path in found] == ["notes.txt", "a.png", "b.JPG", "c.webp"]


def test_folders_without_pictures_or_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PhotoError, match=f"The folder {tmp_path.name} holds no pictures; choose"):
        listing.list_photos([tmp_path])

    def forbidden(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(
        PhotoError, match=rf"The folder {tmp_path.name} cannot be read \(permission denied\); "
    ):
        listing.list_photos([tmp_path])


@pytest.mark.parametrize("format", ["WEBP", "AVIF", "JPEG2000"])
def test_what_unpacks_to_gigabytes_is_refused_by_its_header(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    assert photo._MOST_MEGAPIXELS[format] >= photo.KEPT_MEGAPIXELS  # what cameras write passes
    monkeypatch.setitem(photo._MOST_MEGAPIXELS, format, 0.01)
    assert refusal(encoded(Image.new("RGB", (128, 128)), format)) == (
        f"This picture has 1 megapixels; the limit for {format} is 0.01. Save it as JPEG, or make it smaller."
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16", "CMYK"])
def test_bands_show_no_seams(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (900, 700, 3), dtype=np.uint8)
    wide = Image.fromarray(noise).resize((1400, 1800))
    wide = (
        Image.fromarray(np.asarray(wide.convert("L"), np.uint16) * 257)
        if mode == "I;16"
        else wide.convert(mode)
    )
    monkeypatch.setattr(photo, "KEPT_MEGAPIXELS", 0.5)
    reduced = photo.open_photo(encoded(wide, "TIFF"))
    whole = wide.resize(reduced.shape[1::-1], Image.Resampling.LANCZOS)
    apart = np.abs(reduced.astype(int) - photo.to_srgb(whole)).max(-1)
    # Palettes are not mixed but picked from, at places that may round to the neighboring row.
    assert np.mean(apart > 2) < 0.05 if mode == "P" else apart.max() <= 2
