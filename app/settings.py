"""The settings. No other module reads the environment. They are built once at the start and passed down."""

import os
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import OperatorError
from app.schemas import Day

_PREFIX = "FA_"
_DEMO_DATES = (date(2000, 1, 1), date(2150, 12, 31))
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LOCAL_NETWORKS = tuple(
    map(ip_network, ("127.0.0.0/8", "0.0.0.0/8", "169.254.0.0/16", "::/128", "::1/128", "fe80::/10"))
)


_LAST_PORT = 65_535
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _origin(text: str) -> str:
    """Return an origin as browsers send it: lower case, an ASCII host, no default port, no slash at the end.

    Raises:
        ValueError: it has a path or a user, or is no origin at all.
    """
    refused = ValueError("FA_CORS_ORIGINS takes full origins such as https://app.example.org, never '*'")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError:
        raise refused from None
    if not host or parts.scheme not in _DEFAULT_PORTS or "@" in parts.netloc or "*" in host:
        raise refused
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise refused
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}")


def _is_local(network: IPv4Network | IPv6Network) -> bool:
    """Return whether a network holds addresses of this machine or this link."""
    return any(network.version == local.version and network.overlaps(local) for local in _LOCAL_NETWORKS)


class Settings(BaseSettings):
    """Every setting of the service, each read from ``FA_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    database_url: str | None = Field(
        default=None, description="PostgreSQL 15 or newer. Unset: an embedded server under `FA_DATA_DIR`."
    )
    owner_database_url: str | None = Field(
        default=None,
        description="The role that owns the tables and migrates. Unset: `FA_DATABASE_URL`, "
        "and the service then works as `FA_APP_ROLE` on that connection.",
    )
    require_database_url: bool = Field(
        default=False, description="Refuse to start without `FA_DATABASE_URL` (the container image sets it)."
    )
    app_role: str = Field(
        default="fa_app",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="The role that serves requests: never the owner of a table, never a superuser.",
    )
    data_dir: Path = Field(default=Path(".fa-data"), description="The embedded server's files and the first admin key.")
    postgres_bin: Path | None = Field(
        default=None, description="An installed PostgreSQL's `bin` folder, to run the embedded server from."
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    behind_proxy: bool = Field(
        default=False,
        description="States that a proxy ends TLS in front. Required to listen beyond loopback.",
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default_factory=tuple,
        description="Networks of the proxies in front, comma-separated, such as `10.0.0.0/8`. The client is then the "
        "last address in `X-Forwarded-For` outside of them. Unset: there is one proxy, and its entry is believed.",
    )
    cors_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Origins whose pages may call the API, comma-separated. `*` is refused."
    )
    outgoing_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default_factory=tuple,
        description="Networks that the service may send requests to in addition to public addresses, comma-separated, "
        "such as `10.1.2.0/24` for an issuer of sign-ins inside. Loopback is for tests and the sandbox.",
    )
    auth: Literal["credentials", "dev"] = Field(
        default="credentials",
        description="`dev`: a request without credentials is an admin's, to try things on your own machine. "
        "Refused where others may call.",
    )
    public_url: str | None = Field(
        default=None,
        description="Where people reach the service, such as `https://readiness.example.org`. Invitations then carry "
        "a join link.",
    )
    invitation_days: int = Field(default=7, ge=1, le=90, description="How many days an invitation to a seat is open.")
    credential_days: int = Field(
        default=30,
        ge=1,
        le=3_650,
        description="How many days hashes of ended credentials are kept: expired invitations, tokens of seats that "
        "were revoked or withdrawn, secrets of API keys that were rotated, revoked or have expired. Until then a "
        "refusal says what happened.",
    )
    event_days: int = Field(
        default=90,
        ge=1,
        le=3_650,
        description="How many days events stay in the feed (410 for later followers).",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Server processes on one port, under a supervisor. Bounds of connections, pools and bodies hold "
        "for each of them, and each has an operations listener, on `FA_METRICS_PORT` and the ports after it.",
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1_024, le=104_857_600, description="The largest body taken (413 beyond)."
    )
    request_seconds: float = Field(
        default=10.0, gt=0, le=600, description="A request's deadline, all its statements together (503 beyond)."
    )
    max_connections: int = Field(
        default=2_000, ge=10, le=100_000, description="Client connections open at once; see docs/operations.md."
    )
    drain_seconds: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="After SIGTERM, how long new requests are served while `/healthz/ready` answers 503.",
    )
    grace_seconds: float = Field(
        default=10.0, ge=1, le=600, description="After that, how long requests that have begun may take."
    )
    rate_per_principal: int = Field(
        default=30_000,
        ge=0,
        description="Requests a minute that one caller may make of a process, all at once or spread (429 beyond); "
        "0: no limit.",
    )
    rate_per_address: int = Field(
        default=60_000,
        ge=0,
        description="The same for the address of the client; an IPv6 network of 64 bits counts as one. 0: no limit.",
    )
    failures_per_address: int = Field(
        default=120,
        ge=0,
        description="Requests a minute without valid credentials from one address: 429 instead of 401 beyond. "
        "0: no limit.",
    )
    pool_size: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Connections a process keeps for reads, and as many again for writes; five more are for background "
        "work, health and metrics. One tenant never holds the last of them.",
    )
    pool_seconds: float = Field(
        default=2.0, gt=0, le=60, description="How long a request waits for a connection (503 beyond)."
    )
    worker: bool = Field(
        default=True,
        description="Run background work in this process. `false`: `fa-readiness worker` runs it elsewhere.",
    )
    job_slots: int = Field(default=10, ge=1, le=100, description="How many jobs a worker runs at once.")
    job_lease_seconds: float = Field(
        default=30.0, ge=1, le=3_600, description="How long after a worker was killed its jobs run again."
    )
    job_retention_days: int = Field(default=30, ge=1, le=3_650, description="How many days finished jobs are kept.")
    export_days: int = Field(
        default=7, ge=1, le=365, description="How many days the results of exports are kept for download."
    )
    webhook_failure_days: float = Field(
        default=5.0,
        gt=0,
        le=90,
        description="For how many days nothing must reach a webhook until it is disabled.",
    )
    webhook_log_days: int = Field(
        default=30, ge=1, le=3_650, description="How many days the attempts to deliver to webhooks are listed."
    )
    bamboohr_url: str = Field(
        default="https://{company}.bamboohr.com",
        pattern=r"^https?://[!-z{}~]+$",
        max_length=500,
        description="Where connectors reach BambooHR. `{company}` stands for the company's part of the address.",
    )
    pooler: Literal["none", "transaction"] = Field(
        default="none", description="`transaction`: a PgBouncer in transaction mode stands before the database."
    )
    demo_date: Day | None = Field(
        default=None, description="The sandbox's today: the clock starts at its noon UTC and stays in that day."
    )
    docs: bool = Field(
        default=True, description="Serve the OpenAPI document at `/openapi.json` and a page that shows it at `/docs`."
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="The port of the operations listener: metrics for Prometheus, and why the service is not ready. "
        "0 takes a free one. Unset: there is none.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="The address of the operations listener. It asks for no credential: keep it on a network of "
        "operators.",
    )
    otel_endpoint: str | None = Field(
        default=None,
        description="Where to send traces by OTLP over HTTP, such as `http://collector:4318`; `/v1/traces` is added. "
        "It needs the extra `otel`. Unset: none are made.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What is logged.")
    log_format: Literal["text", "json"] = Field(default="text", description="How it is logged.")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        return [_origin(part) for part in parts] if isinstance(parts, list) else parts

    @field_validator("trusted_proxies", "outgoing_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _postgresql(cls, value: str | None) -> str | None:
        if value is None:
            return value
        url = urlsplit(value)
        if url.scheme not in {"postgresql", "postgres"}:
            raise ValueError("must begin with postgresql://")
        # What a URL leaves out, each driver and program takes from its environment variables.
        query = parse_qs(url.query)
        user, host = url.username or query.get("user"), url.hostname or query.get("host")
        if not (user and host and (url.path.strip("/") or query.get("dbname"))):
            raise ValueError("must name the user, the host and the database")
        return value

    @field_validator("public_url", "otel_endpoint")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
            raise ValueError("must be an absolute http or https URL without credentials, query or fragment")
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.host not in _LOOPBACK and not self.behind_proxy:
            raise ValueError(
                "FA_HOST is not a loopback address: keys would travel in the clear. "
                "Put a proxy that ends TLS in front and set FA_BEHIND_PROXY=true"
            )
        if self.trusted_proxies and not self.behind_proxy:
            raise ValueError("FA_TRUSTED_PROXIES needs FA_BEHIND_PROXY=true")
        if self.auth == "dev" and self.looks_public:
            raise ValueError("FA_AUTH=dev lets everyone in: it needs a loopback FA_HOST, and no FA_BEHIND_PROXY")
        if self.looks_public and any(map(_is_local, self.outgoing_networks)):
            raise ValueError("FA_OUTGOING_NETWORKS must not name loopback or link-local networks where others may call")
        if self.demo_date is not None:
            if self.looks_public:
                raise ValueError(
                    "FA_DEMO_DATE is the sandbox's and stops the clock: unset it here, where others may call"
                )
            if not _DEMO_DATES[0] <= self.demo_date <= _DEMO_DATES[1]:
                raise ValueError("FA_DEMO_DATE lies between 2000-01-01 and 2150-12-31")
            if self.workers > 1:
                raise ValueError("FA_DEMO_DATE stops the clock of one process: unset FA_WORKERS")
        if self.metrics_port and self.metrics_port + self.workers - 1 > _LAST_PORT:
            raise ValueError("FA_METRICS_PORT leaves no ports for all FA_WORKERS")
        if self.metrics_port and self.port in range(self.metrics_port, self.metrics_port + self.workers):
            raise ValueError(
                "FA_PORT belongs to an operations listener: they take FA_METRICS_PORT and the ports after it, "
                "one for each of FA_WORKERS"
            )
        if self.require_database_url and not self.database_url:
            raise ValueError("FA_DATABASE_URL is required here: name a PostgreSQL 15 or newer")
        if self.owner_database_url and not self.database_url:
            raise ValueError("FA_OWNER_DATABASE_URL needs FA_DATABASE_URL too")
        return self

    @property
    def serves_this_machine(self) -> bool:
        """Return whether this is the sandbox or ``FA_AUTH=dev``, which only this machine can reach."""
        return (self.demo_date is not None or self.auth == "dev") and not self.looks_public

    @property
    def looks_public(self) -> bool:
        """Return whether callers on other machines seem intended."""
        return self.host not in _LOOPBACK or self.behind_proxy or self.require_database_url

    @property
    def owner_url(self) -> str | None:
        """Return the URL that migrations connect to."""
        return self.owner_database_url or self.database_url

    @property
    def login_is_separate(self) -> bool:
        """Return whether the service has a separate login. Two equal URLs name one login."""
        return self.owner_database_url not in {None, self.database_url}

    @property
    def assumed_role(self) -> str | None:
        """Return the role to assume after connecting, where the service shares the owner's login."""
        return None if self.login_is_separate else self.app_role


def load_settings(**overrides: object) -> Settings:
    """Read the environment.

    Raises:
        OperatorError: a setting is unknown, malformed or unsafe; one line naming it, never its value.
    """
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known)
    if unknown:
        raise OperatorError(f"Unknown setting: {', '.join(unknown)}. docs/settings.md lists all of them.")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as refused:
        faults = "; ".join(
            f"{_PREFIX}{str(error['loc'][0]).upper()}: {error['msg']}" if error["loc"] else error["msg"]
            for error in refused.errors(include_input=False, include_url=False)
        )
        raise OperatorError(f"Unsafe or malformed settings: {faults.replace('Value error, ', '')}.") from None
