"""The settings: where they come from, what is refused, and that a refusal never repeats a value."""

import json
import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import OperatorError
from app.settings import Settings, load_settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
URL = "postgresql://fa:hush@db.example.org/fa"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FA_")]:
        monkeypatch.delenv(name)


def test_without_any_setting_it_is_safe_and_works() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert settings.owner_url is None
    assert settings.host == "127.0.0.1"
    assert settings.port == 8000
    assert settings.data_dir == Path(".fa-data")
    assert settings.cors_origins == []
    assert not settings.behind_proxy
    assert not settings.require_database_url


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DATABASE_URL", URL, URL),
        ("DATABASE_URL", "postgres://u@x/y", "postgres://u@x/y"),
        ("APP_ROLE", "_role_2", "_role_2"),
        ("DATA_DIR", "/srv/fa", Path("/srv/fa")),
        ("POSTGRES_BIN", "/usr/lib/postgresql/18/bin", Path("/usr/lib/postgresql/18/bin")),
        ("HOST", "::1", "::1"),
        ("HOST", "localhost", "localhost"),
        ("PORT", "0", 0),
        ("BEHIND_PROXY", "true", True),
        ("CORS_ORIGINS", "https://a.example, http://localhost:3000,", ["https://a.example", "http://localhost:3000"]),
        ("MAX_BODY_BYTES", "1024", 1024),
        ("REQUEST_SECONDS", "2.5", 2.5),
        ("POOL_SIZE", "100", 100),
        ("POOL_SECONDS", "0.5", 0.5),
        ("POOLER", "transaction", "transaction"),
        ("WORKER", "false", False),
        ("JOB_SLOTS", "3", 3),
        ("JOB_LEASE_SECONDS", "1.5", 1.5),
        ("JOB_RETENTION_DAYS", "1", 1),
        ("DOCS", "false", False),
        ("OTEL_ENDPOINT", "http://collector:4318", "http://collector:4318"),
        ("LOG_LEVEL", "debug", "debug"),
        ("LOG_FORMAT", "json", "json"),
        ("PORT", "", 8000),
    ],
)
def test_a_setting_is_read(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    monkeypatch.setenv(f"FA_{name}", text)
    assert getattr(load_settings(), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATABASE_URL", "mysql://hush@x/y"),
        ("DATABASE_URL", "hush"),
        ("DATABASE_URL", "postgresql://x/hush"),
        ("DATABASE_URL", "postgresql://hush@/y"),
        ("DATABASE_URL", "postgresql://hush@x"),
        ("OWNER_DATABASE_URL", "sqlite:///hush"),
        ("APP_ROLE", 'hush"; drop role x'),
        ("APP_ROLE", "Hush"),
        ("APP_ROLE", "h" * 64),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "hush"),
        ("BEHIND_PROXY", "hush"),
        ("MAX_BODY_BYTES", "1023"),
        ("MAX_BODY_BYTES", "104857601"),
        ("REQUEST_SECONDS", "0"),
        ("REQUEST_SECONDS", "601"),
        ("REQUEST_SECONDS", "nan"),
        ("POOL_SIZE", "0"),
        ("POOL_SIZE", "101"),
        ("POOL_SECONDS", "0"),
        ("POOL_SECONDS", "61"),
        ("POOLER", "session"),
        ("JOB_SLOTS", "0"),
        ("JOB_LEASE_SECONDS", "0.5"),
        ("JOB_RETENTION_DAYS", "0"),
        ("DOCS", "hush"),
        ("OTEL_ENDPOINT", "hush:4318"),
        ("OTEL_ENDPOINT", "http://hush:hush@collector:4318"),
        ("OTEL_ENDPOINT", "http://collector:4318?key=hush"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_malformed_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"FA_{name}", text)
    line = refusal()
    assert f"FA_{name}: " in line
    assert "hush" not in line.lower()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "fa.example.org", "127.0.0.2"])  # noqa: S104
def test_listening_beyond_loopback_needs_the_word_that_a_proxy_ends_tls(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("FA_HOST", host)
    assert "FA_BEHIND_PROXY=true" in refusal()
    monkeypatch.setenv("FA_BEHIND_PROXY", "true")
    assert load_settings().host == host


@pytest.mark.parametrize("origins", ["*", "https://a.example,*", "a.example"])
def test_only_full_origins_may_call(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("FA_CORS_ORIGINS", origins)
    assert "FA_CORS_ORIGINS" in refusal()


def test_the_owners_login_needs_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_OWNER_DATABASE_URL", URL)
    assert "FA_OWNER_DATABASE_URL needs FA_DATABASE_URL" in refusal()


def test_a_database_can_be_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_REQUIRE_DATABASE_URL", "true")
    assert "FA_DATABASE_URL is required" in refusal()
    monkeypatch.setenv("FA_DATABASE_URL", URL)
    assert load_settings().database_url == URL


def test_the_owner_migrates_and_another_role_serves() -> None:
    shared = Settings(database_url=URL, app_role="serving")
    assert (shared.owner_url, shared.assumed_role) == (URL, "serving")
    apart = Settings(database_url=URL, owner_database_url="postgresql://owner@db/fa")
    assert (apart.owner_url, apart.assumed_role) == ("postgresql://owner@db/fa", None)


def test_an_unknown_setting_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_DATABSE_URL", URL)
    assert refusal() == "Unknown setting: FA_DATABSE_URL. docs/settings.md lists all of them."


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
    assert load_settings(port=9).port == 9


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_the_page_of_settings_lists_every_setting_and_no_other() -> None:
    named = set(re.findall(r"\bFA_[A-Z][A-Z_]*\b", PAGE.read_text(encoding="utf-8")))
    assert named == {f"FA_{name.upper()}" for name in Settings.model_fields}


def refusal() -> str:
    with pytest.raises(OperatorError) as refused:
        load_settings()
    line = str(refused.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("networks", ["127.0.0.0/8", "0.0.0.0/0", "::/0", "169.254.169.254/32", "fe80::/10"])
def test_requests_never_go_to_this_machine_where_others_may_call(networks: str) -> None:
    assert Settings(outgoing_networks=networks).outgoing_networks
    with pytest.raises(ValueError, match="FA_OUTGOING_NETWORKS"):
        Settings(outgoing_networks=networks, behind_proxy=True)
    assert Settings(outgoing_networks="10.1.0.0/16, fd00::/8", behind_proxy=True).outgoing_networks


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "example.org", "10.0.0.0/33"])
def test_a_network_has_no_bits_beyond_its_prefix(networks: str) -> None:
    with pytest.raises(ValueError, match="outgoing_networks"):
        Settings(outgoing_networks=networks)


@pytest.mark.parametrize("beyond", [{"FA_HOST": "0.0.0.0"}, {"FA_BEHIND_PROXY": "true"}])  # noqa: S104
def test_the_local_admin_never_serves_others(monkeypatch: pytest.MonkeyPatch, beyond: dict[str, str]) -> None:
    monkeypatch.setenv("FA_AUTH", "dev")
    assert load_settings().auth == "dev"
    for name, value in beyond.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FA_BEHIND_PROXY", "true")
    assert "FA_AUTH=dev lets everyone in" in refusal()


def test_several_processes_need_a_clock_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_WORKERS", "2")
    monkeypatch.setenv("FA_DEMO_DATE", "2026-10-01")
    assert "unset FA_WORKERS" in refusal()


def test_each_process_needs_a_port_for_its_operations_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_WORKERS", "3")
    monkeypatch.setenv("FA_METRICS_PORT", "65534")
    assert "FA_METRICS_PORT leaves no ports" in refusal()
    monkeypatch.setenv("FA_METRICS_PORT", "65533")
    assert load_settings().workers == 3


@pytest.mark.parametrize(("port", "is_refused"), [(8999, False), (9000, True), (9002, True), (9003, False), (0, False)])
def test_the_port_of_the_service_is_none_of_its_operations_listeners(
    monkeypatch: pytest.MonkeyPatch, port: int, is_refused: bool
) -> None:
    monkeypatch.setenv("FA_WORKERS", "3")
    monkeypatch.setenv("FA_METRICS_PORT", "9000")
    monkeypatch.setenv("FA_PORT", str(port))
    if is_refused:
        assert "FA_PORT belongs to an operations listener" in refusal()
    else:
        assert load_settings().port == port


def test_settings_reach_a_worker_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_DATABASE_URL", URL)
    monkeypatch.setenv("FA_CORS_ORIGINS", "https://a.example")
    monkeypatch.setenv("FA_POSTGRES_BIN", "/usr/lib/postgresql/18/bin")
    sent = load_settings()
    assert Settings(**json.loads(json.dumps(sent.model_dump(mode="json")))) == sent
