"""Plans the recorded requests of a run: which scenarios play the user's trace, and which part of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from stampede.core.errors import ConfigError, UserError, require
from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.bench.run_plan.scenario_selection import MIN_REQUESTS, NOTICEABLE_MISSES
from stampede.scenarios.scenario import Scenario, scenarios
from stampede.scenarios.traffic.trace_files.trace_reader import open_trace
from stampede.scenarios.traffic.trace_playing.played_parts import CellShape, PlayedTrace, played_trace
from stampede.scenarios.traffic.trace_playing.trace_entries import law_of
from stampede.scenarios.traffic.trace_playing.trace_excerpt import FILL_S, TraceExcerpt, read_excerpt
from stampede.scenarios.traffic.trace_playing.trace_settings import TraceSettings
from stampede.scenarios.workload import RECORDED, Workload
from stampede.stack.servers import Remark

MANY_FILLS, ABOVE_CHANCE = 0.5, 0.1
"""From this share of writes that look like fills on, and from so much more than chance gives, a remark says so."""
FASTEST_PER_S = 20_000
SMALLEST_BYTES, LARGEST_BYTES = 200, 2_000
"""The lengths of records that the article's table can hold."""


@dataclass(frozen=True, kw_only=True)
class TracePlan:
    """The recorded requests of a run. Empty: the user has no trace."""

    played: Mapping[str, PlayedTrace] = field(default_factory=dict)
    """By scenario, of those that play it."""
    workloads: Sequence[Workload]
    """Of every scenario, with the values that the trace decides."""
    infos: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """By scenario, as the run folder stores it."""
    remarks: Sequence[Remark] = ()


def plan_trace(
    config: BenchConfig,
    chosen: Sequence[Scenario],
    workloads: Sequence[Workload],
    contender_specs: Sequence[ContenderSpec],
    say: ReportProgress,
) -> TracePlan:
    """Read the user's trace, if there is one, and divide it among the rounds. Raises UserError."""
    settings = config.workload.trace
    if settings is None:
        return TracePlan(workloads=workloads)
    with naming_file(config.workload.file):
        playing = check_trace_scenarios(config, chosen)
        shapes = {
            scenario.name: cell_shape(config, scenario, workload, contender_specs)
            for scenario, workload in zip(chosen, workloads, strict=True)
            if scenario in playing
        }
        say(f"reading {settings.name}")
        excerpt = read_excerpt(
            settings,
            history_s=max(shape.ttl_s for shape in shapes.values()),
            played_s=max(shape.rounds * shape.span_s for shape in shapes.values()),
            seed=config.seed,
        )
        played = {name: played_trace(excerpt, shape, config.seed) for name, shape in shapes.items()}
        record_bytes = bytes_of_records(config, workloads[0], played)
        changed = [
            replace(recorded_workload(workload, played.get(s.name), s.name), record_bytes=record_bytes)
            for s, workload in zip(chosen, workloads, strict=True)
        ]
    infos = {
        name: trace_info(settings, excerpt, each, shapes[name].span_s * settings.speed) for name, each in played.items()
    }
    for name, info in infos.items():
        say(f"{name}: {trace_line(info)}, {played[name].rate_per_s:.3g} requests/s, {played[name].records:,} keys")
    return TracePlan(
        played=played,
        workloads=changed,
        infos=infos,
        remarks=[
            *remarks_on_fills(settings, excerpt),
            *remarks_on_trace(chosen, infos, played, record_bytes, changed[0].own_sql),
        ],
    )


def check_trace(config: BenchConfig, chosen: Sequence[Scenario]) -> None:
    """Check the beginning of the user's trace, if there is one, before a server starts. Raises UserError."""
    settings = config.workload.trace
    if settings is not None:
        with naming_file(config.workload.file):
            check_trace_scenarios(config, chosen)
            open_trace(settings.path, settings.format)


@contextmanager
def naming_file(file: str) -> Iterator[None]:
    """Give the errors of a trace the path of the workload's file."""
    try:
        yield
    except ConfigError as error:
        name = "trace.format" if error.field == "--format" else error.field
        field = f"{file}: {name}" if file and name.startswith("trace") else name
        raise ConfigError(field, error.value, error.want) from error
    except UserError as error:
        raise UserError(error.where, error.what, error.want.replace("--format ", "trace.format = ")) from error


def check_trace_scenarios(config: BenchConfig, chosen: Sequence[Scenario]) -> list[Scenario]:
    """The scenarios that play the trace. Raises ConfigError if none does, or if the user sets a value for one of them
    that the trace decides."""
    playing = [scenario for scenario in chosen if scenario.plays_trace]
    known = ", ".join(name for name, scenario in scenarios().items() if scenario.plays_trace)
    names = ", ".join(scenario.name for scenario in chosen)
    require(bool(playing), "trace", names, f"a scenario that plays it: {known}")
    want = "nothing: with [trace] the recorded requests decide it"
    require(config.rate_per_s is None, "--rate", config.rate_per_s, f"{want}; trace.speed changes the rate")
    for scenario in playing:
        own = config.workload.by_scenario.get(scenario.name, {})
        for name in RECORDED:
            require(name not in own, f"{config.workload.file}: scenario.{scenario.name}: {name}", own.get(name), want)
    return playing


def cell_shape(
    config: BenchConfig, scenario: Scenario, workload: Workload, contender_specs: Sequence[ContenderSpec]
) -> CellShape:
    """What the cells of a scenario are like."""
    caching = [spec for spec in contender_specs if spec.family == "caching" and spec.kind != "baseline"]
    laws = dict.fromkeys(law_of(spec.pattern(), spec.configured(workload.ttl_s, "law:")) for spec in caching)
    return CellShape(
        scenario=scenario.name,
        span_s=scenario.warm_up_s + scenario.caching_window_s(workload.ttl_s) * config.plan.windows,
        rounds=config.plan.rounds_of(scenario.name),
        ttl_s=workload.ttl_s,
        laws=tuple(laws),
        read_only=not workload.writes,
    )


def bytes_of_records(config: BenchConfig, workload: Workload, played: Mapping[str, PlayedTrace]) -> int:
    """The length of the table's records: the user's, or the nearest one that it can hold to the trace's mean."""
    if "record_bytes" in config.workload.common:
        return workload.record_bytes
    mean = max((each.size_bytes for each in played.values()), key=lambda size: -1 if math.isnan(size) else size)
    return workload.record_bytes if math.isnan(mean) else min(max(round(mean), SMALLEST_BYTES), LARGEST_BYTES)


def recorded_workload(workload: Workload, played: PlayedTrace | None, scenario: str) -> Workload:
    """The workload with the trace's rate, reads and number of keys. Raises ConfigError if these cannot be played."""
    if played is None:
        return workload
    rate = f"{played.rate_per_s:.3g} requests/s in {scenario}"
    want = f"at most {FASTEST_PER_S:,} requests/s: a smaller trace.sample or trace.speed"
    require(played.rate_per_s <= FASTEST_PER_S, "trace.speed", rate, want)
    count = played.requests / played.parts
    want = f"at least {MIN_REQUESTS} requests in a cell of {scenario}: a larger trace.sample or trace.speed"
    require(count >= MIN_REQUESTS, "trace.speed", f"{count:.3g} requests", want)
    if not workload.own_sql:
        smaller = f"records = {played.records}, or a smaller trace.sample: each key of the trace is a record"
        require(played.records <= workload.records, "trace.sample", f"{played.records:,} keys in {scenario}", smaller)
    reads = 1.0 if played.read_share == 1 else min(round(played.read_share, 4), 0.9999)
    return replace(
        workload,
        rate_per_s=float(f"{played.rate_per_s:.4g}"),
        read_share=reads,
        records=max(workload.records, played.records),
        active_records=played.records,
        queries=tuple(replace(query, read_share=reads) for query in workload.queries),
    )


def require_ids(played: PlayedTrace, scenario: str, measured: Mapping[str, float]) -> None:
    """Raise ConfigError if the user's SQL has fewer ids than the trace has keys."""
    ids = measured.get("ids", math.inf)
    want = f"at least {played.records:,} ids, or a smaller trace.sample: {scenario} plays that number of keys"
    require(ids >= played.records, "sql.ids", f"{ids:,.0f} ids", want)


def trace_info(settings: TraceSettings, excerpt: TraceExcerpt, played: PlayedTrace, part_s: float) -> dict[str, Any]:
    """A scenario's trace as the run folder stores it."""
    return {
        "file": settings.name,
        "format": excerpt.format,
        "speed": settings.speed,
        "sample": settings.sample,
        "start_s": excerpt.start_s,
        "parts": played.parts,
        "part_s": part_s,
        "requests": played.requests,
        "records": played.records,
        "left_out": played.left_out,
        "unknown_hits": played.unknown_hits,
        "size_bytes": None if math.isnan(played.size_bytes) else played.size_bytes,
        "coarse": excerpt.coarse,
    }


def trace_line(info: Mapping[str, Any]) -> str:
    """Which part of a trace is played, in a line."""
    ends_s = info["start_s"] + info["parts"] * info["part_s"]
    sampled = "" if info["sample"] == 1 else f", 1 in {1 / info['sample']:.4g} of its keys"
    faster = "" if info["speed"] == 1 else f", {info['speed']:g} times as fast"
    parts = "1 part" if info["parts"] == 1 else f"{info['parts']} parts"
    span = f"from {info['start_s']:.4g} s to {ends_s:.4g} s in {parts}"
    return f"plays {info['file']} ({info['format']}) {span}{sampled}{faster}"


def remarks_on_fills(settings: TraceSettings, excerpt: TraceExcerpt) -> list[Remark]:
    """A remark if many writes of the trace look like fills of a cache, which a contender makes itself."""
    share = f"{100 * excerpt.fill_share:.0f} % of the writes of the trace follow a read of the same key within"
    if settings.fill_within_s:
        what = f"{share} {settings.fill_within_s:g} s: they are taken for fills after misses, and left out"
        return [Remark(name="trace", what=what, cost="real changes among them are left out too")]
    if excerpt.fill_share < MANY_FILLS or excerpt.fill_share < excerpt.reads_after_reads + ABOVE_CHANCE:
        return []
    what = f"{share} {FILL_S:g} s: perhaps fills after misses; they are played as changes of the record"
    return [Remark(name="trace", what=what, cost="the read share can be too low; trace.fill_within_s leaves fills out")]


def remarks_on_trace(
    chosen: Sequence[Scenario],
    infos: Mapping[str, Mapping[str, Any]],
    played: Mapping[str, PlayedTrace],
    record_bytes: int,
    own_sql: bool,
) -> list[Remark]:
    """What the run does not reproduce of the trace, and what that costs the report."""
    found = []
    others = [scenario.name for scenario in chosen if scenario.name not in played and scenario.kind == "caching"]
    others += [scenario.name for scenario in chosen if scenario.kind == "limiting"]
    if others:
        what = f"{', '.join(others)}: the trace is not played; the requests are drawn"
        found.append(Remark(name="trace", what=what, cost="their figures are about their own traffic"))
    for name, each in played.items():
        if each.unknown_hits >= NOTICEABLE_MISSES:
            what = f"{name}: less than one TTL of the trace precedes the part that is played, or it has too many keys"
            cost = f"hit rates may be up to {100 * each.unknown_hits:.1f} points too low"
            found.append(Remark(name="trace", what=what, cost=cost))
    first = next(iter(infos.values()))
    if first["left_out"]:
        what = f"{first['left_out']:,} requests of the trace neither read nor write a record here"
        found.append(Remark(name="trace", what=what, cost="they are left out"))
    if first["coarse"]:
        what = "the times of the trace are whole seconds: the requests of each second are spread over it at random"
        found.append(Remark(name="trace", what=what, cost="bursts shorter than a second are not reproduced"))
    size = first["size_bytes"]
    if size is not None:
        here = "those of your SQL" if own_sql else f"{record_bytes:,} bytes, the same for all"
        what = f"the values of the trace have {size:,.0f} bytes on average; the records here have {here}"
        same = not own_sql and 0.98 <= size / record_bytes <= 1.02
        cost = f"{'the spread of sizes' if same else 'the size of the values'} is not reproduced"
        found.append(Remark(name="trace", what=what, cost=cost))
    return found
