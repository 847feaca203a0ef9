"""What keeps the sandbox, whose keys everybody knows, away from real data; and its clock."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import app
from app.db.base import now
from app.db.ids import following, random_bytes, uuid7
from app.demo.make import Demo
from app.demo.sandbox import DEFAULT_DAY, clock_for, demo_clock, refuse_in_public
from app.demo.script import PUBLIC_MARK, DemoScript
from app.errors import OperatorError
from app.provisioning import create_tenant
from app.settings import Settings, load_settings
from tests.demo.conftest import built, migrated
from tests.demo.databases import owner_of
from tests.demo.test_same_each_time import logins
from tests.support.database import Urls
from tests.support.databases import fresh_database
from tests.support.services import run

CHECKOUT = Path(app.__file__).parents[1]
PUBLIC = ({"FA_HOST": "0.0.0.0", "FA_BEHIND_PROXY": "true"}, {"FA_BEHIND_PROXY": "true"})  # noqa: S104


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FA_{name.upper()}", raising=False)


@pytest.fixture
def empty(server: Urls) -> Iterator[Urls]:
    """A migrated database without a tenant."""
    with fresh_database(server) as urls:
        yield migrated(urls)


def make_tenant(urls: Urls, slug: str) -> None:
    async def make() -> None:
        async with owner_of(urls) as engine:
            await create_tenant(engine, slug=slug, name="Real agency")

    asyncio.run(make())


def test_it_is_not_made_beside_another_tenant(empty: Urls) -> None:
    make_tenant(empty, "real")
    with pytest.raises(OperatorError, match="other tenants"):
        built(empty)


def test_no_other_tenant_is_made_beside_it(sandbox_urls: Urls, sandbox: Demo) -> None:
    with pytest.raises(OperatorError, match="the sandbox, whose keys are public"):
        make_tenant(sandbox_urls, "real")


def test_its_slug_is_reserved(empty: Urls) -> None:
    with pytest.raises(OperatorError, match="fa-readiness demo makes it"):
        make_tenant(empty, "demo")


def test_it_is_there_already_with_the_today_it_was_made_with(sandbox_urls: Urls, sandbox: Demo) -> None:
    again = built(sandbox_urls)
    assert not again.made
    assert again.as_json_object() == sandbox.as_json_object()
    assert built(sandbox_urls, DEFAULT_DAY).today == DEFAULT_DAY
    with pytest.raises(OperatorError, match="set FA_DEMO_DATE=2026-10-01"):
        built(sandbox_urls, date(2027, 1, 1))


def test_it_is_neither_made_nor_served_where_others_may_call(sandbox_urls: Urls, sandbox: Demo) -> None:
    for arguments in (("demo",), ("serve", "--port", "0")):
        status, out, err = run(*arguments, **logins(sandbox_urls), FA_BEHIND_PROXY="true")
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "The sandbox's keys are public" in err


def test_settings_that_look_public() -> None:
    for settings in (
        Settings(require_database_url=True, database_url="postgresql://u@x/y"),
        Settings(behind_proxy=True),
        Settings(behind_proxy=True, host="fa.example.org"),
    ):
        with pytest.raises(OperatorError, match="keys are public"):
            refuse_in_public(settings)
    refuse_in_public(Settings())
    refuse_in_public(Settings(host="::1", database_url="postgresql://u@x/y"))


@pytest.mark.parametrize("settings", [*PUBLIC, {"FA_REQUIRE_DATABASE_URL": "true"}])
def test_its_date_is_refused_where_others_may_call(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in {**settings, "FA_DEMO_DATE": "2026-10-01"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OperatorError, match="FA_DEMO_DATE is the sandbox's"):
        load_settings()


@pytest.mark.parametrize("text", ["1999-12-31", "2151-01-01", "tomorrow", "20261001", "2026-10-01T00:00:00"])
def test_its_date_is_a_plausible_day(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FA_DEMO_DATE", text)
    with pytest.raises(OperatorError, match="FA_DEMO_DATE"):
        load_settings()


def test_without_its_date_the_clock_is_the_real_one() -> None:
    assert clock_for(Settings()) is now


def test_its_clock_ticks_and_never_leaves_the_day() -> None:
    seconds = [0.0, 0.001, 1, 60, 3_600, 86_400, 10 * 86_400, 366 * 86_400, 367 * 86_400]
    beginning = 1_000_000.0
    passing = iter([beginning, *(beginning + passed for passed in seconds)])
    tick = demo_clock(DEFAULT_DAY, lambda: next(passing))
    instants = [tick() for _ in seconds]
    assert instants[0] == datetime(2026, 10, 1, 12, tzinfo=UTC)
    assert all(earlier < later for earlier, later in pairwise(instants))
    assert instants[3] - instants[0] > timedelta(seconds=59)
    assert {instant.date() for instant in instants} == {DEFAULT_DAY}


def test_a_script_is_followed_in_its_context_only() -> None:
    script = DemoScript(DEFAULT_DAY)
    script.begin_step("a scene", timedelta(days=-1))
    with following(script):
        first, second = uuid7(), uuid7()
        assert now() == datetime(2026, 9, 30, 12, tzinfo=UTC)
    assert first < second
    assert {one.version for one in (first, second)} == {7}
    script.begin_step("a scene", timedelta(days=-1))
    with following(script):
        assert uuid7() == first
        assert random_bytes(32) != random_bytes(32)
    assert uuid7() > second
    assert now().date() != DEFAULT_DAY or datetime.now(UTC).date() == DEFAULT_DAY
    assert random_bytes(32) != random_bytes(32)


def test_nothing_but_the_sandbox_follows_a_script() -> None:
    users = {
        path.relative_to(CHECKOUT).parts[:2]
        for path in (CHECKOUT / "app").rglob("*.py")
        if re.search(r"\bfollowing\(", path.read_text(encoding="utf-8")) and path.name != "ids.py"
    }
    assert users == {("app", "demo")}


def test_every_secret_says_that_it_is_public(sandbox: Demo) -> None:
    for credential in (*sandbox.keys.values(), *sandbox.tokens.values()):
        assert credential.split("_", 2)[2].startswith(PUBLIC_MARK)


def test_the_page_and_the_makefile_say_what_holds(sandbox: Demo) -> None:
    page = (CHECKOUT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| [\w ]+ \| `(fa_\S+)` \|$", page, re.MULTILINE) == list(sandbox.keys.items())
    named = re.findall(r"^\| `(\w+)` `([\w-]+)`: [^|]+ \| `([0-9a-f-]{36})` \|$", page, re.MULTILINE)
    assert len(named) == 9
    assert named == [(kind, key, str(sandbox.ids[kind][key])) for kind, key, _ in named]
    assert f"is {DEFAULT_DAY}," in page
    assert f"$(or $(FA_DEMO_DATE),{DEFAULT_DAY})" in (CHECKOUT / "Makefile").read_text(encoding="utf-8")
