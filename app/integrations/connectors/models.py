"""The tables of connectors: what is pulled from where, how far it has come, and its runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime, ForeignKeyConstraint, Index, LargeBinary, false
from sqlmodel import Field, SQLModel

from app.db.base import Record, Versioned, choice


class ConnectorKind(StrEnum):
    """The system that a connector pulls from."""

    BAMBOOHR = "bamboohr"


class ConnectorDisabledReason(StrEnum):
    """Why a connector is disabled."""

    PAUSED = "paused"
    RIGHTS_LOST = "rights_lost"
    SECRET_REFUSED = "secret_refused"  # noqa: S105  # a reason


def _of_connector() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "connector_id"], ["connectors.tenant_id", "connectors.id"], ondelete="CASCADE"
    )


class Connector(Versioned, table=True):
    """A system from which people are pulled.

    Its creator must be able to write a person when a run does: the principal, and where there was one, with the key.

    Attributes:
        source: whose external ids the system's own ids are.
        settings: see the settings of the kind, in `app.integrations.connectors.drivers`.
        interval_minutes: from one scheduled run to the next; None: it runs only when somebody asks for it.
    """

    __tablename__ = "connectors"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "key_id"], ["api_keys.tenant_id", "api_keys.id"]),
        Index("ix_connectors_organization", "tenant_id", "organization_id"),
        Index("ix_connectors_principal", "tenant_id", "principal_id"),
        Index("ix_connectors_key", "tenant_id", "key_id"),
        Index("ix_connectors_updated", "tenant_id", "updated_at", "id"),
    )

    organization_id: UUID
    principal_id: UUID
    key_id: UUID | None = None
    kind: ConnectorKind = Field(sa_type=choice(ConnectorKind, "kind"))
    name: str = Field(max_length=200)
    source: str = Field(max_length=100)
    settings: dict[str, Any] = Field(sa_type=JSON)
    interval_minutes: int | None = None
    enabled: bool = True
    disabled_reason: ConnectorDisabledReason | None = Field(
        default=None, sa_type=choice(ConnectorDisabledReason, "disabled_reason")
    )
    disabled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ConnectorState(SQLModel, table=True):
    """The secret of a connector, how far it has come, and when it runs next.

    The secret is stored as it is, because the source asks for it. ``next_run_at`` is an instant of the database's
    clock, because several processes compare it.

    Attributes:
        watermark: the last change of the source that a finished run has seen, by the source's clock.
    """

    __tablename__ = "connector_states"
    __table_args__ = (
        _of_connector(),
        Index("ix_connector_states_due", "tenant_id", "next_run_at", postgresql_where="next_run_at is not null"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    connector_id: UUID = Field(primary_key=True)
    secret: bytes = Field(sa_type=LargeBinary)
    watermark: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    next_run_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    succeeded_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ConnectorRun(Record, table=True):
    """A run of a connector. Its id is that of its job, with which it is deleted.

    Attributes:
        whole: it reads everything, and not only what changed since the last run.
        force: it believes that many people left at once.
        watermark: the connector's after the run; None: the run has not succeeded, or was a dry run.
        errors: the first faults of single people: ``external_id``, ``code`` and ``message``.
    """

    __tablename__ = "connector_runs"
    __table_args__ = (
        _of_connector(),
        ForeignKeyConstraint(["tenant_id", "id"], ["jobs.tenant_id", "jobs.id"], ondelete="CASCADE"),
        Index("ix_connector_runs_connector", "tenant_id", "connector_id", "id"),
    )

    connector_id: UUID
    dry_run: bool
    whole: bool
    force: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    watermark: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    errors: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
