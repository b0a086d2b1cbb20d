"""A profile of real servers: what it finds, that it stays within its bounds, and that it changes nothing."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
import redis

from stampede.core.errors import ConfigError
from stampede.stack.profile.own_redis.redis_reader import CommandRate
from stampede.stack.profile.profile_json import profile_json
from stampede.stack.profile.profile_page import MOST_LINES, WIDTH, profile_page
from stampede.stack.profile.server_profile import ProfileBounds, ServerProfile, take_profile
from stampede.stack.profile.workload_proposal import propose_workload
from stampede.stack.providers.scratch_redis import open_scratch_redis
from tests.stack.profile.profiled_servers import (
    FAST,
    HITS_PER_MISS,
    LOAD_MS,
    PREFIX,
    ROWS,
    TTL_MS,
    VALUE,
    busy_service,
    fill,
    quiet,
)

IDLE_S = 1_000


def test_the_profile_finds_what_the_service_does(busy: ServerProfile) -> None:
    """Hit rate, pattern, sizes, TTL and the load with its time, each within its interval or a few percent."""
    assert busy.redis is not None
    assert busy.redis.hit_rate is not None
    assert busy.redis.hit_rate.value == pytest.approx(HITS_PER_MISS / (HITS_PER_MISS + 1), abs=0.03)
    first = busy.redis.patterns[0]
    assert first.pattern == f"{PREFIX}{{number}}"
    assert first.value_bytes is not None
    assert first.value_bytes.value == len(VALUE)
    assert first.ttl is not None
    assert first.ttl.ttl_s.value <= TTL_MS / 1e3 * 1.01
    assert [each.pattern for each in busy.redis.patterns] == [f"{PREFIX}{{number}}", "queue:mail"]
    assert "get" in busy.redis.commands
    assert busy.postgres is not None
    assert busy.postgres.statements is not None
    load = busy.postgres.statements[0]
    assert load.table == "shop.products"
    assert load.condition == ("id", "$1")
    assert load.mean_ms.value >= LOAD_MS
    assert load.rows_per_call == 1
    assert load.calls_per_s == pytest.approx(busy.redis.misses_per_s.value, rel=0.2)


def test_the_hottest_key_is_found(busy: ServerProfile) -> None:
    """One key gets all hits; its idle time is 0 at each reading."""
    assert busy.hot_keys is not None
    assert busy.hot_keys.keys[0].name == f"{PREFIX}400"


def test_the_page_fits_a_terminal_and_shows_no_secret(busy: ServerProfile, own_redis: str, shop: str) -> None:
    """At most 60 lines of 80 characters."""
    lines = profile_page(busy, propose_workload(busy)).splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDTH
    printed = "\n".join(lines) + profile_json(busy, propose_workload(busy)) + propose_workload(busy).text()
    for url in (own_redis, shop):
        password = url.partition("://")[2].partition("@")[0].rpartition(":")[2]
        assert len(password) > 10
        assert password not in printed
    assert f"{PREFIX}{{number}}" in printed


def snapshot(client: redis.Redis, postgres_url: str) -> dict[str, Any]:
    """What a profile must not change. Idle times are read first, since DUMP uses a key."""
    keys = sorted(client.scan_iter(count=1000))
    used = {key: client.object("idletime", key) for key in keys}
    found: dict[str, Any] = {"keys": keys, "idle": used, "CONFIG": client.config_get("*"), "ACL": client.acl_list()}
    found["expiry"] = {key: client.pexpiretime(key) for key in keys}
    found["values"] = {key: client.dump(key) for key in keys}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name, query in {
            "settings": "SELECT name, setting, source FROM pg_settings WHERE name NOT IN ('transaction_isolation')",
            "relations": "SELECT oid::int, relname, relfilenode::int, relacl::text, reltuples FROM pg_class",
            "roles": "SELECT rolname, rolconfig FROM pg_roles",
            "rows": "SELECT count(*), sum(hashtext(concat_ws(' ', id, title, price, xmin))::int8) FROM shop.products",
            "changes": "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables",
            "resets": "SELECT stats_reset FROM pg_stat_database",
            "resets of statements": "SELECT stats_reset FROM pg_stat_statements_info",
        }.items():
            found[name] = sorted(map(repr, connection.execute(query.encode()).fetchall()))
        calls = connection.execute("SELECT queryid, calls FROM pg_stat_statements WHERE toplevel").fetchall()
    found["calls"] = dict(calls)
    return found


def test_a_profile_changes_nothing(shop: str) -> None:
    """Keys of every type keep values, TTLs and access times; settings, rights, rows and statistics stay."""
    with open_scratch_redis() as (server,), redis.Redis.from_url(server.url) as client:
        client.set("text", "é" * 20)
        client.rpush("list", *range(300))
        client.sadd("set", *range(20))
        client.hset("hash", mapping={"a": 1, "b": "x" * 100})
        client.zadd("ranked", {"a": 1.5})
        client.xadd("stream", {"a": 1})
        client.pfadd("counted", *range(50))
        for number in range(200):
            client.set(f"user:{number}", number, ex=10_000 + number)
        before = snapshot(client, shop)
        with client.pipeline() as pipeline:  # each was used long ago, also by snapshot()
            for key, dumped in before["values"].items():
                at_ms = before["expiry"][key]
                pipeline.restore(key, max(at_ms, 0), dumped, True, absttl=at_ms > 0, idletime=IDLE_S)
            pipeline.execute()
        take_profile(server.url, shop, FAST, quiet)
        after = snapshot(client, shop)
    for name in before.keys() - {"idle", "calls"}:
        assert after[name] == before[name], name
    assert set(after["idle"]) == set(before["idle"])
    assert min(after["idle"].values()) >= IDLE_S
    assert all(after["calls"].get(queryid, -1) >= calls for queryid, calls in before["calls"].items())


def test_the_check_of_access_times_finds_a_read(own_redis: str) -> None:
    """A GET, unlike a profile, sets the idle time to 0."""
    with redis.Redis.from_url(own_redis) as client:
        client.set("fragile", "x")
        client.restore("fragile", 0, client.dump("fragile") or b"", True, idletime=IDLE_S)
        assert client.object("idletime", "fragile") >= IDLE_S
        client.get("fragile")
        assert client.object("idletime", "fragile") < IDLE_S
        client.delete("fragile")


def test_the_bounds_hold(own_redis: str, shop: str) -> None:
    """No more keys and statements are read than allowed; the server counts as many commands as the profile does."""
    bounds = ProfileBounds(seconds=1, keys=30, commands_per_s=400, statements=2)
    with redis.Redis.from_url(own_redis) as client:
        before = {name: each["calls"] for name, each in client.info("commandstats").items()}
        found = take_profile(own_redis, shop, bounds, quiet)
        after = {name: each["calls"] for name, each in client.info("commandstats").items()}
    assert found.redis is not None
    assert found.postgres is not None
    assert len(found.redis.sample) == 30
    assert len(found.postgres.statements or ()) <= 2
    grown = {name: calls - before.get(name, 0) for name, calls in after.items() if calls > before.get(name, 0)}
    connecting = sum(
        n for name, n in grown.items() if name.startswith(("cmdstat_client|setinfo", "cmdstat_auth", "cmdstat_hello"))
    )
    assert sum(grown.values()) - connecting - 2 == pytest.approx(
        found.redis.commands_sent, abs=2
    )  # two INFO of this test
    written = {"cmdstat_set", "cmdstat_get", "cmdstat_del", "cmdstat_config|set", "cmdstat_touch"}
    assert not written & grown.keys()


def test_commands_are_not_sent_faster_than_the_rate() -> None:
    """In any second at most the rate and one batch, by a clock that only moves when the reader sleeps."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    rate = CommandRate(200, lambda: clock[0], sleep)
    sent: list[tuple[float, int]] = []
    for number in range(300):
        commands = 1 + number % rate.batch
        rate.wait(commands)
        sent.append((clock[0], commands))
        clock[0] += 0.001 * (number % 7)
    assert rate.batch == 20
    for begin_s, _ in sent:
        assert sum(n for at_s, n in sent if begin_s <= at_s < begin_s + 1) <= 200 + rate.batch
    assert rate.sent == sum(n for _, n in sent)


def test_a_user_without_rights_gets_a_line_for_each_and_a_result(own_redis: str, shop: str) -> None:
    """A Redis user who may only scan, and a role that may not see other roles' statements."""
    with redis.Redis.from_url(own_redis) as client, psycopg.connect(shop, autocommit=True) as connection:
        client.acl_setuser(
            "looker", enabled=True, nopass=True, keys=["*"], commands=["+scan", "+pttl", "+hello", "+info"]
        )
        connection.execute("DROP ROLE IF EXISTS profile_looker")
        connection.execute("CREATE ROLE profile_looker LOGIN PASSWORD 'seen'")
        address = own_redis.partition("@")[2]
        other = f"postgresql://profile_looker:seen@{shop.partition('@')[2]}"
        try:
            with busy_service(own_redis, shop):
                found = take_profile(f"redis://looker:none@{address}", other, FAST, quiet)
        finally:
            connection.execute("DROP ROLE profile_looker")
            client.acl_deluser("looker")
    assert found.redis is not None
    assert found.postgres is not None
    names = {remark.name for remark in (*found.redis.remarks, *found.postgres.remarks)}
    assert {"DBSIZE", "TYPE", "MEMORY USAGE", "OBJECT IDLETIME", "CLIENT NO-TOUCH", "pg_read_all_stats"} <= names
    assert "ACL SETUSER looker +memory|usage" in str(found.redis.remarks)
    assert found.redis.patterns[0].ttl is not None
    page = profile_page(found, propose_workload(found)).splitlines()
    assert len(page) <= MOST_LINES
    assert max(map(len, page)) <= WIDTH


def test_without_any_right_the_profile_still_ends(own_redis: str) -> None:
    """A user who may only connect: every figure is missing, and every line says why."""
    with redis.Redis.from_url(own_redis) as client:
        client.acl_setuser("nothing", enabled=True, nopass=True, commands=["+hello"])
        try:
            found = take_profile(f"redis://nothing:none@{own_redis.partition('@')[2]}", None, FAST, quiet)
        finally:
            client.acl_deluser("nothing")
    assert found.redis is not None
    assert found.redis.hit_rate is None
    assert {"INFO", "SCAN"} <= {remark.name for remark in found.redis.remarks}
    page = profile_page(found, propose_workload(found))
    assert "hit rate   not estimated" in page
    assert "lookups    not estimated" in page
    assert all(each.value is None for each in propose_workload(found).values)


def test_without_the_extension_the_table_is_matched_by_its_name(own_redis: str, shop: str) -> None:
    """The rows come from the table; the load time is not estimated, and a line says what to enable."""
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("DROP EXTENSION pg_stat_statements")
        try:
            with busy_service(own_redis, shop):
                found = take_profile(own_redis, shop, FAST, quiet)
        finally:
            connection.execute("CREATE EXTENSION pg_stat_statements")
    assert found.postgres is not None
    assert found.postgres.statements is None
    assert "CREATE EXTENSION pg_stat_statements" in str(found.postgres.remarks)
    proposal = propose_workload(found)
    assert proposal["records"] == pytest.approx(ROWS, rel=0.02)
    assert not proposal.known("load_wait_ms")
    assert "shop.products" in profile_page(found, proposal)


def test_one_server_is_enough(busy: ServerProfile, shop: str) -> None:
    """What the other server would give keeps its default, in a comment."""
    only_redis = propose_workload(replace(busy, postgres=None))
    assert only_redis.known("ttl_s")
    assert not only_redis.known("load_wait_ms")
    only_postgres = propose_workload(replace(busy, redis=None, hot_keys=None))
    assert only_postgres.known("load_wait_ms")
    assert only_postgres["records"] == pytest.approx(ROWS, rel=0.02)
    assert not only_postgres.known("rate_per_s")
    idle = take_profile(None, shop, FAST, quiet)
    assert idle.redis is None
    assert idle.postgres is not None
    with pytest.raises(ConfigError, match="--redis URL"):
        take_profile(None, None, FAST, quiet)


def test_an_lfu_policy_gives_the_hot_keys_by_its_counters() -> None:
    """The key with the largest counter comes first."""
    with open_scratch_redis() as (server,), redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lfu")
        fill(client, 50)
        for _ in range(2_000):
            client.get(f"{PREFIX}7")
        found = take_profile(server.url, None, FAST, quiet).hot_keys
    assert found is not None
    assert "LFU" in found.how
    assert found.keys[0].name == f"{PREFIX}7"


def test_a_replica_is_profiled_with_a_line(own_redis: str) -> None:
    """Its lookups are its own; its keys are the master's."""
    with open_scratch_redis() as (server,), redis.Redis.from_url(server.url) as client:
        master = own_redis.partition("@")[2].partition("/")[0].split(":")
        client.config_set("masterauth", own_redis.partition("://")[2].partition("@")[0].rpartition(":")[2])
        client.replicaof(master[0], master[1])
        found = take_profile(server.url, None, FAST, quiet)
    assert found.redis is not None
    assert found.redis.role == "replica"
    assert "replica" in {remark.name for remark in found.redis.remarks}


def test_monitor_counts_reads_only_if_asked(own_redis: str, shop: str) -> None:
    """With MONITOR the hottest key and the reads of its pattern are counted."""
    with busy_service(own_redis, shop):
        found = take_profile(own_redis, None, ProfileBounds(seconds=1, commands_per_s=20_000, monitor_s=1), quiet)
    assert found.hot_keys is not None
    assert found.hot_keys.keys[0].name == f"{PREFIX}400"
    assert found.hot_keys.reads_per_s is not None
    assert found.hot_keys.reads_per_s[f"{PREFIX}{{number}}"] > 1
