"""Effects of one click: each sets one attribute to a strength that is plain to see and leaves a face itself.

Hair has one color at a time, so an effect that gives one takes the others back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from editing.recipe.recipe import Recipe

__all__ = ["EFFECTS", "HAIR_COLORS", "Effect", "with_hair_color"]

HAIR_COLORS = ("blond_hair", "brown_hair", "black_hair", "grey_hair")


@dataclass(frozen=True)
class Effect:
    """One effect.

    Attributes:
        name: key of its preview.
        label: for people.
        attribute: that it sets.
        strength: that it sets it to.
    """

    name: str
    label: str
    attribute: str
    strength: float

    def on(self, recipe: Recipe) -> Recipe:
        """Derive the recipe that has this effect as well."""
        if self.attribute in HAIR_COLORS:
            return with_hair_color(recipe, self.attribute, self.strength)
        return recipe.with_attribute(self.attribute, self.strength)

    def is_in(self, recipe: Recipe) -> bool:
        """Tell whether a recipe has the attribute in this effect's sense, however strong."""
        return recipe.attributes.get(self.attribute, 0) * self.strength > 0


EFFECTS = (
    Effect("smile", "Smile", "smile", 2.0),
    Effect("older", "Older", "age", 2.0),
    Effect("younger", "Younger", "age", -2.0),
    Effect("glasses", "Glasses", "glasses", 2.0),
    Effect("beard", "Beard", "beard", 2.0),
    Effect("blonde", "Blonde", "blond_hair", 2.0),
    Effect("black", "Black hair", "black_hair", 2.0),
    Effect("grey", "Grey hair", "grey_hair", 2.0),
    Effect("bangs", "Bangs", "bangs", 2.0),
    Effect("wavy", "Wavy hair", "wavy_hair", 2.0),
    Effect("makeup", "Make-up", "makeup", 2.0),
    Effect("serious", "Serious", "smile", -2.0),
)


def with_hair_color(recipe: Recipe, color: str | None, strength: float = 0.0) -> Recipe:
    """Derive the recipe in which hair has one of `HAIR_COLORS`, or its own for None."""
    attributes = {name: value for name, value in recipe.attributes.items() if name not in HAIR_COLORS}
    return replace(recipe, attributes=attributes | ({color: strength} if color else {}))
