"""GANSpace: fitted components against a direct covariance, moves against the published formula, and files."""

import pytest
import torch

from editing.moves.components import Components, load_components, move
from editing.training.components import fit_components, save_components
from samm.errors import OptionError, UserError


@pytest.fixture(scope="module")
def components(tiny) -> Components:
    return fit_components(tiny.generator, samples=2_000, count=20, seed=3, batch=700)


@pytest.fixture
def w_plus(generator_rng) -> torch.Tensor:
    return torch.randn(2, 14, 512, generator=generator_rng)


def test_fit_is_the_eigendecomposition_of_the_covariance(components, tiny):
    z = torch.randn(2_000, 512, generator=torch.Generator().manual_seed(3))
    w = tiny.generator.mapping(z).double()
    covariance = torch.cov(w.T)
    v = components.vectors.double()
    torch.testing.assert_close(components.mean.double(), w.mean(0), atol=1e-5, rtol=0)
    torch.testing.assert_close(v @ v.T, torch.eye(20).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        v @ covariance, components.sigma.double().square()[:, None] * v, atol=1e-5, rtol=0
    )
    largest = torch.linalg.eigvalsh(covariance).flip(0)[:20]
    torch.testing.assert_close(components.sigma.double().square(), largest, rtol=1e-4, atol=0)


def test_fit_fixes_signs_and_does_not_depend_on_batches(components, tiny):
    assert (components.vectors.max(1).values == components.vectors.abs().max(1).values).all()
    whole = fit_components(tiny.generator, samples=2_000, count=20, seed=3)
    torch.testing.assert_close(whole.vectors, components.vectors, atol=1e-4, rtol=0)
    other = fit_components(tiny.generator, samples=2_000, count=20, seed=4)
    assert not torch.allclose(other.mean, components.mean, atol=1e-4)


@pytest.mark.parametrize(("samples", "count"), [(1_000, 513), (1_000, 0), (20, 20)])
def test_fit_refuses_what_cannot_be(samples, count, tiny):
    with pytest.raises(OptionError, match="components"):
        fit_components(tiny.generator, samples, count)


def test_offset(components, w_plus):
    moved = move(w_plus, components, 3, -2.0, rows=(4, 8))
    offset = -2 * components.sigma[3] * components.vectors[3]
    torch.testing.assert_close(moved[:, 4:8], w_plus[:, 4:8] + offset)
    assert torch.equal(moved[:, :4], w_plus[:, :4])
    assert torch.equal(moved[:, 8:], w_plus[:, 8:])
    assert torch.equal(move(w_plus, components, 3, 1.0, (8, 18)), move(w_plus, components, 3, 1.0, (8, None)))


def test_absolute_move_sets_the_coordinate_of_the_first_row(components, w_plus):
    """As get_delta does in editings/ganspace.py of omertov/encoder4editing, code by code."""
    strengths = torch.tensor([20.0, -5.0])
    moved = move(w_plus, components, 7, strengths, absolute=True)
    v, sigma = components.vectors[7], components.sigma[7]
    torch.testing.assert_close((moved[:, 0] - components.mean) @ v / sigma, strengths, atol=1e-3, rtol=0)
    for i in range(2):
        coordinate = ((w_plus[i, 0] - components.mean) * v).sum() / sigma
        torch.testing.assert_close(
            moved[i], w_plus[i] + (strengths[i] - coordinate) * v * sigma, atol=1e-4, rtol=0
        )
    again = move(moved, components, 7, strengths, absolute=True)
    torch.testing.assert_close(again, moved, atol=1e-4, rtol=0)


@pytest.mark.parametrize("index", [-1, 20])
def test_index_out_of_range_names_the_range(index, components, w_plus):
    with pytest.raises(OptionError, match="0 to 19"):
        move(w_plus, components, index, 1.0)


def test_empty_rows_are_refused(components, w_plus):
    with pytest.raises(OptionError, match="no row"):
        move(w_plus, components, 0, 1.0, rows=(5, 3))


def published(components: Components) -> dict[str, torch.Tensor]:
    return {
        "mean": components.mean[None],
        "comp": components.vectors[:, None],
        "std": components.sigma,
    }


def test_both_layouts_load(components, tmp_path):
    save_components(tmp_path / "own", components, {"samples": 2_000})
    torch.save(published(components), tmp_path / "published")
    for name in ("own", "published"):
        loaded = load_components(tmp_path / name)
        assert torch.equal(loaded.mean, components.mean)
        assert torch.equal(loaded.vectors, components.vectors)
        assert torch.equal(loaded.sigma, components.sigma)


def test_a_single_component_loads(components, tmp_path):
    one = Components(components.mean, components.vectors[:1], components.sigma[:1])
    torch.save(published(one), tmp_path / "one.pt")
    assert load_components(tmp_path / "one.pt").vectors.shape == (1, 512)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"std": None}, "no components"),
        ({"std": torch.ones(19)}, "another shape"),
        ({"comp": torch.ones(20, 1, 256)}, "another shape"),
        ({"comp": torch.tensor(1.0)}, "another shape"),
        ({"comp": torch.ones(20, 3, 512)}, "another shape"),
        ({"comp": torch.ones(0, 512), "std": torch.ones(0)}, "another shape"),
        ({"mean": torch.zeros(18, 512)}, "another shape"),
        ({"mean": torch.full((1, 512), torch.inf)}, "not finite"),
        ({"std": torch.zeros(20)}, "not positive"),
        ({"comp": torch.ones(20, 1, 512)}, "not orthonormal"),
        ({"more": {1, print}}, "run code"),
    ],
)
def test_bad_components_are_refused_in_one_sentence(change, words, components, tmp_path):
    torch.save(published(components) | change, tmp_path / "ffhq_pca.pt")
    with pytest.raises(UserError, match=words) as refusal:
        load_components(tmp_path / "ffhq_pca.pt")
    assert ". " not in str(refusal.value).replace(".pt", "")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no file ffhq_pca\.pt"):
        load_components(tmp_path / "ffhq_pca.pt")
