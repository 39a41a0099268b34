"""What the page says: headline, privacy, states, and the parts that explain themselves."""

from __future__ import annotations

import html

__all__ = [
    "ABOUT",
    "ASKED",
    "BLENDED",
    "COMPARE",
    "EDITED",
    "EMPTY",
    "EXPIRED",
    "GENERATED",
    "KEPT",
    "PHRASES",
    "TITLE",
    "UNDO_TURN",
    "VIEWS",
    "WHOLE",
    "introduction",
    "say",
]

TITLE = "SAMM face editor"
ASKED = "Use this photo anyway? Answer below it."
EMPTY = "Upload a portrait or pick an example."
UNDO_TURN = "Turn back"  # a button's label, also in the sentence that says that a photo was turned
EXPIRED = "Your photo was deleted from this page, which keeps photos for less than an hour; upload it again."
ABOUT = """
**How it works.** An encoder finds a code for your face and a generator draws it. SAMM (Yang, Xu and Chen,
ICCV 2023) warps the generator's features onto your photo and predicts, at four resolutions, which pixels it
cannot draw: hats, hands, microphones, backgrounds. Those stay as in your photo. An edit moves the code, and
the generator draws the rest anew.

**Limits.** Faces far from the front, small children and heavy shadows work least well. Edits show what the
training photos have in common, with their bias: age may bring glasses, make-up may bring a smile.

**Privacy.** Nothing of an upload but its pixels gets into a result. Files of a visit are deleted when its
page is closed, and at the latest within an hour. Results say in their data that a generative model made them.

**Keys.** Arrow keys move a slider; hold B to see the photo before; Ctrl-Z undoes and Shift-Ctrl-Z redoes.

**Licence.** The generator derives from NVIDIA's StyleGAN2-FFHQ: for non-commercial research only. Cite: Yang,
Xu, Chen, *Out-of-domain GAN inversion via Invertibility Decomposition for Photo-Realistic Human Face
Manipulation*, ICCV 2023.
"""
COMPARE, EDITED, BLENDED, GENERATED, KEPT, WHOLE = VIEWS = (
    "Before / after",
    "Edited",
    "Reconstruction",
    "What the AI draws",
    "From your photo",
    "Whole photo",
)
# One click each; their figures are in the table of words of `editing/README.md`.
PHRASES = (
    "blonde hair",
    "curly hair",
    "grey hair",
    "a beard",
    "bangs",
    "eyebrows thick",
    "red lipstick",
    "makeup",
    "tanned",
    "surprised",
    "sunglasses",
    "an old man",
)


def introduction(privacy: str) -> str:
    """Make the headline, with what becomes of a photo."""
    return f"""# {TITLE}
Upload a portrait, see what a face generator can and cannot redraw, and change the rest: age, smile, pose, or
anything you can say in a few words.

{privacy}"""


def say(sentence: str) -> str:
    """Make the status line: one sentence of present state, read out by screen readers."""
    return f'<p role="status" aria-live="polite">{html.escape(sentence)}</p>'
