"""Servers like those of users: TLS with a private CA, IPv6, unix sockets, PgBouncer, a hot standby, Redis < 7.2."""

import json
import random
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core.errors import StackError
from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import Meter
from stampede.patterns.caching.cache_pattern import ClientSettings
from stampede.patterns.caching.refresh_ahead_celery import celery_app
from stampede.patterns.contender_registry import find_contender
from stampede.races.exploration_runs import RacesConfig, explore_all
from stampede.races.explore import Bound
from stampede.run_folder.read import read_run
from stampede.scenarios.interleavings.situation import find_situation
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.postgres.pooler import find_pooling, pooling_of
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.postgres.source import PostgresSource, default_statements, open_pool, statement_ids
from stampede.stack.providers.connection_limits import require_room
from stampede.stack.providers.external import open_external
from stampede.stack.redis.redis_server import inspect_redis
from tests.stack.providers.own_servers import (
    OPENSSL,
    PGBOUNCER,
    POSTGRES_BIN,
    REDIS,
    Launcher,
    Postgres,
    Redis,
    certificates,
    launcher,
    start_pgbouncer,
    start_postgres,
    start_redis,
    start_standby,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (REDIS and OPENSSL and POSTGRES_BIN), reason="needs Debian's redis-server, postgresql and openssl"
    ),
]
needs_pgbouncer = pytest.mark.skipif(not PGBOUNCER, reason="needs pgbouncer")


@dataclass(frozen=True)
class Own:
    """The module's servers."""

    start: Launcher
    redis: Redis
    postgres: Postgres
    standby: str


@pytest.fixture(scope="module")
def own() -> Iterator[Own]:
    with launcher() as start:
        tls = certificates(start)
        postgres = start_postgres(start, tls)
        yield Own(start, start_redis(start, tls), postgres, start_standby(start, postgres))


def schedules_that_end_stale(postgres_url: str, redis_url: str) -> tuple[int, int]:
    """Explore cache-aside in reader-writer. Returns (schedules, schedules that break eventually-fresh)."""
    config = RacesConfig(
        contenders=(find_contender("cache-aside"),),
        situations=(find_situation("reader-writer"),),
        bound=Bound(),
        command="",
    )
    with open_external(postgres_url, redis_url, "as requested") as found:
        info = explore_all(config, found, lambda _event: None)
    (verdict,) = [v for v in info.verdicts if v.invariant == "eventually-fresh"]
    return info.explorations[0].schedules, verdict.broken_in


@pytest.mark.parametrize("kind", ["tls", "ipv6", "socket"])
def test_the_explorer_has_the_same_result_over_every_kind_of_connection(own: Own, kind: str) -> None:
    assert schedules_that_end_stale(getattr(own.postgres, kind), getattr(own.redis, kind)) == (15, 3)


def test_monitor_reads_a_server_with_a_private_ca(own: Own) -> None:
    result = CliRunner().invoke(app, ["monitor", "--once", "--redis", own.redis.tls])
    assert result.exit_code == 0, result.output
    assert "hit rate" in result.output


@pytest.mark.parametrize("kind", ["tls", "ipv6", "socket", "acl"])
def test_celery_reaches_its_broker_over_every_kind_of_connection(own: Own, kind: str) -> None:
    url = own.redis.plain.replace("redis://", "redis://celery:p%2Fw@") if kind == "acl" else getattr(own.redis, kind)
    with redis.Redis.from_url(own.redis.plain) as admin:
        admin.acl_setuser("celery", enabled=True, passwords=["+p/w"], keys=["stampede-celery:*"], commands=["+@all"])
        admin.delete("stampede-celery:celery")
        client = metered_client(url, ClientSettings(), Meter(ThreadClock()), 1)
        tasks = celery_app(client, "stampede-celery:")
        tasks.send_task("refresh", args=(1, 0.0), retry=False)
        assert admin.llen("stampede-celery:celery") == 1
        admin.delete("stampede-celery:celery")
        tasks.close()
        client.close()


# ── wrong protocols ──


def refused(url: str) -> str:
    with pytest.raises(StackError) as caught:
        inspect_redis(url)
    return caught.value.want


def test_the_error_of_plain_redis_on_a_tls_port_recommends_rediss(own: Own) -> None:
    assert refused(own.redis.plain_on_tls_port).startswith("the scheme rediss:// instead of redis://")


def test_the_error_of_tls_on_a_plain_port_recommends_redis(own: Own) -> None:
    assert refused(own.redis.tls_on_plain_port).startswith("the scheme redis:// instead of rediss://")


def test_the_error_of_a_certificate_of_an_unknown_ca_names_the_option(own: Own) -> None:
    assert "?ssl_ca_certs=" in refused(own.redis.tls.partition("?")[0])


def test_the_error_of_a_postgresql_certificate_of_an_unknown_ca_names_the_option(own: Own) -> None:
    url = own.postgres.tls.partition("&sslrootcert")[0] + "&sslrootcert=system"
    with pytest.raises(StackError) as caught:
        connect(url)
    assert "?sslrootcert=" in caught.value.want


def test_a_hot_standby_is_refused_only_when_something_is_written(own: Own) -> None:
    with open_external(own.standby, own.redis.plain, "as requested") as found:
        assert found.postgres.version
    with pytest.raises(StackError, match="hot standby"):
        ensure_dataset(own.standby, records=20, record_bytes=300, seed=1, managed=False, say=lambda _line: None)


# ── Redis before 7.2 ──


def test_commands_that_an_old_server_does_not_support_are_not_counted(own: Own) -> None:
    with redis.Redis.from_url(own.redis.plain) as client:
        if tuple(map(int, client.info("server")["redis_version"].split(".")[:2])) >= (7, 2):
            pytest.skip("this Redis supports CLIENT SETINFO")
        meter = Meter(ThreadClock())
        metered = metered_client(own.redis.plain, ClientSettings(), meter, 1)
        metered.ping()
        assert meter.counts["command.client setinfo"] == 0
        assert meter.counts["command.ping"] == 1
        metered.close()


# ── PgBouncer ──


@dataclass(frozen=True)
class Bouncers:
    """A PgBouncer in each mode."""

    transaction: str
    session: str
    tight: str
    """In session mode, with three server connections."""
    statement: str
    prepares: bool
    """Whether this release supports prepared statements."""


@pytest.fixture(scope="module")
def bouncers(own: Own) -> Bouncers:
    output = subprocess.run([str(PGBOUNCER), "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(map(int, re.findall(r"\d+", output.splitlines()[0])))
    return Bouncers(
        transaction=start_pgbouncer(own.start, own.postgres, "transaction"),
        session=start_pgbouncer(own.start, own.postgres, "session"),
        tight=start_pgbouncer(own.start, own.postgres, "session", lines="default_pool_size = 3"),
        statement=start_pgbouncer(own.start, own.postgres, "statement"),
        prepares=version >= (1, 22),
    )


@needs_pgbouncer
def test_a_pooler_and_its_mode_are_detected(own: Own, bouncers: Bouncers) -> None:
    found = {}
    for url in (own.postgres.plain, own.postgres.tls, own.postgres.socket, bouncers.session, bouncers.transaction):
        with connect(url) as connection:
            found[url] = pooling_of(connection)
    assert [pooling.mode for pooling in found.values()] == ["none", "none", "none", "session", "transaction"]
    assert found[bouncers.transaction].prepares == bouncers.prepares
    assert not found[bouncers.transaction].keeps_session
    assert found[bouncers.session].prepares


@needs_pgbouncer
def test_the_mode_is_detected_while_other_clients_keep_the_pool_busy(bouncers: Bouncers) -> None:
    """Several application servers detect it at the same time, and use each other's server connections."""
    over = threading.Event()

    def keep_busy(seed: int) -> None:
        rng = random.Random(seed)
        with connect(bouncers.transaction) as other:
            while not over.is_set():
                other.execute("SELECT pg_sleep(%s)", [rng.random() / 50])

    threads = [threading.Thread(target=keep_busy, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    try:
        with connect(bouncers.transaction) as connection:
            found = [find_pooling(connection) for _ in range(10)]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert {(pooling.mode, pooling.prepares) for pooling in found} == {("transaction", bouncers.prepares)}


@needs_pgbouncer
def test_statement_mode_is_refused(bouncers: Bouncers) -> None:
    with pytest.raises(StackError, match="pool_mode = transaction or session"), connect(bouncers.statement) as found:
        pooling_of(found)


@needs_pgbouncer
def test_there_is_a_remark_on_a_pooler(own: Own, bouncers: Bouncers) -> None:
    with open_external(bouncers.transaction, own.redis.plain, "as requested") as found:
        (remark,) = [remark for remark in found.remarks if remark.name == "pooler"]
    assert "transaction mode" in remark.what
    assert ("not prepared" in remark.what) != bouncers.prepares


@needs_pgbouncer
def test_records_are_read_written_and_counted_in_transaction_mode(bouncers: Bouncers) -> None:
    ensure_dataset(bouncers.transaction, records=50, record_bytes=300, seed=1, managed=False, say=lambda _line: None)
    statements = default_statements(cpu_rows=10, wait_ms=0)
    with open_pool(bouncers.transaction, 30, statements.session) as pool:
        source = PostgresSource(pool, statements)
        versions = set()
        for _ in range(3):
            for record_id in range(1, 11):
                assert source.load(record_id) is not None
            with source.transaction() as tx:
                versions.add((tx.update(1, {"name": "x"}) or {})["version"])
        source.flush_statistics()
        with pool.connection() as connection:
            ids = statement_ids(connection, statements)
            counted = connection.execute(
                "SELECT sum(calls)::int AS calls FROM pg_stat_statements WHERE queryid = %s", [ids["load"]]
            ).fetchone()
    assert len(versions) == 3
    assert counted == {"calls": 30}


@needs_pgbouncer
def test_no_setting_stays_in_the_sessions_of_a_shared_pool(own: Own, bouncers: Bouncers) -> None:
    session = default_statements(cpu_rows=0, wait_ms=0).session
    with open_pool(bouncers.transaction, 5, session), connect(bouncers.transaction) as other:
        theirs = other.execute("SHOW plan_cache_mode").fetchone()
    assert theirs == ("auto",)
    with open_pool(own.postgres.plain, 1, session) as pool, pool.connection() as connection:
        assert connection.execute("SHOW plan_cache_mode").fetchone() == {"plan_cache_mode": "force_generic_plan"}


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_the_explorer_has_the_same_result_through_a_pooler(own: Own, bouncers: Bouncers, mode: str) -> None:
    assert schedules_that_end_stale(getattr(bouncers, mode), own.redis.plain) == (15, 3)


@needs_pgbouncer
def test_two_writers_that_wait_for_one_row_are_detected_through_a_pooler(own: Own, bouncers: Bouncers) -> None:
    config = RacesConfig(
        contenders=(find_contender("write-through"),),
        situations=(find_situation("writer-writer"),),
        bound=Bound(),
        command="",
    )
    tried = []
    for url in (own.postgres.plain, bouncers.transaction, bouncers.session):
        with open_external(url, own.redis.plain, "as requested") as found:
            tried.append(explore_all(config, found, lambda _event: None).explorations[0].schedules)
    assert len(set(tried)) == 1


@needs_pgbouncer
def test_the_error_for_a_pool_that_is_too_small_names_its_size(
    own: Own, bouncers: Bouncers, caplog: pytest.LogCaptureFixture
) -> None:
    with open_external(bouncers.tight, own.redis.plain, "as requested") as found:
        with pytest.raises(StackError, match="room for 4 more connections; the pooler gave 3"):
            require_room(found, postgres=4, clients=1, instead="take fewer --threads")
        require_room(found, postgres=3, clients=1, instead="")
    assert caplog.messages == []


@needs_pgbouncer
def test_a_bench_in_transaction_mode_by_a_user_without_info_has_no_failed_request(
    own: Own, bouncers: Bouncers, tmp_path: Path
) -> None:
    with redis.Redis.from_url(own.redis.plain) as client:
        client.acl_setuser(
            "bench", enabled=True, passwords=["+secret"], keys=["stampede:*"], commands=["+@all", "-@dangerous"]
        )
    workload = tmp_path / "w.toml"
    workload.write_text("records = 500\nusers_per_process = 6\nrate_per_s = 60\n[scenario.stampede]\nttl_s = 0.25\n")
    command = ["bench", "--plan", "smoke", "--scenario", "stampede", "--only", "cache-aside", "--workload"]
    command += [str(workload), "--runs", str(tmp_path / "runs"), "--postgres", bouncers.transaction]
    command += ["--redis", own.redis.plain.replace("redis://", "redis://bench:secret@")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    (folder,) = (tmp_path / "runs").iterdir()
    run = read_run(folder)
    assert {cell.status for cell in run.info.cells} == {"done"}
    assert run.samples["error"].isna().all()
    assert {remark["name"] for remark in run.info.remarks} >= {"pooler", "INFO", "CONFIG", "ACL"}
    assert "counts-differ" not in (folder / "warnings.csv").read_text()  # quoted
    assert "secret" not in json.dumps(run.info.remarks)
