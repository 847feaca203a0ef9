"""JSON text, piece by piece: to set up an encoder for a small object takes longer than the object."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from app.scoring.canonical import encode_text
from app.scoring.types import Finding

NULL: Final = "null"
#: A text or None as JSON. What is kept is short: codes of practices, keys of bands, reasons.
text = lru_cache(maxsize=1024)(encode_text)


def texts(values: Iterable[str]) -> str:
    """An array of such texts."""
    return f"[{','.join([text(value) for value in values])}]"


def whole(value: int | None) -> str:
    """An integer or None."""
    return NULL if value is None else str(value)


def truth(value: bool | None) -> str:
    """A truth value or None."""
    return NULL if value is None else "true" if value else "false"


def finding_texts(findings: Iterable[Finding]) -> str:
    """An array of findings."""
    return f"[{','.join([_finding(one) for one in findings])}]"


def _finding(finding: Finding) -> str:
    return f'{{"reason":{text(finding.reason)},"practices":{texts(finding.practices)}}}'
