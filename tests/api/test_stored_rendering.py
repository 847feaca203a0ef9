"""What is stored of an action item, rendered: all that callers get of its row, whatever it holds and who wrote it."""

import json

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.action_items.schemas import ActionItemRead
from tests.support.actors import Actor, Tenancy

# Of a row's own these are no fields: they depend on who asks, and when.
LAST = ["overdue", "allowed_transitions"]
SETTINGS = {
    "datestyle": "German, DMY",
    "timezone": "Asia/Kathmandu",
    "intervalstyle": "sql_standard",
    "lc_time": "C",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "search_path": "astray, pg_catalog, public",
}


async def test_whatever_an_item_holds_it_reads_like_the_answer_to_its_write(tenancy: Tenancy, admin: Actor) -> None:
    odd = "".join(chr(point) for point in [*range(1, 0x180), 0x2028, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x1F600, 0x10FFFF])
    for title, description in (
        ("T", f"<{odd}>"),
        (f"<{odd[:400]}>", "'\\x00 \\\\ $1 %s :name"),
        ("T", 'ü"😀\n' * 2_500),
    ):
        body = {"organization_id": tenancy.root_id, "title": title, "description": description, "practices": ["P1"]}
        made = await admin.post("/v1/action-items", body | {"due_on": "1900-01-01"})
        assert made.status_code == 201, made.text
        assert (await admin.get(made.headers["location"])).content == made.content
        listed = (await admin.get("/v1/action-items?sort=-id&limit=1")).content
        assert listed.startswith(b'{"items":[' + made.content + b"]")


async def test_all_that_callers_get_of_a_row_is_stored(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    made = await admin.made("/v1/action-items", {"organization_id": tenancy.root_id, "title": "T", "practices": []})
    async with owner.connect() as connection:
        head = await connection.scalar(text("select json_head from action_items where id = :id"), {"id": made["id"]})
    assert [*json.loads(head + b"}"), *LAST] == list(ActionItemRead.model_fields), (
        "Callers get other fields of an action item than are stored of it. "
        "A migration makes the next version of the function that renders it, and the column anew."
    )


async def test_what_is_stored_depends_on_no_setting(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    made = await admin.made(
        "/v1/action-items",
        {"organization_id": tenancy.root_id, "title": "T'\\", "practices": ["P1", "P2"], "due_on": "2026-02-03"},
    )
    again = text("update public.action_items set version = version where id = :id returning json_head")
    async with owner.connect() as connection:
        before = await connection.scalar(again, {"id": made["id"]})
        await connection.execute(text("create schema astray"))
        for function in ("to_char(timestamp, text)", "timezone(text, timestamptz)", "replace(text, text, text)"):
            await connection.execute(
                text(f"create function astray.{function} returns text language sql as $$ select 'astray' $$")
            )
        for name, value in SETTINGS.items():
            await connection.execute(text("select set_config(:name, :value, true)"), {"name": name, "value": value})
        assert await connection.scalar(again, {"id": made["id"]}) == before
        await connection.rollback()
