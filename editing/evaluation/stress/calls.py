"""Calls as programs send them: by every route, with values that fit and values that do not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from editing.evaluation.stress.cases import any_value, lines, recipe_values
from editing.evaluation.stress.fuzz import Kind
from editing.evaluation.stress.seeds import EXAMPLES
from editing.evaluation.stress.site import META, Refused, Site
from editing.recipe.file import from_json

__all__ = ["api_arguments"]

_SECOND = {"invert": "face", "edit": "recipe"}  # argument after the photo
_OUR_FAULT = "on our side"
_HUGE = ("9" * 5000, "a" * 30_000, "\ud800", "\0", "\u202e1", 10**400, -(10**400), 1e308, float("nan"), -0.0)
_FACES = (1, -1, 0.7, "1", "-0", "０", "²", "1e0", "left", "", " all ", True, [0], None)
_RECIPES = ("turn +1", "age +2, no glasses", "mask strength 0.5", "", "blonde hair", "60 years old")
_PATHS = (
    *("", "/", "..", "/etc/passwd", "/proc/self/environ", "~/.ssh", "C:\\secret.jpg", "file:///etc/passwd"),
    *("http://127.0.0.1:9/a.jpg", "data:image/png;base64,AAAA", "hopper.jpg/../cap.jpg", "HOPPER.JPG"),
    *("ｈopper.jpg", "hopper.jpg\0", "a" * 300, str(EXAMPLES / "hopper.jpg"), str(EXAMPLES)),
)


@dataclass(frozen=True)
class Call:
    """One call: its route, the function's name, and values in order or by name."""

    route: str
    name: str
    values: Any


def api_arguments(site: Site) -> Kind:
    """Give the way in for programs, at a page that runs."""
    return Kind("API arguments", 0.02, _calls(), lambda call: _make(site, call))


def _calls() -> st.SearchStrategy[Call]:
    wrong = st.sampled_from(_HUGE) | any_value()
    path = st.sampled_from(_PATHS) | st.text(max_size=20)
    fields = {
        "photo": _often(
            st.sampled_from([{"path": "hopper.jpg"}, {"path": "cap.jpg", **META}]),
            st.builds(lambda path: {"path": path, **META}, path),
            st.builds(lambda path, more: {"path": path, "url": path, "meta": more}, path, any_value()),
            path | wrong,
        ),
        "recipe": _often(st.sampled_from(_RECIPES), lines(), recipe_values().map(json.dumps), wrong),
        "face": _often(st.sampled_from([0, 0.0, "0", "largest", "ALL"]), st.sampled_from(_FACES), wrong),
    }

    def of(name: str) -> st.SearchStrategy[Call]:
        names = ["photo", *(["recipe"] if name == "edit" else []), "face"]
        named = st.fixed_dictionaries({one: fields[one] for one in names})
        ordered = named.map(lambda values: list(values.values()))
        counted = st.builds(lambda values, count: [*values, None][:count], ordered, st.integers(0, 4))
        spoiled = st.builds(
            lambda values, more: {**values, **more},
            named,
            st.dictionaries(st.text(max_size=6), wrong, min_size=1, max_size=2),
        )
        routes = st.sampled_from(["queue", "call", "run", "api"])
        in_order = st.builds(Call, routes, st.just(name), _often(ordered, counted, wrong))
        return in_order | st.builds(Call, st.just("call/v2"), st.just(name), _often(named, spoiled, wrong))

    return st.sampled_from(["invert", "edit"]).flatmap(of)


def _often(good: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give a fitting value three times of four."""
    return st.integers(0, 3).flatmap(lambda dice: good if dice else st.one_of(*others))


def _make(site: Site, call: Call) -> None:
    """Make a call; it has a right result or one sentence, and leaves no traceback in the log."""
    logged, results, refused = len(site.log()), [], None
    try:
        results = _results(site, call)
    except Refused as error:
        refused = error
    told = site.log()[logged:]
    assert "Traceback" not in told, told[-400:]
    if refused:
        assert _OUR_FAULT not in str(refused), str(refused)
        raise refused
    report = results[3]
    assert report["faces"] >= 1
    assert isinstance(report["warnings"], list)
    if call.name == "edit":
        from_json(results[2])
        assert report["edited"]


def _results(site: Site, call: Call) -> list[Any]:
    if call.route == "queue":
        return site.call(call.name, call.values)
    body = call.values if call.route == "call/v2" else {"data": call.values}
    route = f"/gradio_api/{call.route}/{call.name}"
    answer = json.loads(site.ask("POST", route, json.dumps(body).encode()))
    if not call.route.startswith("call"):
        return answer["data"]
    said = site.ask("GET", f"/gradio_api/call/{call.name}/{answer['event_id']}").decode()
    event, _, data = said.rstrip().rpartition("\n")
    content = json.loads(data.removeprefix("data:"))
    if "event: complete" not in event:
        raise Refused(str(content["error"] if isinstance(content, dict) else content))
    return content if isinstance(content, list) else list(content.values())
