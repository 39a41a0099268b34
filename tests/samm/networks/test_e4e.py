"""e4e and ReStyle: their published layout, and what looks at what."""

import pytest
import torch

import samm
from samm.models import E4E_FFHQ, PRESETS
from samm.networks.encoders.e4e import E4E
from samm.networks.encoders.restyle import ReStyle
from samm.networks.generators.stylegan2 import StyleGAN2


def published_shapes(c_in: int, head_sizes: list[int]) -> dict[str, tuple[int, ...]]:
    """List the `encoder.*` keys and shapes, written from the layout's description, not from our modules."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (width,)
        shapes[f"{name}.num_batches_tracked"] = ()

    shapes["input_layer.0.weight"] = (64, c_in, 3, 3)
    norm("input_layer.1", 64)
    shapes["input_layer.2.weight"] = (64,)
    widths = [64] * 3 + [128] * 4 + [256] * 14 + [512] * 3
    for n, (before, width) in enumerate(zip([64, *widths], widths, strict=False)):
        unit = f"body.{n}"
        if before != width:
            shapes[f"{unit}.shortcut_layer.0.weight"] = (width, before, 1, 1)
            norm(f"{unit}.shortcut_layer.1", width)
        norm(f"{unit}.res_layer.0", before)
        shapes[f"{unit}.res_layer.1.weight"] = (width, before, 3, 3)
        shapes[f"{unit}.res_layer.2.weight"] = (width,)
        shapes[f"{unit}.res_layer.3.weight"] = (width, width, 3, 3)
        norm(f"{unit}.res_layer.4", width)
        shapes[f"{unit}.res_layer.5.fc1.weight"] = (width // 16, width, 1, 1)
        shapes[f"{unit}.res_layer.5.fc2.weight"] = (width, width // 16, 1, 1)
    for n, halvings in enumerate(head_sizes):
        for k in range(halvings):
            shapes[f"styles.{n}.convs.{2 * k}.weight"] = (512, 512, 3, 3)
            shapes[f"styles.{n}.convs.{2 * k}.bias"] = (512,)
        shapes[f"styles.{n}.linear.weight"] = (512, 512)
        shapes[f"styles.{n}.linear.bias"] = (512,)
    return shapes


def meta_shapes(make) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in make().state_dict().items()}


@pytest.mark.parametrize(("preset", "rows"), [("stylegan2-e4e", 18), ("stylegan2-e4e-cars", 16)])
def test_e4e_keys_and_shapes_are_the_published_ones(preset, rows):
    shapes = meta_shapes(PRESETS[preset].encoder)
    assert shapes.pop("latent_avg") == (rows, 512)
    expected = published_shapes(3, [4] * 3 + [5] * 4 + [6] * (rows - 7))
    for name, width in (("latlayer1", 256), ("latlayer2", 128)):
        expected |= {f"{name}.weight": (512, width, 1, 1), f"{name}.bias": (512,)}
    assert shapes == expected


def test_restyle_keys_and_shapes_are_the_published_ones():
    shapes = meta_shapes(ReStyle)
    assert shapes.pop("latent_avg") == (18, 512)
    assert shapes == published_shapes(6, [4] * 18)


def test_full_size_values_fill_the_published_file():
    with torch.device("meta"):
        states = [E4E().state_dict(), StyleGAN2().state_dict()]  # the file holds encoder and decoder
    values = sum(value.nbytes for state in states for value in state.values())
    assert 0 < E4E_FFHQ.size - values < 1000 * sum(map(len, states))


@pytest.fixture(scope="module")
def e4e() -> samm.Model:
    return samm.load("tiny-stylegan2-e4e", "cpu")


@pytest.fixture(scope="module")
def restyle() -> samm.Model:
    return samm.load("tiny-stylegan2-restyle", "cpu")


@pytest.fixture
def photo(generator_rng) -> torch.Tensor:
    return torch.rand(2, 3, 256, 256, generator=generator_rng) * 2 - 1


class Watched:
    """A generator that notes how it was asked to draw."""

    def __init__(self, generator: StyleGAN2):
        self._generator = generator
        self.w_mean, self.num_layers = generator.w_mean, generator.num_layers
        self.asked: list[tuple[object, int | None]] = []
        self.drawn: list[torch.Tensor] = []

    def synthesize(self, w_plus, adapt=None, size=None):
        self.asked.append((adapt, size))
        self.drawn.append(w_plus)
        return self._generator.synthesize(w_plus, adapt, size)


def test_e4e_looks_once_and_at_the_photo_alone(e4e, photo):
    watched = Watched(e4e.generator)
    one, five = (e4e.encoder.encode(photo, watched, steps) for steps in (1, 5))
    assert torch.equal(one.w_plus, five.w_plus)
    again = e4e.encoder.features(photo, watched, torch.zeros_like(one.w_plus))
    assert all(torch.equal(again[r], one.features[r]) for r in one.features)
    assert watched.asked == []
    assert not torch.equal(one.w_plus[0], one.w_plus[1])


def test_e4e_maps_have_the_sizes_of_samm(e4e, photo):
    features = e4e.encoder.encode(photo, e4e.generator, 1).features
    assert {r: tuple(f.shape) for r, f in features.items()} == {
        r: (2, width, r, r) for r, width in {256: 16, 128: 16, 64: 16, 32: 16, 16: 32}.items()
    }


def test_e4e_rows_are_the_mean_and_the_first_head_and_their_own(e4e, photo):
    network = e4e.encoder
    with torch.no_grad():
        network.latent_avg.copy_(torch.arange(14.0)[:, None].expand(-1, 512))
        code, maps = network(photo)
        first = network.styles[0](maps[16])
        network.latent_avg.zero_()
    torch.testing.assert_close(code[:, 0], first)  # its mean is 0
    torch.testing.assert_close(code[:, 2], 2 + first + network.styles[2](maps[16]))
    heads = [len(head.convs) // 2 for head in network.styles]
    assert heads == [4] * 3 + [5] * 4 + [6] * 7  # read off 16², 32² and 64²


# Cars -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cars() -> samm.Model:
    return samm.load("tiny-stylegan2-e4e-cars", "cpu")


def test_what_a_photos_bars_show_changes_nothing(cars, photo):
    other = photo.clone()
    other[:, :, :32], other[:, :, 224:] = 1, -1
    one, two = (cars.encoder.encode(x, cars.generator, 1) for x in (photo, other))
    assert torch.equal(one.w_plus, two.w_plus)
    assert all(torch.equal(one.features[r], two.features[r]) for r in one.features)
    other[:, :, 32] = 1
    assert not torch.equal(cars.encoder.encode(other, cars.generator, 1).w_plus, one.w_plus)


def test_cars_are_seen_as_published_and_their_maps_are_framed(cars, photo):
    seen = cars.encoder.maps(photo[:, :, 32:224])
    framed = cars.encoder.features(photo, cars.generator, torch.zeros(2, 14, 512))
    for r, (height, bar) in {256: (192, 32), 128: (96, 16), 64: (48, 8), 32: (24, 4), 16: (12, 2)}.items():
        assert seen[r].shape[2:] == (height, r)
        assert framed[r].shape[2:] == (r, r)
        assert torch.equal(framed[r][:, :, bar : r - bar], seen[r])
        assert torch.equal(framed[r][:, :, :bar], seen[r][:, :, :1].expand(-1, -1, bar, -1))
        assert torch.equal(framed[r][:, :, r - bar :], seen[r][:, :, -1:].expand(-1, -1, bar, -1))


def test_a_cars_maps_change_where_the_photo_does(cars, photo):
    other = photo.clone()
    other[:, :, 176:192, 48:80] *= -1  # rows 11 and 12, columns 3…5 of sixteen
    maps = [cars.encoder.features(x, cars.generator, torch.zeros(2, 14, 512)) for x in (photo, other)]
    for r in (256, 128, 64, 32):
        change = (maps[0][r] - maps[1][r]).abs().sum((0, 1))
        at = change == change.max()
        row, column = (float(i) * 256 / r for i in at.nonzero()[0])
        assert 168 <= row < 200
        assert 40 <= column < 88


# ReStyle --------------------------------------------------------------------------------------------------


def test_restyle_passes_draw_without_samm_and_small(restyle, photo):
    watched = Watched(restyle.generator)
    code = restyle.encoder.encode(photo, watched, 3)
    assert watched.asked == [(None, 256)] * 2  # the mean face is drawn already, the last code not any more
    seen = [restyle.encoder.latent_avg[None].expand(2, -1, -1), *watched.drawn]
    for before, after in zip(seen, [*watched.drawn, code.w_plus], strict=True):
        render = restyle.generator.synthesize(before, size=256)
        offset, maps = restyle.encoder(photo, render)
        torch.testing.assert_close(before + offset, after)
    assert all(torch.equal(maps[r], code.features[r]) for r in maps)  # of the last pass


def test_restyle_features_see_the_render(restyle, photo):
    maps = restyle.encoder.features(photo, restyle.generator, torch.zeros(2, 14, 512))
    other = restyle.encoder.features(photo, restyle.generator, torch.ones(2, 14, 512))
    assert set(maps) == {256, 128, 64, 32, 16}
    assert not torch.equal(maps[32], other[32])
