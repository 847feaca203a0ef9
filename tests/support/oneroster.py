"""OneRoster archives, made for tests."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

COLUMNS = (
    *("sourcedId", "status", "dateLastModified", "enabledUser", "orgSourcedIds", "role", "username", "userIds"),
    *("givenName", "familyName", "middleName", "identifier", "email", "sms", "phone", "agentSourcedIds", "grades"),
    "password",
)
ORGS = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n"


def user(sourced_id: str, role: str = "teacher", **values: str) -> str:
    """Return a row of `users.csv`."""
    row = {
        "sourcedId": sourced_id,
        "enabledUser": "true",
        "orgSourcedIds": "N",
        "role": role,
        "username": f"user-{sourced_id}",
        "givenName": "Ann",
        "familyName": f"Lee {sourced_id}",
        "password": "never read",
        **values,
    }
    return ",".join(f'"{row.get(column, "")}"' for column in COLUMNS)


def users(*rows: str) -> str:
    """Return a `users.csv`."""
    return "\r\n".join([",".join(COLUMNS), *rows, ""])


def manifest(**said: str) -> str:
    """Return a `manifest.csv` of OneRoster 1.1 with users in bulk, and what it says else: `users` is `file.users`."""
    properties = {"manifest.version": "1.0", "oneroster.version": "1.1", "file.users": "bulk"}
    properties |= {name if "." in name else f"file.{name}": value for name, value in said.items()}
    return "\r\n".join(["propertyName,value", *map(",".join, properties.items()), ""])


def archive(*rows: str, said: dict[str, str] | None = None, more: Sequence[tuple[str, Any]] = ()) -> bytes:
    """Return an archive of these users.

    Args:
        said: what the manifest says besides the version and bulk.
        more: further files with their contents.
    """
    return packed([("manifest.csv", manifest(**said or {})), ("users.csv", users(*rows)), *more])


def packed(files: Sequence[tuple[str, Any]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as target:
        for name, text in files:
            target.writestr(name, text)
    return content.getvalue()
