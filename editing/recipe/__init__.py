"""The recipe: what is to be changed in a picture, as a value, as a line, and as a file."""

from editing.recipe.file import from_json, load_recipe, provenance, to_json
from editing.recipe.line import describe, parse, signed, slug
from editing.recipe.recipe import ComponentEdit, Recipe, TextEdit

__all__ = [
    "ComponentEdit",
    "Recipe",
    "TextEdit",
    "describe",
    "from_json",
    "load_recipe",
    "parse",
    "provenance",
    "signed",
    "slug",
    "to_json",
]
