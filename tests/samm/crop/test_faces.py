"""Finding, cropping and pasting back; detectors here are stand-ins that return what a test says."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from samm.crop import faces
from samm.crop.faces import Face
from samm.crop.paste import paste_back
from samm.crop.quad import crop_face, manual_quad, quad_placement
from samm.errors import OptionError, PhotoError
from samm.networks.detector import Detections

UPRIGHT = ((40.0, 50.0), (60.0, 50.0), (50.0, 62.0), (42.0, 72.0), (58.0, 72.0))


class StubDetector:
    """Reports the boxes and scores it was given, with a plausible face inside each box."""

    def __init__(self, *boxes_and_scores: tuple[tuple[float, float, float, float], float]) -> None:
        """Take what is to be found."""
        self.found = boxes_and_scores

    def detect(self, image_u8: np.ndarray) -> Detections:
        boxes = np.array([box for box, _ in self.found], np.float32).reshape(-1, 4)
        places = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
        points = boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])
        return Detections(boxes, points, np.array([score for _, score in self.found], np.float32))


def smooth_photo(height: int = 300, width: int = 400) -> np.ndarray:
    """Draw slow waves of color, different everywhere."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 31 + y / 57), np.cos(x / 43 - y / 29), np.sin((x + 2 * y) / 61)], axis=2)
    return np.rint(127.5 + 110 * waves).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


def rotated(points: np.ndarray, turn_deg: float) -> np.ndarray:
    """Turn points clockwise, as seen with y down."""
    cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return np.asarray(points) @ np.array([[cos, sin], [-sin, cos]])


def inside(quad: np.ndarray, shape: tuple[int, ...], margin: float = 0.0) -> np.ndarray:
    """Tell which pixel centers lie in a quad, at least a fraction of its side from its border."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    across, down = quad[3] - quad[0], quad[1] - quad[0]
    offset = np.stack([x, y], axis=2) - quad[0]
    place = np.stack([offset @ across / (across @ across), offset @ down / (down @ down)])
    return ((place > margin) & (place < 1 - margin)).all(0)


# -- faces -----------------------------------------------------------------------------------------


def test_faces_come_largest_first() -> None:
    photo = np.zeros((400, 900, 3), np.uint8)
    small, large, middle = (10, 10, 90, 110), (300, 10, 600, 380), (700, 10, 860, 200)
    found = faces.find_faces(photo, StubDetector((small, 0.99), (large, 0.95), (middle, 1.0)))
    assert [face.box for face in found] == [large, middle, small]
    assert found[0].width_px == 300
    assert found[0].center_xy == (450, 195)
    assert pickle.loads(pickle.dumps(found[0])) == found[0]
    assert len({*found, *found}) == 3  # hashable


def test_doubtful_doubled_and_outside_finds_are_dropped() -> None:
    photo = np.zeros((400, 900, 3), np.uint8)
    sure, within = ((100, 100, 300, 350), 0.99), ((120, 110, 310, 360), 0.95)
    doubtful, outside = ((500, 100, 600, 220), 0.8), ((-80, 100, 60, 250), 1.0)
    assert [face.box for face in faces.find_faces(photo, StubDetector(within, doubtful, outside, sure))] == [
        sure[0]
    ]
    # Better a doubtful face than none.
    assert [face.box for face in faces.find_faces(photo, StubDetector(doubtful))] == [doubtful[0]]


def test_no_face_is_an_empty_list() -> None:
    assert faces.find_faces(np.zeros((50, 50, 3), np.uint8), StubDetector()) == []
    assert faces.NO_FACE == (
        "No face found. Try a photo where both eyes are visible, or place the crop yourself below."
    )


def test_warnings() -> None:
    assert faces.face_warnings(Face((0, 0, 200, 250), UPRIGHT, 1.0)) == []
    assert faces.face_warnings(Face((0, 0, 62.3, 80), UPRIGHT, 1.0)) == [
        "The face is only 62 pixels wide, so the result will be soft. 200 or more works best."
    ]
    profile = (*UPRIGHT[:2], (61.0, 62.0), *UPRIGHT[3:])
    assert faces.face_warnings(Face((0, 0, 300, 300), profile, 1.0)) == [
        "This face is turned far to the side; the generator has seen few like it."
    ]


@pytest.mark.parametrize("turn_deg", [-90, -30, 0, 45, 180])
@pytest.mark.parametrize(
    ("nose_x", "is_profile"), [(38, True), (41, True), (44, False), (56, False), (59, True)]
)
def test_profile_does_not_depend_on_the_tilt(turn_deg: float, nose_x: float, is_profile: bool) -> None:
    points = rotated([*UPRIGHT[:2], (nose_x, 62), *UPRIGHT[3:]], turn_deg)
    assert Face((0, 0, 1, 1), tuple(map(tuple, points.tolist())), 1.0).is_profile is is_profile


# -- quads -----------------------------------------------------------------------------------------


def test_ffhq_quad_by_hand() -> None:
    # Eyes 20 apart around (50, 50), mouth 22 below: half side 2·20 = 40 > 1.8·22, center (50, 50 + 2.2).
    expected = [(10, 12.2), (10, 92.2), (90, 92.2), (90, 12.2)]
    np.testing.assert_allclose(faces.ffhq_quad(UPRIGHT), expected)
    np.testing.assert_allclose(Face((0, 0, 1, 1), UPRIGHT, 1.0).quad, expected)


def test_ffhq_quad_of_a_long_face_follows_the_mouth() -> None:
    points = np.array(UPRIGHT)
    points[3:, 1] = 100  # 50 below the eyes: half side 90
    np.testing.assert_allclose(faces.ffhq_quad(points)[[0, 2]], [(-40, -35), (140, 145)])


def test_ffhq_quad_as_ffhq_writes_it() -> None:
    """The same in the words of NVlabs/ffhq-dataset, for uneven points."""
    points = np.random.default_rng(3).normal(np.array(UPRIGHT), 4)
    left_eye, right_eye, _, left_mouth, right_mouth = points
    eye = (left_eye + right_eye) * 0.5
    eye_to_mouth = (left_mouth + right_mouth) * 0.5 - eye
    x = (right_eye - left_eye) - np.flipud(eye_to_mouth) * [-1, 1]
    x /= np.hypot(*x)
    x *= max(np.hypot(*(right_eye - left_eye)) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
    y = np.flipud(x) * [-1, 1]
    c = eye + eye_to_mouth * 0.1
    np.testing.assert_allclose(faces.ffhq_quad(points), [c - x - y, c - x + y, c + x + y, c + x - y])


def test_ffhq_quad_turns_with_the_head() -> None:
    np.testing.assert_allclose(faces.ffhq_quad(rotated(UPRIGHT, 30)), rotated(faces.ffhq_quad(UPRIGHT), 30))


def test_ffhq_quad_refuses_what_is_no_face() -> None:
    with pytest.raises(ValueError, match="direction"):
        faces.ffhq_quad(np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        faces.ffhq_quad(np.zeros((4, 2)))


def test_manual_quad() -> None:
    np.testing.assert_allclose(manual_quad((50, 40), 20, 0), [(40, 30), (40, 50), (60, 50), (60, 30)])
    # Turned clockwise by a quarter, the top-left corner is where the top-right one was.
    np.testing.assert_allclose(manual_quad((50, 40), 20, 90)[0], (60, 30))


@pytest.mark.parametrize(
    "placement", [((70.5, 81.0), 300.0, 0.0), ((-5.0, 9.0), 33.0, -77.0), ((0.0, 0.0), 6000.0, 179.0)]
)
def test_placement_inverts_the_manual_quad(placement: tuple) -> None:
    center, size, turn = quad_placement(manual_quad(*placement))
    np.testing.assert_allclose((*center, size, turn), (*placement[0], *placement[1:]), atol=1e-9)
    # The page starts from the found face.
    found = faces.ffhq_quad(UPRIGHT)
    np.testing.assert_allclose(manual_quad(*quad_placement(found)), found)


@pytest.mark.parametrize(
    ("center", "size", "turn", "words"),
    [
        ((np.nan, 0), 100, 0, "centered at nan, 0; give"),
        ((0, None), 100, 0, "centered at 0, nan; give"),
        ((np.inf, 0), 100, 0, "centered at inf, 0; give"),
        ((0, 0), 19, 0, "be 19 pixels wide; choose 20 to 20000"),
        ((0, 0), -5, 0, "be -5 pixels wide"),
        ((0, 0), None, 0, "be nan pixels wide"),
        ((0, 0), 1e9, 0, "be 1e\\+09 pixels wide"),
        ((0, 0), 100, 181, "turned by 181 degrees; choose -180 to 180"),
        ((0, 0), 100, np.nan, "turned by nan degrees"),
    ],
)
def test_manual_quad_refuses_nonsense(center: tuple, size: float, turn: float, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        manual_quad(center, size, turn)


# -- cropping --------------------------------------------------------------------------------------


def test_crop_of_whole_pixels_is_the_photo_itself() -> None:
    photo = smooth_photo()
    # A quad from the edge of pixel 100 to the edge of pixel 164, hence the halves.
    crop = crop_face(photo, manual_quad((131.5, 111.5), 64, 0), size=64)
    assert crop.shape == (64, 64, 3)
    assert crop.dtype == np.uint8
    assert np.abs(crop.astype(int) - photo[80:144, 100:164]).max() <= 1


@pytest.mark.parametrize("turn_deg", [0, 37, -120])
@pytest.mark.parametrize("size_px", [50, 150])
def test_crop_samples_where_the_quad_says(turn_deg: float, size_px: float) -> None:
    photo = smooth_photo()
    quad = manual_quad((210, 140), size_px, turn_deg)
    crop = crop_face(photo, quad, size=128)
    for u, v in ((0.25, 0.25), (0.75, 0.3), (0.5, 0.9)):  # across and down the quad
        x, y = np.rint(quad[0] + u * (quad[3] - quad[0]) + v * (quad[1] - quad[0])).astype(int)
        np.testing.assert_allclose(crop[int(v * 128), int(u * 128)].astype(int), photo[y, x], atol=6)


def test_reducing_does_not_alias() -> None:
    checkers = np.indices((2000, 2000)).sum(0)[..., None].repeat(3, 2) % 2 * 255
    crop = crop_face(checkers.astype(np.uint8), manual_quad((1000, 1000), 1700, 10), size=64)
    assert np.abs(crop.astype(int) - 127.5).max() < 6


def test_enlarging_is_smooth() -> None:
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[:, 50:] = 200
    crop = crop_face(photo, manual_quad((49.5, 49.5), 20, 0), size=512)
    steps = np.abs(np.diff(crop[256, :, 0].astype(int)))
    assert steps.max() < 20  # nearest-neighbor sampling would step by 200
    assert crop[256, 100, 0] == 0
    assert crop[256, 400, 0] == 200


def test_beyond_the_photo_is_reflected_blurred_and_faded() -> None:
    photo = smooth_photo()
    photo[np.arange(300) % 4 < 2] //= 2  # stripes, for the blur to remove
    quad = manual_quad((199.5, 19.5), 200, 0)  # reaches 80 above the photo
    crop = crop_face(photo, quad, size=200).astype(int)
    roughness = np.abs(np.diff(crop, axis=0)).mean((1, 2))
    assert roughness[:60].max() < 0.2 * roughness[120:].mean()
    assert np.abs(crop[120:] - photo[40:120, 100:300]).mean() < 2  # well inside, the photo is untouched
    assert crop[:60].std(axis=(0, 1)).min() > 3  # a continuation, not one flat color
    assert np.abs(crop[79] - crop[80]).mean() < 12  # no seam


@pytest.mark.parametrize(
    ("shape", "center", "size_px", "turn_deg"),
    [
        ((300, 400), (399, 299), 250, 45),
        ((300, 400), (0, 0), 1000, 10),
        ((40, 40), (20, 20), 6000, 30),
        ((32, 900), (880, 16), 700, -80),
        ((300, 400), (200, 150), 20, 0),
    ],
)
def test_any_size_and_place_works(shape: tuple, center: tuple, size_px: float, turn_deg: float) -> None:
    photo = smooth_photo(*shape)
    quad = manual_quad(center, size_px, turn_deg)
    crop = crop_face(photo, quad, size=64)
    assert crop.shape == (64, 64, 3)
    pasted = paste_back(photo, quad, crop)
    np.testing.assert_array_equal(pasted[~inside(quad, shape)], photo[~inside(quad, shape)])


@pytest.mark.parametrize("center", [(-1, 100), (100, -1), (400, 100), (100, 5000)])
def test_crop_mostly_outside_is_refused(center: tuple) -> None:
    with pytest.raises(PhotoError) as caught:
        crop_face(smooth_photo(), manual_quad(center, 200, 0))
    assert str(caught.value) == (
        "The crop lies mostly outside the photo; move its center back onto the face."
    )


# -- pasting back ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [100, 512]
)  # the portrait is smaller, and larger, than its place in the photo
@pytest.mark.parametrize(("center", "turn_deg"), [((200.3, 140.8), 0), ((180, 150), 25), ((200, 150), -100)])
def test_round_trip(center: tuple, turn_deg: float, size: int) -> None:
    photo = smooth_photo()
    before = photo.copy()
    quad = manual_quad(center, 180, turn_deg)
    pasted = paste_back(photo, quad, crop_face(photo, quad, size))
    within = inside(quad, photo.shape)
    assert psnr(pasted[within], photo[within]) > 45
    np.testing.assert_array_equal(pasted[~within], photo[~within])
    np.testing.assert_array_equal(photo, before)


def face_oval(quad: np.ndarray, shape: tuple[int, ...], size: float = 1.0) -> np.ndarray:
    """Tell which pixels lie where a crop has its face."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    across, down = quad[3] - quad[0], quad[1] - quad[0]
    offset = np.stack([x, y], axis=2) - quad[0]
    u, v = offset @ across / (across @ across), offset @ down / (down @ down)
    return np.hypot((u - 0.5) / 0.27, (v - 0.54) / 0.36) < size


@pytest.mark.parametrize("turn_deg", [0, 20])
def test_a_wall_in_another_shade_shows_no_rectangle(turn_deg: float) -> None:
    photo = np.full((300, 400, 3), 100, np.uint8)
    quad = manual_quad((199.5, 149.5), 200, turn_deg)
    pasted = paste_back(photo, quad, np.full((64, 64, 3), 140, np.uint8)).astype(int)
    frame = inside(quad, photo.shape) & ~inside(quad, photo.shape, 0.02)
    assert np.abs(pasted[frame] - 100).max() <= 2
    assert (pasted[~inside(quad, photo.shape)] == 100).all()
    assert (pasted[face_oval(quad, photo.shape, 0.95)] == 140).all()
    # From pixel to pixel there is never a step to be seen.
    steps = max(np.abs(np.diff(pasted, axis=0)).max(), np.abs(np.diff(pasted, axis=1)).max())
    assert steps <= 4


def test_hair_in_a_new_color_leaves_the_crop_without_a_step() -> None:
    photo = np.full((300, 400, 3), 180, np.uint8)
    photo[:, 240:300] = 90  # long hair beside the face, through the border below and above
    drawn = np.full((128, 128, 3), 180, np.uint8)
    drawn[:, 90:] = (200, 160, 60)
    quad = manual_quad((199.5, 149.5), 200, 0)  # its right edge is at 300
    pasted = paste_back(photo, quad, drawn).astype(int)
    frame = inside(quad, photo.shape) & ~inside(quad, photo.shape, 0.02)
    assert np.abs(pasted[frame] - photo.astype(int)[frame]).max() <= 3


def test_what_changed_much_arrives_whole_beside_the_face() -> None:
    photo = np.full((300, 400, 3), 180, np.uint8)
    photo[60:90, 110:140] = 20  # a lock of hair, far from the face's oval: the edit takes it away
    quad = manual_quad((199.5, 149.5), 200, 0)
    pasted = paste_back(photo, quad, np.full((256, 256, 3), 190, np.uint8)).astype(int)
    assert np.abs(pasted[75:85, 125:135] - 185).max() <= 12  # no ghost of it is left
    assert np.abs(pasted[150, 110:125] - 180).max() <= 6  # while the wall stays the photo's


def test_kept_pixels_are_the_photos_own() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    quad = manual_quad((200, 150), 200, 15)
    oval = face_oval(quad, photo.shape, 0.95)
    portrait = np.zeros((256, 256, 3), np.uint8)
    np.testing.assert_array_equal(paste_back(photo, quad, portrait, np.ones((256, 256))), photo)
    np.testing.assert_array_equal(
        paste_back(photo, quad, portrait, np.zeros((64, 64))), paste_back(photo, quad, portrait)
    )
    left_half = np.zeros((256, 256), np.float32)
    left_half[:, :128] = 1
    pasted = paste_back(photo, quad, portrait, left_half)
    halves = [inside(part, photo.shape, 0.15) for part in _halves(quad)]
    np.testing.assert_array_equal(pasted[halves[0]], photo[halves[0]])
    assert (pasted[halves[1] & oval] == 0).all()


def _halves(quad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a quad into its left and right half."""
    top_left, bottom_left, bottom_right, top_right = quad
    top, bottom = (top_left + top_right) / 2, (bottom_left + bottom_right) / 2
    return np.array([top_left, bottom_left, bottom, top]), np.array([top, bottom, bottom_right, top_right])


def test_half_kept_is_half_way() -> None:
    photo = np.full((300, 400, 3), 100, np.uint8)
    quad = manual_quad((200, 150), 200, 0)
    pasted = paste_back(photo, quad, np.full((64, 64, 3), 200, np.uint8), np.full((32, 32), 0.5))
    assert (pasted[150, 200] == 150).all()


def test_fine_portrait_is_reduced_without_aliasing() -> None:
    checkers = np.indices((1024, 1024)).sum(0)[..., None].repeat(3, 2) % 2 * 255
    quad = manual_quad((200, 150), 100, 7)
    pasted = paste_back(np.zeros((300, 400, 3), np.uint8), quad, checkers.astype(np.uint8))
    middle = pasted[face_oval(quad, pasted.shape, 0.9)].astype(int)
    assert np.abs(middle - 127.5).max() < 6


def test_part_outside_the_photo_is_left_out() -> None:
    photo = smooth_photo()
    quad = manual_quad((390, 10), 200, 30)
    pasted = paste_back(photo, quad, np.full((64, 64, 3), 255, np.uint8))
    assert pasted.shape == photo.shape
    assert (pasted[10, 390] == 255).all()
    elsewhere = paste_back(photo, quad + (1000, 0), np.full((64, 64, 3), 255, np.uint8))
    np.testing.assert_array_equal(elsewhere, photo)


def test_bands_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, portrait = smooth_photo(), smooth_photo(128, 128)[:, ::-1]
    quad = manual_quad((200, 150), 220, 33)
    keep = np.random.default_rng(0).random((64, 64), np.float32)
    whole = paste_back(photo, quad, portrait, keep)
    monkeypatch.setattr("samm.crop.paste._BAND_ROWS", 7)
    assert np.abs(paste_back(photo, quad, portrait, keep).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("feather", [0, -0.1, 0.6, float("nan")])
def test_feather_out_of_range(feather: float) -> None:
    with pytest.raises(OptionError, match="soft edge"):
        paste_back(smooth_photo(), manual_quad((9, 9), 20, 0), smooth_photo(64, 64), feather=feather)


def test_photo_from_pillow_may_be_read_only() -> None:
    photo = np.asarray(Image.fromarray(smooth_photo()))
    assert not photo.flags.writeable
    quad = manual_quad((200, 150), 100, 0)
    assert paste_back(photo, quad, crop_face(photo, quad, 64)).flags.writeable
