"""StyleCLIP: channels and directions by numbers, its three ways on tiny networks, and its files."""

import zlib
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from editing.moves.move import Move, moved_styles
from editing.moves.words.axes import text_change
from editing.moves.words.global_directions import (
    REACH,
    Channels,
    even_reach,
    global_direction,
    load_channels,
    random_channels,
    save_channels,
    style_widths,
)
from editing.moves.words.mapper import Mapper, load_mapper, save_mapper
from editing.moves.words.optimize import OptimizeConfig, optimize
from editing.training.channels import fit_channels, sample_codes, style_deviations
from editing.training.mapper import MapperConfig, fit_mapper
from samm.errors import OptionError, WeightsError
from samm.networks.generators.mobile import MobileStyleGAN
from samm.networks.ops import area_resize


class RandomText:
    """A smooth random text model; a phrase is a seed. `calls_left` cuts a run off, as a kill would."""

    name, dim = "random", 6

    def __init__(self):
        noise = torch.Generator().manual_seed(5)
        self.first = torch.randn(32, 3 * 16 * 16, generator=noise) / 4
        self.second = torch.randn(self.dim, 32, generator=noise)
        self.calls_left = 1_000_000

    def embed_images(self, image_pm1):
        self.calls_left -= 1
        if self.calls_left < 0:
            raise KeyboardInterrupt
        hidden = torch.tanh(area_resize(image_pm1, 16).flatten(1) @ self.first.T)
        return F.normalize(hidden @ self.second.T, dim=1)

    def embed_texts(self, phrases):
        seeds = [torch.Generator().manual_seed(zlib.crc32(phrase.encode())) for phrase in phrases]
        return F.normalize(torch.stack([torch.randn(self.dim, generator=seed) for seed in seeds]), dim=1)

    def unknown_words(self, phrase):
        return []


class ColorIdentity(torch.nn.Module):
    """A likeness network in small: what colors stand where."""

    def forward(self, face_pm1):
        return F.normalize(area_resize(face_pm1, 8).flatten(1), dim=1)


@pytest.fixture(scope="module")
def generator(tiny) -> MobileStyleGAN:
    return tiny.generator


@pytest.fixture(scope="module")
def text_model() -> RandomText:
    return RandomText()


@pytest.fixture(scope="module")
def w_plus(generator) -> torch.Tensor:
    return sample_codes(generator, torch.randn(2, 512, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(scope="module")
def channels(generator, text_model) -> Channels:
    return fit_channels(generator, text_model, images=2, batch=1, deviation_samples=500)


def some_channels(relevance: list[float]) -> Channels:
    """Channels whose relevance for the direction (1, 0) is given; the last two color the picture."""
    r = torch.tensor(relevance)
    unit = torch.stack([r, (1 - r.square()).sqrt()], 1)
    return Channels(unit, torch.linspace(1, 2, len(r)), (len(r) - 2, 2), (1,), "by hand")


ALONG = torch.tensor([1.0, 0.0])


# Global directions ----------------------------------------------------------------------------------------


def test_a_direction_is_the_relevance_above_the_focus_times_sigma():
    channels = some_channels([0.5, -0.25, 0.1, -0.05, 0.9, 0.9])
    offset = global_direction(channels, ALONG, focus=0.2)
    expected = torch.tensor([1.0, -0.5, 0, 0, 0, 0]) * channels.sigma  # by the largest that does not color
    torch.testing.assert_close(offset, expected)
    torch.testing.assert_close(global_direction(channels, -ALONG, focus=0.2), -expected)


@pytest.mark.parametrize(("strong", "level", "left"), [(21, 0.155, 21), (20, 0.155, 24), (0, 0, 20)])
def test_an_automatic_focus_leaves_more_than_twenty_channels(strong, level, left):
    # Of 24 channels at 0.105 and less, `strong` are lifted; 0.15 holds for 21 of them but not for 20.
    weak = torch.linspace(0.105, 0.1001, 24) if strong else torch.linspace(0.09, 0.01, 24)
    weak[:strong] = level
    offset = global_direction(some_channels([*weak.tolist(), 0.9, 0.9]), ALONG)
    assert int((offset != 0).sum()) == left


def test_a_focus_that_leaves_nothing_says_what_there_is():
    with pytest.raises(OptionError, match=r"focus 0\.6 leaves nothing .* has 0\.50; choose a lower focus"):
        global_direction(some_channels([0.5, 0.1, 0.9, 0.9]), ALONG, focus=0.6)


def test_a_change_of_words_is_a_unit_vector_and_turns_with_them(text_model):
    change = text_change(text_model, "blond hair", "hair")
    assert float(change.norm()) == pytest.approx(1)
    torch.testing.assert_close(text_change(text_model, "hair", "blond hair"), -change)
    with pytest.raises(OptionError, match="“hair” and “hair” mean the same"):
        text_change(text_model, "hair", "hair")


def test_moving_along_a_direction_moves_the_embedding_along_the_words(generator, text_model, channels):
    delta_t = text_change(text_model, "blond hair", "hair")
    move = Move(styles=global_direction(channels, delta_t, focus=0.0))
    measured = sample_codes(generator, torch.randn(2, 512, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        ends = [
            text_model.embed_images(
                generator.draw(moved_styles(generator, measured, [(move, strength)]), size=256)
            )
            for strength in (0.02, -0.02)
        ]
    gain = torch.sub(*ends).mean(0)
    assert gain @ delta_t > 0.3 * gain.norm()


def test_moves_add_up_cancel_and_leave_coloring_alone(generator, channels, w_plus):
    by_words = Move(styles=global_direction(channels, F.normalize(torch.ones(6), dim=0)))
    by_code = Move(w_plus=0.1 * torch.ones(generator.num_layers, 512))
    plain = generator.styles(w_plus)
    both = moved_styles(generator, w_plus, [(by_words, 2.0), (by_code, 1.0)])
    for a, b in zip(both, moved_styles(generator, w_plus, [(by_code, 1.0), (by_words, 2.0)]), strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(plain, moved_styles(generator, w_plus, [(by_words, 2.0), (by_words, -2.0)]), strict=True):
        torch.testing.assert_close(a, b)
    words_only = moved_styles(generator, w_plus, [(by_words, 2.0)])
    changed = {i for i, (a, b) in enumerate(zip(plain, words_only, strict=True)) if not torch.equal(a, b)}
    assert changed
    assert not changed & set(generator.rgb_styles)
    assert not torch.equal(both[-1], words_only[-1])


# Measuring channels ---------------------------------------------------------------------------------------


@torch.no_grad()
def relevance_by_renders(generator, text_model, w_plus, channels, sigma, step):
    """Δi (C, D) of some channels as the paper measures it: two renders for each channel and picture."""
    styles = generator.styles(w_plus)
    relevance = []
    for channel in channels:
        offset = torch.zeros_like(sigma)
        offset[channel] = step * sigma[channel]
        parts = offset.split([style.shape[1] for style in styles])
        ends = [
            text_model.embed_images(
                generator.draw([s + sign * part for s, part in zip(styles, parts, strict=True)], size=256)
            )
            for sign in (1, -1)
        ]
        relevance.append(F.normalize(torch.sub(*ends), dim=1).mean(0))
    return F.normalize(torch.stack(relevance), dim=1)


def test_derivatives_agree_with_renders_a_small_step_apart(generator, text_model):
    one = fit_channels(generator, text_model, images=1, deviation_samples=500)
    w_plus = sample_codes(generator, torch.randn(1, 512, generator=torch.Generator().manual_seed(0)))
    some = range(0, len(one.sigma), 14)
    exact = relevance_by_renders(generator, text_model, w_plus, some, one.sigma, step=0.1)
    assert F.cosine_similarity(one.relevance[list(some)], exact).min() > 0.9


def test_several_derivatives_at_once_are_the_same(generator, text_model, channels):
    vmapped = fit_channels(generator, text_model, images=2, batch=1, at_once=4, deviation_samples=500)
    torch.testing.assert_close(vmapped.relevance, channels.relevance, atol=1e-4, rtol=0)


def test_lower_precision_is_close(generator, text_model, channels):
    coarse = fit_channels(generator, text_model, images=2, batch=1, precision="bf16", deviation_samples=500)
    assert coarse.relevance.dtype == torch.float32
    assert F.cosine_similarity(coarse.relevance, channels.relevance).median() > 0.98


def test_deviations_are_those_of_the_styles(generator):
    noise = torch.randn(300, 512, generator=torch.Generator().manual_seed(3))
    styles = torch.cat(generator.styles(sample_codes(generator, noise)), 1)
    sigma = style_deviations(generator, samples=300, seed=3, batch=128)
    torch.testing.assert_close(sigma, styles.std(0, correction=0), atol=1e-5, rtol=1e-4)


def test_sampled_codes_are_truncated_in_their_first_rows(generator):
    z = torch.randn(4, 512, generator=torch.Generator().manual_seed(4))
    w, w_plus = generator.mapping(z), sample_codes(generator, z)
    torch.testing.assert_close(w_plus[:, 7] - generator.w_mean, 0.7 * (w - generator.w_mean))
    assert torch.equal(w_plus[:, 8], w)


def test_a_killed_run_continues_to_the_same_result(generator, channels, tmp_path):
    options = {"images": 2, "batch": 1, "deviation_samples": 500, "state_path": tmp_path / "state"}
    dying = RandomText()
    dying.calls_left = 1
    with pytest.raises(KeyboardInterrupt):
        fit_channels(generator, dying, **options)
    dying.calls_left = 1  # and no more than the second batch is done now
    resumed = fit_channels(generator, dying, **options)
    for name in ("relevance", "sigma"):
        assert torch.equal(getattr(resumed, name), getattr(channels, name))
    with pytest.raises(OptionError, match="belongs to another run .*images 2"):
        fit_channels(generator, dying, **{**options, "images": 3})


# Files of channels ----------------------------------------------------------------------------------------


def test_channels_survive_their_file(generator, text_model, channels, tmp_path):
    save_channels(channels, tmp_path / "channels.safetensors")
    again = load_channels(tmp_path / "channels.safetensors", generator, text_model)
    torch.testing.assert_close(again.relevance, channels.relevance, atol=1e-3, rtol=0)
    assert torch.equal(again.sigma, channels.sigma)
    assert (again.widths, again.rgb_styles) == (style_widths(generator), generator.rgb_styles)


def test_channels_of_something_else_are_refused(generator, text_model, channels, tmp_path):
    path = tmp_path / "channels.safetensors"

    def refusal(generator=generator) -> str:
        with pytest.raises(WeightsError) as caught:
            load_channels(path, generator, text_model)
        return str(caught.value)

    assert "missing, damaged or cut off" in refusal()
    save_channels(channels, path)
    path.write_bytes(path.read_bytes()[:1000])
    assert "missing, damaged or cut off" in refusal()
    save_channels(channels, path)
    assert "another generator, of 248 style channels" in refusal(MobileStyleGAN(widths=(8,) * 5))
    save_channels(replace(channels, text_model="ViT-B-32"), path)
    assert "text model ViT-B-32 and not to random" in refusal()
    save_channels(replace(channels, sigma=channels.sigma / 0), path)
    assert "not finite" in refusal()
    save_file({"mean": torch.zeros(512)}, path)
    assert "does not hold style channels" in refusal()


def test_channels_that_do_not_belong_together_are_refused(channels):
    with pytest.raises(ValueError, match="248 channels"):
        replace(channels, sigma=channels.sigma[1:])
    with pytest.raises(ValueError, match="rgb_styles"):
        replace(channels, rgb_styles=(99,))


# Latent optimization --------------------------------------------------------------------------------------


def test_optimization_moves_the_picture_toward_the_words(generator, text_model, w_plus):
    start = w_plus[:1]
    config = OptimizeConfig(steps=8, pull=1.0)
    *_, found = optimize(start, "a phrase", text_model, generator, config=config)
    words = text_model.embed_texts(["a phrase"])
    with torch.no_grad():
        before, after = (
            float(text_model.embed_images(generator.synthesize(code, size=256)) @ words[0])
            for code in (start, found)
        )
    assert after > before + 0.05
    assert found.shape == start.shape


def test_pull_and_identity_hold_the_face(generator, text_model, w_plus):
    start, person = w_plus[:1], ColorIdentity()

    def result(**weights: float) -> tuple[float, float]:
        config = OptimizeConfig(steps=5, **weights)
        *_, found = optimize(start, "a phrase", text_model, generator, person, config)
        a, b = (person(generator.synthesize(code, size=256)) for code in (start, found))
        return float((found - start).norm()), float(F.cosine_similarity(a, b))

    free = result(pull=0.0)
    assert result(pull=74.0)[0] < 0.7 * free[0]
    assert result(pull=0.0, identity=3.0)[1] > free[1]
    with pytest.raises(ValueError, match="needs a network"):
        next(optimize(start, "a phrase", text_model, generator, config=OptimizeConfig(identity=1.0)))


def test_optimization_can_be_stopped_draws_with_the_hook_and_leaves_its_start(generator, text_model, w_plus):
    start, drawn = w_plus[:1].clone(), []
    search = optimize(start, "a phrase", text_model, generator, adapt=lambda r, g: drawn.append(r) or g)
    first, second = next(search), next(search)
    search.close()
    assert 128 in drawn
    assert torch.equal(start, w_plus[:1])
    assert 0 < (first - start).abs().max() <= 0.011  # Adam's step at a tenth of the rise of 15 steps
    assert not torch.equal(first, second)


# Latent mapper --------------------------------------------------------------------------------------------


def random_mapper(levels: tuple[str, ...] = ("coarse", "medium", "fine")) -> Mapper:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        return Mapper("blond hair", levels)


@torch.no_grad()
def test_a_mapper_changes_the_rows_of_its_levels(w_plus):
    change = random_mapper(("coarse", "fine"))(w_plus)
    assert change.shape == w_plus.shape
    assert [bool((change[:, row] != 0).any()) for row in (0, 3, 4, 7, 8, 11)] == [1, 1, 0, 0, 1, 1]


@torch.no_grad()
def test_a_mapper_computes_what_the_published_one_does(w_plus):
    """Against the formula of upstream's layers, whose PixelNorm takes the mean over the rows."""
    mapper = random_mapper()
    x = w_plus[:, 4:8] / (w_plus[:, 4:8].square().mean(1, keepdim=True) + 1e-8).sqrt()
    for layer in list(mapper.nets["medium"])[1:]:
        x = x @ (layer.weight.T * 0.01 / 512**0.5) + 0.01 * layer.bias
        x = torch.where(x < 0, 0.2 * x, x) * 2**0.5
    torch.testing.assert_close(mapper(w_plus)[:, 4:8], 0.1 * x, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("levels", [("coarse", "medium", "fine"), ("coarse", "medium")])
def test_mappers_survive_our_file_and_the_published_layout(levels, w_plus, tmp_path):
    mapper = random_mapper(levels)
    save_mapper(mapper, tmp_path / "own.safetensors")
    torch.save(published(mapper), tmp_path / "published.pt")
    for name in ("own.safetensors", "published.pt"):
        again = load_mapper(tmp_path / name)
        assert again.phrase == "blond hair"
        assert torch.equal(again(w_plus), mapper(w_plus))


def published(mapper: Mapper) -> dict[str, object]:
    names = {"coarse": "course_mapping", "medium": "medium_mapping", "fine": "fine_mapping"}
    state = {
        f"mapper.{names[level]}.mapping.{i}.{kind}": getattr(net[i], kind)
        for level, net in mapper.nets.items()
        for i in range(1, 5)
        for kind in ("weight", "bias")
    }
    state["decoder.input.input"] = torch.zeros(1, 512, 4, 4)
    return {"state_dict": state, "opts": {"description": "blond hair", "no_fine_mapper": False}}


def test_other_files_are_no_mappers(tmp_path):
    def refusal(name: str, content: object) -> str:
        if isinstance(content, bytes):
            (tmp_path / name).write_bytes(content)
        elif content is not None:
            torch.save(content, tmp_path / name)
        with pytest.raises(WeightsError) as caught:
            load_mapper(tmp_path / name)
        return str(caught.value)

    assert "a.pt is missing, damaged or cut off" in refusal("a.pt", None)
    assert "damaged, cut off or holds more" in refusal("b.pt", b"no such format")
    assert "could run code" in refusal("c.pt", {"state_dict": RandomText()})
    assert "another network" in refusal("d.pt", [1, 2])
    single = {f"mapper.mapping.mapping.{i}.weight": torch.zeros(512, 512) for i in range(1, 5)}
    assert "(mapper.mapping.mapping.1.weight, " in refusal("e.pt", {"state_dict": single})
    extra = published(random_mapper())
    extra["state_dict"]["mapper.other"] = torch.zeros(1)
    assert "(mapper.other)" in refusal("f.pt", extra)
    extra = published(random_mapper())
    extra["state_dict"]["mapper.fine_mapping.mapping.4.bias"] = torch.zeros(1)
    assert "other shapes" in refusal("g.pt", extra)
    save_mapper(random_mapper(), tmp_path / "own")
    assert "cut off" in refusal("h", (tmp_path / "own").read_bytes()[:5000])
    assert load_file(tmp_path / "own").keys() == random_mapper().state_dict().keys()


def test_training_a_mapper_lowers_its_loss_and_resumes_to_the_same_weights(generator, text_model, tmp_path):
    config = MapperConfig(batch=1, save_every=5)
    options = {"seed": 2, "config": config}
    losses = []
    whole = fit_mapper(
        generator, text_model, ColorIdentity(), "a phrase", 9, **options, listen=lambda i, x: losses.append(x)
    )
    assert len(losses) == 9
    assert sum(losses[-3:]) < 0.75 * sum(losses[:3])

    state = tmp_path / "state"
    dying = RandomText()
    dying.calls_left = 6
    with pytest.raises(KeyboardInterrupt):
        fit_mapper(generator, dying, ColorIdentity(), "a phrase", 9, **options, state_path=state)
    resumed = fit_mapper(generator, text_model, ColorIdentity(), "a phrase", 9, **options, state_path=state)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(OptionError, match="belongs to another run"):
        fit_mapper(generator, text_model, ColorIdentity(), "other", 9, **options, state_path=state)


def test_training_with_identity_needs_its_network(generator, text_model):
    with pytest.raises(ValueError, match="needs a network"):
        fit_mapper(generator, text_model, None, "a phrase", 1)


def test_all_phrases_reach_equally_far(generator, text_model, channels):
    for phrase in ("a hat", "a smile"):
        offset = even_reach(channels, global_direction(channels, text_change(text_model, phrase, "a face")))
        moved = offset != 0
        assert (offset[moved] / channels.sigma[moved]).norm().item() == pytest.approx(REACH, rel=1e-4)


def test_made_up_channels_are_the_same_each_time(generator, text_model):
    one, other = (random_channels(generator, text_model) for _ in range(2))
    assert torch.equal(one.relevance, other.relevance)
    assert one.widths == style_widths(generator)
