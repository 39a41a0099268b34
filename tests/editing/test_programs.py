"""What programs get: warnings in the result, one face or all of them, and one sentence for a mistake."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from editing.evaluation.stress.site import Refused, Site, serve
from editing.recipe.attributes import ATTRIBUTES
from samm.crop.photographed import NOT_A_FACE

EXAMPLES = Path(__file__).parents[2] / "examples"
HOPPER = handle_file(EXAMPLES / "hopper.jpg")
TWO = "2 faces found and number {} by size, counted from 0, taken; face takes another{}."

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the page is ended by signals of POSIX")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Site:
    with serve(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def client(site, tmp_path_factory) -> Client:
    return Client(
        f"http://127.0.0.1:{site.port}", verbose=False, download_files=tmp_path_factory.mktemp("got")
    )


@pytest.fixture(scope="module")
def two_people(crop) -> np.ndarray:
    """A larger face left, a smaller one right, on photos of 400 pixels."""
    large = Image.fromarray(crop).resize((400, 400))
    small = Image.new("RGB", (400, 400), (90, 120, 140))
    small.paste(large.resize((300, 300)), (50, 50))
    return np.hstack([large, small])


@pytest.fixture(scope="module")
def send(site):
    """A function that uploads a picture and calls an endpoint with it."""

    def send(name: str, picture: np.ndarray, *values: Any) -> list[Any]:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        return site.call(name, [site.upload(stream.getvalue(), "photo.png"), *values])

    return send


def test_a_program_is_warned_in_the_result(send, drawn_face, crop):
    small = np.asarray(Image.fromarray(crop).resize((300, 300)))
    _, _, _, report = send("edit", small, "a quixotic smile, aged 60")
    words, age, size = report["warnings"]
    assert words.startswith("The embedded text model was never trained on “quixotic”")
    assert age == "The age in “aged 60” is reached by the age slider, to about ten years."
    assert size.startswith("The face is only ")
    assert send("edit", drawn_face((220, 180, 150)), "age +1")[3]["warnings"] == [NOT_A_FACE]
    assert send("invert", drawn_face((220, 180, 150)), 0)[3]["warnings"] == [NOT_A_FACE]
    assert send("invert", small, 0)[3]["warnings"] == [size]


def test_a_program_hears_that_its_photo_was_turned(send, crop):
    (warning,) = send("invert", np.rot90(crop[::2, ::2]), 0)[3]["warnings"]
    assert warning.startswith("The photo was turned by 90° clockwise")


def test_nothing_to_warn_of_is_an_empty_list(send, crop):
    assert send("edit", crop, "smile +1")[3] == {"faces": 1, "edited": [0], "warnings": []}
    report = send("invert", crop, 0)[3]
    assert (report["faces"], report["warnings"]) == (1, [])


def test_one_face_of_two_is_edited_and_the_other_told(send, two_people, site):
    found = []
    for values, number in (((), 0), (("largest",), 0), ((0,), 0), ((1,), 1), (("1",), 1), ((1.0,), 1)):
        _, whole, _, report = send("edit", two_people, "age +2, mask strength 0", *values)
        assert (report["faces"], report["edited"]) == (2, [number])
        assert report["warnings"][0] == TWO.format(number, ', or "all"')
        found.append((number, site.fetch(whole)))
    wholes = {
        number: {pixels(data).tobytes() for other, data in found if other == number} for number in (0, 1)
    }
    assert [len(same) for same in wholes.values()] == [1, 1]
    assert wholes[0] != wholes[1]
    assert send("invert", two_people, 1)[3]["warnings"][0] == TWO.format(1, "")


def test_all_faces_are_edited_into_one_photo(send, two_people, site):
    recipe = "age +2, mask strength 0"
    portrait, whole, _, report = send("edit", two_people, recipe, "All")
    assert (report["faces"], report["edited"]) == (2, [0, 1])
    (warning,) = report["warnings"]
    assert warning.startswith("Face 1: The face is only 1")
    alone = [send("edit", two_people, recipe, number) for number in (0, 1)]
    both, first, second = (pixels(site.fetch(made[1])) for made in ([0, whole], *alone))
    assert np.array_equal(both[:, :400], first[:, :400])
    assert np.array_equal(both[:, 400:], second[:, 400:])
    assert np.array_equal(first[:, 400:], two_people[:, 400:])
    assert np.abs(second[:, 400:].astype(int) - two_people[:, 400:]).max() > 20
    assert np.array_equal(pixels(site.fetch(portrait)), pixels(site.fetch(alone[0][0])))


@pytest.mark.parametrize(
    ("face", "sentence"),
    [
        (1, "There is no face 1; the photo has 1, counted from 0."),
        ("-1", 'face must be "largest", "all" or a whole number from 0 on, not \'-1\'.'),
        (-1, "There is no face -1; the photo has 1, counted from 0."),
        (0.7, 'face must be "largest", "all" or a whole number from 0 on, not 0.7.'),
        ("left", 'face must be "largest", "all" or a whole number from 0 on, not \'left\'.'),
        (None, "face must be text or a number, not None."),
        (True, "face must be text or a number, not True."),
        (10**400, "face must be text or a number, not 1000000000000000000000000000000000000000…."),
        ({"path": "hopper.jpg"}, "face must be text or a number, not a mapping."),
        ([0], "face must be text or a number, not a list."),
    ],
)
def test_a_face_that_is_none_is_one_sentence(site, face, sentence):
    with pytest.raises(Refused) as caught:
        site.call("edit", [{"path": "hopper.jpg"}, "age +1", face])
    assert str(caught.value) == sentence


def test_a_client_knows_defaults_types_and_labels(client):
    told = client.view_api(return_format="dict")["named_endpoints"]
    photo, recipe, face = told["/edit"]["parameters"]
    assert [one["parameter_name"] for one in (photo, recipe, face)] == ["photo", "recipe", "face"]
    assert (face["parameter_default"], face["python_type"]["type"]) == ("largest", "str | int")
    assert [one["label"] for one in told["/edit"]["returns"]] == ["portrait", "whole", "recipe", "report"]
    labels = client.predict(api_name="/describe")["attributes"]
    assert {name: said["label"] for name, said in labels.items()} == {
        n: a.label for n, a in ATTRIBUTES.items()
    }
    recipe = client.predict(HOPPER, "turn +1", face=0, api_name="/edit")[2]
    assert recipe == '{"recipe": 1, "attributes": {"yaw": 1.0}}'
    with pytest.raises(AppError, match=r"^There is no face 3; the photo has 1, counted from 0\.$"):
        client.predict(HOPPER, "age +1", face=3, api_name="/edit")


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))
