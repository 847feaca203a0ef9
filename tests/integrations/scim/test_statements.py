"""What a request of SCIM asks of the database: few statements, and no walk through all users."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, text

from tests.support.actors import Actor, Tenancy
from tests.support.scim import USERS, new_provisioner, patch, user
from tests.support.statements import record_statements

pytestmark = pytest.mark.anyio
Call = Callable[[Actor, str], Awaitable[httpx.Response]]
TITLE = {"op": "replace", "path": "title", "value": "Lead"}
#: By request: the statements it takes, one of which looks up the token.
STATEMENTS: dict[str, tuple[int, Call]] = {
    "read one": (2, lambda idp, path: idp.get(path)),
    "find one": (2, lambda idp, _: idp.get(USERS, params={"filter": 'userName eq "ana"', "count": "100"})),
    "find none": (2, lambda idp, _: idp.get(USERS, params={"filter": 'externalId eq "none"'})),
    "a full page": (3, lambda idp, _: idp.get(USERS, params={"count": "1"})),
    "create": (9, lambda idp, _: idp.post(USERS, user("cleo", externalId="C3"))),
    "change": (12, lambda idp, path: idp.patch(path, patch(TITLE), if_match=None)),
}


@pytest.mark.parametrize(("most", "call"), STATEMENTS.values(), ids=STATEMENTS)
async def test_a_request_takes_few_statements(tenancy: Tenancy, app: FastAPI, most: int, call: Call) -> None:
    idp = await new_provisioner(tenancy)
    made = [await idp.made(USERS, user(name)) for name in ("ana", "ben")]
    app.state.app_state.authenticate.invalidate()
    with record_statements(app) as statements:
        answer = await call(idp, f"{USERS}/{made[0]['id']}")
    assert answer.is_success, answer.text
    assert len(statements) == most, statements


async def add_users(tenancy: Tenancy, count: int) -> None:
    """Add users by SQL, which is faster."""
    values: dict[str, Any] = {"tenant": tenancy.tenant_id, "root": tenancy.root_id, "count": count}
    async with tenancy.owner.begin() as connection:
        await connection.execute(
            text(
                "insert into people (tenant_id, id, created_at, updated_at, version, organization_id, name, name_key,"
                " active) select :tenant, gen_random_uuid(), now(), now(), 1, :root, 'P' || n, 'p' || n, true"
                " from generate_series(1, cast(:count as integer)) n"
            ),
            values,
        )
        await connection.execute(
            text(
                "insert into scim_users (tenant_id, id, created_at, updated_at, version, person_id, user_name,"
                " user_name_key, external_id) select :tenant, gen_random_uuid(), now(), now(), 1, id, name,"
                " 'user' || substr(name_key, 2), 'x' || substr(name_key, 2) from people"
                " where tenant_id = :tenant and name_key ~ '^p[0-9]+$'"
            ),
            values,
        )
        await connection.execute(text("analyze scim_users"))
        await connection.execute(text("analyze people"))


async def plan_of(app: FastAPI, tenancy: Tenancy, call: Awaitable[httpx.Response]) -> str:
    """Return how the database runs the reads of users that a request makes, as the role of the service."""
    sent: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "FROM scim_users" in statement and str(tenancy.tenant_id) in str(parameters):
            sent.append((statement, parameters))

    engine = app.state.app_state.database.engine
    event.listen(engine.sync_engine, "before_cursor_execute", record)
    try:
        answer = await call
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", record)
    assert answer.json()["totalResults"] == 1, answer.text
    assert sent
    lines: list[str] = []
    async with engine.connect() as connection:
        setting = text("select set_config('app.tenant', :tenant, true)")
        await connection.execute(setting, {"tenant": str(tenancy.tenant_id)})
        for statement, parameters in sent:
            lines += (await connection.exec_driver_sql(f"explain {statement}", parameters)).scalars()
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("scim_filter", "index"),
    [('userName eq "USER7"', "uq_scim_users_user_name"), ('externalId eq "x7"', "uq_scim_users_external_id")],
)
async def test_a_user_among_many_is_found_by_an_index(
    app: FastAPI, tenancy: Tenancy, scim_filter: str, index: str
) -> None:
    idp = await new_provisioner(tenancy)
    await add_users(tenancy, 5_000)
    plan = await plan_of(app, tenancy, idp.get(USERS, params={"filter": scim_filter, "count": "100"}))
    assert index in plan
    assert "Seq Scan" not in plan
