"""Selection of the scenarios and contenders that can run on these servers, with a remark for each that cannot."""

import math
from collections.abc import Sequence
from dataclasses import replace

from stampede.core.errors import ConfigError, require
from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec, missing_dependency, select_contenders
from stampede.loadtests.experiments.experiment import find_experiment
from stampede.loadtests.processes.user_imports import check_imports
from stampede.patterns.contender_registry import limiters
from stampede.scenarios.scenario import Scenario, find_scenario
from stampede.scenarios.traffic.resident_entries import MOST_RECORDS, hits_left_out
from stampede.scenarios.workload import Workload
from stampede.stack.servers import Remark, Stack

OURS_RTT_MS = 0.5
"""The simulated RTT on servers that the suite started: a network within one zone."""
MIN_REQUESTS = 10
"""Expected requests in a window, at least. With fewer, a cell would often have none."""
NOTICEABLE_MISSES = 0.005
"""A share of reads that would hit in a service and miss here; from here on a remark says so."""


def drop_unavailable(config: BenchConfig, stack: Stack, say: ReportProgress) -> tuple[BenchConfig, list[Remark]]:
    """The configuration without scenarios that cannot run here or would repeat another; a remark for each of them."""
    config, faulty = without_faults(config, stack)
    config, equal = without_equal_variants(config, stack)
    skipped = faulty + equal
    for remark in skipped:
        say(f"{remark.name}: {remark.what}")
    return config, skipped


def without_faults(config: BenchConfig, stack: Stack) -> tuple[BenchConfig, list[Remark]]:
    """The configuration without fault scenarios, if the suite did not start the servers; a remark for each of them."""
    if stack.redis_faults is not None:
        return config, []
    faulty = [name for name in config.plan.scenarios if find_scenario(name).fault is not None]
    kept = tuple(name for name in config.plan.scenarios if name not in faulty)
    if faulty and not kept:
        raise ConfigError("scenario", ", ".join(faulty), "servers that the suite started: it breaks no others")
    what = "skipped: it breaks a server, and the suite did not start these servers"
    remarks = [Remark(name=name, what=f"{name} {what}", cost="what an outage does is not measured") for name in faulty]
    return (replace(config, plan=replace(config.plan, scenarios=kept)) if faulty else config), remarks


def without_equal_variants(config: BenchConfig, stack: Stack) -> tuple[BenchConfig, list[Remark]]:
    """The configuration without variants that would equal their original; a remark for each of them.

    A variant equals its original if both have the same simulated RTT, or if the run has no more processes than it.
    """
    dropped = []
    remarks = []
    for name in config.plan.scenarios:
        scenario = find_scenario(name)
        if scenario.variant_of in config.plan.scenarios and config.processes <= (scenario.processes or 0):
            dropped.append(name)
            cost = "whether the order of contenders depends on the number of processes is not measured"
            what = f"{name} skipped: all scenarios run in {config.processes} processes"
            remarks.append(Remark(name=name, what=what, cost=cost))
            continue
        if scenario.variant_of not in config.plan.scenarios or "rtt_ms" not in scenario.overrides:
            continue
        both = (scenario, find_scenario(scenario.variant_of))
        near, far = (rtt_of(config, config.workload.applied(s.name, s.overrides), stack) for s in both)
        if near == far:
            dropped.append(name)
            cost = "whether the order of contenders depends on the round trip time is not measured"
            what = f"{name} skipped: all scenarios have the same simulated RTT"
            remarks.append(Remark(name=name, what=what, cost=cost))
    kept = tuple(name for name in config.plan.scenarios if name not in dropped)
    return replace(config, plan=replace(config.plan, scenarios=kept)), remarks


def rtt_of(config: BenchConfig, workload: Workload, stack: Stack) -> float:
    """The simulated RTT of a workload in this run, in ms."""
    if config.rtt_ms is not None:
        return config.rtt_ms
    if workload.rtt_ms is not None:
        return workload.rtt_ms
    return OURS_RTT_MS if stack.managed else 0.0


def check_bench_config(config: BenchConfig) -> tuple[list[Scenario], list[Workload], list[ContenderSpec]]:
    """Check everything that can be checked before a server starts. Raises ConfigError."""
    for name in config.plan.experiments:
        find_experiment(name)
    scenarios = [find_scenario(name).limited(config.workload.limits) for name in config.plan.scenarios]
    if not scenarios:
        return [], [], []
    workloads = [config.workload.applied(s.name, s.overrides) for s in scenarios]
    first = workloads[0]
    for workload in workloads:
        for name in ("records", "record_bytes", "users_per_process"):
            value = getattr(workload, name)
            require(value == getattr(first, name), name, value, "one value for all scenarios")
    for scenario, workload in zip(scenarios, workloads, strict=True):
        check_requests(config, scenario, workload)
    named = {name: None for scenario in scenarios for name in scenario.contenders or () if not missing_dependency(name)}
    ours = (*config.plan.contenders, *limiters(), *named) if config.plan.contenders else ()
    contender_specs = select_contenders(
        config.contenders or ours,
        config.own_contenders,
        reference=config.reference,
        aa_copy=config.plan.aa_copy,
        families={scenario.kind for scenario in scenarios},
    )
    check_imports(config.own_contenders)
    check_imports((config.serializer.file,) if config.serializer.file else (), "serializer")
    check_imports((first.source.file,) if first.source is not None else (), "source")
    return scenarios, workloads, contender_specs


def check_requests(config: BenchConfig, scenario: Scenario, workload: Workload) -> None:
    """Raise ConfigError if a window of a caching scenario would see hardly any requests."""
    if scenario.flood is not None:
        return
    window_s = scenario.caching_window_s(workload.ttl_s) * config.plan.windows
    rate_per_s, name = workload.rate_per_s, "rate_per_s"
    if workload.arrivals == "closed":
        rate_per_s, name = workload.closed_rate_per_s(config.processes), "think_s"
    elif config.rate_per_s is not None and not math.isnan(config.rate_per_s):
        rate_per_s, name = config.rate_per_s, "rate"
    want = f"at least {MIN_REQUESTS} requests in a window of {window_s:g} s ({scenario.name})"
    require(rate_per_s * window_s >= MIN_REQUESTS, name, f"{rate_per_s:g} requests a second", want)


def missing_contenders(scenarios: Sequence[Scenario]) -> list[Remark]:
    """A remark for each contender that a scenario names but that cannot run here."""
    names = dict.fromkeys(name for scenario in scenarios for name in scenario.contenders or ())
    cost = "its row stays empty"
    return [Remark(name=name, what=f"{name}: {why}", cost=cost) for name in names if (why := missing_dependency(name))]


def remarks_on_entries(scenarios: Sequence[Scenario], workloads: Sequence[Workload]) -> list[Remark]:
    """A remark for each caching scenario whose cells begin with noticeably fewer entries than a service would have."""
    remarks = []
    for scenario, workload in zip(scenarios, workloads, strict=True):
        missed = 0.0 if scenario.flood is not None or scenario.cold else hits_left_out(workload)
        if missed >= NOTICEABLE_MISSES:
            what = f"{scenario.name}: a cell begins with entries of the {MOST_RECORDS:,} most popular records only"
            cost = f"hit rates may be up to {100 * missed:.1f} points too low"
            remarks.append(Remark(name="entries", what=what, cost=cost))
    return remarks


def remarks_on_storage(config: BenchConfig) -> list[Remark]:
    """A remark if experiments run, which store records with JSON, and the cells with another serializer."""
    if config.serializer.name == "json" or not config.plan.experiments:
        return []
    what = f"experiments store records with json, the cells with {config.serializer.name}"
    return [Remark(name="serializer", what=what, cost="figures of experiments and cells differ by the serializer")]


def remarks_on(workload: Workload) -> list[Remark]:
    """Remarks on what the workload leaves out, and what that costs the report."""
    if workload.arrivals == "closed":
        cost = "a stall hides the requests that it prevented, so response times look better than users would find them"
        return [Remark(name="closed", what="closed clients: each waits for its answer, then thinks", cost=cost)]
    if workload.versioned:
        silent = [query.name for query in workload.queries if query.update is not None and query.version is None]
        if not silent:
            return []
        what = f"the SQL of {' and '.join(silent)} names no version column"
        return [Remark(name="freshness", what=what, cost="whether a read of these records was stale is not judged")]
    silent_part = "the workload's SQL" if workload.source is None else "your own loader"
    what = f"{silent_part} names no version column"
    return [Remark(name="freshness", what=what, cost="whether a read was stale is not judged")]
