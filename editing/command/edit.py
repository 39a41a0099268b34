"""The command `python -m samm edit PHOTO… --out DIR`: invert, change, save with the recipe inside the PNG."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from editing.command.choices import ModelChoice, PhotoChoice, add_model_arguments, add_photo_arguments
from editing.command.console import say
from editing.command.photos import Place, each_photo
from editing.edit import Edit, edit, edit_all
from editing.moves.moves import Moves
from editing.recipe.attributes import ATTRIBUTES, CAR_ATTRIBUTES, TABLES, find
from editing.recipe.file import load_recipe, provenance, to_json
from editing.recipe.line import describe, parse
from editing.recipe.recipe import MASKS, METHODS, ComponentEdit, Recipe, TextEdit, neutral_of
from editing.strip import GRID, STRIP, grid, join, strip
from samm.crop.domains import FACES
from samm.crop.png import save_png, write_whole
from samm.errors import OptionError
from samm.inversion import Inversion
from samm.models import PRESETS, Model, load
from samm.pixels import mask_to_u8

__all__ = ["add_parser"]

STRIP_SIZE = 512  # edge of a picture in a strip or grid


@dataclass(frozen=True)
class _Choice:
    """What was asked for.

    Attributes:
        recipe: the changes.
        variants: strips and grids by the end of their files' names: recipes, and pictures in a row.
        save_mask: also save the mask.
        directions: files that take the place of embedded ones, by attribute.
        components: likewise.
        clip: the full CLIP for words.
    """

    recipe: Recipe
    variants: Mapping[str, tuple[list[Recipe], int]]
    save_mask: bool
    directions: Mapping[str, Path]
    components: Path | None
    clip: str | None

    @staticmethod
    def of(args: argparse.Namespace) -> _Choice:
        """Read the command's own arguments."""
        # `load` refuses a preset that does not exist.
        domain = PRESETS[args.preset].domain.name if args.preset in PRESETS else FACES.name
        recipe = _recipe(args, domain)
        variants = _variants(args.strip, args.grid, recipe)
        directions = dict(_pair(text) for text in args.direction)
        return _Choice(recipe, variants, args.save_mask, directions, args.components, args.clip)


@dataclass(frozen=True)
class _Job:
    """What is made of each inversion, by a model and its tools."""

    choice: _Choice
    model: Model
    tools: Moves

    @property
    def settings(self) -> str:
        return repr(self.choice)

    @property
    def endings(self) -> tuple[str, ...]:
        kinds = ["edit", *(["edit_mask"] if self.choice.save_mask else []), *self.choice.variants]
        return ("_recipe.json", *(f"_{kind}.png" for kind in kinds))

    @property
    def text(self) -> dict[str, str]:
        return provenance(self.choice.recipe)

    def draw(self, inversion: Inversion) -> _Edited:
        return _Edited(edit(inversion, self.choice.recipe, self.model, self.tools), inversion, self)


@dataclass(frozen=True)
class _Edited:
    """An edit to be saved, and the inversion from which strips are drawn."""

    picture: Edit
    inversion: Inversion
    job: _Job

    def save(self, stem: Path, place: Place, record: dict[str, str]) -> str:
        edited = self.picture

        def save(kind: str, picture: np.ndarray) -> None:
            save_png(picture, stem.with_name(f"{stem.name}_{kind}.png"), self.job.text)

        for name, (recipes, columns) in self.job.choice.variants.items():
            model = self.job.model
            pictures = edit_all(
                self.inversion, recipes, model, self.job.tools, min(STRIP_SIZE, model.resolution)
            )
            save(name, join(pictures, columns))
        if self.job.choice.save_mask:
            save("edit_mask", edited.domain.trim(mask_to_u8(edited.keep_photo)))
        write_whole(to_json(edited.recipe).encode(), stem.with_name(f"{stem.name}_recipe.json"))
        edited.save(stem.with_name(f"{stem.name}_edit.png"), text={**self.job.text, **record})
        return f"{describe(edited.recipe)}; {100 * edited.kept:.0f} % kept from the photo"


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to `python -m samm`."""
    run = commands.add_parser(
        "edit",
        help="invert photos, change faces or cars by attributes, words and components, and save",
        epilog="Directions and components of other projects can take the place of the embedded ones.",
    )
    add_photo_arguments(run)
    changes = run.add_argument_group("changes")
    cars = run.add_argument_group("changes of cars, for presets that draw them", "They need cars_pca.pt.")
    for group, table in ((changes, ATTRIBUTES), (cars, CAR_ATTRIBUTES)):
        for attribute in table.values():
            group.add_argument(
                f"--{attribute.name.replace('_', '-')}",
                type=float,
                metavar="X",
                help=f"{attribute.label}: {attribute.info}, {attribute.low:g}…{attribute.high:g}",
            )
    _add_changes(changes)
    _add_more(run.add_argument_group("more pictures and other tools"))
    add_model_arguments(run)
    run.set_defaults(run=_run, mask_strength=None)


def _add_changes(changes: argparse._ArgumentGroup) -> None:
    changes.add_argument(
        "--text",
        action="append",
        default=[],
        metavar='"WORDS[:X]"',
        help='such as "blonde hair:1.2"; repeatable',
    )
    changes.add_argument(
        "--neutral", metavar="WORDS", help='what --text starts from (default "a face" or "a car")'
    )
    changes.add_argument("--focus", type=float, help="β of global directions in style space, 0…1")
    changes.add_argument(
        "--method", choices=METHODS, help=f"how the words become an edit (default {TextEdit.method})"
    )
    changes.add_argument(
        "--component",
        action="append",
        default=[],
        metavar="K:X[:A-B]",
        help="principal component K at X σ in rows A…B-1",
    )
    changes.add_argument("--change", metavar="LINE", help='all in one line: "age +2.0, blonde hair 1.2"')
    changes.add_argument(
        "--recipe", type=Path, metavar="FILE", help="a saved recipe, JSON or one of our PNGs"
    )
    changes.add_argument(
        "--mask-rule", dest="masks", choices=MASKS, help="how the edit meets the masks (default adaptive)"
    )


def _add_more(more: argparse._ArgumentGroup) -> None:
    more.add_argument(
        "--strip", metavar="NAME", help=f"also save {STRIP} strengths of an attribute side by side"
    )
    more.add_argument(
        "--grid", metavar="NAME,NAME", help=f"also save {GRID}×{GRID} strengths of two attributes"
    )
    more.add_argument(
        "--save-mask", action="store_true", help="also save the mask the result was blended with"
    )
    more.add_argument(
        "--direction",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="use a published direction for a slider",
    )
    more.add_argument(
        "--components", type=Path, metavar="FILE", help="use other components: ffhq_pca.pt, cars_pca.pt"
    )
    more.add_argument("--clip", metavar="NAME[:WEIGHTS]", help="use a full CLIP of open_clip for words")


def _run(args: argparse.Namespace) -> int:
    photos, chosen, choice = PhotoChoice.of(args), ModelChoice.of(args), _Choice.of(args)
    model = load(chosen.preset, chosen.device, chosen.precision)
    tools = Moves(model, choice.directions, choice.components, choice.clip)
    for warning in tools.warnings(choice.recipe):
        say(warning)
    for name in choice.recipe.attributes:
        tools.direction(name)  # says before the work, and once, which file is missing
    return 1 if each_photo(photos, model, chosen.options(model), _Job(choice, model, tools)) else 0


def _recipe(args: argparse.Namespace, domain: str) -> Recipe:
    """Put all changes together; a single argument wins over --change, and that over --recipe."""
    recipe = load_recipe(args.recipe, domain) if args.recipe else Recipe(domain=domain)
    if args.change is not None:
        line = parse(args.change, domain)
        masks = {name: getattr(line, name) for name in ("mask_strength", "masks")}
        recipe = replace(
            recipe,
            attributes={**recipe.attributes, **line.attributes},
            texts=recipe.texts + line.texts,
            components=recipe.components + line.components,
            **{name: value for name, value in masks.items() if value != getattr(Recipe, name)},
        )
    for name in (name for table in TABLES.values() for name in table):
        strength = getattr(args, name)
        recipe = recipe if strength is None else recipe.with_attribute(name, strength)
    for text in _texts(args, domain):
        recipe = recipe.with_text(text)
    for component in args.component:
        recipe = recipe.with_component(_component(component))
    given = {
        name: getattr(args, name) for name in ("mask_strength", "masks") if getattr(args, name) is not None
    }
    return replace(recipe, **given)


def _texts(args: argparse.Namespace, domain: str) -> list[TextEdit]:
    """Read --text, and what says how it is meant."""
    for name in ("neutral", "focus", "method"):
        if getattr(args, name) is not None and not args.text:
            raise OptionError(f"--{name} says how the words of --text are meant; write them there.")
    neutral = neutral_of(domain) if args.neutral is None else args.neutral
    method = args.method or TextEdit.method
    phrases = [_phrase(argument) for argument in args.text]
    return [TextEdit(phrase, neutral, strength, args.focus, method) for phrase, strength in phrases]


def _phrase(argument: str) -> tuple[str, float]:
    phrase, colon, strength = argument.rpartition(":")
    return (phrase, _number(strength, argument)) if colon else (argument, 1.0)


def _component(argument: str) -> ComponentEdit:
    index, _, rest = argument.partition(":")
    strength, _, rows = rest.partition(":")
    start, dash, stop = rows.partition("-")
    if not index.isdecimal() or (rows and not (start.isdecimal() and dash and stop.isdecimal())):
        raise OptionError(
            f"The component {argument} is not understood; write K:X or K:X:A-B, such as 3:1.5:0-8."
        )
    number, sigmas = int(index), _number(strength, argument)
    return ComponentEdit(number, sigmas, (int(start), int(stop))) if rows else ComponentEdit(number, sigmas)


def _number(text: str, argument: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise OptionError(
            f"The strength in “{argument}” is not a number; write it after a colon, such as :1.2."
        ) from None


def _pair(argument: str) -> tuple[str, Path]:
    name, equals, file = argument.partition("=")
    if not equals:
        raise OptionError(f"The direction {argument} is not understood; write NAME=FILE, such as age=age.pt.")
    return name, Path(file)


def _variants(
    strip_of: str | None, grid_of: str | None, recipe: Recipe
) -> dict[str, tuple[list[Recipe], int]]:
    """List the strips and grids that were asked for: recipes, and pictures in a row."""
    variants = {}
    if strip_of is not None:
        name = find(strip_of, recipe.domain).name
        variants[f"strip_{name}"] = (strip(recipe, name), STRIP)
    if grid_of is not None:
        across, comma, down = grid_of.partition(",")
        if not comma:
            raise OptionError(
                f"The grid {grid_of} is not understood; name two attributes, such as age,smile."
            )
        across, down = (find(name, recipe.domain).name for name in (across, down))
        variants[f"grid_{across}_{down}"] = (grid(recipe, across, down), GRID)
    return variants
