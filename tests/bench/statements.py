"""The SQL the service really runs and the plans PostgreSQL chose for it, read from its log; and pgbench."""

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app import log
from app.embedded_postgres.cluster import APP
from app.embedded_postgres.host import find_programs
from app.main import create_app
from app.settings import Settings
from tests.bench.load import Load, Sample
from tests.bench.place import Place

STATEMENTS = {"log_statement": "all"}
#: What EXPLAIN (ANALYZE, BUFFERS) says, of the very executions in the service's own sessions.
PLANS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
}
_ENTRY = re.compile(r"^[\d-]+ [\d:.]+ UTC \[\d+\] ", re.MULTILINE)
_PLAN = re.compile(r"LOG:  duration: ([\d.]+) ms  plan:\n(.*)", re.DOTALL)
_STATEMENT = re.compile(r"LOG:  execute [^:]+: (.*)", re.DOTALL)
_PARAMETER = re.compile(r"\$(\d+) = ('(?:[^']|'')*'|NULL)")
_PLACE = re.compile(r"\$(\d+)")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_LOOKS_LIKE_A_VARIABLE = re.compile(r":(?=[A-Za-z_])")
_RATE = re.compile(r"tps = ([\d.]+)")
_LATENCY = re.compile(r"latency average = ([\d.]+) ms")


@dataclass(frozen=True)
class Statement:
    """One statement and the literals it ran with, by position from 1."""

    sql: str
    literals: Mapping[int, str]

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the text without parameters: literals, or the expression given for a literal."""

        def literal(found: re.Match[str]) -> str:
            literal = self.literals[int(found[1])]
            return values.get(literal.strip("'"), literal)

        return _PLACE.sub(literal, _LITERAL.sub(_without_variables, self.sql)).rstrip(";")


def _without_variables(found: re.Match[str]) -> str:
    """Return a string constant in which pgbench sees no variable."""
    text = found[0]
    if not _LOOKS_LIKE_A_VARIABLE.search(text):
        return text
    return "E" + _LOOKS_LIKE_A_VARIABLE.sub(r"\\x3a", text.replace("\\", "\\\\"))


@dataclass(frozen=True)
class Plan:
    """One execution's plan, and the milliseconds it took, its being watched included."""

    milliseconds: float
    text: str


@dataclass(frozen=True)
class Observer:
    """Asks the service, and reports what it asked of the database."""

    client: httpx.AsyncClient
    log: Path

    async def watch(self, path: str, *, key: str, body: str | None = None) -> tuple[bytes, list[str]]:
        """Send a GET or POST, and return its answer and what PostgreSQL logged meanwhile."""
        begin = self.log.stat().st_size
        answer = await self.ask(path, key=key, body=body)
        await asyncio.sleep(0.03)
        with self.log.open("rb") as file:
            file.seek(begin)
            return answer, _ENTRY.split(file.read().decode())

    async def ask(self, path: str, *, key: str, body: str | None = None) -> bytes:
        """Send a GET or POST, and return its answer."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        answer = await self.client.request("POST" if body else "GET", path, headers=headers, content=body)
        if answer.status_code not in {200, 201}:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.content


@asynccontextmanager
async def observed(place: Place, settings: Mapping[str, str]) -> AsyncIterator[Observer]:
    """Yield an app of this process, whose sessions PostgreSQL logs: `STATEMENTS` or `PLANS`."""
    async with place.superuser() as superuser:
        for name, value in settings.items():
            await superuser.execute(f"alter role {APP} set {name} = '{value}'")
        app_settings = Settings(
            database_url=place.server.app_url, owner_database_url=place.server.owner_url, log_level="error"
        )
        log.configure(app_settings)
        app = create_app(app_settings)
        transport = httpx.ASGITransport(app=app)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
                yield Observer(client, place.data_dir / "postgres.log")
        finally:
            await app.state.app_state.database.close()
            await superuser.execute(f"alter role {APP} reset all")


def statements(entries: Sequence[str]) -> list[Statement]:
    """Return the statements among a log's entries."""
    found: list[tuple[str, dict[int, str]]] = []
    for entry in entries:
        statement = _STATEMENT.match(entry)
        if statement:
            found.append((statement[1].replace("\n\t", "\n").strip(), {}))
        elif found and entry.lower().startswith("detail:  parameters:"):
            found[-1][1].update({int(number): text for number, text in _PARAMETER.findall(entry)})
    return [Statement(sql, literals) for sql, literals in found]


def plans(entries: Sequence[str]) -> list[Plan]:
    """Return the plans among a log's entries."""
    return [Plan(float(plan[1]), plan[2]) for plan in map(_PLAN.match, entries) if plan]


def script(found: Sequence[Statement], values: Mapping[str, str]) -> str:
    """Return a pgbench script of these statements, with these expressions in the place of literals."""
    return "".join(f"{statement.filled(values)};\n" for statement in found)


def pgbench(place: Place, text: str, *, load: Load, transactions: int = 0) -> Sample:
    """Run a pgbench script as the service's role, with prepared statements.

    Args:
        transactions: of each connection; 0: as many as the load's seconds allow.
    """
    address, seconds = place.server.address, max(1, round(load.seconds))
    amount = ["-t", str(transactions)] if transactions else ["-T", str(seconds)]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        command = [str(find_programs(None) / "pgbench"), "-n", "-M", "prepared", "-c", str(load.connections), "-j", "1"]
        command += [*amount, "-f", file.name, "-h", str(address.socket_dir), "-p", str(address.port), "-U", APP]
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, address.database],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            # The service names the tenant when it begins a transaction.
            env={**os.environ, "PGOPTIONS": f"-c app.tenant={place.data.ground.tenant_id}"},
            timeout=seconds + 300,
        )
    rate, latency = _RATE.search(done.stdout), _LATENCY.search(done.stdout)
    if rate is None or latency is None or "ERROR" in done.stderr:
        raise RuntimeError(f"pgbench: {done.stderr or done.stdout}")
    return Sample(float(rate[1]), float(latency[1]))
