"""The rules for the dates of an assessment, for every way to set them."""

from datetime import date, datetime

from app.assessments.errors import AdministeredInFuture, WindowEnded, WindowReversed
from app.errors import FieldError


def check_window(opens_at: datetime | None, closes_at: datetime | None, now: datetime, at: str = "closes_at") -> None:
    """Refuse a voting window in which nobody could vote.

    Args:
        at: the field of the body that the error names if the window has ended.

    Raises:
        WindowReversed: it closes before it opens.
        WindowEnded: it has closed already.
    """
    if closes_at is None:
        return
    if opens_at is not None and closes_at <= opens_at:
        raise WindowReversed(errors=[FieldError("/body/closes_at", WindowReversed.code, WindowReversed.title)])
    if closes_at <= now:
        raise WindowEnded(errors=[FieldError(f"/body/{at}", WindowEnded.code, WindowEnded.title)])


def check_administered_on(administered_on: date | None, today: date, at: str = "administered_on") -> None:
    """Refuse a day of the session in the future.

    Args:
        today: the present day in the time zone of the organization.
        at: the field of the body that the error names.

    Raises:
        AdministeredInFuture: the day lies in the future.
    """
    if administered_on is not None and administered_on > today:
        raise AdministeredInFuture(
            errors=[FieldError(f"/body/{at}", AdministeredInFuture.code, AdministeredInFuture.title)]
        )
