"""Signals from a transaction to the workers of the same process. Other processes find out by polling."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID


class Listener(Protocol):
    """A worker that wants to know at once."""

    def on_enqueued(self, tenant_id: UUID) -> None:
        """Note that a job of this tenant was committed."""

    def on_cancel(self, job_id: UUID) -> None:
        """Note that the cancellation of this job was committed."""


_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send signals to a worker as long as the context lasts."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def signal_enqueued(tenant_id: UUID) -> None:
    """Signal that a job of this tenant was committed."""
    for listener in _listeners:
        listener.on_enqueued(tenant_id)


def signal_cancel(job_id: UUID) -> None:
    """Signal that the cancellation of a job was committed."""
    for listener in _listeners:
        listener.on_cancel(job_id)
