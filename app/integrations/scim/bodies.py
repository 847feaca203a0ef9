"""What identity providers send differently from the specification, put right before it is read; and its bounds."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.integrations.scim.errors import ScimRefused

ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_MANAGER_PATHS: Final = frozenset({f"{ENTERPRISE}:manager".casefold(), "manager"})
_MOST_FILTER, _MOST_PATH, _MOST_BRACKETS = 2_000, 500, 32
_MOST_PATCHES: Final = 200
_QUOTED_OR_MANAGER: Final = re.compile(
    rf'(?P<quoted>"(?:[^"\\]|\\.)*")|(?<![\w:.$-])(?:{re.escape(ENTERPRISE)}:)?manager(?=\s)', re.IGNORECASE
)


def prepare_filter(sent: Any) -> Any:
    """Return a filter as the specification wants it.

    Entra compares the manager as a whole and without the schema, where the schema has an id in an object.

    Raises:
        ScimRefused: it is too long, or too deep.
    """
    if not isinstance(sent, str):
        return sent
    if not _is_bounded(sent, _MOST_FILTER):
        raise ScimRefused(400, "The filter is too long or too deep.", scim_type="invalidFilter", headers={})
    # What is in quotes is matched first, and stays.
    return _QUOTED_OR_MANAGER.sub(lambda found: found["quoted"] or f"{ENTERPRISE}:manager.value", sent)


def prepare(body: Any) -> Any:
    """Return a body as the specification wants it.

    Entra sends the manager as a plain id, where the schema has an object.

    Raises:
        ScimRefused: a path or a filter is too long, or there are too many patches.
    """
    if not isinstance(body, dict):
        return body
    body = {name: prepare_filter(value) if name.casefold() == "filter" else value for name, value in body.items()}
    operations = _get(body, "operations")
    if not isinstance(operations, list):
        return _with_manager(body)
    if len(operations) > _MOST_PATCHES:
        raise ScimRefused(413, f"At most {_MOST_PATCHES} operations are taken.", scim_type=None, headers={})
    name = next(key for key in body if key.casefold() == "operations")
    return {**body, name: [_prepare_operation(operation) for operation in operations]}


def _prepare_operation(operation: Any) -> Any:
    """Return one operation of a PATCH, or of a bulk request with its data."""
    if not isinstance(operation, dict):
        return operation
    path = _get(operation, "path")
    if isinstance(path, str) and not _is_bounded(path, _MOST_PATH):
        raise ScimRefused(400, "The path is too long or too deep.", scim_type="invalidPath", headers={})
    prepared = dict(operation)
    for name, value in operation.items():
        if name.casefold() == "data":
            prepared[name] = prepare(value)
        elif name.casefold() == "value":
            is_manager = isinstance(path, str) and path.casefold() in _MANAGER_PATHS
            prepared[name] = _as_manager(value) if is_manager else _with_manager(value)
    return prepared


def _with_manager(resource: Any) -> Any:
    """Return a resource, or the value of a PATCH, with its manager as an object."""
    if not isinstance(resource, Mapping):
        return resource
    prepared = dict(resource)
    for name, value in resource.items():
        if name.casefold() == ENTERPRISE.casefold():
            prepared[name] = _with_manager(value)
        elif name.casefold() in _MANAGER_PATHS:
            prepared[name] = _as_manager(value)
    return prepared


def _as_manager(value: Any) -> Any:
    if isinstance(value, str):
        return {"value": value} if value else None
    return value


def _get(body: Mapping[str, Any], name: str) -> Any:
    """Return a member by its name, whose case does not count."""
    return next((value for key, value in body.items() if key.casefold() == name), None)


def _is_bounded(expression: str, most: int) -> bool:
    return len(expression) <= most and max(_depths(expression), default=0) <= _MOST_BRACKETS


def _depths(expression: str) -> Iterator[int]:
    depth, is_quoted = 0, False
    for character in expression:
        if character == '"':
            is_quoted = not is_quoted
        elif not is_quoted and character in "([":
            depth += 1
        elif not is_quoted and character in ")]":
            depth -= 1
        yield depth
