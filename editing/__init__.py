"""Editing an inverted photo: attributes, words and components in recipes, and how recipes are drawn."""

from editing.attributes import ATTRIBUTES, CAR_ATTRIBUTES
from editing.edit import Edit, edit, edit_all, reblend
from editing.recipe import ComponentEdit, Recipe, TextEdit, describe, load_recipe, parse, provenance, to_json
from editing.strip import grid, strip
from editing.tools import Tools

__all__ = [
    "ATTRIBUTES",
    "CAR_ATTRIBUTES",
    "ComponentEdit",
    "Edit",
    "Recipe",
    "TextEdit",
    "Tools",
    "describe",
    "edit",
    "edit_all",
    "grid",
    "load_recipe",
    "parse",
    "provenance",
    "reblend",
    "strip",
    "to_json",
]
