"""What the operator sees when the service takes requests, and the file of the first admin key."""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from app import __version__
from app.server.preparation import FIRST_SLUG
from app.settings import Settings

FIRST_KEY_FILE = "first-admin-key"


def announcement(settings: Settings, address: str, key: str | None) -> list[str]:
    """Compose the lines, and write the key of a tenant made just now to its file."""
    path = settings.data_dir.absolute() / FIRST_KEY_FILE
    lines = [f"fa-readiness {__version__} takes requests at {address}"]
    if settings.docs:
        lines.append(f"  documentation    {address}/docs (the document: {address}/openapi.json)")
    lines.append(f"  health           {address}/healthz/ready")
    kept = path.exists()
    if key is not None:
        kept = keep_key(path, key)
        lines.append(f'  first tenant     "{FIRST_SLUG}", made now; its admin key, shown this once:')
        lines.append(f"                   {key}")
    if kept:
        lines.append(f"  first admin key  {path} (keep it elsewhere, then remove the file)")
        lines.append(
            f'  try              curl -H "Authorization: Bearer $(cat {shlex.quote(str(path))})" {address}/v1/me'
        )
    return lines


def keep_key(path: Path, key: str) -> bool:
    """Write the key where only this account can read it; False where that is not possible."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
        return True
    return False


def show(lines: list[str]) -> None:
    """Print lines for the operator."""
    # On stderr: stdout carries the structured log and nothing else.
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
