"""Which scenarios and contenders of an order can run on these servers, and a remark for each that cannot."""

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
from stampede.scenarios.workload import Workload
from stampede.stack.servers import Remark, Stack

OURS_RTT_MS = 0.5
"""Simulated distance on servers that we started: one zone."""
LEAST_REQUESTS = 10
"""Expected in a window: fewer would often be none, and a cell without a request says nothing."""


def drop_unavailable(order: BenchConfig, stack: Stack, say: ReportProgress) -> tuple[BenchConfig, list[Remark]]:
    """The order without the scenarios that cannot run here, or that would repeat another; a remark for each."""
    order, faulty = without_faults(order, stack)
    order, equal = without_equal_variants(order, stack)
    skipped = faulty + equal
    for remark in skipped:
        say(f"{remark.name}: {remark.what}")
    return order, skipped


def without_faults(order: BenchConfig, stack: Stack) -> tuple[BenchConfig, list[Remark]]:
    """The order without what would break servers that are not ours to break; a remark for each that is left out."""
    if stack.redis_switch is not None:
        return order, []
    faulty = [name for name in order.plan.scenarios if find_scenario(name).fault is not None]
    kept = tuple(name for name in order.plan.scenarios if name not in faulty)
    if faulty and not kept:
        raise ConfigError("scenario", ", ".join(faulty), "servers that the suite started: it breaks no one else's")
    what = "skipped: it breaks a server, and these were not started by the suite"
    remarks = [Remark(name=name, what=f"{name} {what}", cost="what an outage does is not measured") for name in faulty]
    return (replace(order, plan=replace(order.plan, scenarios=kept)) if faulty else order), remarks


def without_equal_variants(order: BenchConfig, stack: Stack) -> tuple[BenchConfig, list[Remark]]:
    """The order without scenarios that repeat another at a distance, where the two distances are the same; or in fewer
    processes, where there are no more."""
    dropped = []
    remarks = []
    for name in order.plan.scenarios:
        scenario = find_scenario(name)
        if scenario.variant_of in order.plan.scenarios and order.processes <= (scenario.processes or 0):
            dropped.append(name)
            cost = "whether the order of contenders depends on the processes is not seen"
            remarks.append(Remark(name=name, what=f"{name} skipped: {order.processes} for all", cost=cost))
            continue
        if scenario.variant_of not in order.plan.scenarios or "rtt_ms" not in scenario.overrides:
            continue
        both = (scenario, find_scenario(scenario.variant_of))
        near, far = (rtt_of(order, order.workload.applied(s.name, s.overrides), stack) for s in both)
        if near == far:
            dropped.append(name)
            cost = "whether the order of contenders depends on the distance is not seen"
            remarks.append(Remark(name=name, what=f"{name} skipped: one distance for all", cost=cost))
    kept = tuple(name for name in order.plan.scenarios if name not in dropped)
    return replace(order, plan=replace(order.plan, scenarios=kept)), remarks


def rtt_of(order: BenchConfig, workload: Workload, stack: Stack) -> float:
    if order.rtt_ms is not None:
        return order.rtt_ms
    if workload.rtt_ms is not None:
        return workload.rtt_ms
    return OURS_RTT_MS if stack.ours else 0.0


def check_order(order: BenchConfig) -> tuple[list[Scenario], list[Workload], list[ContenderSpec]]:
    """Everything that can be found wrong before a server is started. Raises ConfigError."""
    for name in order.plan.experiments:
        find_experiment(name)
    scenarios = [find_scenario(name).limited(order.workload.limits) for name in order.plan.scenarios]
    if not scenarios:
        return [], [], []
    workloads = [order.workload.applied(s.name, s.overrides) for s in scenarios]
    first = workloads[0]
    for workload in workloads:
        for name in ("records", "record_bytes", "sql", "users_per_process"):
            value = getattr(workload, name)
            require(value == getattr(first, name), name, value, "one value for all scenarios")
    for scenario, workload in zip(scenarios, workloads, strict=True):
        check_requests(order, scenario, workload)
    named = {name: None for scenario in scenarios for name in scenario.contenders or () if not missing_dependency(name)}
    ours = (*order.plan.contenders, *limiters(), *named) if order.plan.contenders else ()
    contender_specs = select_contenders(
        order.contenders or ours,
        order.own_contenders,
        reference=order.reference,
        aa_copy=order.plan.aa_copy,
        families={scenario.kind for scenario in scenarios},
    )
    check_imports(order.own_contenders)
    return scenarios, workloads, contender_specs


def check_requests(order: BenchConfig, scenario: Scenario, workload: Workload) -> None:
    """Raise ConfigError where a window of a caching scenario would see hardly a request."""
    if scenario.flood is not None:
        return
    window_s = scenario.window_ttls * workload.ttl_s * order.plan.windows
    rate_per_s, name = workload.rate_per_s, "rate_per_s"
    if workload.arrivals == "closed":
        rate_per_s, name = workload.closed_rate_per_s(order.processes), "think_s"
    elif order.rate_per_s is not None and not math.isnan(order.rate_per_s):
        rate_per_s, name = order.rate_per_s, "rate"
    want = f"at least {LEAST_REQUESTS} requests in a window of {window_s:g} s ({scenario.name})"
    require(rate_per_s * window_s >= LEAST_REQUESTS, name, f"{rate_per_s:g} requests a second", want)


def missing_contenders(scenarios: Sequence[Scenario]) -> list[Remark]:
    """A remark for each contender that a scenario names and that cannot run here."""
    names = dict.fromkeys(name for scenario in scenarios for name in scenario.contenders or ())
    cost = "its row stays empty"
    return [Remark(name=name, what=f"{name}: {why}", cost=cost) for name in names if (why := missing_dependency(name))]


def remarks_on(workload: Workload) -> list[Remark]:
    """What the workload leaves out, and what that costs the report."""
    if workload.arrivals == "closed":
        cost = "a stall hides the requests that it prevented, so response times look better than users would find them"
        return [Remark(name="closed", what="clients are closed: each waits for its answer, then thinks", cost=cost)]
    if workload.versioned:
        return []
    what = "the workload's SQL names no version column"
    return [Remark(name="freshness", what=what, cost="whether a read was stale is not judged")]
