"""Texts as they are stored."""

from typing import Final

from pydantic import TypeAdapter, ValidationError
from scim2_models import InvalidValueException

from app.schemas import Name

_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)


def stored_text(value: str | None) -> str | None:
    """Return a text as it is stored; blank is none.

    Raises:
        InvalidValueException: it is too long, or holds what cannot be stored.
    """
    if value is None or not value.strip():
        return None
    try:
        return _NAME.validate_python(value)
    except ValidationError:
        raise InvalidValueException(detail="A text is longer than 200 characters, or cannot be stored.") from None
