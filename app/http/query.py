"""Query parameters: parsed within bounds, and refused by name where a route does not take them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from app.errors import FieldError, Invalid
from app.http.problems import MOST_ERRORS, pointer

MOST_PARAMETERS = 300
_REFUSED = "Some query parameters are not valid; see errors."


def parse_query(query_string: bytes) -> Sequence[tuple[str, str]]:
    """Return the query parameters in the order sent.

    Raises:
        Invalid: there are too many.
    """
    if not query_string:
        return ()
    try:
        return parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Invalid(f"At most {MOST_PARAMETERS} query parameters are taken.") from None


def check_names(pairs: Sequence[tuple[str, str]], route: Any) -> None:
    """Refuse parameters that the route does not take, or takes once, by their names.

    Raises:
        Invalid: there is one.
    """
    seen: set[str] = set()
    errors = []
    for name, _ in pairs:
        if name not in route.query_names:
            errors.append(FieldError(pointer(["query", name]), "unknown_parameter", "This parameter is not known here"))
        elif name in seen and name not in route.repeatable_names:
            errors.append(FieldError(pointer(["query", name]), "repeated_parameter", "This parameter is taken once"))
        seen.add(name)
    if errors:
        raise Invalid(_REFUSED, errors=errors[:MOST_ERRORS])


def read_dry_run(pairs: Sequence[tuple[str, str]]) -> bool:
    """Return whether the request asks for a dry run.

    Raises:
        Invalid: the parameter is neither `true` nor `false`.
    """
    asked = dict(pairs).get("dry_run", "false")
    if asked not in {"true", "false"}:
        raise Invalid(_REFUSED, errors=[FieldError("/query/dry_run", "bool_parsing", "This is neither true nor false")])
    return asked == "true"
