"""The headline: the answer of each scenario by one rule, the sentence made of the answers, and the next command."""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.aa_pair import AAPair, aa_pair_of, describe_ignored_metrics
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.recommend.eligibility import NOT_FOUND, freshest, runners, wrong_answers
from stampede.reports.recommend.selection import COST_METRICS, main_cost, select
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, overlap
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

NO_CONTENDER = "no contender answered every request"
RULE = (
    "A contender is eligible if it answered every request and returned every record that exists. The rule takes the "
    "eligible contender with the fewest loads per expiry (if the scenario has one hot key; else per 1,000 reads). If "
    "the scenario is about freshness, only contenders without a read that was certainly stale after acknowledgement "
    "count; if all had some, those count whose share cannot be distinguished from the lowest. Contenders whose "
    "intervals overlap the lowest, or that lie within the noise floor of it, are tied; the lowest read p99 breaks the "
    "tie, then the lowest read p50, then the order of the run. The cost is the metric in which the contender is "
    "furthest behind the reference or the next, if their intervals do not overlap. If the intervals of two copies of "
    "one contender (A/A) do not overlap in a metric, that metric is ignored in the scenario: it is neither a cost nor "
    "a reason. Differences smaller than the difference between the copies are ignored too, and a cost against their "
    "original is a cost against the worse of both copies."
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Which contender to take in one scenario."""

    scenario: ScenarioInfo
    winner: str | None
    """None: no contender answered every request, or nothing was measured; `why` gives the reason."""
    tied: tuple[str, ...] = ()
    """Others that this run cannot distinguish from the best by the main metric."""
    figure: str = ""
    """The winner's main figure compared with that of the next."""
    main_cost: str = ""
    """The metric in which it is worst compared with the reference or the next; empty: none is worth naming."""
    hurts: str = ""
    """The users that the main cost hurts."""
    why: str = ""
    """Why there is no winner."""
    stale: tuple[str, ...] = ()
    """The winner and the tied contenders that had reads that were certainly stale after acknowledgement."""
    ignored_metrics: str = ""
    """Which metrics are ignored in the scenario because the A/A copies differ."""


def answers(figures: FigureSet) -> list[Answer]:
    """The answer of each scenario that was measured."""
    return [answer(figures, scenario) for scenario in figures.scenarios]


def answer(figures: FigureSet, scenario: ScenarioInfo) -> Answer:
    """The answer of one scenario by RULE."""
    name = scenario.name
    ran = runners(figures, name)
    excluded = wrong_answers(figures, name, ran)
    contenders = [c for c in ran if c.name not in excluded]
    if not contenders:
        denied = NOT_FOUND in excluded.values()
        why = f"every contender that answered all requests {NOT_FOUND}" if denied else NO_CONTENDER
        return Answer(scenario=scenario, winner=None, why=why)
    contenders = freshest(figures, scenario, contenders)
    metric = main_metric(figures, name, contenders)
    choice = select(figures, name, metric, contenders, estimated_only=False)
    if choice.taken is None:
        return Answer(scenario=scenario, winner=None, why=f"{formatting.label(metric)} was not measured")
    by_name = {c.name: c for c in contenders}
    winner, tied = by_name[choice.taken.name], [by_name[c.name] for c in choice.tied]
    measured = [c for c in contenders if not figures.figure(name, c.name, metric.name).missing]
    rest = sorted(
        (c for c in measured if c is not winner), key=lambda c: figures.figure(name, c.name, metric.name).value
    )
    compared = [c for c in contenders if c is not winner and (c.name == figures.reference or c in rest[:1])]
    cost, hurts = main_cost(figures, name, winner, compared)
    return Answer(
        scenario=scenario,
        winner=winner.name,
        tied=tuple(c.name for c in tied),
        figure=compared_with_next(figures, name, metric, winner, rest, is_tied=bool(rest) and rest[0] in tied),
        main_cost=cost,
        hurts=hurts,
        stale=tuple(c.name for c in (winner, *tied) if was_stale(figures, name, c.name)),
        ignored_metrics=describe_ignored_metrics(figures, name, (metric.name, "read-p99", *COST_METRICS)),
    )


def compared_with_next(
    figures: FigureSet,
    scenario: str,
    metric: Metric,
    winner: ContenderInfo,
    rest: Sequence[ContenderInfo],
    *,
    is_tied: bool,
) -> str:
    """The winner's main figure, that of the next, and the read p99 if it broke the tie."""
    mine = figures.figure(scenario, winner.name, metric.name)
    text = formatting.format_estimate(mine, metric)
    if not rest:
        return text
    following = rest[0].name
    its = formatting.format_estimate(figures.figure(scenario, following, metric.name), metric, name_it=False)
    text += f", {'which cannot be distinguished from' if is_tied else 'against'} {its} with {following}, the next best"
    return text + lower_p99(figures, scenario, winner.name, following) if is_tied else text


def lower_p99(figures: FigureSet, scenario: str, winner: str, following: str) -> str:
    """That the winner's read p99 is the lower of both; empty if it is not, or was seen and not estimated."""
    mine, its = (figures.figure(scenario, name, "read-p99") for name in (winner, following))
    if mine.why or its.why or not lies_below(mine, its, aa_pair_of(figures, scenario, "read-p99")):
        return ""
    p99 = find_metric("read-p99")
    lower, higher = (formatting.format_estimate(figure, p99, name_it=False) for figure in (mine, its))
    as_seen = ", as seen" if overlap(mine, its) or mine.level is None or its.level is None else ""
    return f"; {winner} has the lower read p99{as_seen}: {lower}, against {higher}"


def lies_below(mine: Estimate, its: Estimate, copies: AAPair) -> bool:
    """Whether one figure is below another by more than the difference between the A/A copies."""
    return not copies.ignored and mine.value * copies.gap < its.value


def was_stale(figures: FigureSet, scenario: str, contender: str) -> bool:
    """Whether the contender had a read that was certainly stale after acknowledgement."""
    share = figures.figure(scenario, contender, "stale-after-told")
    return not share.missing and share.value > 0


def main_metric(figures: FigureSet, scenario: str, contenders: Sequence[ContenderInfo]) -> Metric:
    """Loads per expiry, if every contender's figure counts all its expiries; else loads per 1,000 reads."""
    per_expiry = find_metric("loads-per-expiry")
    measured = [f for c in contenders if not (f := figures.figure(scenario, c.name, per_expiry.name)).missing]
    if measured and not any(f.why for f in measured):
        return per_expiry
    return find_metric("loads-per-1000-reads")


def answered(found: Sequence[Answer]) -> list[Answer]:
    """The answers for the headline; answers of variants only if there are no others."""
    taken = [a for a in found if a.winner is not None]
    return [a for a in taken if not a.scenario.variant_of] or taken


def headline(found: Sequence[Answer], figures: FigureSet) -> str:
    """One sentence: which contender to take."""
    if figures.void:
        return "This run is void: do not use its figures."
    rounds = figures.rounds
    taken = answered(found)
    if not taken:
        return "Rate limiters only, each judged alone." if figures.limiters_only else "This run gives no answer."
    by_winner: dict[str, list[str]] = {}
    for a in taken:
        name = f"{a.winner} ({IF_STALE})" if a.winner in a.stale else str(a.winner)
        by_winner.setdefault(name, []).append(a.scenario.name)
    if rounds < MIN_ROUNDS:
        seen = [f"{winner} did best in {formatting.listed(where)}" for winner, where in by_winner.items()]
        too_few = "1 round is" if rounds == 1 else f"{rounds} rounds are"
        return f"No verdict: {too_few} too few. As seen, {formatting.listed(seen)}."
    by_choice: dict[str, list[str]] = {}
    for a in taken:
        by_choice.setdefault(winner_or_ties(a), []).append(a.scenario.name)
    return (
        f"Take {formatting.listed([f'{names} for {formatting.listed(where)}' for names, where in by_choice.items()])}."
    )


def tied(found: Sequence[Answer], figures: FigureSet) -> bool:
    """Whether the headline joins contenders by "or", because this run cannot distinguish them."""
    return figures.rounds >= MIN_ROUNDS and not figures.void and any(a.tied for a in answered(found))


IF_STALE = "if old values do no harm"


def winner_or_ties(a: Answer) -> str:
    """The winner and the contenders tied with it: "a or b", "a, b or c", "a or one of 3 others".

    Contenders with reads that were stale after acknowledgement come last, under a condition: "a or, if old values do no
    harm, b".
    """
    names = [str(a.winner), *a.tied]
    fresh, stale = [n for n in names if n not in a.stale], [n for n in names if n in a.stale]
    if not fresh:
        return f"{join_or(stale)} ({IF_STALE})"
    return f"{join_or(fresh)} or, {IF_STALE}, {join_or(stale)}" if stale else join_or(fresh)


def join_or(names: Sequence[str]) -> str:
    """Up to three names joined by "or"; of a longer list the first, and the number of the others."""
    if len(names) > 3:
        return f"{names[0]} or one of {len(names) - 1} others"
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def next_command(analysis: Analysis) -> tuple[str, str]:
    """The reader's next question, and the command that answers it."""
    warnings = {warning.kind.name for warning in analysis.warnings}
    if "few-rounds" in warnings:
        return "Is that more than chance?", "make bench"
    if "saturated" in warnings:
        return "What is the answer at a rate that all can carry?", "stampede init && make bench WORKLOAD=workload.toml"
    if any(s.workload.get("own_sql") for s in analysis.run.info.scenarios):
        question = "What is the answer on a network with a round trip of one millisecond?"
        return question, "set rtt_ms = 1 in your workload file, then make bench again"
    return "What is the answer with my own table, SQL and rate?", "stampede init && make bench WORKLOAD=workload.toml"
