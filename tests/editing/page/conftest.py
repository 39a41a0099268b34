"""A page with the tiny preset in a process of its own, and a headless Chromium to use it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parents[3]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def serve(folder: Path, environment: dict[str, str], script: str = "app.py") -> Iterator[str]:
    """Start the page and give its address; log and files go to a folder.

    Args:
        folder: for page.log and, in cache, for what visitors upload and get.
        environment: variables beside those of this process.
        script: started with the repository's root in its path; app.py, or something that runs it changed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONFAULTHANDLER": "1",
    }
    address = f"http://127.0.0.1:{port}"
    with (folder / "page.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, script],
            cwd=ROOT,
            env={**os.environ, **settings, **environment},
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(address, timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        pytest.fail((folder / "page.log").read_text()[-2000:])
                    time.sleep(0.2)
            yield address
            if process.poll() is not None:
                told = (folder / "page.log").read_text()[-2000:]
                pytest.fail(f"the page has ended by itself with {process.returncode}:\n{told}")
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium without windows; tests that need it are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory) -> Path:
    """Where the page that most tests share writes its files."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="session")
def address(page_folder) -> Iterator[str]:
    with serve(page_folder, {"SAMM_TINY": "1"}) as address:
        yield address


@pytest.fixture(scope="session")
def welcome(tmp_path_factory) -> Iterator[str]:
    """The address of a page with the embedded weights."""
    with serve(tmp_path_factory.mktemp("welcome"), {}) as address:
        yield address


@pytest.fixture(scope="session")
def serve_page() -> Callable[..., AbstractContextManager[str]]:
    """The function `serve`, for a test that needs a page of its own."""
    return serve


@pytest.fixture(scope="module")
def gpu():
    """The module that a GPU's process imports, here with the tiny preset."""
    with pytest.MonkeyPatch.context() as patch:
        from editing.page import gpu

        patch.setattr(gpu, "PRESET", "tiny")
        gpu.load()
        yield gpu


@contextmanager
def visiting(
    browser: Browser, address: str, width: int = 1280, height: int = 900, scheme: str = "light"
) -> Iterator[Page]:
    """Open the page as a fresh visitor, on a screen of some size and color scheme; see `looking`."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(15_000)
    with looking(context, address) as page:
        yield page
        context.close()


@contextmanager
def looking(context: BrowserContext, address: str) -> Iterator[Page]:
    """Open the page in one more tab of a browser.

    Fails at the end if the page has asked another host for anything or reported an error.
    """
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#header input[type=file]", state="attached")
    yield page
    page.close()
    local = (address, address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(local)] == []
    assert errors == []


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a page as one more visitor, see `visiting`; closed at the end of the test."""
    with ExitStack() as visits:
        yield lambda *args, **options: visits.enter_context(visiting(browser, *args, **options))


@pytest.fixture
def page(visit, address) -> Page:
    """The page as a fresh visitor has it."""
    return visit(address)


@pytest.fixture(scope="module")
def lasting_page(browser, address) -> Iterator[Page]:
    """A visitor's page that the tests of a module share, one after the other."""
    with visiting(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def tabs(browser) -> Iterator[BrowserContext]:
    """A browser whose tabs the tests of a module open one after the other."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def new_tab(tabs, address) -> Iterator[Page]:
    """The page in a tab of its own, which is a visit of its own and opens sooner than another browser."""
    with looking(tabs, address) as page:
        yield page
