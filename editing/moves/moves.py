"""What a recipe's parts move, for one generator: directions, components and words, loaded when first needed.

One `Moves` serves all photos and sessions of a model; what was asked for last is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from editing.moves import weights
from editing.moves.age import apparent_age, strength_between
from editing.moves.cache import Recent
from editing.moves.components import Components, component_direction, load_components
from editing.moves.directions import Direction, load_direction, load_directions, sample_w, sigma_along
from editing.moves.move import Move
from editing.moves.words.axes import meant_change
from editing.moves.words.global_directions import (
    Channels,
    even_reach,
    global_direction,
    load_channels,
    random_channels,
)
from editing.moves.words.mapper import mapper_of
from editing.moves.words.model import TextModel, load_text_model
from editing.moves.words.optimize import search
from editing.recipe.ages import Age, read_age
from editing.recipe.attributes import CarAttribute, find
from editing.recipe.recipe import Recipe, TextEdit, neutral_of
from samm.crop.domains import FACES
from samm.errors import OptionError, WeightsError
from samm.inversion import Inversion, Progress
from samm.models import DEFAULT, PRESETS, Model, load_descriptor
from samm.pixels import to_pm1

__all__ = ["Moves"]

SAMPLES = 20_000
MOVES_KEPT = 256  # phrases with their global directions, 20 KB each
OPTIMA_KEPT = 8  # results of latent optimization


class Moves:
    """Directions, components and text tools for one model.

    Args:
        model: whose generator is edited.
        directions: published or other direction files that replace a slider's own, by attribute name.
        components: a components file instead of the embedded one, such as `ffhq_pca.pt`; for cars instead of
            `cars_pca.pt` where weights lie.
        clip: a full CLIP of open_clip, "NAME" or "NAME:WEIGHTS", instead of the embedded text model.

    Raises:
        OptionError: `directions` names no attribute, or a file's shape does not fit.
        WeightsError: a file is missing or damaged.
    """

    def __init__(
        self,
        model: Model,
        directions: Mapping[str, Path] | None = None,
        components: Path | None = None,
        clip: str | None = None,
    ):
        self._model = model
        self._components_file = components
        self._clip = clip
        self._replaced = dict(self._load_direction(*item) for item in (directions or {}).items())
        self._moves = Recent[TextEdit, Move](MOVES_KEPT)
        self._optima = Recent[tuple[str, int], Tensor](OPTIMA_KEPT)
        self._lock = Lock()

    def direction(self, name: str) -> Direction:
        """Give an attribute's direction for this generator.

        Raises:
            OptionError: the domain has no attribute of that name.
            WeightsError: a file is missing or damaged.
        """
        attribute = find(name, self._model.domain.name)
        if attribute.name in self._replaced:
            return self._replaced[attribute.name]
        if isinstance(attribute, CarAttribute):
            return self._along_component(attribute)
        return self._own_directions[attribute.name]

    @cached_property
    def components(self) -> Components:
        """The principal components of W."""
        file = weights.COMPONENTS if self._for_faces else weights.CARS_PCA
        return load_components(self._components_file or file.path())

    @cached_property
    def text_model(self) -> TextModel:
        """The text model: the embedded one, which knows faces only, or the full CLIP that was asked for."""
        if self._clip is None and not self._for_faces:
            raise OptionError(
                f"The embedded text model knows faces only; for words about {self._model.domain.name}s "
                "choose a full CLIP, as in --clip ViT-B-32:openai."
            )
        with torch.inference_mode(False):  # weights made under it could not enter an optimization
            return load_text_model(self._clip, self._model.device)

    def prepare(self) -> None:
        """Load everything that quick edits need now, instead of when it is first asked for."""
        _ = self._own_directions, self.components, self._channels

    def warnings(self, recipe: Recipe) -> list[str]:
        """Say which words of a recipe the text model does not know, and that ages are estimates.

        Every way in for a recipe shows them: words on the page, the command line, a call, a file.
        """
        sentences = []
        for text in recipe.texts:
            if read_age(text.target):
                sentences.append(
                    f"The age in “{text.target}” is reached by the age slider, to about ten years."
                )
                continue
            phrases = (text.target, *([text.neutral] if text.neutral != neutral_of(recipe.domain) else []))
            unknown = [word for phrase in phrases for word in self.text_model.unknown_words(phrase)]
            if unknown:
                listed = ", ".join(f"“{word}”" for word in unknown)
                sentences.append(
                    f"The embedded text model was never trained on {listed}, so “{text.target}” may do "
                    "something else; it knows hair, beard, glasses, make-up, age, expression and face shape. "
                    "Full CLIP knows more."
                )
        return sentences

    def text_move(self, text: TextEdit, inversion: Inversion, progress: Progress | None = None) -> Move:
        """Turn words into what they do to a code at a strength of 1.

        Ages are moves of the age slider, see `editing.moves.age`. Global directions serve every face; a
        latent optimization belongs to one inversion, see `forget`. The last `MOVES_KEPT` and `OPTIMA_KEPT` of
        them that were used are kept.

        Args:
            text: the words.
            inversion: the face that is edited.
            progress: told of each step of an optimization; its answer True ends it with what it has.

        Raises:
            OptionError: no word is known, both phrases mean the same, or no mapper was trained for the
                phrase.
            WeightsError: a file is missing or damaged.
        """
        if age := read_age(text.target):
            return self._aged(age, inversion)
        if text.method == "optimize":
            return self._searched(text, inversion, progress)
        if text.method == "mapper":
            mapper = mapper_of(text.target, self._model.device)
            return Move(w_plus=mapper(inversion.w_plus.to(self._model.device)))
        key = replace(text, strength=1.0)
        with self._lock:
            return self._moves.get(key, lambda: self._global(text))

    def forget(self, inversion: Inversion) -> None:
        """Drop what was searched for one face; a search that still runs is kept when it ends."""
        face = _face_key(inversion)
        self._optima.drop(lambda key: key[1] == face)

    def _aged(self, age: Age, inversion: Inversion) -> Move:
        """Move a face to an age, from how old its drawing looks."""
        direction = self.direction("age")
        now = apparent_age(to_pm1(inversion.aligned).to(self._model.device))
        strength = strength_between(now, age.of(now))
        return Move(w_plus=(strength * direction.sigma * direction.vector).to(self._model.device))

    def _global(self, text: TextEdit) -> Move:
        """Give a phrase's global direction, the same for all faces."""
        with torch.inference_mode():
            delta_t = meant_change(self.text_model, text.target, text.neutral)
            return Move(
                styles=even_reach(self._channels, global_direction(self._channels, delta_t, text.focus))
            )

    @cached_property
    def _channels(self) -> Channels:
        """What style channels do, for this generator and text model."""
        generator, text_model = self._model.generator, self.text_model
        if not PRESETS[self._model.preset].weights:
            return random_channels(generator, text_model)  # a generator without meaning has none to measure
        file = weights.channels_of(text_model.name)
        try:
            return load_channels(file.path(), generator, text_model)
        except WeightsError as error:
            if self._clip is None and self._model.preset == DEFAULT:
                raise
            clip = f" --clip {self._clip}" if self._clip else ""
            raise OptionError(
                f"Nothing was measured yet for the text model {text_model.name} with this generator: run "
                f"python -m editing.training channels --preset {self._model.preset}{clip}, put {file.name} "
                "into the folder that SAMM_WEIGHTS names, or use the method optimize."
            ) from error

    def _searched(self, text: TextEdit, inversion: Inversion, progress: Progress | None) -> Move:
        key = (text.target, _face_key(inversion))
        return Move(w_plus=self._optima.get(key, lambda: self._search(text.target, inversion, progress)))

    def _search(self, target: str, inversion: Inversion, progress: Progress | None) -> Tensor:
        identity = load_descriptor(self._model.device) if self._for_faces else None
        return search(self._model, self.text_model, target, inversion, identity, progress)

    @property
    def _for_faces(self) -> bool:
        return self._model.domain == FACES

    @cached_property
    def _own_directions(self) -> dict[str, Direction]:
        return load_directions(weights.DIRECTIONS.path(), self._model.generator.num_layers)[0]

    def _along_component(self, attribute: CarAttribute) -> Direction:
        """Turn a car's attribute into a direction of which 1 is its amount."""
        layers = self._model.generator.num_layers
        plain = component_direction(self.components, attribute.component, layers, attribute.rows)
        sign = math.copysign(1.0, attribute.amount)
        return Direction(sign * plain.vector, abs(attribute.amount) * plain.sigma, attribute.name)

    @cached_property
    def _samples(self) -> Tensor:
        """Samples of W (M, 512) to measure deviations on."""
        return sample_w(self._model.generator, SAMPLES, 1.0, seed=2)

    def _load_direction(self, name: str, path: Path) -> tuple[str, Direction]:
        attribute = find(name, self._model.domain.name)  # or refuse
        layers = self._model.generator.num_layers
        return attribute.name, load_direction(path, layers, lambda unit: sigma_along(self._samples, unit))


def _face_key(inversion: Inversion) -> int:
    """Tell the code of one face, and the generator tuned to it, from others."""
    tensors = [inversion.w_plus, *inversion.tuned.values()]
    return hash(tuple(tensor.numpy().tobytes() for tensor in tensors))
