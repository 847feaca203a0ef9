"""How far a command is: a bar on a terminal, and a line now and then elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import typer

#: Takes how many are done, and of how many; None: that is not known yet.
Advance = Callable[[int, int | None], None]
#: How many are done between two lines. Shorter work says nothing, so that a nightly job sends no mail.
_EVERY: Final = 10_000


@contextmanager
def show_progress(what: str) -> Iterator[Advance]:
    """Show on the standard error output how far some work is.

    Args:
        what: the work, as in `Importing`.
    """
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    # Only a command on a terminal needs it, and the service would carry it too.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(what: str) -> Advance:
    shown = 0

    def advance(done: int, total: int | None) -> None:
        nonlocal shown
        if done // _EVERY > shown:
            shown = done // _EVERY
            known = "" if total is None else f" of {total:,}"
            typer.echo(f"{what}: {done:,}{known}", err=True)

    return advance
