"""The recipe as a file: JSON, and the text fields of a PNG."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar
from xml.sax.saxutils import escape

from editing.recipe.line import describe
from editing.recipe.recipe import MAX_CHARACTERS, ComponentEdit, Recipe, TextEdit, is_whole, show
from samm.crop.domains import FACES
from samm.crop.png import read_png_text
from samm.errors import OptionError

__all__ = [
    "from_json",
    "load_recipe",
    "provenance",
    "to_json",
]

_VERSION = 1
_TOOL = "SAMM face editor"
_PNG_FIELD = "samm:recipe"
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
   <Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


_Part = TypeVar("_Part", TextEdit, ComponentEdit)
_Kind = TypeVar("_Kind", TextEdit, ComponentEdit, Recipe)


def to_json(recipe: Recipe) -> str:
    """Write a recipe as one line of JSON: the version and what differs from the defaults, in fixed order."""
    # Pure ASCII, which also survives tools that turn the PNG's text into Latin-1.
    return json.dumps({"recipe": _VERSION, **_differences(recipe)}, default=_plain)


def from_json(text: str, domain: str = FACES.name) -> Recipe:
    """Read what `to_json` wrote of a recipe for this domain.

    Raises:
        OptionError: larger than 64 KB, not JSON, another version or domain, unknown or missing fields, wrong
            types, or values that a `Recipe` refuses.
    """
    if len(text) > MAX_CHARACTERS:
        raise OptionError("This recipe is larger than 64 KB; choose one that was saved by this program.")
    try:
        content = json.loads(text, object_pairs_hook=_fields)
    except (ValueError, RecursionError) as error:  # nested too deeply
        raise OptionError(
            "This recipe is not JSON, or is cut off; choose one that was saved by this program."
        ) from error
    if not isinstance(content, dict) or "recipe" not in content:
        raise OptionError(
            'This JSON has no version in a field "recipe"; choose a recipe that was saved by this program.'
        )
    version = content.pop("recipe")
    if not is_whole(version) or version != _VERSION:
        raise OptionError(
            f"This recipe has version {show(version)}, and this program reads version {_VERSION}; "
            "save it again with the same version of the program."
        )
    content["texts"] = _build_all(TextEdit, content, "texts")
    content["components"] = _build_all(ComponentEdit, content, "components")
    if not isinstance(content.get("attributes", {}), dict):
        raise OptionError(
            f"The recipe's attributes are {show(content['attributes'])}; write them as names with strengths."
        )
    recipe = _build(Recipe, content, "the recipe")
    if recipe.domain != domain:
        raise OptionError(
            f"This recipe is for {recipe.domain}s, and these are {domain}s; choose another recipe or a "
            f"preset for {recipe.domain}s."
        )
    return recipe


def provenance(recipe: Recipe) -> dict[str, str]:
    """Give the text fields for `samm.crop.png.save_png`: recipe, program, and how the picture was made.

    The XMP packet states IPTC's digital source type "composite with trained algorithmic media", by which
    other programs recognize an edited picture (IPTC Photo Metadata Standard, NewsCodes).
    """
    packet = _XMP.format(tool=_TOOL, source=_SOURCE_TYPE, text=escape(describe(recipe)))
    return {_PNG_FIELD: to_json(recipe), "Software": _TOOL, "XML:com.adobe.xmp": packet}


def load_recipe(path: str | Path, domain: str = FACES.name) -> Recipe:
    """Read a recipe from JSON or from a PNG that was saved with `provenance`, told apart by content.

    Raises:
        OptionError: the file is missing, unreadable, no recipe or one for another domain.
        PhotoError: the PNG is damaged.
    """
    path = Path(path)
    if not os.path.isfile(path):  # unlike `Path.is_file`, says no to what it may not look at
        raise OptionError(f"There is no recipe file {path.name}; check its name and folder.")
    try:
        with path.open("rb") as stream:
            data = stream.read(4 * MAX_CHARACTERS + 1)  # UTF-8 takes up to 4 bytes for a character
    except OSError as error:
        raise OptionError(
            f"The recipe {path.name} cannot be opened ({(error.strerror or 'unknown reason').lower()}); "
            "change its permissions or choose another file."
        ) from error
    if data.startswith(b"\x89PNG"):
        text = read_png_text(path).get(_PNG_FIELD)
        if text is None:
            raise OptionError(
                f"The picture {path.name} holds no recipe; choose a PNG as it was saved by this program."
            )
        return from_json(text, domain)
    text = data.decode(json.detect_encoding(data), errors="replace")  # UTF-8, 16 or 32, by mark or by zeros
    if not text.lstrip().startswith("{"):
        raise OptionError(f"{path.name} is no recipe; choose a JSON or PNG file saved by this program.")
    return from_json(text, domain)


def _differences(edit: TextEdit | ComponentEdit | Recipe) -> dict[str, Any]:
    """List the values of an edit that are not the defaults."""
    values = {field.name: getattr(edit, field.name) for field in fields(edit)}
    return {field.name: values[field.name] for field in fields(edit) if values[field.name] != field.default}


def _plain(value: Mapping[str, float] | TextEdit | ComponentEdit) -> dict[str, Any]:
    """Turn what JSON does not know into a dictionary."""
    return dict(value) if isinstance(value, Mapping) else _differences(value)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object whose fields stand there once: of two strengths, neither is surely meant."""
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(name for name, _ in pairs if sum(other == name for other, _ in pairs) > 1)
        raise OptionError(f"The recipe says {show(twice)} twice in one place; keep one of them.")
    return content


def _build_all(kind: type[_Part], content: Mapping[str, Any], name: str) -> list[_Part]:
    """Make the edits of a list in a recipe's JSON."""
    edits = content.get(name, [])
    if not isinstance(edits, list):
        raise OptionError(f"The recipe's {name} are {show(edits)}; write them as a list.")
    return [_build(kind, edit, f"the recipe's {name}") for edit in edits]


def _build(kind: type[_Kind], content: Any, where: str) -> _Kind:
    """Make an edit from a JSON object that has all the fields it needs and no others."""
    known = [field.name for field in fields(kind)]
    if not isinstance(content, dict):
        raise OptionError(f"An entry of {where} is {show(content)}; write it as fields in braces.")
    for name in content:
        if name not in known:
            raise OptionError(f"There is no field {show(name)} in {where}; allowed are {', '.join(known)}.")
    for field in fields(kind):
        if field.default is MISSING and field.name not in content:
            raise OptionError(f"An entry of {where} lacks its field {field.name}; add it.")
    return kind(**content)
