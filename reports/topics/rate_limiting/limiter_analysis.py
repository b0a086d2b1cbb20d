"""Analysis of rate limiters: each is checked against its own contract and the strict window."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import quantile
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls, by_subject
from stampede.reports.topics.rate_limiting.decision_counts.decisions import (
    RetryOutcomes,
    Wrong,
    peak_to_mean,
    recovery_s,
    retry_outcomes,
    wrong,
)
from stampede.reports.topics.rate_limiting.decision_counts.entitlement import Share, jain, share
from stampede.reports.topics.rate_limiting.decision_counts.rolling_windows import (
    excess,
    most_beyond_refill,
    rolling_certain,
    rolling_possible,
)
from stampede.reports.topics.rate_limiting.decision_counts.starvation import (
    ABOVE,
    Starvation,
    Steady,
    starvation,
    steady,
)
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

BASELINE = "bare-evalsha"
"""The baseline for the service time: an empty script."""
FLOOD_THEN_HALF = "flood, then half"
WITHIN = ("Poisson 0.5 ×", "steady 0.5 ×", "steady 0.9 ×")
"""Caller profiles that stay within the limit on average."""
BIN_S = 0.010
"""Width of the bins of the edge alignment, in seconds."""
HERD_BIN_S = 0.100
"""Width of the bins of returned retry times, in seconds."""
IN_A_ROW = 10
"""Number of admissions in a row after which a caller has recovered from its flood."""
USUAL_LIMIT = 100
"""A limit per window at which the bytes of a caller are printed too."""
GROWS = 2.0
"""From this ratio of the largest key to the smallest one on, a limiter's state is called growing."""

Kept = Literal["kept", "broken", "cannot tell"]


@dataclass(frozen=True, kw_only=True)
class SubjectResult:
    """One subject in one cell."""

    subject: int
    profile: str
    calls: Calls
    most_certain: int
    """Most calls that were certainly admitted in one rolling window."""
    most_possible: int
    above_s: float
    """Seconds during which the rolling count was above L."""
    excess: int
    need_certain: float
    """The quantity that the contract bounds: most in a window (strict) or most beyond the refill (bucket)."""
    need_possible: float
    share: Share
    wrong: Wrong
    retry_outcomes: RetryOutcomes


def analyse_subject(
    subject: int, profile: str, calls: Calls, flood: Mapping[str, Any], contract: Mapping[str, Any]
) -> SubjectResult:
    """Analyse one subject's calls. `flood`: the scenario's flood; `contract`: the limiter's own bound."""
    limit, window_s = int(flood["limit"]), float(flood["window_s"])
    admitted = calls.admitted
    certain, possible = rolling_certain(admitted, window_s), rolling_possible(admitted, window_s)
    if contract["kind"] == "bucket":
        needs = most_beyond_refill(admitted, float(contract["refill_per_s"]))
    elif contract["window_s"] == window_s:
        needs = float(certain.most), float(possible.most)
    else:
        own_s = float(contract["window_s"])
        needs = float(rolling_certain(admitted, own_s).most), float(rolling_possible(admitted, own_s).most)
    return SubjectResult(
        subject=subject,
        profile=profile,
        calls=calls,
        most_certain=certain.most,
        most_possible=possible.most,
        above_s=certain.above(limit),
        excess=excess(admitted, window_s, limit),
        need_certain=needs[0],
        need_possible=needs[1],
        share=share(calls, limit, window_s),
        wrong=wrong(calls, limit, window_s),
        retry_outcomes=retry_outcomes(calls),
    )


def caller_profiles(flood: Mapping[str, Any]) -> list[str]:
    """The caller profile of each subject, by its number."""
    return [group["profile"] for group in flood["caller_groups"] for _ in range(int(group["subjects"]))]


@dataclass(frozen=True)
class LimiterResult:
    """One limiter under one scenario, pooled over all rounds."""

    info: ContenderInfo
    scenario: ScenarioInfo
    cells: Sequence[Cell]
    subjects: Sequence[tuple[int, SubjectResult]] = field(repr=False)
    """(round, subject)"""
    latency: Comparison | None
    """Service p50 against that of the empty EVALSHA, paired by round; the difference is in ms."""
    latency_rounds_ms: Floats
    key_bytes: Floats
    time_ms: Mapping[int, float] = field(default_factory=dict)
    """Service p50 of a call in ms, by round."""

    @property
    def flood(self) -> Mapping[str, Any]:
        assert self.scenario.flood is not None
        return self.scenario.flood

    @property
    def limit(self) -> int:
        return int(self.flood["limit"])

    @property
    def window_s(self) -> float:
        return float(self.flood["window_s"])

    @property
    def contract(self) -> Mapping[str, Any]:
        return self.info.contracts[self.scenario.name]

    @property
    def bound(self) -> float:
        """The bound of the contract: L (strict) or B (bucket)."""
        return float(self.contract["limit" if self.contract["kind"] == "strict" else "capacity"])

    @cached_property
    def kept(self) -> Kept:
        """Whether its own contract held for every subject in every round."""
        return verdict(self.need_certain, self.need_possible, self.bound)

    @cached_property
    def kept_strict(self) -> Kept:
        """Whether at most L calls were admitted in any window."""
        return verdict(self.most_certain, self.most_possible, self.limit)

    @property
    def need_certain(self) -> float:
        return max((s.need_certain for _, s in self.subjects), default=0.0)

    @property
    def need_possible(self) -> float:
        return max((s.need_possible for _, s in self.subjects), default=0.0)

    @property
    def most_certain(self) -> int:
        return max((s.most_certain for _, s in self.subjects), default=0)

    @property
    def most_possible(self) -> int:
        return max((s.most_possible for _, s in self.subjects), default=0)

    @property
    def worst(self) -> SubjectResult | None:
        """The subject with the most admissions in one window."""
        return max((s for _, s in self.subjects), key=lambda s: (s.most_certain, s.excess), default=None)

    @property
    def admitted(self) -> int:
        return sum(s.share.admitted for _, s in self.subjects)

    @property
    def excess_share(self) -> float:
        """Share of the admissions that were above L."""
        return sum(s.excess for _, s in self.subjects) / self.admitted if self.admitted else math.nan

    @property
    def above_share(self) -> float:
        """Share of all subjects' time in which the rolling count was above L."""
        span_s = len(self.subjects) * self.scenario.window_s
        return sum(s.above_s for _, s in self.subjects) / span_s if span_s else math.nan

    def got(self, *caller_profiles: str) -> float:
        """Admitted over entitled calls of those profiles at the end; of all subjects if none is given."""
        chosen = [s.share for _, s in self.subjects if not caller_profiles or s.profile in caller_profiles]
        entitled = sum(s.entitled for s in chosen)
        return sum(s.admitted for s in chosen) / entitled if entitled else math.nan

    @property
    def starved(self) -> tuple[float, str]:
        """The lowest ratio of admitted to entitled calls after the first window, and its caller profile."""
        lows = [(s.share.lowest, s.profile) for _, s in self.subjects if not math.isnan(s.share.lowest)]
        return min(lows, default=(math.nan, ""))

    @cached_property
    def starvation(self) -> Starvation | None:
        """Admissions of steady callers above the limit after their first window; None if the flood has none."""
        callers: list[Steady] = [
            steady(s.profile, r, s.calls, self.flood, self.contract) for r, s in self.subjects if s.profile in ABOVE
        ]
        return starvation(callers)

    @property
    def starves(self) -> bool:
        """Whether such a caller certainly gets less than its contract allows."""
        return self.starvation is not None and self.starvation.starves

    @property
    def fairness(self) -> tuple[float, float]:
        """Jain's index over the subjects' ratios of admitted to entitled calls, and the lowest ratio."""
        shares = np.array([s.share.at_end for _, s in self.subjects])
        known = shares[~np.isnan(shares)]
        return jain(known), float(known.min()) if len(known) else math.nan

    @property
    def wrong(self) -> Wrong:
        return Wrong(
            admitted=sum(s.wrong.admitted for _, s in self.subjects),
            refused=sum(s.wrong.refused for _, s in self.subjects),
        )

    @property
    def decisions(self) -> int:
        return sum(len(s.calls) for _, s in self.subjects)

    @property
    def retry_outcomes(self) -> RetryOutcomes:
        """Sum over all subjects."""
        return sum((s.retry_outcomes for _, s in self.subjects), RetryOutcomes())

    def recovery(self, wanted: int) -> tuple[float, int, int]:
        """(median seconds to `wanted` admissions in a row after a flood, callers that reached it, all callers)."""
        chosen = [s for _, s in self.subjects if s.profile == FLOOD_THEN_HALF]
        found = np.array([recovery_s(s.calls, self.window_s, wanted) for s in chosen])
        seen = found[~np.isnan(found)]
        return (float(np.median(seen)) if len(seen) else math.nan), len(seen), len(found)

    @property
    def edge_alignment(self) -> float:
        """Admissions per 10 ms modulo W: peak over mean. Cells begin at an edge of the server's windows."""
        instants = self.pooled(lambda s: s.calls.admitted.instant_s)
        return peak_to_mean(instants % self.window_s, BIN_S, self.window_s)

    @property
    def herd(self) -> float:
        """Returned retry times per 100 ms: peak over mean, the largest of the rounds."""
        peaks = []
        for cell in self.cells:
            refused = [s.calls.where(~s.calls.allowed) for r, s in self.subjects if r == cell.info.round]
            retry_s = np.concatenate([c.end_s + c.retry_after_s for c in refused]) if refused else np.array([])
            peaks.append(peak_to_mean(retry_s, HERD_BIN_S, self.scenario.window_s + self.window_s))
        known = [p for p in peaks if not math.isnan(p)]
        return max(known, default=math.nan)

    def pooled(self, values: Any) -> Floats:
        """Values of all subjects, concatenated."""
        found = [values(s) for _, s in self.subjects]
        return np.concatenate(found) if found else np.array([])

    @property
    def largest_key_bytes(self) -> float:
        """The largest key during the flood, in bytes; nan if none was measured."""
        return float(self.key_bytes.max()) if len(self.key_bytes) else math.nan

    @property
    def key_grows(self) -> bool:
        """Whether the key grows with the calls: the largest has at least GROWS times the bytes of the smallest."""
        return bool(len(self.key_bytes) and self.key_bytes.max() >= GROWS * self.key_bytes.min())

    def key_bytes_at(self, limit: int) -> float:
        """The largest key at another limit, extrapolated from this run's, in bytes; nan if none was measured.

        A counter or timestamp has the same size at any limit. A log grows by the same number of bytes for each call:
        the smallest key held one call, the largest as many as the flood made in a window, which is in proportion to the
        limit.
        """
        if limit == self.limit or not self.key_grows:
            return self.largest_key_bytes
        smallest = float(self.key_bytes.min())
        return smallest + (self.largest_key_bytes - smallest) * (limit - 1) / max(1, self.limit - 1)

    @property
    def sent_per_decision(self) -> float:
        """Redis commands that the client sent per decision."""
        rows = [cell.due for cell in self.cells]
        return sum(float(r.ints("commands").sum()) for r in rows) / max(1, sum(len(r) for r in rows))

    @property
    def round_trips(self) -> float:
        """Round trips per decision."""
        rows = [cell.due for cell in self.cells]
        return sum(float(r.ints("round_trips").sum()) for r in rows) / max(1, sum(len(r) for r in rows))

    @property
    def scripted_per_decision(self) -> float:
        """Commands that the server ran inside scripts, per decision."""
        total = 0.0
        for cell in self.cells:
            for name in self.info.script_commands:
                counted = cell.counters.get(("redis", f"command.{name}"), 0.0)
                sent = sum(v for (s, n), v in cell.counters.items() if s != "redis" and n == f"command.{name}")
                total += counted - sent
        return total / max(1, sum(len(cell.rows) for cell in self.cells))


def verdict(certain: float, possible: float, bound: float) -> Kept:
    """Kept if the possible value is within the bound, broken if the certain value exceeds it, else cannot tell.

    The tolerance is a millionth of a call.
    """
    if certain > bound + 1e-6:
        return "broken"
    return "kept" if possible <= bound + 1e-6 else "cannot tell"


def limiter_results(analysis: Analysis) -> Sequence[LimiterResult]:
    """Every limiter in every limiting scenario that has a finished cell. Computed once per analysis."""
    return analysis.once(analyse_limiters)


def analyse_limiters(analysis: Analysis) -> list[LimiterResult]:
    """Every limiter in every limiting scenario."""
    return list(each_limiter(analysis))


def each_limiter(analysis: Analysis) -> Iterator[LimiterResult]:
    """Yield the result of each limiter and scenario."""
    for scenario in analysis.scenarios:
        assert scenario.flood is not None
        names = caller_profiles(scenario.flood)
        baseline = {cell.info.round: service_p50_ms(cell) for cell in analysis.of(scenario.name, BASELINE)}
        sizes = key_bytes(analysis, scenario.name)
        for info in analysis.run.info.contenders:
            cells = analysis.of(scenario.name, info.name)
            if not cells:
                continue
            contract = info.contracts[scenario.name]
            subjects = [
                (cell.info.round, analyse_subject(subject, names[subject], calls, scenario.flood, contract))
                for cell in cells
                for subject, calls in by_subject(cell.rows, cell.clock_uncertainty_ns / 1e9)
            ]
            own = {cell.info.round: service_p50_ms(cell) for cell in cells}
            both = sorted(own.keys() & baseline.keys())
            yield LimiterResult(
                info,
                scenario,
                cells,
                subjects,
                compare([own[r] for r in both], [baseline[r] for r in both]) if both else None,
                np.array([own[r] - baseline[r] for r in both]),
                sizes.get(info.name, np.array([])),
                own,
            )


def service_p50_ms(cell: Cell) -> float:
    """Median service time of a cell in ms."""
    took = cell.due.floats("service_ms")
    return quantile(took[~np.isnan(took)], 0.5)


def key_bytes(analysis: Analysis, scenario: str) -> dict[str, Floats]:
    """Memory of the limiters' keys in bytes, by contender, from the gauges of the run's timeline."""
    timeline = analysis.run.timeline
    gauges = timeline[timeline["name"] == "limiter_key_bytes"]
    cells = {cell.info.id: cell.info.contender for cell in analysis.cells if cell.info.scenario == scenario}
    owners = gauges["cell"].map(cells)
    return {str(name): group.to_numpy(dtype=np.float64) for name, group in gauges["value"].groupby(owners)}
