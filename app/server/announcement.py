"""The lines that the operator sees when the service accepts requests."""

import shlex
import sys
from collections.abc import Sequence

from app import __version__
from app.server.first_key import FirstKey
from app.server.preparation import FIRST_SLUG
from app.settings import Settings


def announcement(
    settings: Settings, address: str, first_key: FirstKey | None, *, to_terminal: bool, operations: Sequence[str] = ()
) -> list[str]:
    """Compose the lines.

    Args:
        first_key: the first admin key's file, where there is one that works.
        operations: the address of the operations listener of each process.
        to_terminal: only people see the lines, so a new key is shown. A log would keep it.
    """
    lines = [f"fa-readiness {__version__} takes requests at {address}"]
    if settings.docs:
        lines.append(f"  documentation    {address}/docs (the document: {address}/openapi.json)")
    lines.append(f"  health           {address}/healthz/ready")
    lines += [f"  operations       {one}/metrics and {one}/healthz/ready" for one in operations]
    if first_key is not None:
        path = first_key.path
        if first_key.shown is not None:
            lines.append(f'  first tenant     "{FIRST_SLUG}", made now')
            if to_terminal:
                lines.append(f"  its admin key    {first_key.shown} (shown this once)")
        lines.append(f"  first admin key  {path} (keep it elsewhere, then remove the file)")
        lines.append(
            f'  try              curl -H "Authorization: Bearer $(cat {shlex.quote(str(path))})" {address}/v1/me'
        )
    return lines


def show(lines: list[str]) -> None:
    """Print lines for the operator."""
    # On stderr: stdout carries the structured log and nothing else.
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
