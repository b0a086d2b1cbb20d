"""The user's own loader: found in its file, tried before the run, metered in the cells."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from stampede.core.errors import ConfigError, RecordNotCacheable
from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.bench.run_plan.load_pricing import unpriced_statements
from stampede.loadtests.bench.run_plan.own_source import find_source, with_source
from stampede.loadtests.bench.run_plan.source_trial import TriedSource, try_source
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import RequestFacts, current_facts
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan, query_plans
from stampede.patterns.serialization.json import Json
from stampede.patterns.serialization.pickle import Pickle
from stampede.scenarios.workload import OwnSql, Workload, WorkloadFile
from stampede.stack.server_counters import delete_keys
from stampede.stack.servers import Stack
from tests.loadtests.bench.own_sources import PSYCOPG, SQLALCHEMY, TABLE, faulty, written

SCENARIO = "read-mostly"


@pytest.fixture(scope="module")
def shelf(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shelf")
        connection.execute(TABLE)
        connection.execute("ALTER TABLE shelf.books ADD PRIMARY KEY (id)")
        yield connection
        connection.execute("DROP SCHEMA shelf CASCADE")


def run_config(stack: Stack, workload: Workload) -> RunConfig:
    """A run of cache-aside over the user's own records."""
    statements = unpriced_statements(workload)
    scenario = ScenarioPlan(
        name=SCENARIO,
        workload=workload,
        queries=query_plans(workload, statements),
        window_s=1.0,
        warm_up_s=0.0,
        drain_s=1.0,
        simulated_rtt_ns=0,
    )
    return RunConfig(
        folder="",
        postgres_url=stack.postgres.url,
        redis_url=stack.redis.url,
        key_prefix="stampede-own-source:",
        processes=1,
        users_per_process=4,
        seed=1,
        contender_specs=(ContenderSpec(name="cache-aside", kind="contender"),),
        scenarios=(scenario,),
        cells=(),
    )


@contextmanager
def prepared(config: RunConfig) -> Iterator[AppServer]:
    """An application server with a prepared cell and an empty cache."""
    with closing(AppServer(config, 0, ThreadClock())) as server:
        with redis.Redis.from_url(config.redis_url) as client:
            delete_keys(client, config.key_prefix)
        plan = CellPlan(id=1, scenario=SCENARIO, contender="cache-aside", round=1, seed=3, predecessor=None)
        server.prepare(plan, "nothing")
        yield server


@pytest.fixture
def app_server(
    stack: Stack,
    shelf: psycopg.Connection[Any],  # noqa: ARG001 - the loaders read it
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[AppServer]:
    """An application server over the loader that the test names."""
    common = {"rate_per_s": 500, "ttl_s": 300, "users_per_process": 4}
    workload = with_source(WorkloadFile(common=common), written(tmp_path, request.param)).applied(SCENARIO, {})
    with prepared(run_config(stack, workload)) as server:
        yield server


@pytest.mark.parametrize("app_server", [SQLALCHEMY, PSYCOPG], indirect=True, ids=["SQLAlchemy", "psycopg"])
def test_a_read_that_misses_calls_the_users_class_once_and_a_hit_does_not(app_server: AppServer) -> None:
    cell = app_server.cell
    assert cell is not None
    before = app_server.meter.counts["load"]
    found = [cell.read(3, 0), cell.read(3, 0)]
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0]["title"].startswith("book ")
    assert app_server.meter.counts["load"] == before + 1


@pytest.mark.parametrize("app_server", [SQLALCHEMY], indirect=True, ids=["SQLAlchemy"])
def test_a_write_through_an_orm_is_metered_with_the_interval_of_its_commit(
    app_server: AppServer, stack: Stack, shelf: psycopg.Connection[Any]
) -> None:
    """The class commits by itself: the new version is visible from some instant of the call."""
    cell = app_server.cell
    assert cell is not None
    facts = RequestFacts()
    token = current_facts.set(facts)
    record = cell.perform("write", 5, 0)
    current_facts.reset(token)
    assert isinstance(record, dict)
    (version,) = shelf.execute("SELECT version FROM shelf.books WHERE id = %s", [record["id"]]).fetchone() or (0,)
    assert facts.version_written == record["version"] == version > 1
    assert facts.commit_start_ns is not None
    assert facts.commit_end_ns is not None
    assert facts.commit_start_ns < facts.commit_end_ns
    with redis.Redis.from_url(stack.redis.url) as client:
        assert not client.exists(cell.patterns[0].key(cell.population.record_id(5)))  # type: ignore[union-attr]
    assert ":book:" in f":{cell.patterns[0].key('x')}"


def tried(folder: Path, text: str, *, writes: bool = False, pickled: bool = False) -> TriedSource:
    """The trial of a loader that needs no database."""
    workload = with_source(WorkloadFile(), written(folder, text))
    serializer = Pickle() if pickled else Json()
    return try_source(workload.common["source"], "postgresql://", serializer, "JSON", writes=writes)


FAULTY = [
    ("class Mine: pass", "a file that defines a subclass of stampede.RecordSource"),
    (
        "from stampede import RecordSource\nclass A(RecordSource):\n    def ids(self): return [1]",
        "A: no load (wanted: def",
    ),
    (faulty(load="raise KeyError('price')"), "load: KeyError: 'price' (wanted: a call that does not raise)"),
    (faulty(load="return [record_id]"), "load: list [1] (wanted: a dict of columns, or None)"),
    (faulty(load="return {1: record_id}"), "(wanted: columns whose names are text)"),
    (faulty(load="return None"), "load: None for every id that was tried (wanted: a record for an id that ids lists)"),
    (
        faulty(load="return {'at': __import__('datetime').date(2026, 1, 1)}"),
        "load, column at: date from the database, str",
    ),
    (faulty(load="return {'raw': b'x'}"), "load, column raw: bytes, which the cache's JSON cannot represent"),
    (faulty(ids="return []"), "ids: no ids (wanted: at least one id)"),
    (faulty(ids="return [1, 2, 1]"), "ids: id 3, 1, a second time (wanted: each id once)"),
    (faulty(ids="return [1, None]"), "ids: id 2 is NoneType None"),
    (faulty(ids="return [[1]]"), "ids: id 1 is list [1] (wanted: values that identify a record)"),
    (faulty(ids="return 1 / 0"), "ids: ZeroDivisionError: division by zero (wanted: a call"),
    (faulty(attributes="version = 'version'"), "load, column version: no such column (wanted: the version, an int)"),
    (faulty(attributes="version = 5"), "version: 5 (wanted: a column's name, or None)"),
    (faulty(attributes="entity = 'a b'"), "entity: 'a b' (wanted: a letter"),
    (faulty(attributes="accept_changed = 'price'"), "accept_changed: 'price' (wanted: a tuple"),
    (
        faulty(attributes="accept_changed = ('price',)"),
        "accept_changed: 'price' (wanted: columns that load returns (id))",
    ),
    (
        faulty(more="async def update(self, record_id, changes): pass"),
        "update: async def (wanted: a synchronous method)",
    ),
    (faulty(more="def __init__(self, postgres_url): pass"), "__init__: TypeError"),
    (faulty(more="def close(self): raise OSError('gone')"), "close: OSError: gone"),
]


@pytest.mark.parametrize(("text", "expected"), FAULTY)
def test_a_faulty_loader_is_refused_in_one_line_with_file_method_and_what_was_wanted(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        tried(tmp_path, text)
    line = str(caught.value)
    assert expected in line
    assert "my_source.py" in line
    assert "\n" not in line


UPDATES = [
    ("return None", "update: None for id 1 (wanted: the changed record)"),
    ("return {'v': 2}", "update: columns v (wanted: the same columns as load returns (v, id))"),
    (
        "return {'id': 1, 'v': 1}",
        "update, column v: 1 before, 1 after an update (wanted: a version that increases by one)",
    ),
    ("return {'id': 1, 'v': 2}", "load: the record as it was before an update (wanted: a load after an update"),
    ("raise OSError('read only')", "update: OSError: read only"),
]


@pytest.mark.parametrize(("body", "expected"), UPDATES)
def test_a_faulty_update_is_refused_in_one_line(tmp_path: Path, body: str, expected: str) -> None:
    update = f"def update(self, record_id, changes):\n        {body}"
    text = faulty(load="return {'v': 1, 'id': record_id}", attributes="version = 'v'", more=update)
    with pytest.raises(ConfigError) as caught:
        tried(tmp_path, text, writes=True)
    assert expected in str(caught.value)


def test_a_changed_column_of_a_loader_is_accepted_if_the_class_names_it(tmp_path: Path) -> None:
    load = "return {'id': record_id, 'at': __import__('datetime').date(2026, 1, 1)}"
    found = tried(tmp_path, faulty(load=load, attributes="accept_changed = ('at',)"))
    assert found.changes == {"at": "date from the database, str from the cache's JSON"}
    assert tried(tmp_path, faulty(load=load), pickled=True).changes == {}


def test_a_loader_and_sql_exclude_each_other(tmp_path: Path) -> None:
    sql = OwnSql(load="SELECT %(id)s", ids="SELECT 1")
    with pytest.raises(ConfigError, match=r"\[sql\]"):
        with_source(WorkloadFile(common={"queries": (sql,)}, file="w.toml"), written(tmp_path, faulty()))


def test_a_loader_without_update_is_only_read(tmp_path: Path) -> None:
    """Also in a scenario that writes."""
    workload = with_source(WorkloadFile(), written(tmp_path, faulty())).applied("x", {"read_share": 0.5})
    assert workload.read_share == 1
    assert workload.own_sql


def test_a_path_that_is_no_python_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"source: 'books' \(wanted: the path of a .py file"):
        find_source("books")


def own_table(stack: Stack, expression: str, accept_changed: tuple[str, ...] = ()) -> RunConfig:
    """A run over 500 rows of the user's whose column x is that expression. The trial would load 200 of them."""
    load = f"SELECT n, {expression} AS x FROM generate_series(1, 500) AS n WHERE n = %(id)s"
    sql = OwnSql(load=load, ids="SELECT n FROM generate_series(1, 500) AS n ORDER BY n", accept_changed=accept_changed)
    return run_config(stack, Workload(queries=(sql,), rate_per_s=500, users_per_process=4))


UNSEEN = [
    ("CASE WHEN n = 102 THEN 1.5 END", "column x: Decimal from the database, str from the cache"),
    ("CASE WHEN n = 102 THEN '\\xdead'::bytea END", "column x: bytes, which the cache cannot represent"),
    ("CASE WHEN n = 102 THEN date '20000-01-01' END", "the driver cannot load the row of id 102: date too large"),
]


@pytest.mark.parametrize(("expression", "expected"), UNSEEN)
def test_a_value_that_only_a_row_outside_the_trial_has_ends_the_run(
    stack: Stack, expression: str, expected: str
) -> None:
    """Otherwise every read of that row would fail, and the run would go on."""
    with prepared(own_table(stack, expression)) as server:
        cell = server.cell
        assert cell is not None
        assert cell.read(100, 0) == {"n": 101, "x": None}
        with pytest.raises(RecordNotCacheable, match=expected):
            cell.read(101, 0)
        assert cell.abandoned
        with pytest.raises(RecordNotCacheable, match=expected):
            server.finish()


def test_an_accepted_change_of_a_row_outside_the_trial_does_not_end_the_run(stack: Stack) -> None:
    with prepared(own_table(stack, UNSEEN[0][0], accept_changed=("x",))) as server:
        cell = server.cell
        assert cell is not None
        assert [str((cell.read(101, 0) or {})["x"]) for _ in range(2)] == ["1.5", "1.5"]
        assert not cell.abandoned


def test_an_answer_of_a_loader_that_is_no_record_ends_the_run(stack: Stack, tmp_path: Path) -> None:
    text = faulty(load="return {'id': record_id} if record_id < 200 else ['x']", ids="return list(range(300))")
    workload = with_source(WorkloadFile(), written(tmp_path, text)).applied(SCENARIO, {})
    with prepared(run_config(stack, workload)) as server:
        cell = server.cell
        assert cell is not None
        assert cell.read(7, 0) == {"id": 7}
        with pytest.raises(RecordNotCacheable, match=r"my_source.py: load returned list \(wanted: a dict of columns"):
            cell.read(250, 0)
