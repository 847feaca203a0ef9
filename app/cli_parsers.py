"""Parsers of the command line's arguments. Their errors are those of the API's own types."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import typer
from pydantic import TypeAdapter, ValidationError

from app.principal import Role
from app.schemas import Instant, Network


def checked(kind: Any) -> Callable[[str | None], str | None]:
    """Return a callback that checks a text as the API would. An option that was not given stays None."""

    def check(value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return str(TypeAdapter(kind).validate_python(value))
        except ValidationError as refused:
            raise typer.BadParameter(refused.errors(include_input=False)[0]["msg"]) from None

    return check


def parse_grant(text: str) -> tuple[Role, UUID | None]:
    """Parse ``ROLE`` or ``ROLE@ORGANIZATION-ID``."""
    role, at, organization_id = text.partition("@")
    try:
        return Role(role), UUID(organization_id) if at else None
    except ValueError:
        raise typer.BadParameter(f"say ROLE or ROLE@ORGANIZATION-ID, with ROLE one of {', '.join(Role)}") from None


def parse_expiry(text: str) -> datetime:
    """Parse the last day that something works, or an instant."""
    try:
        day = date.fromisoformat(text) if len(text) == len("2030-01-31") else None
        if day is None:
            return TypeAdapter(Instant).validate_python(text)
        return datetime.combine(day + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("say a day such as 2030-01-31 or an instant such as 2030-01-31T12:00:00Z") from None


def parse_network(text: str) -> str:
    """Parse a network."""
    try:
        return str(TypeAdapter(Network).validate_python(text))
    except ValidationError as refused:
        raise typer.BadParameter(refused.errors(include_input=False)[0]["msg"]) from None
