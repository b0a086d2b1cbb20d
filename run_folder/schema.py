"""What a run folder holds: facts only, one row a request, counter or event. Everything else is derived later.

    runs/<utc>-<plan>/
        run.json                 plan, seeds, scenarios, contenders, cells, circumstances, remarks
        samples/<cell>.parquet   one row a request (SAMPLES)
        servers/<cell>.parquet   counters before and after the cell: the servers' own and our processes' (SERVERS)
        timeline/<cell>.parquet  gauges at random instants, and events (TIMELINE)
        experiments/<name>.parquet  what an experiment beside the cells saw (EXPERIMENTS)

Each table is a folder with a file a cell, so that a run that is cut keeps every cell that it finished; pandas reads the
folder as one frame. All times are nanoseconds of the machine's monotonic clock. A change here bumps SCHEMA.
"""

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import pyarrow as pa
from msgspec import Meta

SCHEMA = 3
"""The layout of the run folder. A reader refuses what it does not know."""
ADDED = {2: {"samples": ("served_start_ns", "served_end_ns")}}
"""By schema, the nullable columns that it added: in a run of an older one they are read as null."""
METHOD = 2
"""How numbers are made from facts. Moves when figures can move; the changelog says how."""

SAMPLES = pa.schema(
    [
        pa.field("cell", pa.int32(), False),
        pa.field("scenario", pa.dictionary(pa.int16(), pa.string()), False),
        pa.field("contender", pa.dictionary(pa.int16(), pa.string()), False),
        pa.field("round", pa.int32(), False),
        pa.field("process", pa.int16(), False),  # index of the app server, from 0
        pa.field("client", pa.int32(), False),  # index of the app server's thread; -1: background work
        pa.field("operation", pa.dictionary(pa.int16(), pa.string()), False),  # read, write, background, hit, rest
        pa.field("warm_up", pa.bool_(), False),  # kept, flagged, left out of every figure
        pa.field("key", pa.int64()),  # the record's id
        pa.field("due_ns", pa.int64(), False),  # when the request was due (background: when it was handed over)
        pa.field("thread_free_ns", pa.int64()),  # when the thread that ran it became free; null: never began
        pa.field("start_ns", pa.int64()),  # null: never began before the deadline
        pa.field("end_ns", pa.int64()),  # may lie behind the deadline; null: never began
        pa.field("error", pa.dictionary(pa.int16(), pa.string())),  # the exception's class name
        pa.field("found", pa.bool_()),  # whether a record came back; null: failed or never began
        pa.field("loads", pa.int32(), False),  # load statements sent for this request
        pa.field("load_start_ns", pa.int64()),  # the first load, as the gateway saw it
        pa.field("load_end_ns", pa.int64()),
        pa.field("commands", pa.int32(), False),  # Redis commands sent, those in pipelines one by one
        pa.field("round_trips", pa.int32(), False),  # to Redis and PostgreSQL together
        pa.field("simulated_rtt_ns", pa.int64(), False),  # simulated distance that was added to them, as achieved
        pa.field("first_cache_reply", pa.dictionary(pa.int16(), pa.string())),  # value, none; null: not asked
        pa.field("version_read", pa.int64()),
        pa.field("version_written", pa.int64()),
        pa.field("commit_start_ns", pa.int64()),  # COMMIT's own round trip, as the gateway saw it
        pa.field("commit_end_ns", pa.int64()),
        # a rate limiter's decision (operation hit; key is the subject); null elsewhere
        pa.field("allowed", pa.bool_()),
        pa.field("remaining", pa.int64()),  # calls that are said to be left
        pa.field("retry_after_ns", pa.int64()),  # how long a refused caller is told to wait
        pa.field("reset_after_ns", pa.int64()),  # when the quota is said to be whole again
        pa.field("served_start_ns", pa.int64()),  # its first round trip left, half the distance behind it
        pa.field("served_end_ns", pa.int64()),  # its last answer was there, half the distance before it
    ]
)

SERVERS = pa.schema(
    [
        pa.field("cell", pa.int32(), False),
        # redis, postgres (their own accounts) · process-0, process-1, … (an app server's ruler) · conductor (ours)
        pa.field("source", pa.string(), False),
        # redis: command.<name>, stats.<field>, memory.<field>, cpu.<field> …  postgres: statement.load.calls,
        # statement.load.exec_ms, statement.load.blocks, database.<column> …
        # processes and conductor: command.<name>, load, update, create, cpu_s, gc …
        pa.field("name", pa.string(), False),
        pa.field("before", pa.float64()),
        pa.field("after", pa.float64()),
        pa.field("unit", pa.string(), False),  # calls, bytes, s, ms, 1
    ]
)

TIMELINE = pa.schema(
    [
        pa.field("cell", pa.int32(), False),
        pa.field("t_ns", pa.int64(), False),
        pa.field("source", pa.string(), False),  # redis, postgres, process-<n>, machine
        pa.field("name", pa.string(), False),  # connections, active, used_memory_bytes, cpu_busy …
        pa.field("value", pa.float64()),
        pa.field("event", pa.string()),
    ]
)

EXPERIMENTS = pa.schema(
    [
        pa.field("experiment", pa.string(), False),
        pa.field("variant", pa.string(), False),  # what is compared: an eviction policy, a way to read
        pa.field("round", pa.int32(), False),  # from 1
        pa.field("parameter", pa.string(), False),  # under which condition: a key sequence, a distance; "": none
        pa.field("at", pa.float64()),  # the place on the experiment's axis: number of reads, of the request; null: none
        pa.field("name", pa.string(), False),
        pa.field("value", pa.float64(), False),
        pa.field("unit", pa.string(), False),  # 1, ms, bytes, per_s …
    ]
)
"""Of a file an experiment; absent in runs without any."""

TABLES = {"samples": SAMPLES, "servers": SERVERS, "timeline": TIMELINE}

Instant = Annotated[int, Meta(ge=0, lt=2**62)]
"""Nanoseconds of the machine's monotonic clock."""
Number = Annotated[int, Meta(ge=0, lt=2**31)]
"""Of a cell or a round, or how many there are."""
Count = Annotated[int, Meta(ge=0, lt=2**62)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
"""A span, or one in milliseconds: finite and not below 0."""


@dataclass(kw_only=True)
class CellInfo:
    """One contender under one scenario in one round."""

    id: Number
    scenario: str
    contender: str
    round: Number
    seed: Count
    predecessor: str | None
    """The contender that ran just before, for carry-over effects."""
    status: Literal["planned", "done", "failed"] = "planned"
    """planned, done, failed."""
    begin_ns: Instant | None = None
    """First instant at which a warm-up request may be due."""
    window_start_ns: Instant | None = None
    """Due times from here count; before it is warm-up."""
    window_end_ns: Instant | None = None
    """No request is due at or after it."""
    deadline_ns: Instant | None = None
    """What has not ended by then is unanswered: "> D"."""
    locust_requests: Count | None = None
    """How many requests Locust itself counted in this cell."""
    why: str = ""
    """What went wrong, where the cell failed."""


@dataclass(kw_only=True)
class ScenarioInfo:
    """A scenario as it was run: its words and the workload that resulted from the user's file."""

    name: str
    question: str
    application: str
    expectation: str
    workload: dict[str, Any]
    """rate_per_s, arrivals, read_share, records, active_records, key_skew, record_bytes, ttl_s, load_cpu_ms,
    load_wait_ms, rtt_ms, users_per_process, own_sql (bool), versioned (bool)."""
    window_s: Seconds
    drain_s: Seconds
    """D: how long after the last due time an answer still counts."""
    processes: Number
    kind: Literal["caching", "limiting"] = "caching"
    """caching · limiting: which family of contenders runs in it."""
    flood: dict[str, Any] | None = None
    """Limiting: limit, window_s, burst, crowds [{adversary, subjects}]; subjects are numbered from 0 in that order."""
    fault: dict[str, Any] | None = None
    """What breaks in the middle of its cells: what, begins_share, lasts_share (of the window), empties (bool: Redis
    comes back empty, its counters at zero), server (what breaks: Redis, the database). Counts of such cells cannot be
    held against the servers' own."""
    cold: bool = False
    """Its cells begin with an empty cache."""
    report_separately: bool = False
    """Told in a section of its own, from few rounds: no verdicts, no part in the answer."""
    variant_of: str = ""
    """The scenario that it repeats under one other condition (a distance, a slower load): what answers depend on."""
    check_after_drain: bool = False
    """Whether freshness is what it is about: what was written is read once more when all is quiet."""
    measured: dict[str, float] = field(default_factory=dict)
    """Calibration: load_ms (p50 of one load alone), timer_floor_p50_ms, timer_floor_p99_ms …"""


@dataclass(kw_only=True)
class ContenderInfo:
    """What is compared, in its own words."""

    name: str
    kind: str
    """contender · ruler (a bound, no contender) · twin (the same contender again, for the noise floor)."""
    summary: str
    guarantees: list[str]
    config: dict[str, Any]
    client: dict[str, Any]
    copy_of: str | None = None
    file: str | None = None
    """Path of a user's own file."""
    family: str = "caching"
    """caching · limiting."""
    contracts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Limiting: the bound that it guarantees in each scenario: {kind: strict, limit, window_s} or {kind: bucket,
    capacity, refill_per_s}."""
    script_commands: list[str] = field(default_factory=list)
    """Commands that its scripts name: the server counts those under their own names too, though nobody sent them."""
    foreign: str = ""
    """Why the servers' counts cannot be held against ours: a process of its own that we do not count. Empty: none."""


@dataclass(kw_only=True)
class ExperimentInfo:
    """A question that does not fit contender × scenario × round, as it was asked."""

    name: str
    question: str
    application: str
    expectation: str
    settings: dict[str, Any] = field(default_factory=dict)
    """With what it ran: rounds, sizes, the server."""
    status: str = "planned"
    """planned, done, failed, skipped."""
    why: str = ""
    """Why it failed or was skipped."""


@dataclass(kw_only=True)
class RunInfo:
    """run.json."""

    plan: str
    rounds: Number
    reference: str
    """Every comparison is against this contender."""
    seed: Count
    command: str
    started_utc: str
    schema: int = SCHEMA
    method: int = METHOD
    finished_utc: str | None = None
    status: str = "running"
    """running (or killed), finished, cut (by the user), failed (a broken harness: the run is void)."""
    scenarios: list[ScenarioInfo] = field(default_factory=list)
    contenders: list[ContenderInfo] = field(default_factory=list)
    cells: list[CellInfo] = field(default_factory=list)
    experiments: list[ExperimentInfo] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    """machine {system, cpu, cores, memory_bytes, python}, packages {name: version}, commit, clean, servers
    {stack, why, postgres {name, version, settings}, redis {name, version, settings, allocator}}, environment."""
    remarks: list[dict[str, str]] = field(default_factory=list)
    """What the harness has to say: {name, what, cost}: e.g. a right that is missing and what that costs the report."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
