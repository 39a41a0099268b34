"""Effects of one click: what each sets, and colors of hair that exclude each other."""

import pytest

from editing.effects import EFFECTS, HAIR_COLORS, with_hair_color
from editing.recipe.attributes import ATTRIBUTES
from editing.recipe.recipe import Recipe


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_an_effect_sets_its_attribute_and_leaves_the_rest(effect):
    before = Recipe({"nose": 1.0}, mask_strength=0.5)
    after = effect.on(before)
    assert after.attributes[effect.attribute] == effect.strength
    assert after.with_attribute(effect.attribute, 0) == before
    assert effect.is_in(after)
    assert not effect.is_in(before)
    attribute = ATTRIBUTES[effect.attribute]
    assert attribute.low <= attribute.safe[0] <= effect.strength <= attribute.safe[1] <= attribute.high


def test_effects_have_names_and_labels_of_their_own_and_opposites_do_not_count_as_each_other():
    assert len({effect.name for effect in EFFECTS}) == len({effect.label for effect in EFFECTS}) == 12
    older, younger = (
        next(effect for effect in EFFECTS if effect.name == name) for name in ("older", "younger")
    )
    assert not older.is_in(younger.on(Recipe()))
    assert younger.on(older.on(Recipe())).attributes == {"age": -2.0}


def test_hair_has_one_color_at_a_time():
    for effect in EFFECTS:
        if effect.attribute in HAIR_COLORS:
            others = {name: 1.0 for name in HAIR_COLORS} | {"smile": 1.0}
            assert effect.on(Recipe(others)).attributes == {"smile": 1.0, effect.attribute: effect.strength}
    assert with_hair_color(Recipe({"blond_hair": 2.0, "age": 1.0}), None) == Recipe({"age": 1.0})
    assert with_hair_color(Recipe(), "grey_hair", 0.0) == Recipe()
