"""The closed form of the hit rate, with the reads, writes and query time of one scenario. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.core.models import closed_forms as forms
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.database_loads import load_times_s
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

PLAIN = "cache-aside"
"""The contender that the model describes: a TTL, a delete on write, and nothing else."""


def reads_per_s(scenario: ScenarioInfo) -> float:
    """The scenario's rate of reads."""
    return float(scenario.workload["rate_per_s"]) * float(scenario.workload["read_share"])


def mean_query_s(cells: Sequence[Cell]) -> float:
    """Mean time of the cells' queries in seconds, simulated RTT included; 0 if there were none."""
    _, mean_s, queries = load_times_s(cells)
    return mean_s if queries else 0.0


def key_count(scenario: ScenarioInfo) -> int | None:
    """How many keys the requests concern; None: the user's own SQL, and the run did not record how many ids it has."""
    if scenario.queries:
        return sum(query.records for query in scenario.queries)
    workload = scenario.workload
    records = scenario.measured.get("ids") if workload.get("own_sql") else workload["records"]
    active = workload.get("active_records")
    return None if records is None else int(min(active or records, records))


@dataclass(frozen=True, kw_only=True)
class HitModel:
    """Keys with Zipf popularity whose entries live for a TTL, and which a write deletes."""

    reads_per_s: forms.Floats
    """By key, most popular first."""
    writes_per_s: forms.Floats
    query_s: float = 0.0
    """Mean time of one query."""

    def hit_rate(self, ttl_s: float, times: float = 1.0) -> float:
        """The share of reads that hit, 0 to 1, at `times` the rate. Assumes Poisson requests."""
        return forms.ttl_hit_rate(
            times * self.reads_per_s, ttl_s, load_s=self.query_s, writes_per_s=times * self.writes_per_s
        )

    def hit_rate_of(self, contender: ContenderInfo, ttl_s: float) -> float:
        """The share of reads that hit, 0 to 1, for a contender's own effect of writes and its own refreshes."""
        law = forms.steady_state(
            self.reads_per_s,
            self.writes_per_s,
            ttl_s=ttl_s,
            on_write=contender.on_write,
            refresh_below_share=refresh_share(contender),
        )
        return law.hit_rate(self.query_s)

    def ttl_for(self, hit_rate: float) -> float:
        """The shortest TTL in seconds with that hit rate (0 to 1); infinity if none has it."""
        return forms.ttl_for_hit_rate(hit_rate, self.reads_per_s, load_s=self.query_s, writes_per_s=self.writes_per_s)

    def queries_per_s(self, ttl_s: float, times: float = 1.0) -> float:
        """Database queries per second that the reads cause, at `times` the rate."""
        return times * float(self.reads_per_s.sum()) * (1 - self.hit_rate(ttl_s, times))


def refresh_share(contender: ContenderInfo) -> float:
    """The share of a TTL, at its end, in which a read refreshes the entry; 0: reads refresh nothing."""
    share = contender.config.get("refresh_below_share")
    return float(share) if isinstance(share, int | float) else 0.0


def hit_model(scenario: ScenarioInfo, query_s: float) -> HitModel | None:
    """The model of a scenario; None if the number of keys is not known, or if its queries have different TTLs."""
    keys = key_count(scenario)
    if keys is None or len({query.ttl_s for query in scenario.queries}) > 1:
        return None
    rate_per_s, skew = float(scenario.workload["rate_per_s"]), float(scenario.workload["key_skew"])
    parts = [(query.records, query.share, query.read_share) for query in scenario.queries]
    parts = parts or [(keys, 1.0, float(scenario.workload["read_share"]))]
    shares = [share * rate_per_s * forms.zipf_shares(count, skew) for count, share, _ in parts]
    return HitModel(
        reads_per_s=np.concatenate([part * reads for part, (_, _, reads) in zip(shares, parts, strict=True)]),
        writes_per_s=np.concatenate([part * (1 - reads) for part, (_, _, reads) in zip(shares, parts, strict=True)]),
        query_s=query_s,
    )


def why_not(scenario: ScenarioInfo) -> str:
    """Why the model does not describe the scenario; empty if it does."""
    arrivals = scenario.workload.get("arrivals", "poisson")
    if arrivals != "poisson":
        return f"the model assumes Poisson arrivals, and this workload has {arrivals} ones"
    if scenario.cold or scenario.fault:
        return "the model describes a steady state, and this scenario has none"
    if key_count(scenario) is None:
        return "this run did not record how many ids the SQL of the workload has"
    if len({query.ttl_s for query in scenario.queries}) > 1:
        return "the model has one TTL, and the queries of this workload have several"
    return ""


def plain_model(analysis: Analysis, scenario: ScenarioInfo) -> HitModel | None:
    """The model of a scenario with the query time that cache-aside measured; None if it does not describe it."""
    if why_not(scenario):
        return None
    return hit_model(scenario, mean_query_s(analysis.of(scenario.name, PLAIN)))
