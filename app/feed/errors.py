"""The failures of the event feed."""

from app.errors import AppError


class EventsExpired(AppError):
    status = 410
    code = "events_expired"
    title = "The events after this place are no longer kept"
