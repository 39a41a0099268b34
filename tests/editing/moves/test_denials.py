"""Denials with the embedded model: the move mirrors, and drawn faces move away from what is denied.

`python -m pytest -m long -s tests/editing/moves/test_denials.py` prints the figures of `editing/README.md`.
"""

import pytest
import torch
import torch.nn.functional as F

from editing.moves.directions import sample_w, spread
from editing.moves.move import moved_styles
from editing.moves.moves import Moves
from editing.moves.scorer import Scorer, load_scorer
from editing.recipe.recipe import TextEdit

# What is typed, the plain phrase, and the score that has to fall ("-": rise), where there is one.
DENIALS = (
    ("not old", "old", "age"),
    ("not young", "young", "young"),
    ("no wrinkles", "wrinkles", "age"),
    ("without sunglasses", "sunglasses", "dark_lenses"),
    ("remove the glasses", "glasses", "eyeglasses"),
    ("not wearing spectacles", "spectacles", "eyeglasses"),
    ("not a man", "a man", "male"),
    ("not a woman", "a woman", "-male"),
    ("doesn't smile", "smile", "smiling"),
    ("never smiling", "smiling", "smiling"),
    ("not laughing", "laughing", "smiling"),
    ("no beard", "beard", "-no_beard"),
    ("get rid of the beard", "beard", "-no_beard"),
    ("no mustache", "mustache", "mustache"),
    ("without stubble", "stubble", "5_o_clock_shadow"),
    ("not bald", "bald", "bald"),
    ("no bangs", "bangs", "bangs"),
    ("no makeup", "makeup", "heavy_makeup"),
    ("without lipstick", "lipstick", "wearing_lipstick"),
    ("not blonde", "blonde", "blond_hair"),
    ("no grey hair", "grey hair", "gray_hair"),
    ("less curly hair", "curly hair", "wavy_hair"),
    ("no hat", "hat", "wearing_hat"),
    ("no earrings", "earrings", "wearing_earrings"),
    ("not chubby", "chubby", "chubby"),
    ("no double chin", "double chin", "double_chin"),
    ("isn't pale", "pale", "pale_skin"),
    ("no bushy eyebrows", "bushy eyebrows", "bushy_eyebrows"),
)
FACES = 4


@pytest.fixture(scope="module")
def moves(embedded) -> Moves:
    return Moves(embedded)


@pytest.mark.long
def test_drawn_faces_move_away_from_what_is_denied(embedded, moves):
    generator, scorer = embedded.generator, load_scorer()
    w_plus = spread(sample_w(generator, FACES, 0.7, seed=5), generator.num_layers)
    away, fell = {}, {}
    with torch.inference_mode():
        before = generator.synthesize(w_plus, size=256).clamp(-1, 1)
        for phrase, plain, score in DENIALS:
            edit = TextEdit(phrase)
            move, same = (moves.text_move(text, None) for text in (edit, TextEdit(plain)))
            mirrored = F.cosine_similarity(edit.strength * move.styles, same.styles, dim=0)
            assert float(mirrored) == pytest.approx(-1, abs=1e-5)
            styles = moved_styles(generator, w_plus, [(move, edit.strength)])
            after = generator.draw(styles, size=256).clamp(-1, 1)
            said = moves.text_model.embed_texts([plain])
            nearer = [moves.text_model.embed_images(picture) @ said.T for picture in (before, after)]
            sign = -1 if score.startswith("-") else 1
            seen = [sign * scorer(picture)[:, Scorer.column(score)] for picture in (before, after)]
            away[phrase] = int((nearer[1] < nearer[0]).sum())
            fell[phrase] = int((seen[1] < seen[0]).sum())
            print(f"{phrase:24} → {plain:16} away {away[phrase]}/{FACES}  score falls {fell[phrase]}/{FACES}")
    total = FACES * len(DENIALS)
    print(f"away {sum(away.values())} of {total}, score falls {sum(fell.values())} of {total}")
    assert sum(away.values()) >= 0.9 * total
    assert sum(fell.values()) >= 0.8 * total  # a beard, a hat or glasses are seldom there to be taken away
