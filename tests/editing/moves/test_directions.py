"""Directions: moves, rows, projection, and files in the published layouts or damaged ones."""

import pickle
import struct

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from editing.moves.directions import (
    Direction,
    fit_rows,
    limit_rows,
    load_direction,
    load_directions,
    move,
    orthogonalize,
    save_directions,
    sigma_along,
)
from samm.errors import OptionError, UserError, WeightsError


class RunsCode:
    def __reduce__(self):  # noqa: D105
        return print, ("code has run",)


def save_numpy(path, array: np.ndarray) -> None:
    with path.open("wb") as stream:  # np.save would append .npy to a path
        np.save(stream, array)


@pytest.fixture
def vector(generator_rng) -> torch.Tensor:
    return torch.randn(512, generator=generator_rng)


def direction(vector: torch.Tensor, start: int = 0, stop: int | None = None, name: str = "age") -> Direction:
    return Direction(limit_rows(fit_rows(F.normalize(vector, dim=0), 14), start, stop), 1.5, name)


def test_move_is_an_offset_in_deviations_that_mirrors_exactly(vector, generator_rng):
    w_plus = torch.randn(2, 14, 512, generator=generator_rng)
    age = direction(vector, 4, 8)
    moved = move(w_plus, age, 2.0)
    offset = 3.0 * F.normalize(vector, dim=0)
    torch.testing.assert_close(moved[:, 4:8], w_plus[:, 4:8] + offset)
    assert torch.equal(moved[:, :4], w_plus[:, :4])
    assert torch.equal(moved[:, 8:], w_plus[:, 8:])
    zero = torch.zeros(1, 14, 512)
    assert torch.equal(move(zero, age, 0.7), -move(zero, age, -0.7))
    assert torch.equal(move(w_plus, age, 0.0), w_plus)


def test_move_takes_a_strength_for_each_code(vector, generator_rng):
    w_plus = torch.randn(2, 14, 512, generator=generator_rng)
    both = move(w_plus, direction(vector), torch.tensor([1.0, -3.0]))
    for i, strength in enumerate((1.0, -3.0)):
        torch.testing.assert_close(both[i : i + 1], move(w_plus[i : i + 1], direction(vector), strength))


def test_move_changes_the_picture(vector, tiny):
    w_plus = tiny.generator.w_mean.expand(1, tiny.generator.num_layers, -1)
    picture = tiny.generator.synthesize(w_plus)
    assert not torch.allclose(picture, tiny.generator.synthesize(move(w_plus, direction(vector), 3.0)))


def test_move_refuses_other_rows(vector):
    with pytest.raises(ValueError, match="rows"):
        move(torch.zeros(1, 16, 512), direction(vector), 1.0)


def test_rows_are_repeated_kept_or_dropped(generator_rng):
    rows = torch.randn(18, 512, generator=generator_rng)
    for single in (rows[0], rows[:1]):
        assert torch.equal(fit_rows(single, 16), rows[:1].expand(16, -1))
    for all_rows in (rows, rows[None]):
        assert torch.equal(fit_rows(all_rows, 16), rows[:16])
        assert torch.equal(fit_rows(all_rows, 18), rows)
    assert torch.equal(fit_rows(rows[:14], 14), rows[:14])


@pytest.mark.parametrize("shape", [(), (511,), (3, 512), (512, 1), (2, 18, 512), (14, 512), (0, 512)])
def test_other_shapes_are_named(shape):
    with pytest.raises(OptionError) as refusal:
        fit_rows(torch.ones(shape), 16)
    assert str(shape) in str(refusal.value)


def test_limit_rows():
    ones = torch.ones(14, 512)
    assert limit_rows(ones, 4, 8)[:, 0].tolist() == [0] * 4 + [1] * 4 + [0] * 6
    assert torch.equal(limit_rows(ones, 8, None), limit_rows(ones, 8, 18))
    for start, stop in ((8, 8), (14, 18), (-1, 4)):
        with pytest.raises(OptionError, match="no row"):
            limit_rows(ones, start, stop)


def test_sigma_along_ignores_length(vector, generator_rng):
    unit = F.normalize(vector, dim=0)
    w = torch.randn(20_000, 1, generator=generator_rng) * 2.5 * unit + vector
    assert sigma_along(w, unit) == pytest.approx(2.5, rel=0.02)
    assert sigma_along(w, 7 * unit) == pytest.approx(sigma_along(w, unit), rel=1e-5)


def test_orthogonalize_by_one_condition_is_the_formula_of_interfacegan(generator_rng):
    n, c = F.normalize(torch.randn(2, 512, generator=generator_rng), dim=1)
    c = F.normalize(c + n, dim=0)  # far from orthogonal
    torch.testing.assert_close(orthogonalize(n, [3 * c]), F.normalize(n - (n @ c) * c, dim=0))


def test_orthogonalize_by_several_conditions(generator_rng):
    shared = torch.randn(512, generator=generator_rng)
    n, *conditions = torch.randn(4, 512, generator=generator_rng) + shared  # all correlated
    left = orthogonalize(n, conditions)
    assert left.norm().item() == pytest.approx(1)
    assert left @ n > 0
    for condition in conditions:
        assert abs(left @ F.normalize(condition, dim=0)) < 1e-6
    torch.testing.assert_close(orthogonalize(n, [*conditions, conditions[0] + conditions[1]]), left)
    torch.testing.assert_close(orthogonalize(n, []), F.normalize(n, dim=0))


def test_orthogonalize_says_when_nothing_is_left(generator_rng):
    a, b = torch.randn(2, 512, generator=generator_rng)
    with pytest.raises(OptionError, match="nothing"):
        orthogonalize(a + 2 * b, [a, b])


@pytest.mark.parametrize("shape", [(1, 512), (18, 512), (1, 18, 512)])
@pytest.mark.parametrize("kind", ["npy", "zip", "legacy", "safetensors"])
def test_published_layouts(kind, shape, tmp_path, generator_rng):
    values = torch.randn(shape, generator=generator_rng).double()
    path = tmp_path / "smile.bin"  # the name does not tell
    if kind == "npy":
        save_numpy(path, values.numpy().astype(">f8"))
    elif kind == "safetensors":
        save_file({"whatever": values}, path)
    else:
        torch.save(values, path, _use_new_zipfile_serialization=kind == "zip")
    smile = load_direction(path, 14)
    rows = F.normalize(values.reshape(-1, 512), dim=1).float()
    torch.testing.assert_close(smile.vector, rows[:14].expand(14, -1))
    assert (smile.name, smile.sigma, smile.vector.dtype) == ("smile", 1.0, torch.float32)


def test_zero_rows_stay_zero_and_sigma_is_measured_on_the_others(tmp_path):
    values = torch.zeros(18, 512)
    values[4:6, 0], values[6:8, 1] = 5.0, -2.0
    torch.save(values, tmp_path / "a.pt")
    a = load_direction(tmp_path / "a.pt", 14, sigma_of=lambda unit: 1.0 if unit[0] else 3.0)
    assert a.vector.norm(dim=1).tolist() == [0] * 4 + [1] * 4 + [0] * 6
    assert a.sigma == 2.0


def zip_with_code(path):
    torch.save(RunsCode(), path)


def bare_pickle_with_code(path):
    path.write_bytes(pickle.dumps(RunsCode(), protocol=2))


def numpy_with_code(path):
    save_numpy(path, np.array([RunsCode()], dtype=object))


def cut_zip(path):
    torch.save(torch.ones(1, 512), path)
    path.write_bytes(path.read_bytes()[:-300])


def cut_numpy(path):
    save_numpy(path, np.ones((1, 512), np.float32))
    path.write_bytes(path.read_bytes()[:-300])


def huge_numpy(path):
    save_numpy(path, np.ones(512, np.float32))
    path.write_bytes(path.read_bytes().replace(b"(512,), }" + b" " * 12, b"(512000000000000,), }"))


def cut_safetensors(path):
    save_file({"a": torch.ones(1, 512)}, path)
    path.write_bytes(path.read_bytes()[:-300])


def broken_header(path):
    path.write_bytes(struct.pack("<Q", 8) + b"{" * 8)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (zip_with_code, "run code"),
        (bare_pickle_with_code, "run code"),
        (numpy_with_code, "run code"),
        (cut_zip, "damaged"),
        (cut_numpy, "damaged"),
        (huge_numpy, "damaged"),
        (cut_safetensors, "damaged"),
        (broken_header, "damaged"),
        (lambda path: path.write_text("a direction"), "not a .npy, .pt or .safetensors"),
        (lambda path: path.write_bytes(b""), "not a .npy, .pt or .safetensors"),
        (lambda path: path.mkdir(), "no file"),
        (lambda path: None, "no file"),
        (lambda path: torch.save(torch.full((1, 512), torch.nan), path), "not finite"),
        (lambda path: torch.save(torch.zeros(1, 512), path), "only zeros"),
        (lambda path: torch.save(torch.eye(512)[None, 494:], path), None),  # one entry in every row: sound
        (
            lambda path: torch.save(F.pad(torch.ones(2, 512), (0, 0, 16, 0)), path),
            "only zeros",
        ),  # rows 16, 17
        (lambda path: torch.save(torch.ones(1, 512, dtype=torch.long), path), "0 tensors"),
        (lambda path: save_numpy(path, np.ones((1, 512), np.int64)), "0 tensors"),
        (lambda path: torch.save({"a": torch.ones(512), "b": torch.ones(512)}, path), "2 tensors"),
        (lambda path: torch.save(torch.ones(3, 512), path), "(3, 512)"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(make, words, tmp_path, capsys):
    path = tmp_path / "age.pt"
    make(path)
    if words is None:
        assert load_direction(path, 16).vector.any(1).all()
        return
    with pytest.raises(UserError) as refusal:
        load_direction(path, 16)
    text = str(refusal.value)
    assert words in text
    assert text.endswith(".")
    assert ". " not in text
    assert str(tmp_path) not in text
    assert "code has run" not in capsys.readouterr().out


@pytest.fixture
def table(tmp_path, generator_rng):
    a, b = torch.randn(2, 512, generator=generator_rng)
    entries = {"hair": direction(a, 8, None, "hair"), "smile": direction(b, 2, 6, "smile")}
    path = tmp_path / "directions.safetensors"
    save_directions(path, entries, {"hair": {"accuracy": 0.97, "conditions": ["age"]}, "source": "fitted"})
    return path, entries


def test_table_round_trip(table):
    path, entries = table
    loaded, metadata = load_directions(path, 14)
    assert loaded.keys() == entries.keys()
    for name, entry in entries.items():
        assert torch.equal(loaded[name].vector, entry.vector)
        assert (loaded[name].sigma, loaded[name].name) == (1.5, name)
    assert metadata == {
        "hair": {"accuracy": 0.97, "conditions": ["age"], "rows": [8, None], "sigma": 1.5},
        "smile": {"rows": [2, 6], "sigma": 1.5},
        "source": "fitted",
    }


def test_table_serves_generators_with_other_rows(table):
    hair = load_directions(table[0], 18)[0]["hair"]
    assert hair.vector.any(1).tolist() == [False] * 8 + [True] * 10


def test_table_has_the_same_bytes_every_time(table, tmp_path):
    path, entries = table
    again = tmp_path / "again.safetensors"
    save_directions(again, entries, {"source": "fitted", "hair": {"conditions": ["age"], "accuracy": 0.97}})
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "vector",
    [
        torch.eye(14, 512),
        torch.ones(14, 512),
        torch.zeros(14, 512),
        torch.eye(1, 512) * torch.eye(14)[::5].sum(0)[:, None],
    ],
    ids=["differing rows", "not a unit vector", "nothing", "gaps"],
)
def test_table_takes_only_one_unit_vector_in_one_range(vector, tmp_path):
    with pytest.raises(ValueError, match="must be"):
        save_directions(tmp_path / "a", {"age": Direction(vector, 1.0, "age")}, {})


def test_bad_tables_are_refused(table, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"age": torch.ones(512)}, other)
    with pytest.raises(WeightsError, match="another kind"):
        load_directions(other, 14)
    table[0].write_bytes(table[0].read_bytes()[:-4])
    with pytest.raises(WeightsError, match="damaged"):
        load_directions(table[0], 14)
    with pytest.raises(WeightsError, match="missing"):
        load_directions(tmp_path / "none", 14)
