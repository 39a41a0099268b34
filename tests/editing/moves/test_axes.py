"""From words to what they mean: the text models and their limits, and what words leave unmentioned."""

import json
from typing import ClassVar

import open_clip
import pytest
import torch
import torch.nn.functional as F

from editing.moves import weights
from editing.moves.move import Move, moved_styles
from editing.moves.moves import Moves
from editing.moves.words import model as textmodel
from editing.moves.words.axes import meant_change, text_change, unmentioned
from editing.moves.words.global_directions import even_reach, global_direction, load_channels, style_widths
from editing.moves.words.model import FaceText, FullCLIP, load_clip, load_face_text, words
from editing.recipe.recipe import TextEdit
from samm.errors import OptionError, WeightsError
from samm.pixels import to_pm1

DIM = 8


@pytest.fixture(scope="module")
def face_text() -> FaceText:
    return load_face_text()


def deviations() -> torch.Tensor:
    return torch.linspace(0.5, 2, 512)


def embeddings(model: textmodel.TextModel, *phrases: str) -> torch.Tensor:
    with torch.no_grad():
        return model.embed_texts(phrases)


# Words ----------------------------------------------------------------------------------------------------


def test_words_are_split_in_lower_case():
    assert words("Make-up, and a Five O’clock  shadow!") == [
        "make",
        "up",
        "and",
        "a",
        "five",
        "o'clock",
        "shadow",
    ]
    assert words("123 … 金髪") == []


def test_the_embedded_model_has_a_place_for_every_phrase(face_text):
    vectors = embeddings(face_text, "a face", "a smile", "Blonde-Hair", "blonde hair", "hair blonde")
    assert vectors.shape == (5, face_text.dim)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(vectors[2], vectors[3])
    assert vectors[3] @ vectors[4] < 1 - 1e-4  # it reads in order


def test_unknown_words_are_listed_and_passed_over(face_text):
    assert face_text.unknown_words("a Quixotic smile, zeugma") == ["quixotic", "zeugma"]
    assert face_text.unknown_words("a smile") == []
    one, other = embeddings(face_text, "a quixotic smile", "a smile")
    torch.testing.assert_close(one, other)


def test_phrases_that_cannot_be_read_are_refused(face_text):
    for nothing in ("quixotic zeugma", "金髪", "…"):
        with pytest.raises(OptionError, match="knows no word of"):
            face_text.embed_texts(["a face", nothing])
    longest = " ".join(["very old"] * 7 + ["man"])  # 15 words and the mark of the end
    assert len(longest.split()) == face_text.context - 1
    assert embeddings(face_text, longest).isfinite().all()
    with pytest.raises(OptionError, match="has 16 words; keep it under 16"):
        face_text.embed_texts([longest + " smiling"])
    with pytest.raises(OptionError, match="mean the same"):
        text_change(face_text, "a quixotic face", "a face")


def test_what_is_in_a_picture_is_found_and_can_be_followed_back(face_text, crop):
    picture = to_pm1(crop).requires_grad_()
    vector = face_text.embed_images(picture)
    torch.testing.assert_close(vector.norm(), torch.ones(()))
    odds = face_text.log_odds(vector, embeddings(face_text, "a smile", "glasses", "a beard", "serious"))
    assert odds[0, 0] > 0 > odds[0, 1:].max()
    odds[0, 0].backward()
    assert picture.grad.abs().max() > 0


# A full CLIP ----------------------------------------------------------------------------------------------


def small_clip(vision: dict) -> FullCLIP:
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        clip = open_clip.CLIP(16, vision, text)
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    return FullCLIP("small", clip, tokenizer, (0.48, 0.46, 0.41), (0.27, 0.26, 0.28))


TRANSFORMER = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32}
RESNET = {"layers": (1, 1, 1, 1), "width": 8, "head_width": 16, "image_size": 32}


@pytest.fixture(scope="module")
def clip() -> FullCLIP:
    return small_clip(TRANSFORMER)


@pytest.mark.parametrize("vision", [TRANSFORMER, RESNET], ids=["transformer", "resnet"])
def test_both_kinds_of_clip_see_pictures_as_they_were_trained_to(vision, generator_rng):
    model = small_clip(vision)
    picture = torch.rand(2, 3, 64, 64, generator=generator_rng) * 2 - 1
    view = F.interpolate(picture, size=32, mode="bicubic", antialias=True)
    mean, std = torch.tensor([[0.48, 0.46, 0.41], [0.27, 0.26, 0.28]])[:, None, :, None, None]
    direct = F.normalize(model.clip.encode_image(((view + 1) / 2 - mean) / std), dim=1)
    torch.testing.assert_close(model.embed_images(picture), direct)
    assert model.dim == direct.shape[1] == 16


def test_a_phrase_is_the_mean_of_its_templates(clip):
    sentences = [template.format("green hair") for template in FullCLIP.TEMPLATES]
    single = clip.clip.encode_text(open_clip.get_tokenizer("ViT-B-32")(sentences), normalize=True)
    torch.testing.assert_close(clip.embed_texts(["green hair"])[0], F.normalize(single.mean(0), dim=0))
    assert clip.embed_texts(["a", "b", "c"]).shape == (3, 16)
    assert clip.unknown_words("quixotic zeugma") == []


def test_a_phrase_beyond_clips_context_is_refused(clip):
    assert clip.embed_texts(["very " * 60 + "old"]).isfinite().all()
    with pytest.raises(OptionError, match="too long; keep it under 77 tokens"):
        clip.embed_texts(["very " * 77 + "old"])
    # Room in the first template, none in the longest: the end of it would be lost.
    with pytest.raises(OptionError, match="too long"):
        clip.embed_texts(["very " * 69 + "old"])


def test_models_and_weights_nobody_has_are_refused_offline():
    with pytest.raises(OptionError, match="knows no model ViT-Z-99"):
        load_clip("ViT-Z-99")
    with pytest.raises(OptionError, match="has no weights grandmother; choose one of openai,"):
        load_clip("ViT-B-32", "grandmother")


def test_damaged_weights_are_refused(tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="could not be loaded"):
        load_clip("ViT-S-32-alt", str(tmp_path / "broken.pt"))


# What words mean ------------------------------------------------------------------------------------------


class FewWords:
    """A text space of three axes: person, age, and everything else."""

    name, dim = "few", 3
    PLACES: ClassVar = {"a man": (1, 0, 0), "a woman": (-1, 0, 0), "an old person": (0, 1, 0),
                        "a young person": (0, -1, 0), "a face": (0, 0, 0), "lipstick": (-1, 0, 1),
                        "a lady": (-1, 0, 0.1), "grey hair": (0.2, 1, 1)}  # fmt: skip

    def embed_texts(self, phrases):
        return torch.stack([torch.tensor(self.PLACES[phrase], dtype=torch.float32) for phrase in phrases])


def test_what_words_do_not_mention_is_mostly_held():
    lipstick = meant_change(FewWords(), "lipstick", "a face")
    assert lipstick.norm() == pytest.approx(1)
    assert -0.4 < lipstick[0] < 0  # -0.71 without holding
    grey = meant_change(FewWords(), "grey hair", "a face")
    assert 0 < grey[1] < 0.4 < grey[2]


def test_what_words_mention_is_not_held():
    assert meant_change(FewWords(), "a lady", "a face")[0] < -0.99
    assert meant_change(FewWords(), "an old person", "a young person")[1] == 1


def test_what_words_do_not_say_is_listed():
    assert len(unmentioned("red lipstick", "a face")) > len(unmentioned("an old man", "a face"))
    assert all(len(pair) == 2 for pair in unmentioned("red lipstick", "a face"))
    # What both phrases say is no change.
    assert unmentioned("a man with a beard", "a man") == unmentioned("a beard", "a face")


@pytest.mark.parametrize(("phrase", "neutral"), [("a big smile", "a face"), ("glasses", "a face")])
def test_following_the_words_makes_them_truer(embedded, face_text, phrase, neutral):
    """The embedded files together: mean face, words, channels, picture, and what the text model sees."""
    generator = embedded.generator
    with torch.inference_mode():
        channels = load_channels(weights.CHANNELS.path(), generator, face_text)
        offset = even_reach(channels, global_direction(channels, meant_change(face_text, phrase, neutral)))
        middle = generator.w_mean.expand(1, generator.num_layers, -1)
        move = Move(styles=offset)
        pictures = torch.cat(
            [generator.draw(moved_styles(generator, middle, [(move, s)]), size=256) for s in (-1, 1)]
        )
        odds = face_text.log_odds(face_text.embed_images(pictures), face_text.embed_texts([phrase]))[:, 0]
    assert odds[1] > odds[0] + 3


def test_the_file_of_the_vocabulary_is_complete(face_text):
    vocabulary = json.loads(textmodel._CONFIG.read_text(encoding="utf-8"))["vocabulary"]
    assert list(face_text.vocabulary) == vocabulary == sorted(set(vocabulary))
    assert not face_text.unknown_words(TextEdit("a smile").neutral)


def test_a_phrase_moves_the_tiny_generator_too(tiny):
    moves = Moves(tiny)
    move = moves.text_move(TextEdit("blonde hair"), None)
    assert move.w_plus is None
    assert move.styles.shape == (sum(style_widths(tiny.generator)),)
    assert move.styles.isfinite().all()
    assert move.styles.any()
