"""What the contenders of one process load records from, and what they store them with."""

from collections.abc import Callable
from typing import NoReturn

import psycopg

from stampede.core.errors import RecordNotCacheable
from stampede.loadtests.bench.run_plan.own_source import OwnRecords, open_source
from stampede.loadtests.instrumentation.checked_serializer import CheckedSerializer
from stampede.loadtests.instrumentation.meters import Meter, MeteredSource
from stampede.loadtests.locustfiles.run_config import QueryPlan, RunConfig, ScenarioPlan
from stampede.patterns.caching.cache_pattern import Record, RecordId
from stampede.patterns.caching.record_source import RecordSource
from stampede.patterns.serialization.serializer import Serializer
from stampede.scenarios.workload import OwnSource
from stampede.stack.postgres.source import Pool, PostgresSource, Statements, first_line


class RecordAccess:
    """Makes the metered database and the serializer of each query of a contender."""

    def __init__(self, config: RunConfig, pool: Pool, meter: Meter, threads: int, on_wrong: Callable[[], None]) -> None:
        """`threads`: the calls at the same time. `on_wrong`: is called once a record cannot be cached as it is."""
        self.config = config
        self.pool = pool
        self.meter = meter
        self.threads = threads
        self.on_wrong = on_wrong
        self.wrong = ""
        """The first record of the user's that cannot be cached, in one line. Empty: there was none."""
        self._databases: list[tuple[PostgresSource, Statements]] = []
        self._own: dict[str, RecordSource] = {}

    def database(self, scenario: ScenarioPlan, query: QueryPlan, meter: Meter | None = None) -> MeteredSource:
        """The database of a query's contender. On the article's table its loads cost nothing until `charge`."""
        source, meter = scenario.workload.source, meter or self.meter
        if source is not None:
            records = OwnRecords(source, self._opened(source), self._refuse)
            return MeteredSource(records, meter, source.version, commits_itself=True)
        statements = Statements(**query.statements)
        if scenario.workload.own_sql:
            database: PostgresSource = CheckedPostgresSource(self.pool, statements, self._refuse)
        else:
            database = PostgresSource(self.pool, statements.without_cost())
        self._databases.append((database, statements))
        return MeteredSource(database, meter, statements.version_column)

    def charge(self) -> None:
        """Give loads their cost."""
        for database, statements in self._databases:
            database.statements = statements
        self._databases.clear()

    def serializer(self, scenario: ScenarioPlan, query: QueryPlan, *, baseline: bool = False) -> Serializer[Record]:
        """The serializer of a query's contender. It checks the user's records, and not those of the article's table."""
        plain = self.config.serializer.make()
        if baseline or not scenario.workload.own_sql:
            return plain
        return CheckedSerializer(plain, query.accept_changed, self._refuse)

    def require_cacheable(self) -> None:
        """Raise RecordNotCacheable if a record of the user's could not be cached or loaded as it is."""
        if self.wrong:
            raise RecordNotCacheable(self.wrong)

    def close(self) -> None:
        """Close the user's objects."""
        for records in self._own.values():
            records.close()
        self._own.clear()

    def _opened(self, source: OwnSource) -> RecordSource:
        if source.file not in self._own:
            self._own[source.file] = open_source(source, self.config.postgres_url, self.threads)
        return self._own[source.file]

    def _refuse(self, what: str) -> NoReturn:
        self.wrong = self.wrong or what
        self.on_wrong()
        raise RecordNotCacheable(what)


class CheckedPostgresSource(PostgresSource):
    """The user's rows. A value that the driver cannot load ends the run: the trial did not load its row."""

    def __init__(self, pool: Pool, statements: Statements, on_wrong: Callable[[str], None]) -> None:
        super().__init__(pool, statements)
        self.on_wrong = on_wrong

    def load(self, record_id: RecordId) -> Record | None:
        try:
            return super().load(record_id)
        except (psycopg.DataError, ValueError) as error:
            if getattr(error, "sqlstate", None) is None:
                remedy = "cast the column to text, for example ts::text AS ts"
                self.on_wrong(f"the driver cannot load the row of id {record_id}: {first_line(error)} ({remedy})")
            raise
