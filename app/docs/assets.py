"""Bytes that never change while the process runs, served with a strong ETag and, where asked for, compressed."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response

from app.http.etags import matches

#: For what has its own hash in its address.
IMMUTABLE = "public, max-age=31536000, immutable"
#: For what keeps its address when it changes.
REVALIDATE = "public, no-cache"


class Asset:
    """One file as it is sent.

    Args:
        load: gives the bytes; called once, for the first who asks, so that a start waits for none of them.
        media_type: with its charset, where it is text.
        cache: the Cache-Control it is sent with.
        headers: sent in addition.
    """

    def __init__(
        self, load: Callable[[], bytes], media_type: str, cache: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._load = load
        self._compressed: bytes | None = None
        self._headers = {"Content-Type": media_type, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        self._headers |= headers or {}

    @cached_property
    def _body(self) -> bytes:
        return self._load()

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self._body).hexdigest()[:32]

    async def answer(self, request: Request) -> Response:
        """Answer with the file, or with 304 where the caller has it already."""
        compress = _takes_gzip(request.headers.get("accept-encoding", ""))
        # Two representations, so two tags: a strong one promises the same bytes.
        tag = f'"{self._digest}{"-gzip" if compress else ""}"'
        headers = {**self._headers, "ETag": tag}
        if matches(request.headers.get("if-none-match", ""), tag):
            del headers["Content-Type"]
            return Response(status_code=304, headers=headers)
        if not compress:
            return Response(self._body, headers=headers)
        if self._compressed is None:
            # In a thread, which leaves the loop free: a tenth of a second for the largest file, once a process.
            self._compressed = await asyncio.to_thread(gzip.compress, self._body, 6, mtime=0)
        return Response(self._compressed, headers={**headers, "Content-Encoding": "gzip"})


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
