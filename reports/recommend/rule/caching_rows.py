"""The rows of the caching questions, and of scenarios without a question of their own."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from stampede.reports.analysis.aa_pair import aa_comparison
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import AnswerRow, left_to
from stampede.reports.recommend.answer_sources import Sources
from stampede.reports.recommend.eligibility import (
    NO_CACHE,
    Eligibility,
    alternatives_that_hold,
    eligible,
    unanswered_text,
)
from stampede.reports.recommend.requirements import STALE_AT_MOST_TTL, conditions, untested
from stampede.reports.recommend.rule.alternatives import alternative_to
from stampede.reports.recommend.rule.certainty import certainty_of, same_pick_share
from stampede.reports.recommend.rule.effects import effect_of
from stampede.reports.recommend.rule.pick import Candidates, common_rounds, minimum_effect
from stampede.reports.recommend.rule.prices import prices_of
from stampede.reports.recommend.rule.questions import QUERIES_MINIMUM, QUERIES_NO_BETTER, QUESTIONS, Question
from stampede.reports.recommend.rule.simplicity import by_simplicity
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.run_folder.races_json import RacesInfo
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

NOTHING = "nothing"
"""What to use if the question asks for more than the simplest cache, and no contender gives it."""


def caching_row(figures: FigureSet, question: Question, races: RacesInfo | None) -> AnswerRow:
    """The row of a question. If noise hides its metric, the second metric decides, and a condition says so."""
    row = row_by_metric(figures, question, races)
    if not question.second or not row.noise_decides:
        return row
    first, then = (formatting.label(find_metric(name)) for name in (question.metric, question.second))
    assert row.minimum is not None
    noise = (
        f"{first} cannot decide: two copies of one contender may differ by {100 * row.minimum:.0f} %; {then} decides"
    )
    second = row_by_metric(figures, by_second_metric(question), races)
    return replace(second, reservations=(noise, *second.reservations))


def by_second_metric(question: Question) -> Question:
    """The same question, decided by its second metric."""
    return replace(
        question, metric=question.second, minimum_difference=QUERIES_MINIMUM, no_better=QUERIES_NO_BETTER, also=()
    )


def row_by_metric(figures: FigureSet, question: Question, races: RacesInfo | None) -> AnswerRow:
    """The row of a question by its metric. Without its scenario: the command that measures it."""
    empty = AnswerRow(
        name=question.name,
        question=question.text,
        section=question.scenario,
        metric=question.metric,
        scenario=question.scenario,
    )
    scenario = next((s for s in figures.scenarios if s.name == question.scenario), None)
    if scenario is None:
        return left_to(question.plan, empty)
    found = eligible(figures, scenario, question.requirements, races)
    excluded, ranked = dict(found.excluded), list[ContenderInfo]()
    copies = dict(scenario.same_as)
    copies |= {c.name: c.reads_like for c in found.contenders if is_copy(c, found.contenders, scenario)}
    for c in found.contenders:
        if question.caches_only and c.name == NO_CACHE:
            continue
        why = value_missing(figures, question, c)
        if why:
            excluded[c.name] = why
        elif c.name not in copies:
            ranked.append(c)
    empty = replace(empty, excluded=tuple(excluded.items()), copies=tuple(copies.items()))
    if not ranked:
        return replace(empty, why="no contender is eligible")
    ranked = by_simplicity(ranked)
    candidates = candidates_of(figures, question, ranked)
    if not candidates.rounds:
        return replace(empty, why="no round has the values of every contender")
    if candidates.rounds < MIN_ROUNDS and not candidates.pick:
        return undecided(question, empty, candidates)
    return answered_row(figures, question, scenario, empty, candidates, ranked, found, races)


def undecided(question: Question, empty: AnswerRow, candidates: Candidates) -> AnswerRow:
    """The row of a question that too few rounds leave open: without a large difference, the simplest contender is no
    finding. It has the command that decides it."""
    share, rounds = 100 * candidates.required.share, candidates.rounds
    why = f"{rounds} of {MIN_ROUNDS} rounds, and no difference above {share:.0f} %"
    return replace(left_to(question.plan, empty), why=why)


def answered_row(
    figures: FigureSet,
    question: Question,
    scenario: ScenarioInfo,
    empty: AnswerRow,
    candidates: Candidates,
    ranked: Sequence[ContenderInfo],
    found: Eligibility,
    races: RacesInfo | None,
) -> AnswerRow:
    """The row of a question with an answer."""
    pick = ranked[candidates.pick]
    share = same_pick_share(candidates)
    nothing = question.asks_for_more and candidates.pick == 0
    return replace(
        empty,
        use=NOTHING if nothing else pick.name,
        pick=pick.name,
        effect=effect_of(figures, question, candidates),
        prices=prices_of(figures, scenario, pick, ranked[0]),
        mechanism=pick.mechanism if candidates.pick else "",
        certainty=certainty_of(candidates, share),
        share=share,
        basis="" if candidates.rounds >= MIN_ROUNDS else f"{candidates.rounds} of {MIN_ROUNDS} rounds needed",
        tied=tuple(candidates.names[i] for i in candidates.tied),
        alternative=alternative_to(figures, question, scenario, candidates, ranked),
        reservations=reservations(figures, question, scenario, pick, found, races),
        minimum=candidates.required.share,
        noise_decides=candidates.noise_decides(),
    )


def is_copy(contender: ContenderInfo, ran: Sequence[ContenderInfo], scenario: ScenarioInfo) -> bool:
    """Whether the scenario has no writes and the contender then does the same as another one that is eligible."""
    silent = scenario.workload.get("read_share", 1.0) >= 1
    return silent and any(c.name == contender.reads_like for c in ran)


def value_missing(figures: FigureSet, question: Question, contender: ContenderInfo) -> str:
    """Why the deciding metric has no values for a contender; empty if it has one in most rounds that it ran."""
    values = figures.round_values(question.scenario, contender.name, question.metric)
    known = sum(math.isfinite(v) for v in values.values())
    if known and 2 * known > len(values):
        return ""
    figure = figures.figure(question.scenario, contender.name, question.metric)
    return f"{formatting.label(find_metric(question.metric))}: {figure.why or 'not estimated'}"


def candidates_of(figures: FigureSet, question: Question, ranked: Sequence[ContenderInfo]) -> Candidates:
    """The candidates with their values and the minimum effect."""
    values = [dict(figures.round_values(question.scenario, c.name, question.metric)) for c in ranked]
    return Candidates(
        names=tuple(c.name for c in ranked),
        values=common_rounds(values),
        minimum=minimum_effect(aa_comparison(figures, question.scenario, question.metric), question.minimum_difference),
    )


def reservations(
    figures: FigureSet,
    question: Question,
    scenario: ScenarioInfo,
    pick: ContenderInfo,
    found: Eligibility,
    races: RacesInfo | None,
) -> tuple[str, ...]:
    """What the run did not test, when a requirement breaks, expiries left out, and requests that were not answered."""
    statuses = found.statuses[pick.name]
    condition = conditions(statuses)
    kept = alternatives_that_hold(figures, scenario, question.requirements, races) if condition else ""
    figure = figures.figure(question.scenario, pick.name, question.metric)
    left_out = "" if figure.missing else figure.why
    open_requests = unanswered_text(figures, question.scenario, pick)
    return tuple(text for text in (untested(statuses), condition, kept, left_out, open_requests) if text)


def row_of(question: Question) -> Callable[[Sources], AnswerRow | None]:
    """The function that makes the row of a question. No row if the run has rate limiters only."""

    def make(sources: Sources) -> AnswerRow | None:
        return caching_row(sources.analysis, question, sources.races) if sources.analysis.cells else None

    return make


CACHING_ROWS = tuple(row_of(question) for question in QUESTIONS)


def other_scenarios(sources: Sources) -> list[AnswerRow]:
    """A row for each caching scenario that no question names and that is no variant: the fewest queries decide."""
    known = {question.scenario for question in QUESTIONS}
    return [
        caching_row(sources.analysis, question_about(scenario), sources.races)
        for scenario in sources.analysis.scenarios
        if scenario.name not in known and not scenario.variant_of
    ]


def question_about(scenario: ScenarioInfo) -> Question:
    """The question of a scenario without one."""
    return Question(
        name=scenario.name,
        text=scenario.name.replace("-", " ").capitalize(),
        scenario=scenario.name,
        metric="loads-per-1000-reads",
        requirements=(STALE_AT_MOST_TTL,),
        minimum_difference=QUERIES_MINIMUM,
    )
