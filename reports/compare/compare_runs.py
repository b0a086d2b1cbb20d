"""Two runs, figure by figure: the same statistics as inside a run, but for rounds that are not paired."""

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
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterJudged
from stampede.reports.topics.rate_limiting.limiter_analysis import judged as judge_limiters
from stampede.run_folder.read import Run
from stampede.run_folder.schema import ContenderInfo

LEFT_OUT = ("read-max", "redis-hit-rate", "stale-possible", "stale-age-max")
LISTED = 6
"""So many differences stand in a refusal."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A limiter in both runs."""

    scenario: str
    limiter: str
    a: LimiterJudged
    b: LimiterJudged


@dataclass(frozen=True)
class RunPair:
    """Run B (what is judged) against run A (the base), both judged by themselves."""

    a: Analysis
    b: Analysis
    differences: Sequence[Difference]
    forced: bool = False
    """They are not alike, and were compared in spite of it."""

    @property
    def names(self) -> tuple[str, str]:
        """Of the folders, A's first."""
        return self.a.run.folder.resolve().name, self.b.run.folder.resolve().name

    @property
    def same_run(self) -> bool:
        return same_run(self.a.run, self.b.run)

    @cached_property
    def scenarios(self) -> list[str]:
        """Of caching, in both."""
        of_a = {s.name for s in self.a.scenarios}
        return [s.name for s in self.b.scenarios if s.name in of_a]

    def contenders(self, scenario: str) -> list[ContenderInfo]:
        """Rulers and twins too: what no change of the code can move shows what the machine did."""
        known = self.b.run.info.contenders
        return [c for c in known if self.a.of(scenario, c.name) and self.b.of(scenario, c.name)]

    def floor(self, scenario: str, metric: Metric) -> float:
        """The larger noise floor of both runs' A/A pairs. A share."""
        twins = [j.twins.get((scenario, metric.name)) for j in (self.a, self.b)]
        return max([LEAST_DIFFERENCE, *(noise_floor(t.comparison) for t in twins if t is not None)])

    def verdict_rows(self, scenario: str, metric: Metric) -> list[Verdict]:
        """Each contender's B against its A by one metric; Holm over these rows."""
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
        return [v for s in self.scenarios for m in compared_metrics() for v in self.verdict_rows(s, m)]

    @cached_property
    def contracts(self) -> list[Contract]:
        """Limiters that ran in both."""
        if self.a.limiting is None or self.b.limiting is None:
            return []
        of_a = {(x.scenario.name, x.info.name): x for x in judge_limiters(self.a.limiting)}
        return [
            Contract(scenario=y.scenario.name, limiter=y.info.name, a=x, b=y)
            for y in judge_limiters(self.b.limiting)
            if (x := of_a.get((y.scenario.name, y.info.name))) is not None
        ]

    @property
    def told(self) -> list[Verdict]:
        """Verdicts about contenders, not about rulers and twins."""
        kinds = {c.name: c.kind for c in self.b.run.info.contenders}
        return [v for v in self.verdicts if kinds[v.contender] == "contender"]

    @property
    def headline(self) -> str:
        """The whole comparison in a sentence or two."""
        if self.same_run:
            return "These are the same run: no difference."
        counts = {word: [v for v in self.told if v.sentence == word] for word in ("better", "worse")}
        same, unclear = (sum(v.sentence == word for v in self.told) for word in ("same", "cannot tell"))
        judged = sum(bool(v.sentence) for v in self.told)
        if not judged:
            return f"No verdict: fewer than {MIN_ROUNDS} rounds in one of the runs."
        tail = f"{same} the same, {unclear} cannot be told, of {judged} comparisons."
        if not any(counts.values()):
            return f"No difference can be shown: {tail}"
        parts = [f"{len(found)} {word}" for word, found in counts.items() if found]
        return f"{formatting.listed(parts)}; {tail}"

    def warnings(self) -> Iterator[str]:
        """What stands above everything."""
        serious = [x for x in self.differences if x.serious]
        if serious:
            yield f"Compared by force, though the runs are not alike: {'; '.join(map(str, serious))}."
        for letter, analysis in (("A", self.a), ("B", self.b)):
            for warning in analysis.above_all:
                where = f"{warning.scenario}: " if warning.scenario else ""
                yield f"Run {letter} says above its own answer: {where}{warning.what}"
        rulers = {c.name for c in self.b.run.info.contenders if c.kind == "baseline"}
        moved = [v for v in self.verdicts if v.contender in rulers and v.sentence in ("better", "worse")]
        for v in moved:
            yield (
                f"{v.scenario}: {v.contender}, which no pattern touches, came out {v.sentence} in "
                f"{formatting.label(v.metric)}: {formatting.against(v)}. Machine or servers changed between the runs, and moved "
                "the other rows too."
            )


def rounds_of(analysis: Analysis, scenario: str, contender: str, metric: Metric) -> list[float]:
    """The metric's figure in each round."""
    cells = analysis.of(scenario, contender)
    return values_of(cells)[metric.name] if metric.compared else [metric.of_cell(cell) for cell in cells]


def compared_metrics() -> list[Metric]:
    """What has a good side and a value a round; extremes and tables of detail stay out."""
    return [m for m in metrics() if m.better is not None and not m.apart and m.name not in LEFT_OUT]


def pair(a: Run, b: Run, *, force: bool = False) -> RunPair:
    """Both judged, ready to be compared. Raises InputError where they are not alike (and are not forced), or where
    they have nothing in common."""
    found = differences(a, b)
    serious = [x for x in found if x.serious]
    where = f"{a.folder} and {b.folder}"
    if serious and not force:
        more = f"; and {len(serious) - LISTED} more" if len(serious) > LISTED else ""
        raise InputError(
            where,
            f"not alike: {'; '.join(map(str, serious[:LISTED]))}{more}",
            "runs that differ in code, not in circumstances; --force compares in spite",
        )
    both = RunPair(analyse(a), analyse(b), found, forced=bool(serious))
    if not any(both.contenders(s) for s in both.scenarios) and not both.contracts:
        raise InputError(where, "no scenario with a contender in common", "two runs of one plan")
    return both


def change_of(verdict: Verdict) -> float:
    """How far the ratio lies from 1, on the log scale: for ordering. 0 where there is none."""
    ratio = verdict.comparison.ratio
    return abs(math.log(ratio.estimate)) if ratio is not None else 0.0
