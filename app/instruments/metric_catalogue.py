"""The metrics that a tenant's instruments describe, by key.

Versions of instruments are immutable and identified by their content, so each process keeps what it has read.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, select
from sqlmodel import col

from app.db.statement import Read, Reader, from_json
from app.instruments.models import InstrumentVersion

_TENANT = bindparam("tenant_id", type_=Uuid())
_VERSIONS = Read(
    select(col(InstrumentVersion.id), col(InstrumentVersion.content_hash))
    .where(col(InstrumentVersion.tenant_id) == _TENANT)
    .order_by(col(InstrumentVersion.id))
)
_DOCUMENT = Read(
    select(col(InstrumentVersion.document))
    .where(
        col(InstrumentVersion.tenant_id) == _TENANT,
        col(InstrumentVersion.content_hash) == bindparam("content_hash", type_=Text()),
    )
    .limit(1)
)
_MOST_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What an instrument says of a metric.

    Attributes:
        is_ratio: it is a numerator out of a denominator.
        may_exceed_one: its numerator may be above its denominator, as money spent may be above the money planned.
    """

    is_ratio: bool
    may_exceed_one: bool


_known: OrderedDict[str, Mapping[str, MetricFacts]] = OrderedDict()


async def load_metric_catalogue(reader: Reader, tenant_id: UUID) -> dict[str, MetricFacts]:
    """Return the metrics of all versions of the tenant's instruments, by key. The newest version of one counts."""
    found: dict[str, MetricFacts] = {}
    for row in await reader.fetch(_VERSIONS, tenant_id=tenant_id):
        found |= await _load(reader, tenant_id, row["content_hash"])
    return found


async def _load(reader: Reader, tenant_id: UUID, content_hash: str) -> Mapping[str, MetricFacts]:
    known = _known.get(content_hash)
    if known is None:
        row = await reader.fetch_one(_DOCUMENT, tenant_id=tenant_id, content_hash=content_hash)
        known = _known[content_hash] = {} if row is None else _read(from_json(row["document"]))
        if len(_known) > _MOST_KEPT:
            _known.popitem(last=False)
    return known


def _read(document: Mapping[str, Any]) -> Mapping[str, MetricFacts]:
    return {
        metric["key"]: MetricFacts(metric["kind"] == "ratio", metric["direction"] == "near_one")
        for practice in document["practices"]
        for metric in practice["metrics"]
    }
