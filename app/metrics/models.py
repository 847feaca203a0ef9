"""Metrics: figures that other systems report about an organization's program, with every correction."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from app.db.base import Versioned, choice


class MetricState(StrEnum):
    """Whether a figure still counts."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Metric(Versioned, table=True):
    """One figure of a metric for a period, as a source reported it. Its numbers never change.

    A correction is another row that supersedes this one. Of each metric, organization, program, source and period at
    most one row is current. Its ``version`` increases once, when it stops being that.
    """

    __tablename__ = "metrics"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "program_id"], ["programs.tenant_id", "programs.id"]),
        ForeignKeyConstraint(["tenant_id", "supersedes_id"], ["metrics.tenant_id", "metrics.id"]),
        ForeignKeyConstraint(["tenant_id", "recorded_by"], ["principals.tenant_id", "principals.id"]),
        CheckConstraint("numerator >= 0 and denominator > 0", name="figures"),
        CheckConstraint("period_start <= period_end", name="period"),
        CheckConstraint("(state = 'current') = (ended_at is null)", name="ended"),
        Index(
            "uq_metrics_current",
            *("tenant_id", "organization_id", "program_id", "metric", "source", "period_end", "period_start"),
            unique=True,
            postgresql_where="state = 'current'",
        ),
        Index(
            "uq_metrics_supersedes",
            "tenant_id",
            "supersedes_id",
            unique=True,
            postgresql_where="supersedes_id is not null",
        ),
        Index("ix_metrics_organization", "tenant_id", "organization_id", "id"),
        Index("ix_metrics_program", "tenant_id", "program_id", "id"),
        Index("ix_metrics_recorder", "tenant_id", "recorded_by"),
        Index("ix_metrics_period", "tenant_id", "period_end", "id"),
        Index("ix_metrics_updated", "tenant_id", "updated_at", "id"),
    )

    organization_id: UUID
    program_id: UUID
    metric: str = Field(max_length=100, description="The key of a metric of an instrument.")
    source: str = Field(max_length=100, description="The system that reported it.")
    period_start: date
    period_end: date
    numerator: int
    denominator: int
    state: MetricState = Field(default=MetricState.CURRENT, sa_type=choice(MetricState, "state"))
    supersedes_id: UUID | None = Field(default=None, description="The figure that this one corrects.")
    ended_at: datetime | None = Field(
        default=None, sa_type=DateTime(timezone=True), description="When it was superseded or withdrawn."
    )
    withdrawal_reason: str | None = Field(default=None, max_length=10_000)
    recorded_by: UUID | None = Field(default=None, description="Null: an operator, from the command line.")


class MetricFeed(SQLModel, table=True):
    """An organization about which figures were ever recorded.

    Whoever records figures of an organization locks this row, so that two writers agree on what is current and on
    which periods overlap. Readiness looks for figures only where there is one.
    """

    __tablename__ = "metric_feeds"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"], ondelete="CASCADE"
        ),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    organization_id: UUID = Field(primary_key=True)
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True), description="When figures were last recorded.")
