"""The documentation over HTTP: what is served, how it may be kept, and that it is what was vendored."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from app.docs.assets import IMMUTABLE, REVALIDATE
from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parents[2]
UI = ROOT / "app" / "docs" / "swagger-ui"
PLAIN = {"Accept-Encoding": "identity"}


async def page(http: httpx.AsyncClient) -> str:
    return (await http.get("/docs")).text


async def parts(http: httpx.AsyncClient) -> dict[str, str]:
    """Return the addresses of what the page loads, by name."""
    found = re.findall(r'(?:src|href)="(docs/[^"]+)"', await page(http))
    return {address.rpartition("/")[2]: f"/{address}" for address in found}


def test_what_was_vendored_is_unchanged_and_its_licence_is_here() -> None:
    vendored = json.loads((UI / "VENDORED.json").read_text(encoding="utf-8"))
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in UI.iterdir()}
    assert there.pop("VENDORED.json")
    assert there == vendored["sha256"]
    assert (vendored["package"], vendored["licence"]) == ("swagger-ui-dist", "Apache-2.0")
    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"} <= there.keys()
    # The bundle says its own version.
    assert f'"{vendored["version"]}"' in (UI / "swagger-ui-bundle.js").read_text(encoding="utf-8")


async def test_the_document_is_the_committed_one(http: httpx.AsyncClient) -> None:
    answer = await http.get("/openapi.json")
    assert answer.content == (ROOT / "openapi" / "openapi.json").read_bytes()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == REVALIDATE


async def test_the_page_allows_itself_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == REVALIDATE
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert {name: policy.pop(name) for name in ("script-src", "style-src", "connect-src")} == {
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
    }
    assert policy and set(policy.values()) == {"'none'"}
    assert "//" not in answer.text
    assert not re.search(r"<script(?! defer src=)|<style|style=", answer.text)


async def test_the_parts_keep_their_address_for_ever(http: httpx.AsyncClient) -> None:
    found = await parts(http)
    assert {name: path for name, path in found.items() if "{" in path} == {}
    types = {name: (await http.get(path)).headers["content-type"] for name, path in found.items()}
    assert types == {
        "swagger-ui.css": "text/css; charset=utf-8",
        "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
        "start.js": "text/javascript; charset=utf-8",
    }
    for name, path in found.items():
        answer = await http.get(path, headers=PLAIN)
        assert answer.headers["cache-control"] == IMMUTABLE
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        digest = hashlib.sha256(answer.content).hexdigest()
        assert path == f"/docs/{digest[:16]}/{name}"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_who_has_it_is_not_sent_it_again(http: httpx.AsyncClient, path: str, encoding: str) -> None:
    accepted = {"Accept-Encoding": encoding}
    first = await http.get(path, headers=accepted)
    again = await http.get(path, headers={**accepted, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    stale = await http.get(path, headers={**accepted, "If-None-Match": '"0"'})
    assert stale.status_code == 200


async def test_it_is_compressed_for_who_takes_that(http: httpx.AsyncClient) -> None:
    plain = await http.get("/openapi.json", headers=PLAIN)
    assert "content-encoding" not in plain.headers
    refused = await http.get("/openapi.json", headers={"Accept-Encoding": "br, gzip;q=0"})
    assert "content-encoding" not in refused.headers
    async with http.stream("GET", "/openapi.json", headers={"Accept-Encoding": "br;q=1, GZIP ; q=0.5"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 8
    assert answer.headers["etag"] != plain.headers["etag"]
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


async def test_it_is_read_only(http: httpx.AsyncClient) -> None:
    head = await http.head("/docs")
    assert (head.status_code, head.content) == (200, b"")
    for path in ("/docs", "/openapi.json"):
        answer = await http.post(path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD"
    assert (await http.get("/docs/0123456789abcdef/start.js")).json()["code"] == "not_found"


async def test_it_can_be_turned_off(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"docs": False}))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        for path in ("/docs", "/openapi.json"):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    await app.state.app_state.database.close()


def test_the_wheel_carries_it(tmp_path: Path) -> None:
    built = subprocess.run(  # noqa: S603 - the project's own build
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read("app/docs/openapi.json") == (ROOT / "openapi" / "openapi.json").read_bytes()
    assert {f"app/docs/swagger-ui/{path.name}" for path in UI.iterdir()} <= names
    assert {"app/docs/page.html", "app/docs/start.js", "app/migrations/env.py"} <= names
