"""The layout of a run folder: recorded facts, one row per request, counter or event.

    runs/<utc>-<plan>/
        run.json                 plan, seeds, scenarios, contenders, cells, metadata, remarks
        samples/<cell>.parquet   one row per request (SAMPLES)
        servers/<cell>.parquet   counters of the servers and of our processes, before and after the cell (SERVERS)
        timeline/<cell>.parquet  gauges at random instants, and events (TIMELINE)
        experiments/<name>.parquet  the results of an experiment (EXPERIMENTS)

Each table is a folder with one file per cell, so that an interrupted run keeps every finished cell. pandas reads the
folder as one frame. All times are nanoseconds of the machine's monotonic clock. A change here raises SCHEMA. Reports
compute everything else from these facts.
"""

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import pyarrow as pa
from msgspec import Meta

SCHEMA = 4
"""The number of this layout. A reader refuses a number that it does not know."""
ADDED = {2: {"samples": ("served_start_ns", "served_end_ns")}}
"""By schema: the nullable columns that it added. In a run of an earlier schema they are read as null."""
METHOD = 3
"""The rules by which figures are computed from facts. Raised if figures can change; see CHANGELOG.md."""

SAMPLES = pa.schema(
    [
        pa.field("cell", pa.int32(), False),
        pa.field("scenario", pa.dictionary(pa.int16(), pa.string()), False),
        pa.field("contender", pa.dictionary(pa.int16(), pa.string()), False),
        pa.field("round", pa.int32(), False),
        pa.field("process", pa.int16(), False),  # index of the app server, from 0
        pa.field("client", pa.int32(), False),  # index of the app server's thread; -1: background work
        pa.field("operation", pa.dictionary(pa.int16(), pa.string()), False),  # read, write, background, hit, rest
        pa.field("warm_up", pa.bool_(), False),  # recorded and marked, but not used in any figure
        pa.field("key", pa.int64()),  # the record's position by popularity, from 0 (schema 1 to 3: its id)
        pa.field("due_ns", pa.int64(), False),  # when the request was due (background: when it was queued)
        pa.field("thread_free_ns", pa.int64()),  # when the thread that ran it became free; null: never began
        pa.field("start_ns", pa.int64()),  # null: never began before the deadline
        pa.field("end_ns", pa.int64()),  # may be after the deadline; null: never began
        pa.field("error", pa.dictionary(pa.int16(), pa.string())),  # the exception's class name
        pa.field("found", pa.bool_()),  # whether a record was returned; null: failed or never began
        pa.field("loads", pa.int32(), False),  # load statements of this request
        pa.field("load_start_ns", pa.int64()),  # the first load, measured in the database gateway
        pa.field("load_end_ns", pa.int64()),
        pa.field("commands", pa.int32(), False),  # Redis commands; each command of a pipeline counts
        pa.field("round_trips", pa.int32(), False),  # to Redis and PostgreSQL together
        pa.field("simulated_rtt_ns", pa.int64(), False),  # simulated RTT that was added to them, as achieved
        pa.field("first_cache_reply", pa.dictionary(pa.int16(), pa.string())),  # value, none; null: no request to Redis
        pa.field("version_read", pa.int64()),
        pa.field("version_written", pa.int64()),
        pa.field("commit_start_ns", pa.int64()),  # the round trip of COMMIT, measured in the database gateway
        pa.field("commit_end_ns", pa.int64()),
        # a rate limiter's decision (operation hit; key is the subject); null elsewhere
        pa.field("allowed", pa.bool_()),
        pa.field("remaining", pa.int64()),  # further calls that the limiter reports as available
        pa.field("retry_after_ns", pa.int64()),  # how long the limiter asks a refused caller to wait
        pa.field("reset_after_ns", pa.int64()),  # when the full quota is available, as the limiter reports
        pa.field(
            "served_start_ns", pa.int64()
        ),  # when its first round trip reached the server: after half the simulated RTT
        pa.field(
            "served_end_ns", pa.int64()
        ),  # when its last answer left the server: half the simulated RTT before its arrival
    ]
)

SERVERS = pa.schema(
    [
        pa.field("cell", pa.int32(), False),
        # redis, postgres (the servers' counters) · process-0, process-1, … (an application server's meter) ·
        # coordinator (our own connections)
        pa.field("source", pa.string(), False),
        # redis: command.<name>, stats.<field>, memory.<field>, cpu.<field> …  postgres: statement.load.calls,
        # statement.load.exec_ms, statement.load.blocks, database.<column> …
        # processes and coordinator: command.<name>, load, update, create, cpu_s, gc …
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
        pa.field("parameter", pa.string(), False),  # the condition: a key sequence, a simulated RTT; "": none
        pa.field(
            "at", pa.float64()
        ),  # position on the experiment's axis: number of reads or of the request; null: none
        pa.field("name", pa.string(), False),
        pa.field("value", pa.float64(), False),
        pa.field("unit", pa.string(), False),  # 1, ms, bytes, per_s …
    ]
)
"""The columns of experiments/<name>.parquet, one file per experiment."""

TABLES = {"samples": SAMPLES, "servers": SERVERS, "timeline": TIMELINE}

Instant = Annotated[int, Meta(ge=0, lt=2**62)]
"""Nanoseconds of the machine's monotonic clock."""
Number = Annotated[int, Meta(ge=0, lt=2**31)]
"""The number of a cell or a round, or how many there are."""
Count = Annotated[int, Meta(ge=0, lt=2**62)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
"""A time span, in seconds or milliseconds as the field's name says: finite and not below 0."""


@dataclass(kw_only=True)
class CellInfo:
    """One contender under one scenario in one round."""

    id: Number
    scenario: str
    contender: str
    round: Number
    seed: Count
    predecessor: str | None
    """The contender that ran just before, for carry-over effects. None: the first."""
    status: Literal["planned", "done", "failed"] = "planned"
    begin_ns: Instant | None = None
    """First instant at which a warm-up request may be due."""
    window_start_ns: Instant | None = None
    """Start of the window. Requests that are due earlier belong to the warm-up."""
    window_end_ns: Instant | None = None
    """End of the window. No request is due at or after it."""
    deadline_ns: Instant | None = None
    """A request that has not ended by then is unanswered: "> D"."""
    locust_requests: Count | None = None
    """The requests of this cell as Locust counted them."""
    why: str = ""
    """Why the cell failed. Empty: it did not."""


@dataclass(kw_only=True)
class AcceptedChange:
    """A column that a hit returns with another type or value than a miss, and that the user accepted."""

    query: str
    """The query's name, or the type of its records."""
    column: str
    how: str
    """The types or values of both, in words."""


@dataclass(kw_only=True)
class QueryInfo:
    """One of several queries of a scenario. Its records have consecutive positions, most popular first."""

    name: str
    entity: str
    """The type in the names of its keys."""
    share: Annotated[float, Meta(ge=0, le=1)]
    """Its share of the requests."""
    read_share: Annotated[float, Meta(ge=0, le=1)]
    """Reads among its requests."""
    ttl_s: Seconds
    """Lifetime of its entries."""
    first_position: Count
    """The position of its most popular record."""
    records: Count
    """The number of its records: its positions end before first_position + records."""


@dataclass(kw_only=True)
class ScenarioInfo:
    """A scenario as it ran: its texts, and the workload that resulted from the user's file."""

    name: str
    question: str
    application: str
    expectation: str
    workload: dict[str, Any]
    """rate_per_s, arrivals, read_share, records, active_records, key_skew, record_bytes, ttl_s, load_cpu_ms,
    load_wait_ms, rtt_ms, users_per_process, own_sql (bool), versioned (bool)."""
    window_s: Seconds
    drain_s: Seconds
    """D: how long the cell waits for answers after its last request was due."""
    processes: Number
    kind: Literal["caching", "limiting"] = "caching"
    """Which family of contenders runs in it."""
    flood: dict[str, Any] | None = None
    """Limiting: limit, window_s, burst, caller_groups [{profile, subjects}]. Subjects count from 0 in that order."""
    fault: dict[str, Any] | None = None
    """The fault in the middle of its cells: what, begins_share and lasts_share (of the window), loses_data (bool: Redis
    comes back empty, with its counters at zero), server (Redis, the database). Counts of such cells cannot be compared
    with the servers' counts."""
    cold: bool = False
    """Whether its cells begin with an empty cache."""
    report_separately: bool = False
    """Whether it has a separate section, from few rounds and without verdicts. The answer does not use it."""
    variant_of: str = ""
    """The scenario that it repeats under one other condition, for example another RTT or a slower load."""
    check_after_drain: bool = False
    """Whether every written key is read once more after the drain."""
    same_as: dict[str, str] = field(default_factory=dict)
    """Contenders that did not run here because it has no writes: each with the one that runs and does the same."""
    queries: list[QueryInfo] = field(default_factory=list)
    """Its queries, in the order of their positions. Empty: it has one."""
    measured: dict[str, float] = field(default_factory=dict)
    """Calibration: load_ms (p50 of one load alone), ids (own SQL: the number of ids), timer_floor_p50_ms,
    timer_floor_p99_ms …; of several queries also load_ms@<query> and ids@<query>."""


@dataclass(kw_only=True)
class ContenderInfo:
    """A contender: its description, settings and claims."""

    name: str
    kind: str
    """contender · baseline (no contender) · aa-copy (the same contender again, for the noise floor)."""
    summary: str
    guarantees: list[str]
    """Names of members of Guarantee."""
    config: dict[str, Any]
    client: dict[str, Any]
    copy_of: str | None = None
    """The contender of which this is the A/A copy."""
    file: str | None = None
    """Path of the user's file. None: a contender of the suite."""
    family: str = "caching"
    """caching · limiting."""
    contracts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Limiting: its contract in each scenario, {kind: strict, limit, window_s} or {kind: bucket, capacity,
    refill_per_s}."""
    script_commands: list[str] = field(default_factory=list)
    """Commands that its scripts call. The server counts these too, although no client sent them."""
    moving_parts: list[str] | None = None
    """What it adds to plain queries, one phrase per part; fewer parts are simpler. None: not stated."""
    mechanism: str = ""
    """Why it costs what it costs, in one phrase."""
    on_write: Literal["deletes", "fills", "keeps"] = "deletes"
    """What its writes do to the record's entry."""
    reads_like: str = ""
    """The contender that does the same as long as there are no writes."""
    foreign: str = ""
    """Why our counts cannot be compared with the servers': a process that we do not count. Empty: they can."""


@dataclass(kw_only=True)
class ExperimentInfo:
    """An experiment: a measurement next to the cells, with its own table."""

    name: str
    question: str
    application: str
    expectation: str
    settings: dict[str, Any] = field(default_factory=dict)
    """Its settings: rounds, sizes, the server."""
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
    """The contender with which all others are compared."""
    seed: Count
    command: str
    started_utc: str
    schema: int = SCHEMA
    method: int = METHOD
    finished_utc: str | None = None
    status: str = "running"
    """running (or killed), finished, cut (by the user), failed (an error of the harness: the run is void)."""
    scenarios: list[ScenarioInfo] = field(default_factory=list)
    contenders: list[ContenderInfo] = field(default_factory=list)
    cells: list[CellInfo] = field(default_factory=list)
    experiments: list[ExperimentInfo] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    """machine {system, cpu, cores, memory_bytes, python}, packages {name: version}, commit, clean, servers
    {stack, why, postgres {name, version, settings}, redis {name, version, settings, allocator}}, environment."""
    remarks: list[dict[str, str]] = field(default_factory=list)
    """Remarks of the harness: {name, what, cost}, for example a missing right and what the report lacks without it."""

    serializer: str = "json"
    """What the contenders stored records with, for example msgpack or json+zstd."""
    serializer_file: str | None = None
    """Path of the user's file with it. None: a serializer of the suite."""
    accepted_changes: list[AcceptedChange] = field(default_factory=list)
    """Columns of the user's records that the cache changes, as the user accepted."""

    def as_json(self) -> dict[str, Any]:
        """The content of run.json. It has the current words, also if the run was read from an earlier schema."""
        return asdict(self) | {"schema": SCHEMA}
