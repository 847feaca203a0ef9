"""The figures of the readiness object about the assessment as a whole, as JSON text."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from app.scoring.agreement import Agreement
from app.scoring.evaluation import Evaluation
from app.scoring.json_text import NULL, finding_texts, text, texts, truth, whole
from app.scoring.left_out import LeftOut
from app.scoring.path import Path
from app.scoring.perception import Interval
from app.scoring.priorities import Priority
from app.scoring.readiness import Readiness
from app.scoring.render_practice import GAP_TEXT
from app.scoring.rounding import number_text
from app.scoring.stages import StageAttainment

INTERVAL_STATEMENT: Final = (
    "The interval describes the spread between respondents, not the sampling error of a complete team."
)
_STATEMENT: Final = text(INTERVAL_STATEMENT)


def readiness_text(figures: Readiness) -> str:
    """Readiness and what goes with it, as members."""
    scored, applicable, weight = figures.scored, figures.applicable, figures.weight_scored
    value = mean = in_place = partial = NULL
    if figures.reason is None:
        value, mean = number_text(50 * figures.weighted_sum, weight), number_text(figures.weighted_sum, weight)
    if scored:
        in_place = number_text(100 * figures.in_place, scored)
        partial = number_text(100 * figures.at_least_partial, scored)
    coverage = number_text(scored, applicable) if applicable else NULL
    return (
        f'"readiness":{value},"readiness_mean":{mean},"in_place_share":{in_place},"at_least_partial_share":{partial},'
        f'"coverage":{coverage},"bounds":{_bounds(figures)},"band":{text(figures.band)},'
        f'"reason":{text(figures.reason)},"band_reason":{text(figures.band_reason)},'
        f'"cap_reasons":{finding_texts(figures.cap_reasons)}'
    )


def _bounds(figures: Readiness) -> str:
    if not figures.has_bounds:
        return NULL
    low, weight = 50 * figures.weighted_sum, figures.weight_applicable
    return f"[{number_text(low, weight)},{number_text(low + 100 * figures.weight_unscored, weight)}]"


def sums_text(figures: Readiness) -> str:
    """The sums and counts behind readiness, as members."""
    return (
        f'"sums":{{"weighted_sum":{figures.weighted_sum},"weight_scored":{figures.weight_scored},'
        f'"weight_applicable":{figures.weight_applicable}}},'
        f'"counts":{{"practices":{figures.practices},"applicable":{figures.applicable},"scored":{figures.scored},'
        f'"not_applicable":{figures.practices - figures.applicable},'
        f'"unscored":{figures.applicable - figures.scored}}}'
    )


def path_text(path: Path) -> str:
    """The shortest way to the gated band."""
    if path.practices is None:
        return f'{{"practices":null,"moves":null,"reason":{text(path.reason)}}}'
    return f'{{"practices":{texts(path.practices)},"moves":{len(path.practices)},"reason":null}}'


def agreement_text(figures: Evaluation) -> str:
    """Agreement across practices."""
    pairs, codes = figures.pairwise_exact, figures.results.sheet.codes
    count = NULL if pairs.numerator is None else str(pairs.denominator)
    return (
        f'{{"r_star_wg_j":{{{_figure(figures.r_star_wg_j)}}},"alpha_ordinal":{{{_figure(figures.ordinal_alpha)}}},'
        f'"pairwise_exact":{{{_figure(pairs)},"agreeing_pairs":{whole(pairs.numerator)},"pairs":{count}}},'
        f'"discuss_first":{texts([codes[place] for place in figures.discuss_first])}}}'
    )


def _figure(agreement: Agreement) -> str:
    value = number_text(agreement.numerator, agreement.denominator)
    return f'"value":{value},"reason":{text(agreement.reason)},"units":{agreement.units}'


def perception_text(interval: Interval | None, respondents: int, excluded: Sequence[tuple[str, int]]) -> str:
    """How respondents see readiness.

    Args:
        interval: of those who count; None where nobody does.
        respondents: how many there are.
        excluded: how many of these do not count, by reason.
    """
    mean = ci95 = NULL
    reason, ci95_reason = '"no_counting_respondents"', '"too_few_respondents"'
    if interval is not None:
        mean, reason = number_text(interval.numerator, interval.denominator), NULL
        if interval.ci95 is not None:
            low, high = interval.ci95
            ci95, ci95_reason = f"[{round(low, 6)!r},{round(high, 6)!r}]", NULL
    counting = respondents - sum([number for _, number in excluded])
    left = ",".join([f'{{"reason":{text(why)},"respondents":{number}}}' for why, number in excluded])
    return (
        f'{{"mean":{mean},"reason":{reason},"ci95":{ci95},"ci95_reason":{ci95_reason},"respondents":{counting},'
        f'"excluded":[{left}],"statement":{_STATEMENT}}}'
    )


def priorities_text(priorities: Iterable[Priority]) -> str:
    """The applicable practices by priority."""
    return f"[{','.join([f'{{{_RANK}{rank},{_priority(item)}}}' for rank, item in enumerate(priorities, 1)])}]"


_RANK: Final = '"rank":'


@lru_cache(maxsize=4096)
def _priority(item: Priority) -> str:
    flags = '["gap_unknown"]' if item.gap_unknown else "[]"
    return (
        f'"practice":{text(item.code)},"priority":{item.value}.0,"gap":{GAP_TEXT[item.score or 0]},'
        f'"importance":{item.importance.value},"feasibility":{item.feasibility.value},"flags":{flags}'
    )


def stage_text(stage: StageAttainment) -> str:
    """What the stage expects, and how much of it is attained."""
    value = attained = expected = NULL
    if stage.reason is None:
        value = number_text(100 * stage.attained, stage.expected)
        attained, expected = str(stage.attained), str(stage.expected)
    return (
        f'{{"value":{value},"reason":{text(stage.reason)},"attained":{attained},"expected":{expected},'
        f'"ready_to_advance":{truth(stage.ready_to_advance)},"blocking":{finding_texts(stage.blocking)}}}'
    )


def left_out_text(entries: Iterable[LeftOut]) -> str:
    """What figures do not rest on."""
    return f"[{','.join([_left_out(entry) for entry in entries])}]"


def _left_out(entry: LeftOut) -> str:
    practices = NULL if entry.practices is None else texts(entry.practices)
    return (
        f'{{"figure":{text(entry.figure)},"reason":{text(entry.reason)},"practices":{practices},'
        f'"respondents":{whole(entry.respondents)}}}'
    )
