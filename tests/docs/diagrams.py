"""The state diagrams of docs/concepts.md, generated from the transition tables.

Run `python -m tests.docs.diagrams` after a table has changed: it writes the diagrams into the document.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from app.action_items import lifecycle as action_items
from app.assessments import lifecycle as assessments

CONCEPTS = Path(__file__).parents[2] / "docs" / "concepts.md"


def diagram(transitions: Mapping[Any, Sequence[Any]], needs_reason: Callable[[Any, Any], bool]) -> str:
    """A Mermaid state diagram; a move that needs a reason says so. The first state is where everything begins."""
    states: list[StrEnum] = list(transitions)
    lines = ["stateDiagram-v2", f"    [*] --> {states[0]}"]
    for state in states:
        for to in transitions[state]:
            label = ": with a reason" if needs_reason(state, to) else ""
            lines.append(f"    {state} --> {to}{label}")
        if not transitions[state]:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines)


def diagrams() -> dict[str, str]:
    """Every diagram of the document by its name."""
    return {
        "action items": diagram(action_items.TRANSITIONS, action_items.needs_reason),
        "assessments": diagram(assessments.TRANSITIONS, assessments.needs_reason),
    }


def block(name: str) -> re.Pattern[str]:
    """Where a diagram stands in the document: between two fences, after a comment that names it."""
    return re.compile(rf"(<!-- states of {name} -->\n```mermaid\n)(.*?)(\n```)", re.DOTALL)


def write() -> None:
    """Write every diagram into the document."""
    text = CONCEPTS.read_text()
    for name, drawn in diagrams().items():
        text = block(name).sub(lambda found, drawn=drawn: found[1] + drawn + found[3], text)  # type: ignore[misc]
    CONCEPTS.write_text(text)


if __name__ == "__main__":
    write()
