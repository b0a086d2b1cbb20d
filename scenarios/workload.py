"""The workload: the user's description of an application, read from a TOML file. Every value has a default."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from stampede.core.decode import convert, in_words, table_type
from stampede.core.errors import ConfigError, Mismatch, UnreadableFile, require
from stampede.core.files import read_toml
from stampede.patterns.rate_limiting.rate_limiter import LimiterConfig

Arrivals = Literal["poisson", "constant", "closed"]


@dataclass(frozen=True, kw_only=True)
class OwnSql:
    """The user's own statements, with psycopg's named parameters.

    A statement may use these parameters: `%(id)s` (one of `ids`), `%(text)s` (a short random word), `%(number)s` (a
    random integer).
    """

    load: str
    """Selects one row by `%(id)s`. Its columns are the record."""
    ids: str
    """Selects one integer column: the ids of the requests, in order of popularity."""
    update: str | None = None
    """Changes the row `%(id)s` and returns the same columns as `load` (RETURNING). Without it there are no writes."""
    create: str | None = None
    """Inserts a row and returns the same columns as `load` (RETURNING)."""
    version: str | None = None
    """The column that every update increases by one. Without it, freshness is not judged."""

    def __post_init__(self) -> None:
        for name, sql in asdict(self).items():
            require("\0" not in (sql or ""), f"sql.{name}", sql, "SQL without NUL characters")
        require("%(id)s" in self.load, "sql.load", self.load, "a SELECT with %(id)s in it")
        require(bool(self.ids.strip()), "sql.ids", self.ids, "a SELECT of one integer column")
        if self.update is not None:
            require("%(id)s" in self.update, "sql.update", self.update, "an UPDATE … RETURNING with %(id)s in it")


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
    sql: OwnSql | None = None
    """The user's own statements instead of the article's table of users."""

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
        return self.sql is None or self.sql.version is not None

    @property
    def writes(self) -> bool:
        """Whether the workload can contain writes."""
        return self.sql is None or self.sql.update is not None

    def as_dict(self) -> dict[str, Any]:
        """Every value, for the run folder."""
        return {**asdict(self), "own_sql": self.sql is not None, "versioned": self.versioned}


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

    def applied(self, scenario: str, overrides: Mapping[str, Any]) -> Workload:
        """The workload of a scenario.

        In ascending priority: defaults, the user's values, the scenario's values, the user's values for the scenario.
        """
        values = {**self.common, **overrides, **self.by_scenario.get(scenario, {})}
        workload = Workload(**values)
        return workload if workload.writes else replace(workload, read_share=1.0)


VALUES = table_type(Workload, without=("sql",), optional=True)
"""The top of a workload file, and each table [scenario.<name>]."""
SQL = table_type(OwnSql)
LIMITS = table_type(LimiterConfig, without=("key_prefix",), optional=True)
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
    sql = data.pop("sql", None)
    limits = checked(data.pop("limiter", {}), LIMITS, f"{path}: limiter", ".")
    LimiterConfig(**{"limit": 1, **limits})
    common = checked(data, VALUES, str(path), ": ")
    if sql is not None:
        for name in ("load_cpu_ms", "load_wait_ms"):
            require(
                name not in common,
                f"{path}: {name}",
                common.get(name),
                "nothing: with your own SQL the cost of a load is that of your statement",
            )
        common["sql"] = OwnSql(**checked(sql, SQL, f"{path}: sql", "."))
    by_scenario = {}
    for name, table in tables.items():
        require(name in scenarios, f"{path}: scenario", name, f"one of {', '.join(sorted(scenarios))}")
        by_scenario[name] = checked(table, VALUES, f"{path}: scenario.{name}", ": ")
    return WorkloadFile(common=common, by_scenario=by_scenario, limits=limits, file=str(path))


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
        return "a statement: it is required"
    return WORDS.get(wrong.field) or in_words(wrong.want) or "a number within its limits"


TEMPLATE = '''\
# A Stampede workload. Every value has a default; delete the lines that you do not need.
# make bench WORKLOAD=workload.toml

rate_per_s = 300          # requests due per second, all processes together
arrivals = "poisson"      # or "constant", or "closed": clients that wait for an answer, then think_s; they hide stalls
read_share = 0.95         # reads among the requests
records = 20000           # rows in the table
key_skew = 1.2            # Zipf's exponent: 0 = all keys alike
record_bytes = 500        # length of a record, 200 to 2,000
ttl_s = 300               # lifetime of a cache entry; a cell starts with the entries of a long-running service
load_cpu_ms = 1.0         # CPU time of one load
load_wait_ms = 4.0        # time that one load waits
# rtt_ms = 0.5            # simulated RTT per round trip; 0: none
users_per_process = 32    # threads of an application server

# Your own statements instead of the built-in table of users (needs --postgres URL).
# A statement may use %(id)s, %(text)s and %(number)s.
# [sql]
# load = "SELECT id, title, price::text AS price, version FROM products WHERE id = %(id)s"
# ids = "SELECT id FROM products ORDER BY id LIMIT 1000"
# update = """UPDATE products SET title = %(text)s, version = version + 1 WHERE id = %(id)s
#     RETURNING id, title, price::text AS price, version"""
# version = "version"     # a column that every update increases; without it, freshness is not judged

# The limit of rate limiters (rate-limit-flood); subjects call in proportion. A cell lasts a few windows.
# [limiter]
# limit = 8
# window_s = 0.4
# burst = 8               # capacity of buckets; default: the limit

# A value for one scenario only:
# [scenario.stampede]
# rate_per_s = 200
'''
