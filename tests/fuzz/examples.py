"""The document's examples, made to speak of what exists."""

from collections.abc import Mapping
from typing import Any

#: What a field or parameter refers to, where its name says otherwise.
REFERENCES = {
    "parent_id": "organization",
    "owner_id": "person",
    "manager_id": "person",
    "subtree": "organization",
    "profile": "profile",
}


def reference(name: str) -> str:
    """Return the kind of thing that a field of this name refers to."""
    return REFERENCES.get(name) or name.removesuffix("_id")


def with_known_ids(node: Any, known: Mapping[str, str], name: str = "") -> Any:
    """Return the example with ids of existing things, by kind, in place of made-up ones, and without an ETag."""
    if isinstance(node, dict):
        if node.get("name") == "If-Match" and "example" in node:
            node = {**node, "example": "*"}
        return {key: with_known_ids(value, known, key) for key, value in node.items()}
    if isinstance(node, list):
        return [with_known_ids(value, known, name) for value in node]
    if isinstance(node, str) and name.endswith("_id"):
        return known.get(reference(name), node)
    return node
