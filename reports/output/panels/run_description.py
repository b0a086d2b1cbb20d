"""The description of a run in the page's header: each workload, all workloads together, and the machine."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.loader_account import loader_account
from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting import limiter_section as limiters
from stampede.run_folder.read import Run
from stampede.run_folder.schema import RunInfo, ScenarioInfo

SECTION_TITLES = {
    "read-mostly": "Read-mostly pages",
    "read-mostly-at-0ms": "Read-mostly pages on one host",
    "slow-load": "Read-mostly pages with slow queries",
    "stampede": "Hot key",
    "stampede-at-0ms": "Hot key on one host",
    "stampede-one-process": "Hot key in one process",
    "mixed-writes": "Fresh records",
    "cold-start": "Cold start",
    "refresh-queue": "Refreshes in a queue",
    "redis-hung": "Redis hangs",
    "redis-hung-minute": "Redis hangs for a minute",
    "redis-killed": "Redis is killed",
    "database-locked": "Database locked",
    "database-slow": "Database without an index",
    "rate-limit-flood": "Rate limiters",
    "eviction": "Eviction",
    "pipelining": "Many keys at once",
    "serializer-cost": "Serializers",
    "limiter-memory": "Memory of rate limiters",
    "monitor-cost": "Cost of MONITOR",
    "over-http": "Over HTTP",
}
"""Titles of the sections of scenarios and experiments, by their names. The others have their name as title."""


def section_title(name: str) -> str:
    """The title of a section, in words: "Hot key" for the scenario stampede."""
    return SECTION_TITLES.get(name, name)


def plan_and_duration(run: RunInfo) -> str:
    """Plan and duration of a run: "quick run, 7 min"; only the plan if the run did not finish."""
    if not run.finished_utc:
        return f"{run.plan} run"
    passed = datetime.fromisoformat(run.finished_utc) - datetime.fromisoformat(run.started_utc)
    minutes = passed.total_seconds() / 60
    return f"{run.plan} run, {'under 1 min' if minutes < 1 else f'{minutes:.0f} min'}"


def begun_text(run: RunInfo) -> str:
    """When a run began: "30 Nov 2026, 12:03 UTC"."""
    begun = datetime.fromisoformat(run.started_utc)
    return f"{begun.day} {begun:%b %Y, %H:%M} UTC"


def workload_text(scenario: ScenarioInfo) -> str:
    """A scenario's workload in a line."""
    if scenario.kind == "limiting":
        return limiters.settings_text(scenario)
    w = scenario.workload
    load = (
        f"your own {own_part(w)}"
        if w.get("own_sql")
        else f"{w['load_cpu_ms']:g} ms of CPU and {w['load_wait_ms']:g} ms of waiting per query"
    )
    keys = w.get("active_records") or w.get("records")
    own = bool(w.get("own_sql"))
    counted = f"the keys of your {own_part(w)}" if own and not w.get("active_records") else f"{keys:,} keys"
    size = "" if own else f"records of {w['record_bytes']:,} bytes, "
    if scenario.queries:
        named = [f"{query.name} ({100 * query.share:.3g} %, TTL {query.ttl_s:g} s)" for query in scenario.queries]
        load = f"your own SQL of {len(named)} queries: {formatting.listed(named)}"
    hot = "one hot key of each query" if scenario.queries else "one hot key"
    popular = hot if keys == 1 else f"{counted}, Zipf {w['key_skew']:g}"
    return (
        f"{w['rate_per_s']:g} requests/s ({w['arrivals']}), {100 * w['read_share']:g} % reads, {popular}, {size}"
        f"TTL {w['ttl_s']:g} s, {load}, simulated RTT {w.get('rtt_ms') or 0:g} ms, "
        f"{scenario.processes} processes of {w['users_per_process']} threads"
    )


def own_part(workload: Mapping[str, Any]) -> str:
    """What the user brought to read records: a loader, or SQL."""
    return "loader" if workload.get("source") else "SQL"


def all_workloads(scenarios: Sequence[ScenarioInfo]) -> str:
    """All workloads in two lines: their number, and the range of each parameter."""
    caching = [s for s in scenarios if s.kind == "caching"]
    flooded = len(scenarios) - len(caching)
    if not caching:
        return f"{flooded} workloads for rate limiters"
    rows = [s.workload for s in caching]

    def between(values: Iterable[float], unit: str) -> str:
        known = sorted(values)
        ends = f"{known[0]:g}" if known[0] == known[-1] else f"{known[0]:g} to {known[-1]:g}"
        return f"{ends}{unit}"

    parts = [
        between((w["rate_per_s"] for w in rows), " requests/s"),
        between((100 * w["read_share"] for w in rows), " % reads"),
        f"your own {own_part(rows[0])}"
        if any(w.get("own_sql") for w in rows)
        else between((w["load_cpu_ms"] + w["load_wait_ms"] for w in rows), " ms per query"),
        between((w["ttl_s"] for w in rows), " s TTL"),
        f"simulated RTT {between((w.get('rtt_ms') or 0 for w in rows), ' ms')}",
        between((s.processes for s in caching), " processes")
        + between((w["users_per_process"] for w in rows), " threads").join((" of ", "")),
    ]
    flood = f", and {'a flood' if flooded == 1 else f'{flooded} floods'} for rate limiters" if flooded else ""
    return f"{len(caching)} workloads{flood}: {', '.join(parts)}"


def storage_text(run: RunInfo) -> str:
    """What the contenders stored records with, and the columns that the cache changed as the user accepted."""
    own = f" ({run.serializer_file})" if run.serializer_file else ""
    stored = f"Records are stored with {run.serializer}{own}"
    several = len({change.query for change in run.accepted_changes}) > 1
    accepted = [
        f"{f'{change.query}.' if several else ''}{change.column}: {change.how}; accepted"
        for change in run.accepted_changes
    ]
    return ". ".join([stored, *accepted])


def own_loader_text(run: RunInfo, cells: Sequence[Cell]) -> str:
    """The calls of the user's own loader, and what PostgreSQL counted in the same cells. Empty: SQL ran."""
    source = next((s.workload.get("source") for s in run.scenarios if s.workload.get("source")), None)
    if not isinstance(source, Mapping):
        return ""
    each_cell = (loader_account(cell.scenario.workload, cell.counters) for cell in cells)
    accounts = [account for account in each_cell if account is not None]
    text = f"Your own loader {source.get('file', '')} answered {sum(a.calls for a in accounts):,.0f} calls"
    compared = [account for account in accounts if account.counted is not None]
    if not compared:
        return f"{text}; PostgreSQL's totals were not compared"
    calls, counted = sum(a.calls for a in compared), sum(a.counted or 0.0 for a in compared)
    each = f" ({counted / calls:.2f} per call)" if calls else ""
    return f"{text}; in these cells PostgreSQL counted {counted:,.0f} {compared[0].unit}{each}"


def machine(run: Run) -> str:
    """The machine and the servers in a line."""
    about = run.info.metadata
    box, servers = about.get("machine", {}), about.get("servers", {})
    names = [
        f"{s.get('name', kind)} {s.get('version', '')}".strip()
        for kind in ("postgres", "redis")
        if isinstance(s := servers.get(kind), Mapping)
    ]
    memory = box.get("memory_bytes")
    parts = [str(box.get("system", "")), str(box.get("cpu", "")), f"{box.get('cores', '?')} cores"]
    if memory:
        parts.append(f"{memory / 2**30:.1f} GiB")
    stack = f" ({servers['stack']})" if servers.get("stack") else ""
    return f"{', '.join(p for p in parts if p)}; {formatting.listed(names) or 'servers unknown'}{stack}"
