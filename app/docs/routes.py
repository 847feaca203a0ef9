"""`/docs` and `/openapi.json`: public, read once at the start, and served to the page under a policy of its own."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Route

from app.docs.assets import IMMUTABLE, REVALIDATE, Asset
from app.errors import OperatorError

_HERE = files("app.docs")
_UI = _HERE / "swagger-ui"
_PAGE_TYPE, _SCRIPT_TYPE, _STYLE_TYPE = (f"text/{kind}; charset=utf-8" for kind in ("html", "javascript", "css"))
_PARTS = {
    "start.js": (_HERE / "start.js", _SCRIPT_TYPE),
    "swagger-ui-bundle.js": (_UI / "swagger-ui-bundle.js", _SCRIPT_TYPE),
    "swagger-ui.css": (_UI / "swagger-ui.css", _STYLE_TYPE),
}

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
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    served = {"openapi.json": Asset(_document(), "application/json", REVALIDATE)}
    for name, (file, media_type) in _PARTS.items():
        part = Asset(file.read_bytes(), media_type, IMMUTABLE)
        address = f"docs/{part.digest[:16]}/{name}"
        page = page.replace(f"{{{name}}}", address)
        served[address] = part
    policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    served["docs"] = Asset(page.encode(), _PAGE_TYPE, REVALIDATE, policy)
    for address, asset in served.items():
        app.router.routes.append(Route(f"/{address}", asset.answer, include_in_schema=False))


def _document() -> bytes:
    """The document as it was generated: beside `app` in a checkout, inside this package in a wheel.

    Building it anew would cost every process a second; that the two are the same is checked before each commit.
    """
    here = Path(__file__).resolve().parent
    for path in (here / "openapi.json", here.parents[1] / "openapi" / "openapi.json"):
        if path.is_file():
            return path.read_bytes()
    raise OperatorError("The OpenAPI document is missing from this installation.")
