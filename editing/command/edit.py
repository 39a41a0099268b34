"""The command `python -m samm edit PHOTO… --out DIR`: invert, change, save with the recipe inside the PNG."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from editing.command.photos import (
    add_model_arguments,
    add_photo_arguments,
    each_inversion,
    options_of,
    whole_photo,
)
from editing.edit import Edit, edit, edit_all
from editing.moves.tools import Tools
from editing.recipe.attributes import ATTRIBUTES, CAR_ATTRIBUTES, TABLES
from editing.recipe.file import load_recipe, provenance, to_json
from editing.recipe.line import describe, parse
from editing.recipe.recipe import MASKS, METHODS, ComponentEdit, Recipe, TextEdit, neutral_of
from editing.strip import GRID, STRIP, grid, join, strip
from samm.crop.domains import FACES, Domain
from samm.crop.photo import PhotoFile
from samm.crop.png import save_png
from samm.errors import OptionError
from samm.inversion import Inversion
from samm.models import PRESETS, load
from samm.pixels import mask_to_u8

__all__ = ["add_parser"]

STRIP_SIZE = 512  # edge of a picture in a strip or grid


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to `python -m samm`."""
    run = commands.add_parser(
        "edit", help="invert photos, change faces or cars by attributes, words and components, and save",
        epilog="Directions and components of other projects can take the place of the embedded ones.",
    )  # fmt: skip
    add_photo_arguments(run)
    changes = run.add_argument_group("changes")
    cars = run.add_argument_group("changes of cars, for presets that draw them", "They need cars_pca.pt.")
    for group, table in ((changes, ATTRIBUTES), (cars, CAR_ATTRIBUTES)):
        for attribute in table.values():
            group.add_argument(
                f"--{attribute.name.replace('_', '-')}",
                type=float,
                metavar="X",
                help=f"{attribute.info}, {attribute.low:g}…{attribute.high:g}",
            )
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
    changes.add_argument("--method", choices=METHODS, default="global", help="how words become an edit")
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
    more = run.add_argument_group("more pictures and other tools")
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
    add_model_arguments(run)
    run.set_defaults(run=_edit, mask_strength=None)


def _edit(args: argparse.Namespace) -> int:
    recipe = _recipe(args, _domain(args.preset))
    variants = _variants(args, recipe)
    model = load(args.preset, args.device, args.precision)
    args.mask_strength = 1.0  # of the inversion; the recipe has the edit's
    tools = Tools(model, dict(_pair(text) for text in args.direction), args.components, args.clip)
    for warning in tools.warnings(recipe):
        tqdm.write(warning)
    for name in recipe.attributes:
        tools.direction(name)  # says before the work, and once, which file is missing

    def finish(stem: Path, inversion: Inversion, photo: PhotoFile, quad: np.ndarray) -> str:
        edited = edit(inversion, recipe, model, tools)
        _save(stem, edited, inversion.domain, photo, quad, args)
        for name, (recipes, columns) in variants.items():
            pictures = edit_all(inversion, recipes, model, tools, min(STRIP_SIZE, model.resolution))
            joined = join(pictures, columns, inversion.domain)
            save_png(joined, stem.with_name(f"{stem.name}_{name}.png"), provenance(recipe))
        kept = inversion.domain.trim(edited.keep_photo[0, 0].numpy()).mean()
        return f"{describe(recipe)}; {100 * kept:.0f} % kept from the photo"

    return 1 if each_inversion(args, model, options_of(args, model), finish) else 0


def _domain(preset: str) -> str:
    """Tell what a preset draws, before it is loaded; `load` refuses one that does not exist."""
    return PRESETS[preset].domain.name if preset in PRESETS else FACES.name


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
    for phrase in args.text:
        recipe = recipe.with_text(_text(phrase, args, neutral_of(domain)))
    for component in args.component:
        recipe = recipe.with_component(_component(component))
    given = {
        name: getattr(args, name) for name in ("mask_strength", "masks") if getattr(args, name) is not None
    }
    return replace(recipe, **given)


def _text(argument: str, args: argparse.Namespace, neutral: str) -> TextEdit:
    phrase, colon, strength = argument.rpartition(":")
    target, strength = (phrase, _number(strength, argument)) if colon else (argument, 1.0)
    neutral = neutral if args.neutral is None else args.neutral
    return TextEdit(target, neutral, strength, args.focus, args.method)


def _component(argument: str) -> ComponentEdit:
    index, _, rest = argument.partition(":")
    strength, _, rows = rest.partition(":")
    start, dash, stop = rows.partition("-")
    if not index.isdigit() or (rows and not (start.isdigit() and dash and stop.isdigit())):
        raise OptionError(
            f"The component {argument} is not understood; write K:X or K:X:A-B, such as 3:1.5:0-8."
        )
    chosen = {"rows": (int(start), int(stop))} if rows else {}
    return ComponentEdit(int(index), _number(strength, argument), **chosen)


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
    return name.replace("-", "_"), Path(file)


def _variants(args: argparse.Namespace, recipe: Recipe) -> dict[str, tuple[list[Recipe], int]]:
    """List the strips and grids that were asked for: recipes, and pictures in a row."""
    variants = {}
    if args.strip:
        name = args.strip.replace("-", "_")
        variants[f"strip_{name}"] = (strip(recipe, name), STRIP)
    if args.grid:
        across, comma, down = args.grid.replace("-", "_").partition(",")
        if not comma:
            raise OptionError(
                f"The grid {args.grid} is not understood; name two attributes, such as age,smile."
            )
        variants[f"grid_{across}_{down}"] = (grid(recipe, across, down), GRID)
    return variants


def _save(
    stem: Path, edited: Edit, domain: Domain, photo: PhotoFile, quad: np.ndarray, args: argparse.Namespace
) -> None:
    def save(kind: str, picture: np.ndarray) -> None:
        save_png(picture, stem.with_name(f"{stem.name}_{kind}.png"), provenance(edited.recipe))

    save("edit", domain.trim(photo.crop_with_alpha(edited.blended, quad)))
    if args.save_mask:
        save("edit_mask", domain.trim(mask_to_u8(edited.keep_photo)))
    if args.whole_photo:
        whole = whole_photo(photo.image_u8, quad, edited.aligned, edited.keep_photo, domain)
        save("whole", photo.with_alpha(whole))
    stem.with_name(f"{stem.name}_recipe.json").write_text(to_json(edited.recipe))
