"""Steps of a connector: added, tried with a dry run, and paused, so that the sandbox asks nobody."""

import json
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.demo.followers import with_key
from app.demo.spec import ROOT, PersonSpec
from app.demo.steps import DemoState, Step, ago
from app.integrations.connectors import service
from app.integrations.connectors.bamboohr import BambooSettings, PlaceField
from app.integrations.connectors.errors import SourceDenied
from app.integrations.connectors.models import ConnectorKind
from app.integrations.connectors.running import PULL_PEOPLE
from app.integrations.connectors.schemas import ConnectorCreate, ConnectorPatch, ConnectorRunCreate
from app.principal import Role

_CONNECTOR: Final = ("connectors", "hr")
_RUN: Final = ("jobs", "connector-hr-dry-run")
_ADDED, _TRIED = 7, 2
#: Whom the system does not show to the connector's key.
_DENIED: Final = {"external_id": "1026", "code": SourceDenied.code, "message": SourceDenied.title}
_FINISH: Final = Read(
    text(
        """
        with finished as (
            update jobs
            set state = 'done', attempt = 1, done = :people, total = :people, due_at = created_at, finished_at = :now,
                updated_at = :now, version = 3, outcome = cast(:outcome as jsonb)
            where tenant_id = :tenant_id and id = :id
        )
        update connector_runs set errors = cast(:errors as json) where tenant_id = :tenant_id and id = :id
        """
    )
)


def steps(people: tuple[PersonSpec, ...]) -> Iterator[Step]:
    """Yield all steps of this module.

    Args:
        people: whom the system has, besides one whom it does not show.
    """
    yield Step("connector/hr", ago(_ADDED, "16:00"), Role.INTEGRATOR, _add, _CONNECTOR)
    yield Step("connector/hr/tried", ago(_TRIED, "16:00"), Role.INTEGRATOR, _try, _RUN)
    yield _finish(people)
    yield Step("connector/hr/paused", ago(_TRIED, "16:10"), Role.INTEGRATOR, _pause, changes=True)


async def _add(tx: Tx, state: DemoState) -> UUID:
    await with_key(tx)
    body = ConnectorCreate(
        organization_id=state.the("organizations", ROOT),
        kind=ConnectorKind.BAMBOOHR,
        name="The agency's BambooHR",
        source="bamboohr",
        settings=BambooSettings(company_domain="agency", organization_field=PlaceField.LOCATION),
        secret="public-demo",  # noqa: S106  # opens nothing
    )
    return await service.create(tx, body)


async def _try(tx: Tx, state: DemoState) -> UUID:
    return await service.start(tx, PULL_PEOPLE, state.the(*_CONNECTOR), ConnectorRunCreate(dry_run=True))


def _finish(people: tuple[PersonSpec, ...]) -> Step:
    async def finish(tx: Tx, state: DemoState) -> None:
        gone = sum(person.left is not None for person in people)
        counts = {
            **{"read": len(people), "with_manager": sum(person.manager is not None for person in people)},
            **{"created": len(people) - gone, "changed": 0, "left": 0, "unchanged": 0, "ignored": gone},
            **{"gone": 0, "faulty": 1},
        }
        fault = {"row": None, "code": _DENIED["code"], "message": _DENIED["message"]}
        outcome = {"counts": counts, "errors": [fault], "error_count": 1, "failure": None}
        await tx.fetch(
            _FINISH,
            tenant_id=tx.tenant_id,
            id=state.the(*_RUN),
            now=tx.now,
            people=len(people),
            outcome=json.dumps(outcome),
            errors=json.dumps([_DENIED]),
        )

    return Step("connector/hr/finished", ago(_TRIED, "16:00", 1), Role.INTEGRATOR, finish)


async def _pause(tx: Tx, state: DemoState) -> None:
    await service.patch(tx, state.the(*_CONNECTOR), ConnectorPatch(enabled=False))
