"""The workload is the user's: one frozen description, every value with a default, read from one TOML file."""

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
    """The user's own statements, in psycopg's named style. The suite offers these parameters, each statement takes
    what it needs: `%(id)s` (one of `ids`), `%(text)s` (a short random word), `%(number)s` (a random integer).
    """

    load: str
    """One row by `%(id)s`; its columns are the record."""
    ids: str
    """One integer column: the ids that requests are drawn from, in order of popularity."""
    update: str | None = None
    """Changes the row `%(id)s` and, with RETURNING, gives the same columns as `load`. Without it nothing is written."""
    create: str | None = None
    """Inserts a row and, with RETURNING, gives the same columns as `load`."""
    version: str | None = None
    """The column that grows by one with every update. Without one, freshness is not judged."""

    def __post_init__(self) -> None:
        for name, sql in asdict(self).items():
            require("\0" not in (sql or ""), f"sql.{name}", sql, "SQL without NUL characters")
        require("%(id)s" in self.load, "sql.load", self.load, "a SELECT with %(id)s in it")
        require(bool(self.ids.strip()), "sql.ids", self.ids, "a SELECT of one integer column")
        if self.update is not None:
            require("%(id)s" in self.update, "sql.update", self.update, "an UPDATE … RETURNING with %(id)s in it")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What an application asks of its cache and its database."""

    rate_per_s: float = 300.0
    """Requests due per second, all processes together. They do not wait for earlier answers."""
    arrivals: Arrivals = "poisson"
    """poisson: like many independent users; constant: like a metronome; closed: users_per_process clients a process,
    each of which waits for its answer, thinks, and asks again. They hide stalls: they ask less while one lasts."""
    think_s: float = 0.1
    """Closed clients: mean time between an answer and the next request, exponentially distributed."""
    read_share: float = 0.95
    """Reads among the requests, 0 to 1."""
    records: int = 100_000
    """Rows in the table."""
    active_records: int | None = None
    """How many of them are ever asked for; all of them where it is not said."""
    key_skew: float = 1.2
    """Zipf's exponent over the active records: 0 asks for all alike, 1.2 is the median of Twitter's caches in 2020."""
    record_bytes: int = 500
    """About how long a record is as JSON, 200 to 2,000."""
    ttl_s: float = 1.0
    """Lifetime of a cache entry. Scenarios use short ones, so that expiries happen while we watch."""
    load_cpu_ms: float = 1.0
    """CPU time of one load, spent on real aggregation inside the query."""
    load_wait_ms: float = 4.0
    """Time that one load waits inside the query (pg_sleep): what a bigger database would spend waiting."""
    rtt_ms: float | None = None
    """Simulated distance, added to every round trip to Redis and PostgreSQL: half before, half after.
    Where it is not said: 0.5 ms (one zone) on servers that the suite started, 0 on the user's."""
    users_per_process: int = 32
    """Threads of an application server: how many requests a process works on at a time."""
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
        """The most that closed clients ask for: as if every answer came at once. Raises ConfigError above 20,000."""
        rate_per_s = processes * self.users_per_process / self.think_s
        require(rate_per_s <= 20_000, "think_s", self.think_s, "longer: clients could ask over 20,000 times a second")
        return rate_per_s

    @property
    def versioned(self) -> bool:
        """Whether records carry a version, so that freshness can be judged."""
        return self.sql is None or self.sql.version is not None

    @property
    def writes(self) -> bool:
        """Whether anything can be written at all."""
        return self.sql is None or self.sql.update is not None

    def as_dict(self) -> dict[str, Any]:
        """Every value, for the run folder."""
        return {**asdict(self), "own_sql": self.sql is not None, "versioned": self.versioned}


@dataclass(frozen=True, kw_only=True)
class WorkloadFile:
    """What the user's TOML file says: values for every scenario, and values for one scenario only."""

    common: Mapping[str, Any] = field(default_factory=dict)
    by_scenario: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    """What all rate limiters are given, instead of the scenario's: limit, window_s, burst."""
    file: str = ""
    """Its path, for messages."""

    def applied(self, scenario: str, overrides: Mapping[str, Any]) -> Workload:
        """The defaults, then the user's values, then what the scenario is about, then the user's for that scenario."""
        values = {**self.common, **overrides, **self.by_scenario.get(scenario, {})}
        workload = Workload(**values)
        return workload if workload.writes else replace(workload, read_share=1.0)


VALUES = table_type(Workload, without=("sql",), optional=True)
"""The top of a workload file, and each table [scenario.<name>]."""
SQL = table_type(OwnSql)
LIMITS = table_type(LimiterConfig, without=("key_prefix",), optional=True)
WORDS = {"arrivals": "poisson, constant or closed"}
"""Fields that take one of a few words."""


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
            require(name not in common, f"{path}: {name}", common.get(name), "nothing: your SQL costs what it costs")
        common["sql"] = OwnSql(**checked(sql, SQL, f"{path}: sql", "."))
    by_scenario = {}
    for name, table in tables.items():
        require(name in scenarios, f"{path}: scenario", name, f"one of {', '.join(sorted(scenarios))}")
        by_scenario[name] = checked(table, VALUES, f"{path}: scenario.{name}", ": ")
    return WorkloadFile(common=common, by_scenario=by_scenario, limits=limits, file=str(path))


def checked(table: Any, kind: type[Struct], where: str, sign: str) -> dict[str, Any]:
    """The table as it was read, where it fits that type: a whole number stays one. Raises ConfigError.

    `where`: the table. `sign`: what separates the table and a field in the error.
    """
    try:
        convert(table, kind)
    except Mismatch as wrong:
        if not wrong.field:
            raise ConfigError(where, table, in_words(wrong.want)) from wrong
        raise ConfigError(f"{where}{sign}{wrong.field}", table.get(wrong.field), wanted(wrong, kind)) from wrong
    return dict(table)


def wanted(wrong: Mismatch, kind: type[Struct]) -> str:
    """What a field should have been."""
    if wrong.problem == "unknown":
        return f"one of {', '.join(kind.__struct_fields__)}"
    if wrong.problem == "missing":
        return "a statement: it is needed"
    return WORDS.get(wrong.field) or in_words(wrong.want) or "a number within its limits"


TEMPLATE = '''\
# A Stampede workload. Every value has a default; delete what you do not want to say.
# make bench WORKLOAD=workload.toml

rate_per_s = 300          # requests due per second, all processes together
arrivals = "poisson"      # or "constant", or "closed": clients that wait, then think for think_s; they hide stalls
read_share = 0.95         # reads among the requests
records = 100000          # rows in the table
key_skew = 1.2            # Zipf's exponent: 0 = all keys alike
record_bytes = 500        # length of a record, 200 to 2,000
ttl_s = 1.0               # lifetime of a cache entry; short, so that expiries happen while we watch
load_cpu_ms = 1.0         # CPU time of one load
load_wait_ms = 4.0        # time that one load waits
# rtt_ms = 0.5            # simulated distance a round trip; 0 is the bare machine
users_per_process = 32    # threads of an application server

# Your own statements instead of the built-in table of users (needs --postgres URL).
# The suite offers %(id)s, %(text)s and %(number)s; take what you need.
# [sql]
# load = "SELECT id, title, price::text AS price, version FROM products WHERE id = %(id)s"
# ids = "SELECT id FROM products ORDER BY id LIMIT 1000"
# update = """UPDATE products SET title = %(text)s, version = version + 1 WHERE id = %(id)s
#     RETURNING id, title, price::text AS price, version"""
# version = "version"     # a column that grows with every update; without one, freshness is not judged

# What rate limiters are given (rate-limit-flood); its subjects call in proportion. A cell lasts a few windows.
# [limiter]
# limit = 8
# window_s = 0.4
# burst = 8               # of buckets; left out: the limit

# A value for one scenario only:
# [scenario.stampede]
# rate_per_s = 200
'''
