"""The verdicts "not judged" and "not exercised": when the explorer must not report `kept`."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis
from redis import exceptions

from stampede.core.network import free_port
from stampede.patterns.contender_registry import Contender
from stampede.races.exploration_runs import RacesConfig, explore_all, found, is_clean
from stampede.races.explore import Bound
from stampede.races.races_console import print_totals
from stampede.races.verdicts.exercised import EXERCISED
from stampede.races.verdicts.invariants import INVARIANTS
from stampede.races.verdicts.refusals import is_environment_error
from stampede.reports.topics.races.races_section import section
from stampede.run_folder.races_json import KEPT, NOT_EXERCISED, NOT_JUDGED, ExplorationInfo, RacesInfo, VerdictInfo
from stampede.scenarios.interleavings.situation import find_situation
from stampede.stack.providers.binaries import server_account, valkey_binary
from stampede.stack.providers.scratch_redis import open_scratch_redis
from stampede.stack.servers import Stack
from tests.races.conftest import Explore
from tests.races.race_contenders import HEAD, planted

FALLS_BACK = """
    def get(self, record_id):
        try:
            return self.cached(record_id)
        except redis.RedisError:
            return self.source.load(record_id)

    def cached(self, record_id):
        self.redis.set(f"elsewhere:{record_id}", "1")
        return self.source.load(record_id)
"""
FAILS = """
    def get(self, record_id):
        raise KeyError(record_id)

    def update(self, record_id, changes):
        raise KeyError(record_id)
"""
WAITS = """
    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        if cached is None and self.redis.set(f"{self.config.key_prefix}l", "1", nx=True, px=60_000):
            record = self.source.load(record_id)
            self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
            self.redis.rpush(f"{self.config.key_prefix}woken", "1")
            return record
        if cached is None:
            self.redis.blpop([f"{self.config.key_prefix}woken"], timeout=2)
            cached = self.redis.get(self.key(record_id))
        return self.serializer.loads(cached) if cached is not None else self.source.load(record_id)
"""


def explored(stack: Stack, contenders: list[Contender], *situations: str, **opened: frozenset[int]) -> RacesInfo:
    config = RacesConfig(
        contenders=tuple(contenders),
        situations=tuple(find_situation(name) for name in situations),
        bound=Bound(),
        command="stampede races",
        opened=opened,
    )
    return explore_all(config, stack, lambda _event: None)


def on(stack: Stack, url: str) -> Stack:
    """The stack with another Redis server, which belongs to a user."""
    return replace(stack, redis=replace(stack.redis, url=url), managed=False)


@pytest.fixture(scope="module")
def spare() -> Iterator[redis.Redis]:
    """A server whose settings and rights a test may change."""
    with open_scratch_redis() as (server,), redis.Redis.from_url(server.url) as client:
        yield client


def url_of(client: redis.Redis, user: str = "", password: str = "") -> str:
    options = client.connection_pool.connection_kwargs
    return f"redis://{user}:{password or options['password']}@{options['host']}:{options['port']}/0"


REDIS_ERRORS = [
    exceptions.NoPermissionError("no permissions"),
    exceptions.ReadOnlyError("You can't write against a read only replica."),
    exceptions.MovedError("3999 127.0.0.1:6381"),
    exceptions.ClusterCrossSlotError("Keys in request don't hash to the same slot"),
    exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
    exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
    exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
    exceptions.ClusterDownError("CLUSTERDOWN The cluster is down"),
    exceptions.AuthenticationError("Authentication required."),
    exceptions.ConnectionError("Connection closed by server."),
    exceptions.TimeoutError("Timeout reading from socket"),
    exceptions.ResponseError("Error running script (call to f_1): @user_script:1: -OOM command not allowed"),
    exceptions.ResponseError("ACL failure in script: No permissions to access a key script: 1"),
    exceptions.ResponseError("unknown command 'GETDEL', with args beginning with: 'a'"),
    exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."),
    psycopg.OperationalError("server closed the connection unexpectedly"),
    psycopg.errors.InsufficientPrivilege("permission denied for table users"),
    psycopg.errors.ReadOnlySqlTransaction("cannot execute UPDATE in a read-only transaction"),
    psycopg.errors.AdminShutdown("terminating connection"),
    psycopg.errors.TooManyConnections("sorry, too many clients already"),
    psycopg.errors.DiskFull("could not extend file"),
]
CONTENDERS_ERRORS = [
    exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
    exceptions.ResponseError("value is not an integer or out of range"),
    exceptions.ResponseError("BUSYGROUP Consumer Group name already exists"),
    exceptions.NoScriptError("No matching script. Please use EVAL."),
    exceptions.WatchError("Watched variable changed."),
    exceptions.DataError("Invalid input of type"),
    psycopg.errors.DeadlockDetected("deadlock detected"),
    psycopg.errors.SerializationFailure("could not serialize access"),
    psycopg.errors.UniqueViolation("duplicate key value"),
    psycopg.errors.InFailedSqlTransaction("current transaction is aborted"),
    KeyError(1),
]


@pytest.mark.parametrize("error", REDIS_ERRORS, ids=str)
def test_an_error_of_a_server_is_an_error_of_the_environment(error: Exception) -> None:
    assert is_environment_error(error)


@pytest.mark.parametrize("error", CONTENDERS_ERRORS, ids=str)
def test_an_error_that_a_request_causes_is_not_an_error_of_the_environment(error: Exception) -> None:
    assert not is_environment_error(error)


def test_a_missing_right_is_not_judged_even_if_the_contender_falls_back(
    stack: Stack, spare: redis.Redis, tmp_path: Path
) -> None:
    """The user may access only the prefix. A contender that stays within it is judged, another one is not."""
    rights = {"keys": ["stampede:*"], "channels": ["*"], "categories": ["+@all"]}
    spare.acl_setuser("mine", enabled=True, passwords=["+secret"], **rights)  # type: ignore[arg-type]
    contenders = [planted(tmp_path, "falls_back", FALLS_BACK), planted(tmp_path, "within")]
    info = explored(on(stack, url_of(spare, "mine", "secret")), contenders, "reader-reader", "reader-writer")
    assert {v.verdict for v in info.verdicts if v.contender == "falls-back"} == {NOT_JUDGED}
    assert all("NoPermissionError" in v.how and "SET" in v.how for v in info.verdicts if v.contender == "falls-back")
    assert {e.situation for e in info.explorations if e.not_judged} == {"reader-reader", "reader-writer"}
    assert NOT_JUDGED not in {v.verdict for v in info.verdicts if v.contender == "within"}
    assert not is_clean(info)
    assert list(info.unjudged().values()) == [["reader-reader", "reader-writer"]]
    assert info.word("falls-back", "eventually-fresh") == NOT_JUDGED


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"maxmemory": "1"}, "its memory is full"),
        ({"min-replicas-to-write": "1"}, "NOREPLICAS"),
    ],
)
def test_a_server_that_refuses_writes_breaks_no_guarantee(
    settings: dict[str, str], text: str, stack: Stack, spare: redis.Redis, tmp_path: Path
) -> None:
    before = {name: str(spare.config_get(name)[name]) for name in settings}
    for name, value in settings.items():
        spare.config_set(name, value)
    try:
        info = explored(on(stack, url_of(spare)), [planted(tmp_path, "any")], "reader-reader", "reader-writer-warm")
    finally:
        for name, value in before.items():
            spare.config_set(name, value)
    assert {v.verdict for v in info.verdicts} == {NOT_JUDGED}
    assert [v.how for v in info.verdicts if text not in v.how] == []
    assert info.headline() == "No situation could be judged."


def test_a_read_only_replica_is_not_judged(stack: Stack, spare: redis.Redis, tmp_path: Path) -> None:
    with open_scratch_redis() as (other,), redis.Redis.from_url(other.url) as replica:
        options = spare.connection_pool.connection_kwargs
        replica.config_set("masterauth", options["password"])
        replica.replicaof(options["host"], options["port"])
        info = explored(on(stack, other.url), [planted(tmp_path, "any")], "reader-reader")
    assert {v.verdict for v in info.verdicts} == {NOT_JUDGED}
    assert [v.how for v in info.verdicts if "not a read-only replica" not in v.how] == []


LOSES = {
    "redis": """
    def invalidate(self, record_id):
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("CLIENT", "KILL", "ID", self.redis.client_id(), "SKIPME", "no")
            pipe.delete(self.key(record_id))
            pipe.execute()
""",
    "postgres": """
    def get(self, record_id):
        pid = self.source.thread.database.info.backend_pid
        self.source.sandbox._watcher.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return self.source.load(record_id)
""",
}


@pytest.mark.parametrize("server", LOSES)
def test_a_lost_connection_is_not_judged_and_the_next_contender_is(server: str, stack: Stack, tmp_path: Path) -> None:
    contenders = [planted(tmp_path, f"loses_{server}", LOSES[server]), planted(tmp_path, "sound")]
    info = explored(stack, contenders, "reader-writer")
    assert [bool(e.not_judged) for e in info.explorations] == [True, False]


def test_a_blocking_read_is_scheduled_over_a_unix_socket(stack: Stack, spare: redis.Redis, tmp_path: Path) -> None:
    """As over TCP, the server's client id is used to end a read after its timeout. A crash makes the read wait."""
    path = spare.config_get("unixsocket")["unixsocket"]
    password = spare.connection_pool.connection_kwargs["password"]
    info = explored(on(stack, f"unix://:{password}@{path}"), [planted(tmp_path, "w", WAITS)], "reader-reader-death")
    judged_over_tcp = explored(stack, [planted(tmp_path, "w", WAITS)], "reader-reader-death")
    assert [e.not_judged for e in info.explorations] == [""]
    assert [(v.invariant, v.verdict) for v in info.verdicts] == [
        (v.invariant, v.verdict) for v in judged_over_tcp.verdicts
    ]


def test_a_blocking_read_is_scheduled_over_ipv6(stack: Stack, tmp_path: Path) -> None:
    port = free_port()
    binary = valkey_binary(tmp_path / "bin", server_account())
    words = ["--port", str(port), "--bind", "::1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([str(binary), *words], stdout=subprocess.DEVNULL) as process:
        try:
            with redis.Redis(host="::1", port=port) as client:
                client.ping()
            info = explored(
                on(stack, f"redis://[::1]:{port}/0"), [planted(tmp_path, "w", WAITS)], "reader-reader-death"
            )
        finally:
            process.terminate()
    assert [e.not_judged for e in info.explorations] == [""]


BYPASSES = {
    "own_client": """
    def __init__(self, context, config):
        super().__init__(context, config)
        options = context.redis.connection_pool.connection_kwargs
        self.redis = redis.Redis(host=options["host"], port=options["port"], password=options.get("password"))
""",
    "own_postgres": """
    def get(self, record_id):
        at = self.source.thread.database.info
        with psycopg.connect(at.dsn, password=at.password) as connection:
            connection.execute("SELECT 1")
        return self.source.load(record_id)
""",
    "own_thread": """
    def invalidate(self, record_id):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        self.redis.delete(self.key(record_id))
""",
}


@pytest.mark.parametrize("name", BYPASSES)
def test_a_contender_that_bypasses_the_explorer_is_refused_in_every_situation(
    name: str, stack: Stack, tmp_path: Path
) -> None:
    """The reason names its connection or thread; the next contender is judged."""
    info = explored(
        stack, [planted(tmp_path, name, BYPASSES[name]), planted(tmp_path, "sound")], "reader-writer", "writer-writer"
    )
    own = [v for v in info.verdicts if v.contender == name.replace("_", "-")]
    assert {v.verdict for v in own} == {NOT_JUDGED}
    assert all("cannot schedule" in v.how for v in own)
    assert [bool(e.not_judged) for e in info.explorations] == [True, True, False, False]


def test_a_connection_that_the_file_of_a_contender_opened_is_found(stack: Stack, tmp_path: Path) -> None:
    """It was opened before the exploration. Only the contender whose file opened it is refused."""
    (tmp_path / "early.py").write_text(HEAD + f"\nEARLY = psycopg.connect({stack.postgres.url!r})\n", encoding="utf-8")
    (tmp_path / "late.py").write_text(HEAD, encoding="utf-8")
    contenders, opened = found([str(tmp_path / "early.py"), str(tmp_path / "late.py")])
    info = explored(stack, list(contenders), "reader-reader", **opened)
    assert [bool(e.not_judged) for e in info.explorations] == [True, False]


def test_nothing_is_kept_if_every_operation_failed(tmp_path: Path, explore: Explore) -> None:
    """With errors of the contender instead of answers, no schedule exercises an invariant."""
    contender = planted(tmp_path, "fails", FAILS)
    for situation in ("reader-reader", "reader-writer", "writer-writer", "reader-own-write", "reader-reader-death"):
        verdicts = explore(contender, situation)[1]
        assert KEPT not in {v.verdict for v in verdicts.values()}
        assert verdicts["correct-after-cache-loss"].verdict == "broken"


@pytest.mark.parametrize(
    ("situation", "invariant"),
    [
        ("reader-writer", "releases-only-own-lock"),  # no lock is taken
        ("reader-reader-death", "waits-at-most-lock-ttl"),  # the crashed client held no lock
        ("reader-reader-ageing", "one-refresh-per-expiry"),  # nothing refreshes
    ],
)
def test_an_invariant_that_no_schedule_exercises_is_not_kept(
    situation: str, invariant: str, tmp_path: Path, explore: Explore
) -> None:
    """Cache-aside that guarantees everything: it has no lock and no refresh."""
    assert explore(planted(tmp_path, "aside"), situation)[1][invariant].verdict == NOT_EXERCISED


@pytest.mark.parametrize(
    ("contender", "situation", "invariant"),
    [
        ("coalescing-owned", "reader-reader", "releases-only-own-lock"),
        ("coalescing-owned", "reader-reader-death", "waits-at-most-lock-ttl"),
        ("refresh-ahead-single", "reader-reader-ageing", "one-refresh-per-expiry"),
    ],
)
def test_an_exercised_invariant_is_kept(contender: str, situation: str, invariant: str, explore: Explore) -> None:
    assert explore(contender, situation)[1][invariant].verdict == KEPT


def test_every_invariant_has_a_rule_for_when_it_is_exercised() -> None:
    assert {invariant.guarantee for invariant in INVARIANTS} == EXERCISED.keys()


def exploration(**values: object) -> ExplorationInfo:
    facts = {"contender": "x", "situation": "s", "schedules": 9, "complete": True, "replays": 9, "round_trips": 9}
    return ExplorationInfo(**{**facts, "seconds": 1.0, **values})  # type: ignore[arg-type]


def outputs(*explorations: ExplorationInfo) -> tuple[str, str, bool]:
    """The texts of the console and the page, and whether the exit code is 0."""
    from rich.console import Console

    info = RacesInfo(started_utc="", command="", bound=9, explorations=list(explorations))
    console = Console(record=True, width=300)
    print_totals(info, console)
    return console.export_text(), section(info).tried, is_clean(info)


def test_a_search_that_ended_at_the_bound_is_reported_as_not_compared() -> None:
    text, page, clean = outputs(exploration(not_compared=True))
    assert "not compared: over the bound" in text
    assert "not compared: over the bound" in page
    assert clean


def test_searches_that_disagree_are_not_a_clean_result() -> None:
    text, page, clean = outputs(exploration(without_reduction=20, disagrees=True))
    assert "DIFFERENT" in text
    assert "the same invariants" not in text
    assert "this tool has a defect" in page
    assert not clean


def test_a_situation_that_was_not_judged_does_not_count_as_completely_tried() -> None:
    text, _, clean = outputs(exploration(schedules=0, complete=False, not_judged="Redis answered with OOM"))
    assert "every schedule there is" not in text
    assert "not judged: x in s: Redis answered with OOM" in text
    assert not clean


def test_with_one_situation_that_was_not_judged_no_guarantee_is_kept() -> None:
    """The combined verdict of several situations is no better than its parts."""

    def verdict(situation: str, word: str) -> VerdictInfo:
        facts = {"contender": "x", "invariant": "i", "guaranteed": True, "schedules": 1, "complete": True}
        return VerdictInfo(situation=situation, verdict=word, **facts)  # type: ignore[arg-type]

    def word(*words: str) -> str:
        info = RacesInfo(started_utc="", command="", bound=1)
        info.verdicts.extend(verdict(str(i), w) for i, w in enumerate(words))
        return info.word("x", "i")

    assert word("kept", "not judged") == "not judged"
    assert word("kept", "not exercised") == "kept"
    assert word("not exercised", "not guaranteed") == "not exercised"
    assert word("broken", "not judged") == "BROKEN"
