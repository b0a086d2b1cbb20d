"""Comparison of two runs, metric by metric: the statistics of a report, but for rounds that are not paired."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from stampede.core.errors import InputError
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.analysis.results import Verdict, values_of
from stampede.reports.compare.comparability import Difference, differences, same_run
from stampede.reports.metrics.metric import Metric, metrics
from stampede.reports.output import formatting
from stampede.reports.statistics.comparison import compare_independent
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import holm
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE, noise_floor, sentence
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, limiter_results
from stampede.run_folder.read import Run
from stampede.run_folder.schema import ContenderInfo

LEFT_OUT = ("read-max", "redis-hit-rate", "stale-possible", "stale-age-max")
MOVED = ("worse", "better")
"""The verdicts of a significant change."""
LISTED = 6
"""Differences that the error message lists."""


@dataclass(frozen=True, kw_only=True)
class ContractPair:
    """A limiter that ran in both runs."""

    scenario: str
    limiter: str
    a: LimiterResult
    b: LimiterResult


@dataclass(frozen=True)
class RunPair:
    """Run B (under test) and run A (the base), each analysed on its own."""

    a: Analysis
    b: Analysis
    differences: Sequence[Difference]
    forced: bool = False
    """Whether the runs are not comparable and were compared because of --force."""

    @property
    def names(self) -> tuple[str, str]:
        """The names of the folders, A's first."""
        return self.a.run.folder.resolve().name, self.b.run.folder.resolve().name

    @property
    def same_run(self) -> bool:
        """Whether A and B are the same run."""
        return same_run(self.a.run, self.b.run)

    @cached_property
    def scenarios(self) -> list[str]:
        """The names of the caching scenarios that both runs have."""
        of_a = {s.name for s in self.a.scenarios}
        return [s.name for s in self.b.scenarios if s.name in of_a]

    def contenders(self, scenario: str) -> list[ContenderInfo]:
        """All contenders of both runs, baselines and A/A copies included: those show how the machine changed."""
        known = self.b.run.info.contenders
        return [c for c in known if self.a.of(scenario, c.name) and self.b.of(scenario, c.name)]

    def floor(self, scenario: str, metric: Metric) -> float:
        """The larger noise floor of both runs' A/A pairs, as a share."""
        copies = [analysis.aa_pairs.get((scenario, metric.name)) for analysis in (self.a, self.b)]
        return max([LEAST_DIFFERENCE, *(noise_floor(verdict.comparison) for verdict in copies if verdict is not None)])

    def verdict_rows(self, scenario: str, metric: Metric) -> list[Verdict]:
        """Each contender in B against the same contender in A, by one metric; Holm's correction over these rows."""
        rows = []
        for c in self.contenders(scenario):
            comparison = compare_independent(*(rounds_of(j, scenario, c.name, metric) for j in (self.b, self.a)))
            if comparison.rounds:
                rows.append((c, comparison))
        tested = [comparison for _, comparison in rows if comparison.rounds >= MIN_ROUNDS]
        adjusted = dict(zip(map(id, tested), holm([c.p for c in tested]), strict=True))
        m = self.floor(scenario, metric)
        return [
            Verdict(
                scenario=scenario,
                contender=c.name,
                against=self.names[0],
                metric=metric,
                comparison=comparison,
                m=m,
                adjusted_p=adjusted.get(id(comparison), 1.0),
                sentence=sentence(comparison, m, adjusted.get(id(comparison), 1.0), metric.better or "lower"),
            )
            for c, comparison in rows
        ]

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Every verdict, by scenario, metric and contender."""
        return [v for s in self.scenarios for m in compared_metrics() for v in self.verdict_rows(s, m)]

    @cached_property
    def contracts(self) -> list[ContractPair]:
        """The limiters that ran in both runs."""
        if self.a.limiting is None or self.b.limiting is None:
            return []
        of_a = {(x.scenario.name, x.info.name): x for x in limiter_results(self.a.limiting)}
        return [
            ContractPair(scenario=y.scenario.name, limiter=y.info.name, a=x, b=y)
            for y in limiter_results(self.b.limiting)
            if (x := of_a.get((y.scenario.name, y.info.name))) is not None
        ]

    @property
    def contender_verdicts(self) -> list[Verdict]:
        """The verdicts about contenders, without baselines and A/A copies."""
        kinds = {c.name: c.kind for c in self.b.run.info.contenders}
        return [v for v in self.verdicts if kinds[v.contender] == "contender"]

    def count(self, *sentences: str) -> int:
        """The number of verdicts about contenders with one of these sentences."""
        return sum(v.sentence in sentences for v in self.contender_verdicts)

    @property
    def headline(self) -> str:
        """The whole comparison in at most twelve words."""
        if self.same_run:
            return "These are the same run: no difference."
        judged, worse, better = sum(bool(v.sentence) for v in self.contender_verdicts), *map(self.count, MOVED)
        if not judged:
            return f"No verdict: fewer than {MIN_ROUNDS} rounds in one of the runs."
        if not worse + better:
            return f"No significant difference in {judged} comparisons."
        parts = [f"{word} in {count}" for word, count in zip(MOVED, (worse, better), strict=True) if count]
        return f"B is {' and '.join(parts)} of {judged} comparisons."

    @property
    def detail(self) -> str:
        """What the headline leaves out: how many comparisons are the same, and how many are not decided."""
        if self.same_run or not any(v.sentence for v in self.contender_verdicts):
            return ""
        same, unclear = self.count("same"), self.count("cannot tell")
        return f"{same} are the same within the minimum effect; {unclear} are not significant."

    def warnings(self) -> Iterator[str]:
        """The warnings above the comparison."""
        blocking = [x for x in self.differences if x.blocking]
        if blocking:
            yield f"Compared by force: the runs are not comparable. They differ in {'; '.join(map(str, blocking))}."
        for letter, analysis in (("A", self.a), ("B", self.b)):
            for warning in analysis.top_warnings:
                where = f"{warning.scenario}: " if warning.scenario else ""
                yield f"Warning of run {letter}: {where}{warning.what}"
        yield from self.baseline_warnings()

    def baseline_warnings(self) -> Iterator[str]:
        """A warning for each baseline that changed in a scenario, with its largest change."""
        baselines = {c.name for c in self.b.run.info.contenders if c.kind == "baseline"}
        moved: dict[tuple[str, str], list[Verdict]] = {}
        for v in self.verdicts:
            if v.contender in baselines and v.sentence in MOVED:
                moved.setdefault((v.scenario, v.contender), []).append(v)
        for (scenario, name), verdicts in moved.items():
            first = max(verdicts, key=change_of)
            more = len(verdicts) - 1
            others = f", and {more} more metric{'' if more == 1 else 's'} changed" if more else ""
            yield (
                f"{scenario}: the baseline {name} is {first.sentence} in {formatting.label(first.metric)}: "
                f"{formatting.against(first)}{others}. No pattern affects it: the machine or the servers changed "
                "between the runs, and the other rows changed with them."
            )


def rounds_of(analysis: Analysis, scenario: str, contender: str, metric: Metric) -> list[float]:
    """The metric's value in each round."""
    cells = analysis.of(scenario, contender)
    return values_of(cells)[metric.name] if metric.paired else [metric.of_cell(cell) for cell in cells]


def compared_metrics() -> list[Metric]:
    """The metrics that have a better direction and a value per round, without extremes and tables of detail."""
    return [m for m in metrics() if m.better is not None and not m.separate_table and m.name not in LEFT_OUT]


def pair(a: Run, b: Run, *, force: bool = False) -> RunPair:
    """Analyse both runs for a comparison.

    Raises InputError if they are not comparable (and not forced), or have no contender in common.
    """
    found = differences(a, b)
    blocking = [x for x in found if x.blocking]
    where = f"{a.folder} and {b.folder}"
    if blocking and not force:
        more = f"; and {len(blocking) - LISTED} more" if len(blocking) > LISTED else ""
        raise InputError(
            where,
            f"not comparable: {'; '.join(map(str, blocking[:LISTED]))}{more}",
            "runs that differ in code, not in the environment; --force compares them anyway",
        )
    both = RunPair(analyse(a), analyse(b), found, forced=bool(blocking))
    if not any(both.contenders(s) for s in both.scenarios) and not both.contracts:
        raise InputError(where, "no scenario with a contender in common", "two runs of one plan")
    return both


def change_of(verdict: Verdict) -> float:
    """The distance of the ratio from 1 on the log scale, for sorting; 0 if there is no ratio."""
    ratio = verdict.comparison.ratio
    return abs(math.log(ratio.estimate)) if ratio is not None else 0.0
