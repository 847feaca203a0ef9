"""`/docs` and `/openapi.json`: public, and served with a separate content security policy."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse
from starlette.routing import Route

from app.docs.assets import IMMUTABLE, REVALIDATE, Asset
from app.errors import NotFound, OperatorError
from app.http.needs import Needs

_HERE = files("app.docs")
_UI = _HERE / "swagger-ui"
_TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}

#: Everything from this service and nothing from elsewhere; no inline script or style, no eval. The style sheet's icons
#: are data: images.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Add the document and its page.

    Raises:
        OperatorError: the document is missing from this installation.
    """
    # The large files' hashes are recorded, so that nothing large is read at the start.
    vendored = json.loads((_UI / "VENDORED.json").read_bytes())["sha256"]
    start = _HERE / "start.js"
    parts = {
        "swagger-ui.css": (_UI / "swagger-ui.css", vendored["swagger-ui.css"]),
        "swagger-ui-bundle.js": (_UI / "swagger-ui-bundle.js", vendored["swagger-ui-bundle.js"]),
        "start.js": (start, hashlib.sha256(start.read_bytes()).hexdigest()),
    }
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    served = {"openapi.json": Asset(_document().read_bytes, "application/json", REVALIDATE)}
    for name, (file, digest) in parts.items():
        address = f"docs/{digest[:16]}/{name}"
        page = page.replace(f"{{{name}}}", address)
        served[address] = Asset(file.read_bytes, _TYPES[name.rpartition(".")[2]], IMMUTABLE)
    policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    served["docs"] = Asset(page.encode, _TYPES["html"], REVALIDATE, policy)
    for address, asset in served.items():
        _add(app, address, asset.answer)
    _add(app, "", _lead_browser)


def _add(app: FastAPI, address: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
    route = Route(f"/{address}", endpoint, include_in_schema=False)
    route.needs = Needs(public=True)  # type: ignore[attr-defined]
    app.router.routes.append(route)


async def _lead_browser(request: Request) -> Response:
    """Lead a browser from the root to the page; to a program there is nothing here."""
    if "text/html" not in request.headers.get("accept", ""):
        raise NotFound
    return RedirectResponse("/docs", status_code=303, headers={"Vary": "Accept"})


def _document() -> Path:
    """Return the path of the generated document: next to `app` in a checkout, inside this package in a wheel.

    Building the document would cost every process a second. `make check` ensures that the file is current.
    """
    here = Path(__file__).resolve().parent
    for path in (here / "openapi.json", here.parents[1] / "openapi" / "openapi.json"):
        if path.is_file():
            return path
    raise OperatorError("The OpenAPI document is missing from this installation.")
