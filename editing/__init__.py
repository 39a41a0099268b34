"""Editing an inverted photo: attributes, words and components in recipes, and how recipes are drawn."""

from editing.edit import Edit, edit, edit_all
from editing.moves.moves import Moves
from editing.recipe.attributes import ATTRIBUTES, CAR_ATTRIBUTES
from editing.recipe.file import load_recipe, provenance, to_json
from editing.recipe.line import describe, parse
from editing.recipe.recipe import ComponentEdit, Recipe, TextEdit
from editing.strip import grid, strip

__all__ = [
    "ATTRIBUTES",
    "CAR_ATTRIBUTES",
    "ComponentEdit",
    "Edit",
    "Recipe",
    "TextEdit",
    "Moves",
    "describe",
    "edit",
    "edit_all",
    "grid",
    "load_recipe",
    "parse",
    "provenance",
    "strip",
    "to_json",
]
