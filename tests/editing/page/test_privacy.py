"""What the page says of a photo is true for the way in which it was started and is reached."""

import pytest

from editing.page import about
from editing.page.privacy import how_served, privacy

NEVER = "never leaves this computer"


@pytest.mark.parametrize(
    ("environ", "options", "how"),
    [
        ({}, {}, "here"),
        ({"GRADIO_SERVER_NAME": "127.0.0.1"}, {}, "here"),
        ({"GRADIO_SERVER_NAME": "::1"}, {}, "here"),
        ({"GRADIO_SERVER_NAME": "localhost"}, {"share": False, "root_path": ""}, "here"),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, {}, "server"),
        ({"GRADIO_SERVER_NAME": "::"}, {}, "server"),
        ({"GRADIO_SERVER_NAME": "192.168.1.20"}, {}, "server"),
        ({"GRADIO_SERVER_NAME": "faces.example.org"}, {}, "server"),
        ({"GRADIO_SERVER_NAME": "127.0.0.1"}, {"server_name": "0.0.0.0"}, "server"),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, {"server_name": "127.0.0.1"}, "here"),
        ({"GRADIO_ROOT_PATH": "/faces"}, {}, "server"),
        ({}, {"root_path": "/faces"}, "server"),
        ({}, {"share": True}, "share"),
        ({"GRADIO_SHARE": "True"}, {}, "share"),
        ({"GRADIO_SHARE": "true"}, {"share": False}, "here"),
        ({"SPACE_ID": "someone/faces"}, {}, "space"),
        ({"SYSTEM": "spaces"}, {}, "space"),
        ({"SPACE_ID": "someone/faces"}, {"share": True}, "space"),
        ({}, {"headers": {"host": "127.0.0.1:7860"}}, "here"),
        ({}, {"headers": {"host": "localhost:7860"}}, "here"),
        ({}, {"headers": {"host": "[::1]:7860"}}, "here"),
        ({}, {"headers": {"host": "faces.example.org"}}, "server"),
        ({}, {"headers": {"host": "127.0.0.1:7860", "x-forwarded-for": "10.1.2.3"}}, "server"),
        ({}, {"headers": {"host": "localhost", "via": "1.1 proxy"}}, "server"),
        ({}, {"headers": {"host": "localhost", "forwarded": "for=10.1.2.3"}}, "server"),
    ],
)
def test_how_the_page_is_reached(environ, options, how):
    assert how_served(environ, **options) == how


def test_only_a_page_for_this_computer_says_that_nothing_leaves_it():
    assert NEVER in privacy("here")
    for how in ("server", "share", "space"):
        assert NEVER not in privacy(how)
        assert "deleted within an hour" in privacy(how)
        assert "used for nothing else" in privacy(how)
    assert "relay" in privacy("share")
    assert "Hugging Face" in privacy("space")


def test_a_space_links_to_its_own_files_and_every_page_says_how_to_cite_and_to_use_it_fairly():
    links = about.links({"SPACE_ID": "someone/faces"})
    assert "[Paper](https://arxiv.org/abs/2212.09262)" in links
    assert "[Code](https://huggingface.co/spaces/someone/faces/tree/main)" in links
    assert "[README](https://huggingface.co/spaces/someone/faces/blob/main/README.md)" in links
    assert "yang2023samm" in about._citation()
    assert "Edit only photos of people who agreed" in about.ABOUT
