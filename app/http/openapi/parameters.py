"""Which query parameters a route takes, worked out once, so that an unknown one can be refused."""

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel


def describe_query(route: APIRoute) -> None:
    """Note on the route the names of its query parameters, and which of them may be repeated."""
    taken = dict(_parameters(route.dependant))
    if writes(route):
        taken["dry_run"] = bool
    route.query_names = frozenset(taken)  # type: ignore[attr-defined]
    route.repeatable_names = frozenset(name for name, kind in taken.items() if _is_list(kind))  # type: ignore[attr-defined]


def writes(route: APIRoute) -> bool:
    """Return whether the route takes part in dry runs: it changes something, and not by using up a code."""
    marks = route.openapi_extra or {}
    return "GET" not in (route.methods or ()) and not (marks.get("x-computes-only") or marks.get("x-one-use"))


def _parameters(dependant: Dependant) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found += [(name, info.annotation) for name, info in annotation.model_fields.items()]
        else:
            found.append((field.alias, annotation))
    for needed in dependant.dependencies:
        found += _parameters(needed)
    return found


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_list(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return any(_is_list(part) for part in get_args(annotation) if part is not NoneType)
    return get_origin(annotation) is list
