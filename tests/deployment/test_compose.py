"""The example deployment: its settings exist, and only the proxy can be reached."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.db.engine import count_connections
from app.settings import Settings, load_settings

FOLDER = Path(__file__).parents[2] / "docs" / "deployment"
GIVEN = dict.fromkeys(("POSTGRES_PASSWORD", "FA_OWNER_PASSWORD", "FA_APP_PASSWORD"), "x" * 48)
SECONDS_OF_STOPPING = 40.0


@pytest.fixture
def compose() -> dict[str, Any]:
    """The file, with its variables put in as Compose does."""
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")

    def value(found: re.Match[str]) -> str:
        return GIVEN.get(found["name"]) or found["default"] or ""

    filled = re.sub(r"\$\{(?P<name>\w+)(?::[?-](?P<default>[^}]*))?\}", value, text)
    document: dict[str, Any] = yaml.safe_load(filled)
    return document


@pytest.fixture
def replica_settings(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a replica."""
    for name, value in compose["services"]["api-1"]["environment"].items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_replicas_settings_are_accepted(replica_settings: Settings) -> None:
    settings = replica_settings
    assert settings.login_is_separate
    assert settings.pooler == "transaction"
    assert settings.drain_seconds + settings.grace_seconds + 2 < SECONDS_OF_STOPPING


def test_the_replicas_differ_in_nothing(compose: dict[str, Any]) -> None:
    assert compose["services"]["api-1"] == compose["services"]["api-2"]
    assert compose["services"]["api-1"]["stop_grace_period"] == f"{SECONDS_OF_STOPPING:.0f}s"


def test_only_the_proxy_publishes_ports(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["proxy"]
    assert "front" not in compose["services"]["postgres"]["networks"]


def test_the_pooler_has_a_connection_for_each_use_of_all_replicas(
    compose: dict[str, Any], replica_settings: Settings
) -> None:
    replicas = [name for name in compose["services"] if name.startswith("api-")]
    wanted = len(replicas) * replica_settings.workers * count_connections(replica_settings)
    assert int(compose["services"]["pgbouncer"]["environment"]["DEFAULT_POOL_SIZE"]) >= wanted


def test_the_deployment_chapter_names_the_connections_of_a_process(replica_settings: Settings) -> None:
    chapter = (FOLDER.parent / "deployment.md").read_text(encoding="utf-8")
    assert f"A process needs at most {count_connections(replica_settings)} connections" in chapter


def test_the_database_is_healthy_when_it_answers_over_tcp(compose: dict[str, Any]) -> None:
    assert "--host=127.0.0.1" in compose["services"]["postgres"]["healthcheck"]["test"]


def test_every_image_names_a_version(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values()]
    assert all(re.fullmatch(r"[\w./-]+:(?!latest)[\w.-]+", image) for image in images)


def test_the_example_of_the_environment_names_every_variable() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text(encoding="utf-8")))
    assert asked == set(re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
