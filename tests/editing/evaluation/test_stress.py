"""The fast part of `python -m samm stress`: a thousand bad inputs, faults, three visitors; none is lost."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from editing.evaluation.stress import faults
from editing.evaluation.stress.calls import api_arguments
from editing.evaluation.stress.fuzz import fuzz, kinds
from editing.evaluation.stress.site import Site, serve
from editing.evaluation.stress.tally import Tally, is_sentence
from editing.evaluation.stress.visitors import fair, hold, last, quiet
from editing.moves.directions import load_directions, read_tensors
from editing.moves.words.files import read_safetensors
from editing.page.gate import Gate
from editing.page.wall import BUSY, Wall
from editing.recipe.line import parse
from samm.errors import OptionError, WeightsError

CASES = 1000

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits and signals are those of POSIX")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Site:
    with serve(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.mark.filterwarnings("ignore")  # Pillow's, about files that are damaged on purpose
@pytest.mark.parametrize("number", range(6))
def test_bad_input_ends_in_a_result_or_a_sentence(number, tmp_path):
    kind = kinds(tmp_path)[number]
    row = fuzz(kind, round(CASES * kind.share), seed=14)
    assert row.lost == ()
    assert row.tried >= 0.9 * round(CASES * kind.share)
    assert not row.figures.startswith("0 results")


def test_arguments_of_calls_end_in_a_result_or_a_sentence(site):
    kind = api_arguments(site)
    row = fuzz(kind, 40, seed=14)
    assert row.lost == ()
    assert row.tried >= 36
    results, _, _ = row.figures.partition(" ")
    assert int(results) >= 5


def test_what_is_no_sentence_is_lost():
    tally = Tally("x")
    for error in (
        ValueError("a bug"),
        OptionError("no end"),
        OptionError("Read /secret/album/a.jpg instead."),
    ):
        tally.take(lambda error=error: (_ for _ in ()).throw(error).__next__(), b"")
    assert (tally.row().tried, tally.row().survived) == (3, 0)
    assert is_sentence("The limit is 210 (or less).")


def test_a_line_with_unprintable_letters_is_refused_without_them():
    for line in ("\x1b[2Jage +2", "x\U000f30b3 without a beard", "\x12 0 smile"):
        with pytest.raises(OptionError) as caught:
            parse(line)
        assert str(caught.value).isprintable()
        assert "cannot be shown" in str(caught.value)


@pytest.mark.parametrize("sign", ["9", '\\"', ".", "9.", "a,", "no ", "age +1 "])
def test_long_lines_of_one_sign_take_no_time(sign):
    begun = time.perf_counter()
    with contextlib.suppress(OptionError):
        parse((sign * 16_000)[:16_000])
    assert time.perf_counter() - begun < 5  # 64,000 digits took 80 s


def test_tensors_stay_when_their_file_is_written_anew(tmp_path):
    path = tmp_path / "table.safetensors"
    row = torch.nn.functional.normalize(torch.arange(1.0, 513), dim=0)
    save_file({"age": row}, path, {"directions": '{"age": {"rows": [0, null], "sigma": 1.0}}'})
    held = [
        load_directions(path, 14)[0]["age"].vector[0],
        read_tensors(path)["age"],
        read_safetensors(path, torch.device("cpu"))[0]["age"],
    ]
    with path.open("r+b") as file:  # in place, as `cp` does
        file.seek(-512 * 4, os.SEEK_END)
        file.write(bytes(512 * 4))
    assert all(torch.allclose(tensor, row) for tensor in held)


@pytest.mark.parametrize(
    ("value", "sigma"), [(float("nan"), "1.0"), (1.0, "NaN"), (1.0, "0"), (1.0, "Infinity")]
)
def test_a_table_of_directions_that_is_not_finite_is_refused(value, sigma, tmp_path):
    table = {"directions": f'{{"age": {{"rows": [0, null], "sigma": {sigma}}}}}'}
    save_file({"age": torch.full((512,), value)}, tmp_path / "table", table)
    with pytest.raises(WeightsError, match="damaged or of another kind"):
        load_directions(tmp_path / "table", 14)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [faults.kill_while_saving, faults.page_in_trouble, faults.full_disk_of_page]
)
def test_after_a_fault_the_next_start_works(fault, tmp_path):
    tried, lost = fault(tmp_path)
    assert tried >= 5
    assert lost == []


def test_visitors_get_the_pictures_that_they_would_get_alone(site):
    row = hold(site, 3, ("age +2",))
    assert row.lost == ()
    assert row.tried >= 3 * 6


def test_an_edit_beside_an_improvement_takes_at_most_twice_its_time(site):
    assert fair(site, 3).lost == ()


def test_an_hour_later_no_file_is_left(site):
    row = last(site, 5)
    assert row.lost == ()
    assert "an hour later 0" in row.figures


def test_metadata_reaches_no_output_and_no_other_host_is_asked(site):
    assert quiet(site).lost == ()


def test_a_session_keeps_only_its_newest_uploads(site):
    uploads = [site.upload(bytes([number])) for number in range(24)]
    with site.visit() as session:
        for upload in uploads:
            with pytest.raises(Exception, match="picture"):
                site.call("invert", [upload, 0], session)
        assert [Path(upload["path"]).exists() for upload in uploads] == [False] * 4 + [True] * 20


def test_uploads_that_no_call_uses_go_oldest_first_where_they_are_too_many(tmp_path):
    gate, folders = Gate(), [tmp_path / str(number) for number in range(5)]
    for number, folder in enumerate(folders):
        (folder / "hash").mkdir(parents=True)
        with (folder / "hash" / "a.jpg").open("wb") as file:
            file.truncate(400_000_000)  # takes no room on the disk
        gate.record(folder, [str(folder / "hash" / "a.jpg")])
        if number == 0:
            gate._uploads[str(folder / "hash" / "a.jpg")].session = "somebody"
    assert [folder.exists() for folder in folders] == [True, False, False, True, True]
    small = [tmp_path / f"small_{number}" for number in range(1000)]
    for folder in small:
        folder.mkdir()
        (folder / "a.jpg").touch()
        gate.record(folder, [str(folder / "a.jpg")])
    assert [path for path in tmp_path.iterdir() if path not in small] == folders[:1]
    assert all(folder.exists() for folder in small)


def test_a_full_queue_is_told_in_a_sentence():
    async def full(scope, receive, send):
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b"Queue is full. Max size is 30 and size is 30."})

    async def sending(message):
        sent.append(message)

    sent = []
    with pytest.raises(StopIteration):  # it ends without waiting, and so needs no loop
        Wall(full)({"type": "http", "path": "/gradio_api/queue/join"}, None, sending).send(None)
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["detail"] == BUSY
