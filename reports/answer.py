"""The answer, by a stated rule, and what stands around it on the first screen."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from artefact.schema import ContenderInfo, ScenarioInfo
from reports import words
from reports.absent import denies
from reports.advice.choice import Candidate, choose
from reports.judge import Judgement
from reports.metrics.metric import Metric, find_metric, metrics
from reports.statistics.estimate import MIN_ROUNDS, Estimate, overlap
from reports.twins import Twins, floor_of, silent_of, twins_of

PRICES = ("read-p50", "write-p50", "database-ms-per-1000-reads", "commands-per-request", "stale-after-told")
"""Where a price is looked for, beside the read p99 (the longest read, where that is not estimated)."""
WORTH_SAYING = 1.25
"""A price is told from this ratio to the best on, resolution added to both sides."""

NOBODY = "no contender answered every request"
RULE = (
    "Among the contenders that answered every request, and never found no record for one that exists: the fewest "
    "loads per expiry (where the scenario has one hot "
    "key; else per 1,000 reads). Where the scenario is about freshness, only those count of which no read was "
    "certainly stale after told; where all had some, those whose share is not told apart from the lowest. Those whose "
    "intervals overlap the lowest, or that lie within the noise floor of it, are tied; among them the lowest read p99 "
    "wins, then the lowest p50, then the order of the run. Its price is the figure in which it is furthest behind the "
    "reference or the next, beyond their intervals. Where two copies of one contender (A/A) lie apart by a figure in a "
    "scenario, that figure tells nobody apart there, and is neither price nor reason; nearer than the copies to each "
    "other, nothing is told apart either, and a price beside their original is one beside the worse of both."
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to take in one scenario."""

    scenario: ScenarioInfo
    winner: str | None
    """None: nobody answered everything, or nothing was measured; `why` says so."""
    tied: tuple[str, ...] = ()
    """Others that cannot be told apart from the best by its main figure."""
    figure: str = ""
    """Its main figure against the next."""
    price: str = ""
    wrong_for: str = ""
    why: str = ""
    stale: tuple[str, ...] = ()
    """Of the winner and those tied with it: who had reads that were certainly stale after told."""
    silent: str = ""
    """Which figures tell nobody apart there."""


def answers(judgement: Judgement) -> list[Answer]:
    return [answer(judgement, scenario) for scenario in judgement.scenarios]


def answer(judgement: Judgement, scenario: ScenarioInfo) -> Answer:
    """RULE, applied to one scenario."""
    name = scenario.name
    ran = [c for c in judgement.run.info.contenders if c.kind == "contender" and answered_all(judgement, name, c)]
    able = [c for c in ran if not denies(judgement, name, c)]
    if not able:
        why = "every contender that answered all found no record for some that exist" if ran else NOBODY
        return Answer(scenario=scenario, winner=None, why=why)
    able = freshest(judgement, scenario, able)
    metric = main_metric(judgement, name, able)
    measured = [c for c in able if not judgement.figure(name, c.name, metric.name).missing]
    if not measured:
        return Answer(scenario=scenario, winner=None, why=f"{words.label(metric)} was not measured")
    by_name = {c.name: c for c in measured}
    choice = choose([candidate(judgement, name, c, metric) for c in measured], floor_of(judgement, name, metric.name))
    assert choice.taken is not None
    winner = by_name[choice.taken.name]
    tied = [by_name[c.name] for c in choice.tied]
    rest = sorted(
        (c for c in measured if c is not winner), key=lambda c: judgement.figure(name, c.name, metric.name).value
    )
    figure = says(judgement.figure(name, winner.name, metric.name), metric)
    if rest:
        other = judgement.figure(name, rest[0].name, metric.name)
        link = "not told apart from" if rest[0] in tied else "against"
        figure += f", {link} {says(other, metric, name_it=False)} with {rest[0].name}, the next"
        if rest[0] in tied:
            mine, its = (judgement.figure(name, c.name, "read-p99") for c in (winner, rest[0]))
            seen_only = mine.why or its.why  # "seen, not estimated" tells nobody apart
            if lies_below(mine, its, twins_of(judgement, name, "read-p99")) and not seen_only:
                p99 = find_metric("read-p99")
                beside_it = f"{says(mine, p99, name_it=False)}, against {says(its, p99, name_it=False)}"
                as_seen = ", as seen" if overlap(mine, its) or mine.level is None or its.level is None else ""
                figure += f"; its read p99 is the lower{as_seen}: {beside_it}"
    beside = [c for c in able if c is not winner and (c.name == judgement.reference or c in rest[:1])]
    price, wrong_for = priced(judgement, name, winner, beside)
    return Answer(
        scenario=scenario,
        winner=winner.name,
        tied=tuple(c.name for c in tied),
        figure=figure,
        price=price,
        wrong_for=wrong_for,
        stale=tuple(c.name for c in (winner, *tied) if was_stale(judgement, name, c.name)),
        silent=silent_of(judgement, name, (metric.name, "read-p99", *PRICES)),
    )


def lies_below(mine: Estimate, its: Estimate, twins: Twins) -> bool:
    """Whether one figure is below another by more than two copies of one contender differ by."""
    return not twins.silent and mine.value * twins.gap < its.value


def was_stale(judgement: Judgement, scenario: str, contender: str) -> bool:
    share = judgement.figure(scenario, contender, "stale-after-told")
    return not share.missing and share.value > 0


def candidate(judgement: Judgement, scenario: str, contender: ContenderInfo, metric: Metric) -> Candidate:
    p99, p50, _ = waits(judgement, scenario, contender)
    figure = judgement.figure(scenario, contender.name, metric.name)
    return Candidate(name=contender.name, figure=figure, waits_ms=(p99, p50))


def freshest(judgement: Judgement, scenario: ScenarioInfo, able: list[ContenderInfo]) -> list[ContenderInfo]:
    """Where the scenario is about freshness: those of which no read was certainly stale after told (one such read is
    enough; it needs no statistics); where all had some, those not told apart from the lowest share."""
    if not scenario.judge_at_rest:
        return able
    shares = {c.name: judgement.figure(scenario.name, c.name, "stale-after-told") for c in able}
    judged = [c for c in able if not shares[c.name].missing]
    if not judged:
        return able
    if clean := [c for c in judged if shares[c.name].value == 0]:
        return clean
    if twins_of(judgement, scenario.name, "stale-after-told").silent:
        return judged
    best = min((shares[c.name] for c in judged), key=lambda share: share.value)
    return [c for c in judged if shares[c.name].value <= best.value or overlap(shares[c.name], best)]


def main_metric(judgement: Judgement, scenario: str, able: Sequence[ContenderInfo]) -> Metric:
    """Loads per expiry, where it was measured and of no contender leaves out expiries; else loads per 1,000 reads."""
    per_expiry = find_metric("loads-per-expiry")
    measured = [f for c in able if not (f := judgement.figure(scenario, c.name, per_expiry.name)).missing]
    if measured and not any(f.why for f in measured):
        return per_expiry
    return find_metric("loads-per-1000-reads")


def answered_all(judgement: Judgement, scenario: str, contender: ContenderInfo) -> bool:
    due, answered = (judgement.figure(scenario, contender.name, name) for name in ("due", "answered"))
    return not due.missing and due.value > 0 and due.value == answered.value


def waits(judgement: Judgement, scenario: str, contender: ContenderInfo) -> tuple[float, float, int]:
    """Read p99 and p50, infinite where they are not known or tell nobody apart; the place in the run."""
    names = ("read-p99", "read-p50")
    values = [judgement.figure(scenario, contender.name, name).value for name in names]
    silent = [twins_of(judgement, scenario, name).silent for name in names]
    p99, p50 = (math.inf if quiet or math.isnan(v) else v for v, quiet in zip(values, silent, strict=True))
    return p99, p50, judgement.run.info.contenders.index(contender)


def says(figure: Estimate, metric: Metric, *, name_it: bool = True) -> str:
    unit = f"{metric.group} {metric.title}" if name_it else ""
    span = words.interval(figure)
    return f"{words.with_unit(figure.value, metric.unit)}{' ' if unit else ''}{unit}{f' ({span})' if span else ''}"


def priced(
    judgement: Judgement, scenario: str, winner: ContenderInfo, beside: Sequence[ContenderInfo]
) -> tuple[str, str]:
    """The winner's worst figure beside those contenders', and whom it hurts; empty where none is worth saying."""
    worst, price, wrong_for = WORTH_SAYING, "", ""
    p99 = judgement.figure(scenario, winner.name, "read-p99")
    tail = "read-max" if p99.missing or p99.why else "read-p99"
    for metric in metrics():
        if metric.name not in (*PRICES, tail):
            continue
        twins = twins_of(judgement, scenario, metric.name)
        mine = judgement.figure(scenario, winner.name, metric.name)
        others = dict(twins.worst(c.name, judgement.figure(scenario, c.name, metric.name)) for c in beside)
        others = {name: figure for name, figure in others.items() if not figure.missing and not figure.why}
        if mine.missing or mine.why or not others or twins.silent:
            continue
        name = min(others, key=lambda n: others[n].value)
        its = others[name]
        ratio = (twins.lowest(winner.name, mine) + metric.resolution) / (its.value + metric.resolution)
        if ratio > max(worst, twins.gap) and not overlap(mine, its):
            worst, wrong_for = ratio, metric.wrong_for
            price = (
                f"{words.label(metric)} {words.with_unit(mine.value, metric.unit)}, against "
                f"{words.with_unit(its.value, metric.unit)} with {name}"
            )
            if mine.level is None or its.level is None:
                price += ", as seen"
    return price, wrong_for


def answered(found: Sequence[Answer]) -> list[Answer]:
    """The answers that the headline is made of: those of variants only where there are no others."""
    taken = [a for a in found if a.winner is not None]
    return [a for a in taken if not a.scenario.variant_of] or taken


def headline(found: Sequence[Answer], judgement: Judgement) -> str:
    """One sentence: what to take."""
    if judgement.void:
        return "This run is void: take nothing from it."
    rounds = judgement.rounds
    taken = answered(found)
    if not taken:
        limiters_only = judgement.limiting is not None and not judgement.cells
        return "Rate limiters only, judged one by one." if limiters_only else "This run gives no answer."
    by_winner: dict[str, list[str]] = {}
    for a in taken:
        name = f"{a.winner} ({IF_STALE})" if a.winner in a.stale else str(a.winner)
        by_winner.setdefault(name, []).append(a.scenario.name)
    if rounds < MIN_ROUNDS:
        seen = [f"{winner} did best in {words.listed(where)}" for winner, where in by_winner.items()]
        shown = "1 round is" if rounds == 1 else f"{rounds} rounds are"
        return f"No verdict: {shown} too few. As seen, {words.listed(seen)}."
    by_choice: dict[str, list[str]] = {}
    for a in taken:
        by_choice.setdefault(either(a), []).append(a.scenario.name)
    return f"Take {words.listed([f'{who} for {words.listed(where)}' for who, where in by_choice.items()])}."


def tied(found: Sequence[Answer], judgement: Judgement) -> bool:
    """Whether the headline joins contenders by "or": this run cannot distinguish them."""
    return judgement.rounds >= MIN_ROUNDS and not judgement.void and any(a.tied for a in answered(found))


IF_STALE = "if old values do no harm"


def either(a: Answer) -> str:
    """The winner, and whoever cannot be told apart from it: "a or b", "a, b or c", "a or one of 3 others". Whoever had
    reads that were stale after told comes last, and that is said: "a or, if old values do no harm, b"."""
    names = [str(a.winner), *a.tied]
    fresh, stale = [n for n in names if n not in a.stale], [n for n in names if n in a.stale]
    if not fresh:
        return f"{one_of(stale)} ({IF_STALE})"
    return f"{one_of(fresh)} or, {IF_STALE}, {one_of(stale)}" if stale else one_of(fresh)


def one_of(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{names[0]} or one of {len(names) - 1} others"
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def depends_on(found: Sequence[Answer], judgement: Judgement) -> str:
    """Where the order of contenders turns, as far as this run varied anything."""
    own = [a for a in found if a.winner is not None and not a.scenario.variant_of]
    winners = {a.winner for a in own}
    parts = []
    if len(winners) > 1:
        parts.append(f"The scenario: {words.listed([f'{a.winner} in {a.scenario.name}' for a in own])}.")
    factors = [(factor, base, other) for base, other in varied(judgement) if (factor := apart_in(base, other))]
    parts += [turns(judgement, factor, base, other) for factor, base, other in factors]
    rest = [name for name in ("distance", "cores", "processes", "rate") if name not in {f for f, _, _ in factors}]
    return " ".join([*parts, f"{words.listed(rest).capitalize()}: not varied in this run."])


def varied(judgement: Judgement) -> list[tuple[ScenarioInfo, ScenarioInfo]]:
    """Each scenario that the run repeats under one other condition, with its variant."""
    known = {s.name: s for s in judgement.scenarios}
    return [(known[s.variant_of], s) for s in judgement.scenarios if s.variant_of in known]


Factor = Literal["distance", "processes", ""]


def apart_in(base: ScenarioInfo, other: ScenarioInfo) -> Factor:
    """The one thing in which they differ: the distance, or the processes that serve; empty where it is another."""
    differs = {name for name in base.workload if base.workload[name] != other.workload.get(name)}
    if base.processes != other.processes:
        return "" if differs else "processes"
    return "distance" if differs == {"rtt_ms"} else ""


def level_of(factor: Factor, scenario: ScenarioInfo) -> str:
    if factor == "distance":
        return f"{scenario.workload.get('rtt_ms') or 0:g} ms"
    return f"{scenario.processes} {'process' if scenario.processes == 1 else 'processes'}"


def turns(judgement: Judgement, factor: Factor, base: ScenarioInfo, other: ScenarioInfo) -> str:
    """Which pairs of contenders change places between two levels of a factor, certainly: by figures that decide."""
    names = [c.name for c in judgement.run.info.contenders if c.kind == "contender"]
    names = [name for name in names if judgement.of(base.name, name) and judgement.of(other.name, name)]
    at = [level_of(factor, s) for s in (base, other)]
    by = "at" if factor == "distance" else "with"
    changed, kept = [], 0
    for metric in (m for m in metrics() if m.decides or m.name == "read-p50"):
        for a, b in itertools.combinations(names, 2):
            here, there = (
                order(
                    judgement.figure(s.name, a, metric.name),
                    judgement.figure(s.name, b, metric.name),
                    twins_of(judgement, s.name, metric.name),
                )
                for s in (base, other)
            )
            if here and there and here != there:
                first = (a, b) if here < 0 else (b, a)
                changed.append(
                    f"{words.label(metric)}: {first[0]} before {first[1]} {by} {at[0]}, behind it {by} {at[1]}"
                )
            kept += here != 0 and here == there
    head = f"The {factor} in {base.name} ({words.listed(at)}): "
    if judgement.rounds < MIN_ROUNDS:
        return f"{head}varied, but {MIN_ROUNDS} rounds are wanted to tell whether the order of contenders changes."
    if changed:
        return f"{head}the order of contenders changes. {'; '.join(changed)}."
    return f"{head}the order of contenders does not change ({kept} pairs keep it, no pair turns beyond its intervals)."


def order(a: Estimate, b: Estimate, twins: Twins) -> int:
    """-1 where a certainly lies below b, 1 above, 0 where their intervals, or two copies of one, do not tell."""
    if a.missing or b.missing or a.level is None or b.level is None or overlap(a, b):
        return 0
    return -1 if lies_below(a, b, twins) else 1 if lies_below(b, a, twins) else 0


def next_command(judgement: Judgement) -> tuple[str, str]:
    """The reader's next question, and the command that answers it."""
    doubts = {doubt.kind.name for doubt in judgement.doubts}
    if "few-rounds" in doubts:
        return "Is that more than luck?", "make bench"
    if "saturated" in doubts:
        return "What at a rate that all can carry?", "stampede init && make bench WORKLOAD=workload.toml"
    if any(s.workload.get("own_sql") for s in judgement.run.info.scenarios):
        return "And on a network of one millisecond?", "set rtt_ms = 1 in your workload file, then make bench again"
    return "And with my own table, SQL and rate?", "stampede init && make bench WORKLOAD=workload.toml"
