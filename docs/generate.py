"""Write the parts of the documents that follow from the code.

Run `make docs` after changing an error, a setting, a table of transitions or the title of a decision. `make check`
fails where a document differs from the code.

Two pages are generated whole: `docs/errors.md` and `docs/settings.md`. In other documents a generated part stands
between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from app.action_items import lifecycle as action_items
from app.assessments import lifecycle as assessments
from app.errors import FieldError, Invalid, catalogue
from app.exports.columns import columns_of
from app.exports.lists import get_item_model
from app.http import problems
from app.main import ROUTERS
from app.readiness import examples
from app.settings import Settings
from app.tree.archived import rules_table

ROOT: Final = Path(__file__).resolve().parents[1]

_ERRORS = """\
# Errors

This page is generated from the classes of errors (`make docs`).

Every failure is `application/problem+json`:

```json
{example}
```

- `code` is stable. Programs compare it, never `title` or `detail`.
- `title` is the same for every occurrence of a code. `detail` says more about this one.
- `errors` names the places at fault by JSON Pointer: `/body/…`, `/query/…`, `/path/…`.
- `request_id` is also the header `X-Request-Id`, and stands in the log.
- Values that were sent are not repeated. The path and the names of unknown fields and parameters are, bounded and
  escaped.

The OpenAPI document lists for each operation the codes that it can answer with.
[The conventions of the API](api.md) say when to send a request again.

| status | code | title |
|---|---|---|
{rows}
"""
_SETTINGS = """\
# Settings

This page is generated from `app/settings.py` (`make docs`).

The service reads its settings from the environment when it starts. An unknown name that begins with `FA_`, a malformed
value or an unsafe combination stops the start with one line that names the setting and never its value. An empty value
counts as unset.

| setting | default | values | meaning |
|---|---|---|---|
{rows}
"""
#: The figures of a readiness answer that the README shows.
_SAMPLE: Final = ("readiness", "band", "coverage", "bounds", "provisional", "path_to_established", "finality", "notice")


def errors_page() -> str:
    """List every error by status and code."""
    kinds = sorted({(kind.status, kind.code, kind.title) for kind in catalogue()})
    rows = "\n".join(f"| {status} | `{code}` | {title} |" for status, code, title in kinds)
    error = Invalid(errors=[FieldError("/body/name", "missing", "Field required")])
    example = problems.document(error, instance="/v1/programs", request_id="0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    return _ERRORS.format(example=json.dumps(example, indent=2), rows=rows)


def settings_page() -> str:
    """List every setting in the order of `Settings`."""
    rows = "\n".join(
        f"| `FA_{name.upper()}` | {_default(field)} | {_values(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    )
    return _SETTINGS.format(rows=rows)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value == []:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(field: FieldInfo) -> str:
    """Return the bounds or the choices of a setting, where it has any."""
    choices = [choice for choice in getattr(field.annotation, "__args__", ()) if isinstance(choice, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    limits = [(limit, part) for part in field.metadata for limit in ("ge", "gt", "le") if hasattr(part, limit)]
    bounds = {limit: getattr(part, limit) for limit, part in limits}
    if "le" not in bounds:
        return ""
    return f"more than {bounds['gt']}, up to {bounds['le']}" if "gt" in bounds else f"{bounds['ge']} to {bounds['le']}"


def decisions_index() -> str:
    """List the decisions by number, one a line.

    Raises:
        ValueError: two decisions have one number, or a decision has no title.
    """
    files = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [file.name[:4] for file in files]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"two decisions have one number: {sorted({n for n in numbers if numbers.count(n) > 1})}")
    lines = []
    for file in files:
        title = re.match(r"# (?:\d+\. )?(.+)\n", file.read_text(encoding="utf-8"))
        if title is None:
            raise ValueError(f"{file.name} does not begin with its title")
        lines.append(f"- [{file.name[:4]}]({file.name}) {title[1]}")
    return "\n".join(lines)


def state_diagram(transitions: Mapping[Any, Sequence[Any]], needs_reason: Callable[[Any, Any], bool]) -> str:
    """Draw a Mermaid diagram. The first state is where everything begins; a move that needs a reason says so."""
    states: list[StrEnum] = list(transitions)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {states[0]}"]
    for state in states:
        for to in transitions[state]:
            lines.append(f"    {state} --> {to}{': with a reason' if needs_reason(state, to) else ''}")
        if not transitions[state]:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])


def sample_answer() -> str:
    """Return some figures of the readiness that the OpenAPI document shows as an example."""
    result = examples.readiness()
    lines = [f"  {json.dumps(name)}: {json.dumps(result[name])}" for name in _SAMPLE]
    return "```json\n{\n" + ",\n".join(lines) + "\n}\n```"


def export_columns() -> str:
    """List the columns of the export of each list."""
    rows = []
    for route in (route for router in ROUTERS for route in router.routes):
        model = get_item_model(route)
        if model is not None:
            columns = ", ".join(f"`{column.header}`" for column in columns_of(model))
            rows.append(f"| `{getattr(route, 'path', '')}` | {columns} |")
    return "\n".join(["| list | columns |", "|---|---|", *sorted(rows)])


PAGES: Final[Mapping[str, Callable[[], str]]] = {"docs/errors.md": errors_page, "docs/settings.md": settings_page}
PARTS: Final[Mapping[tuple[str, str], Callable[[], str]]] = {
    ("README.md", "sample answer"): sample_answer,
    ("docs/integrations/exports.md", "columns"): export_columns,
    ("docs/concepts.md", "states of assessments"): lambda: state_diagram(
        assessments.TRANSITIONS, assessments.needs_reason
    ),
    ("docs/concepts.md", "states of action items"): lambda: state_diagram(
        action_items.TRANSITIONS, action_items.needs_reason
    ),
    ("docs/concepts.md", "archived organizations"): rules_table,
    ("docs/decisions/README.md", "decisions"): decisions_index,
}


def generate() -> dict[Path, str]:
    """Return the text that every document with a generated part should have.

    Raises:
        ValueError: a document lacks the place of a generated part.
    """
    texts = {ROOT / name: page() for name, page in PAGES.items()}
    for (name, part), make in PARTS.items():
        path = ROOT / name
        text = texts.get(path) or path.read_text(encoding="utf-8")
        place = re.compile(rf"(<!-- generated: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
        if len(place.findall(text)) != 1:
            raise ValueError(f"{name} has no place for: {part}")
        texts[path] = place.sub(lambda found, made=make(): f"{found[1]}{made}\n{found[2]}", text)  # type: ignore[misc]
    return texts


def stale() -> list[str]:
    """List the documents that differ from the code."""
    return [
        str(path.relative_to(ROOT))
        for path, text in generate().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str]) -> int:
    """Write the documents; with `--check` only name those that differ."""
    if "--check" not in arguments:
        for path, text in generate().items():
            path.write_text(text, encoding="utf-8")
        return 0
    different = stale()
    if different:
        sys.stderr.write(f"{', '.join(different)}: not what the code says; run make docs\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
