"""The workload: the user's description of an application, read from a TOML file. Every value has a default."""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from stampede.core.decode import convert, in_words, table_type
from stampede.core.errors import ConfigError, Mismatch, UnreadableFile, require
from stampede.core.files import read_toml
from stampede.patterns.caching.cache_pattern import ENTITY
from stampede.patterns.rate_limiting.rate_limiter import LimiterConfig
from stampede.scenarios.traffic.trace_playing.trace_settings import TraceSettings

Arrivals = Literal["poisson", "constant", "closed"]
PARAMETER = re.compile(r"%\(([^)]+)\)[sbt]")
DRAWN = ("text", "number")
"""The parameters of a statement that are no columns of `ids`."""
MOST_QUERIES = 50


@dataclass(frozen=True, kw_only=True)
class OwnSql:
    """One query of the user: its statements, with psycopg's named parameters, and its part of the requests.

    A statement may use these parameters: each column of `ids` under its name, `%(id)s` if `ids` has one column,
    `%(text)s` (a short random word), `%(number)s` (a random integer).
    """

    load: str
    """Selects one row by `%(id)s`, or by every column of `ids`. Its columns are the record."""
    ids: str
    """Selects the ids of the requests, in order of popularity: one column of any type, or several columns."""
    update: str | None = None
    """Changes that row and returns the same columns as `load` (RETURNING). Without it there are no writes."""
    create: str | None = None
    """Inserts a row and returns the same columns as `load` (RETURNING)."""
    version: str | None = None
    """The column that every update increases by one. Without it, freshness is not judged."""
    entity: str = "record"
    """What its records are, for example `product`: the type in the names of their keys."""
    name: str = ""
    """Its name in figures and messages. Empty: the workload has one query, in the table [sql]."""
    weight: float = 1.0
    """Its requests, in proportion to the weights of the other queries."""
    ttl_s: float | None = None
    """Lifetime of its entries in seconds. None: the workload's."""
    read_share: float | None = None
    """Reads among its requests, 0 to 1. None: the workload's; 1 if it has no `update`."""
    accept_changed: tuple[str, ...] = ()
    """The columns that a hit may return with another type or value than a miss. Others end the run before it starts."""

    def __post_init__(self) -> None:
        for name, sql in self.statements().items():
            require("\0" not in sql, f"{self.table}.{name}", sql, "SQL without NUL characters")
        require(bool(key_parameters(self.load)), f"{self.table}.load", self.load, "a SELECT with %(id)s in it")
        require(bool(self.ids.strip()), f"{self.table}.ids", self.ids, "a SELECT of the ids of the requests")
        if self.update is not None:
            found = bool(key_parameters(self.update))
            require(found, f"{self.table}.update", self.update, "an UPDATE … RETURNING with %(id)s in it")
        for name, word in (("entity", self.entity), ("name", self.name or "sql")):
            want = "a letter, then at most 63 letters, digits or _.-"
            require(ENTITY.fullmatch(word) is not None, f"{self.table}.{name}", word, want)
        require(0 < self.weight <= 1e6, f"{self.table}.weight", self.weight, "above 0, at most 1,000,000")
        columns = self.accept_changed
        object.__setattr__(self, "accept_changed", tuple(columns))
        want = "names of other columns: freshness is judged by the version of hits and misses"
        require(self.version not in columns, f"{self.table}.accept_changed", self.version, want)
        ttl, share = self.ttl_s, self.read_share
        require(ttl is None or 0.05 <= ttl <= 86_400, f"{self.table}.ttl_s", ttl, "0.05 to 86,400 s")
        require(share is None or 0 <= share <= 1, f"{self.table}.read_share", share, "0 to 1")

    @property
    def table(self) -> str:
        """Its table in the workload file, for messages."""
        return f"query {self.name}" if self.name else "sql"

    def statements(self) -> dict[str, str]:
        """The statements and the version column that it has, by field."""
        named = {name: getattr(self, name) for name in ("load", "ids", "update", "create", "version")}
        return {name: sql for name, sql in named.items() if sql is not None}


def key_parameters(sql: str) -> list[str]:
    """The names of the parameters of a statement that stand for a column of `ids`."""
    return [name for name in dict.fromkeys(PARAMETER.findall(sql.replace("%%", ""))) if name not in DRAWN]


@dataclass(frozen=True, kw_only=True)
class OwnSource:
    """The user's own loader: a class in a file, in place of SQL. See stampede.RecordSource."""

    file: str
    """The absolute path."""
    entity: str = "record"
    version: str | None = None
    writes: bool = False
    """Whether the class has `update`."""
    accept_changed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The requests of an application, and the cost of its loads."""

    rate_per_s: float = 300.0
    """Requests due per second, all processes together. Requests do not wait for earlier answers."""
    arrivals: Arrivals = "poisson"
    """poisson: as from many independent users; constant: evenly spaced; closed: users_per_process clients per process,
    each of which waits for its answer, pauses, and sends the next request. Closed clients hide stalls, because they
    send fewer requests during a stall."""
    think_s: float = 0.1
    """Closed clients: mean time between an answer and the next request, exponentially distributed."""
    read_share: float = 0.95
    """Reads among the requests, 0 to 1."""
    records: int = 20_000
    """Rows in the table."""
    active_records: int | None = None
    """How many of the rows are ever requested. None: all."""
    key_skew: float = 1.2
    """Zipf's exponent over the active records. 0: all equally often; 1.2: the median of Twitter's caches in 2020."""
    record_bytes: int = 500
    """Approximate length of a record as JSON, 200 to 2,000 bytes."""
    ttl_s: float = 300.0
    """Lifetime of a cache entry. Some scenarios set a short one, so that entries expire during a cell."""
    load_cpu_ms: float = 1.0
    """CPU time of one load, used by an aggregation inside the query."""
    load_wait_ms: float = 4.0
    """Time that one load waits inside the query (pg_sleep), as a larger database waits for its disk."""
    rtt_ms: float | None = None
    """Simulated RTT, added to every round trip to Redis and PostgreSQL: half before, half after.
    None: 0.5 ms (one zone) on servers that the suite started, 0 on the user's servers."""
    users_per_process: int = 32
    """Threads of an application server: how many requests a process handles at the same time."""
    queries: tuple[OwnSql, ...] = ()
    """The user's own queries. Empty: the article's table of users, or the user's own loader."""
    source: OwnSource | None = None
    """The user's own loader. None: SQL."""

    def __post_init__(self) -> None:
        require(0 < self.rate_per_s <= 20_000, "rate_per_s", self.rate_per_s, "above 0, at most 20,000")
        kinds = ("poisson", "constant", "closed")
        require(self.arrivals in kinds, "arrivals", self.arrivals, "poisson, constant or closed")
        require(0.001 <= self.think_s <= 60, "think_s", self.think_s, "0.001 to 60 s")
        require(0 <= self.read_share <= 1, "read_share", self.read_share, "0 to 1")
        require(1 <= self.records <= 10_000_000, "records", self.records, "1 to 10,000,000")
        active = self.active_records
        require(active is None or 1 <= active <= self.records, "active_records", active, f"1 to {self.records}")
        require(0 <= self.key_skew <= 5, "key_skew", self.key_skew, "0 to 5")
        require(200 <= self.record_bytes <= 2000, "record_bytes", self.record_bytes, "200 to 2,000")
        require(0.05 <= self.ttl_s <= 86_400, "ttl_s", self.ttl_s, "0.05 to 86,400 s")
        require(0 <= self.load_cpu_ms <= 1000, "load_cpu_ms", self.load_cpu_ms, "0 to 1,000")
        require(0 <= self.load_wait_ms <= 10_000, "load_wait_ms", self.load_wait_ms, "0 to 10,000")
        require(self.rtt_ms is None or 0 <= self.rtt_ms <= 1000, "rtt_ms", self.rtt_ms, "0 to 1,000")
        require(1 <= self.users_per_process <= 1000, "users_per_process", self.users_per_process, "1 to 1,000")
        require(len(self.queries) <= MOST_QUERIES, "query", len(self.queries), f"at most {MOST_QUERIES} queries")
        for name in ("name", "entity"):
            words = [getattr(query, name) for query in self.queries]
            twice = next((word for word in words if words.count(word) > 1), "")
            require(not twice, f"query.{name}", twice, f"another {name} for each query: their keys would be the same")

    def closed_rate_per_s(self, processes: int) -> float:
        """The highest rate of closed clients, with immediate answers. Raises ConfigError above 20,000 per second."""
        rate_per_s = processes * self.users_per_process / self.think_s
        require(
            rate_per_s <= 20_000, "think_s", self.think_s, "longer: clients could send over 20,000 requests per second"
        )
        return rate_per_s

    @property
    def versioned(self) -> bool:
        """Whether records carry a version, so that freshness can be judged."""
        if self.source is not None:
            return self.source.version is not None
        return not self.queries or any(query.version is not None for query in self.queries)

    @property
    def writes(self) -> bool:
        """Whether the workload can contain writes."""
        if self.source is not None:
            return self.source.writes
        return not self.queries or any(query.update is not None for query in self.queries)

    @property
    def own_sql(self) -> bool:
        """Whether the user brought queries, or a loader."""
        return bool(self.queries) or self.source is not None

    def as_dict(self) -> dict[str, Any]:
        """Every value, for the run folder."""
        values = {**asdict(self), "queries": [asdict(query) for query in self.queries]}
        return {**values, "own_sql": self.own_sql, "versioned": self.versioned}

    def settled(self, overrides: Collection[str], ttl_s: float) -> "Workload":
        """The workload with the read share and the TTL of every query, and with the read share of all requests.

        `overrides`: the values that a scenario sets. Its read share replaces those of queries that write. Its TTL is
        that of the longest-lived entries; the other queries keep their proportion to it. `ttl_s`: the TTL of a query
        without one, outside of scenarios.
        """
        if not self.queries:
            return self if self.writes else replace(self, read_share=1.0)
        longest_s = max(query.ttl_s or ttl_s for query in self.queries)
        main_s = self.ttl_s if "ttl_s" in overrides else longest_s
        queries = tuple(
            replace(
                query,
                read_share=self._reads_of(query, "read_share" in overrides),
                ttl_s=max(0.05, main_s * (query.ttl_s or ttl_s) / longest_s),
            )
            for query in self.queries
        )
        weights = sum(query.weight for query in queries)
        reads = sum(query.weight * (query.read_share or 0.0) for query in queries)
        read_share = 1.0 if all(query.read_share == 1 for query in queries) else min(1.0, reads / weights)
        return replace(self, queries=queries, ttl_s=main_s, read_share=read_share)

    def _reads_of(self, query: OwnSql, replaced: bool) -> float:
        """The reads among a query's requests. `replaced`: the workload's share replaces the query's."""
        if query.update is None:
            return 1.0
        return self.read_share if replaced or query.read_share is None else query.read_share


@dataclass(frozen=True, kw_only=True)
class WorkloadFile:
    """The contents of the user's TOML file: values for every scenario, and values for single scenarios."""

    common: Mapping[str, Any] = field(default_factory=dict)
    """Values for every scenario."""
    by_scenario: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Scenario to its values."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """The limit, window_s and burst of all rate limiters, in place of the scenario's."""
    file: str = ""
    """Its path, for messages."""
    trace: TraceSettings | None = None
    """A recorded trace, which some scenarios play."""

    def applied(self, scenario: str, overrides: Mapping[str, Any]) -> Workload:
        """The workload of a scenario.

        In ascending priority: defaults, the user's values, the scenario's values, the user's values for the scenario.
        """
        of_scenario = {**overrides, **self.by_scenario.get(scenario, {})}
        return Workload(**{**self.common, **of_scenario}).settled(of_scenario, self.common.get("ttl_s", Workload.ttl_s))


VALUES = table_type(Workload, without=("queries", "source"), optional=True)
"""The top of a workload file, and each table [scenario.<name>]."""
SQL = table_type(OwnSql, without=("name", "weight", "ttl_s", "read_share"))
"""The table [sql]: one query."""
QUERY = table_type(OwnSql)
"""Each table [[query]]."""
LIMITS = table_type(LimiterConfig, without=("key_prefix",), optional=True)
TRACE = table_type(TraceSettings)
"""The table [trace]."""
RECORDED = ("rate_per_s", "arrivals", "think_s", "read_share", "active_records", "key_skew")
"""The values that a trace decides."""
WORDS = {"arrivals": "poisson, constant or closed"}
"""The allowed words of fields that take one of a few words."""


def read_workload(path: Path, scenarios: frozenset[str]) -> WorkloadFile:
    """Read a workload file. Raises ConfigError with the file and the field in it that is wrong."""
    try:
        data = read_toml(path)
    except UnreadableFile as error:
        raise ConfigError("workload", str(path), f"{error.want}; found: {error.what}") from error
    tables = data.pop("scenario", {})
    require(isinstance(tables, dict), f"{path}: scenario", tables, "tables such as [scenario.stampede]")
    queries = read_queries(data, path)
    data_trace = data.pop("trace", None)
    limits = checked(data.pop("limiter", {}), LIMITS, f"{path}: limiter", ".")
    LimiterConfig(**{"limit": 1, **limits})
    common = checked(data, VALUES, str(path), ": ")
    if queries:
        for name in ("load_cpu_ms", "load_wait_ms"):
            require(
                name not in common,
                f"{path}: {name}",
                common.get(name),
                "nothing: with your own SQL the cost of a load is that of your statement",
            )
        common["queries"] = queries
    trace = read_trace_settings(data_trace, common, path)
    by_scenario = {}
    for name, table in tables.items():
        require(name in scenarios, f"{path}: scenario", name, f"one of {', '.join(sorted(scenarios))}")
        by_scenario[name] = checked(table, VALUES, f"{path}: scenario.{name}", ": ")
    return WorkloadFile(common=common, by_scenario=by_scenario, limits=limits, file=str(path), trace=trace)


def read_queries(data: dict[str, Any], path: Path) -> tuple[OwnSql, ...]:
    """Take the tables [sql] or [[query]] out of a file's data. Raises ConfigError."""
    sql, tables = data.pop("sql", None), data.pop("query", [])
    require(isinstance(tables, list), f"{path}: query", tables, "tables [[query]]")
    require(sql is None or not tables, f"{path}: sql", "[sql] and [[query]]", "one of them: [sql] is one query")
    try:
        if sql is not None:
            return (OwnSql(**checked(sql, SQL, f"{path}: sql", ".")),)
        found = []
        for number, table in enumerate(tables, 1):
            values = checked(table, QUERY, f"{path}: query {number}", ".")
            found.append(OwnSql(**{"name": values.get("entity", f"query-{number}"), **values}))
        Workload(queries=tuple(found))
    except ConfigError as error:
        known = str(error.field).startswith(str(path))
        raise error if known else ConfigError(f"{path}: {error.field}", error.value, error.want) from error
    return tuple(found)


def read_trace_settings(table: Any, common: Mapping[str, Any], path: Path) -> TraceSettings | None:
    """The table [trace]. Its file is relative to the workload file's folder. Raises ConfigError."""
    if table is None:
        return None
    for name in RECORDED:
        want = "nothing: with [trace] the recorded requests decide it"
        require(name not in common, f"{path}: {name}", common.get(name), want)
    want = "at most one [[query]], without read_share: the trace's keys do not name a query"
    queries = common.get("queries", ())
    require(
        len(queries) < 2 and all(query.read_share is None for query in queries), f"{path}: query", len(queries), want
    )
    settings = checked(table, TRACE, f"{path}: trace", ".")
    try:
        return replace(found := TraceSettings(**settings), file=str(path.parent / found.path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.field}", error.value, error.want) from error


def checked(table: Any, kind: type[Struct], where: str, sign: str) -> dict[str, Any]:
    """The unchanged table, if it fits that type. Raises ConfigError.

    `where`: the name of the table in the error. `sign`: the text between this name and a field's name.
    """
    try:
        convert(table, kind)
    except Mismatch as wrong:
        if not wrong.field:
            raise ConfigError(where, table, in_words(wrong.want)) from wrong
        raise ConfigError(f"{where}{sign}{wrong.field}", table.get(wrong.field), wanted(wrong, kind)) from wrong
    return dict(table)


def wanted(wrong: Mismatch, kind: type[Struct]) -> str:
    """What was wanted of a field."""
    if wrong.problem == "unknown":
        return f"one of {', '.join(kind.__struct_fields__)}"
    if wrong.problem == "missing":
        return f"a {'path' if kind is TRACE else 'statement'}: it is required"
    return WORDS.get(wrong.field) or in_words(wrong.want) or "a number within its limits"
