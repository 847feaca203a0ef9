"""Steps of the figures of metrics: reports, a correction and a withdrawal."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from app.db.transaction import Tx
from app.demo.spec import FigureSpec
from app.demo.steps import DemoState, Step, ago
from app.metrics import push_service, service
from app.metrics.schemas import MetricRow, MetricsPush, MetricTransition
from app.principal import Role


def steps(figures: tuple[FigureSpec, ...]) -> Iterator[Step]:
    """Yield all steps of the figures."""
    for number, spec in enumerate(figures):
        yield _report(spec, spec.figure, f"figure/{spec.key}", ago(spec.day, "18:30", number), spec.key)
        if spec.corrected is not None:
            name, at = f"figure/{spec.key}/corrected", ago(spec.corrected.day, "18:30", number)
            yield _report(spec, spec.corrected.figure, name, at, f"{spec.key}-corrected")
        if spec.withdrawn is not None:
            yield _withdraw(spec, spec.withdrawn.reason, ago(spec.withdrawn.day, "18:30", number))


def _report(spec: FigureSpec, figure: str, name: str, at: timedelta, key: str) -> Step:
    numerator, denominator = map(int, figure.split("/"))

    async def report(tx: Tx, state: DemoState) -> UUID:
        row = MetricRow(
            metric=spec.metric,
            numerator=numerator,
            denominator=denominator,
            period_start=state.today - timedelta(days=spec.first),
            period_end=state.today - timedelta(days=spec.last),
            organization_id=state.the("organizations", spec.at),
            program_id=state.the("programs", spec.program),
            source=spec.source,
        )
        [recorded] = (await push_service.record(tx, MetricsPush(items=[row]))).items
        return recorded.id

    return Step(name, at, Role.INTEGRATOR, report, ("metrics", key))


def _withdraw(spec: FigureSpec, reason: str, at: timedelta) -> Step:
    async def withdraw(tx: Tx, state: DemoState) -> None:
        body = MetricTransition(to="withdrawn", reason=reason)
        await service.transition(tx, state.the("metrics", spec.key), body)

    return Step(f"figure/{spec.key}/withdrawn", at, Role.INTEGRATOR, withdraw, changes=True)
