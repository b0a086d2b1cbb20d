"""Checks that the suite does not change the data on a user's own servers.

    make untouched
    make untouched ARGS="--only bench --only monitor"

It starts Debian's Redis (7.0 or newer) and PostgreSQL with the data of a user: 1,000 keys of every type, tables,
scripts, roles and statistics. It runs each command on them, compares the servers before and after it, and prints a
table. Exit 1 if there is a difference that docs/how-to/your-own-servers.md does not list, or if a command fails, leaves
a connection open, or listens on an address other than loopback. Takes about five minutes.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `tests`, which is not installed

from stampede.core.network import free_port
from tests.stack.providers.own_servers import certificates, launcher, start_postgres, start_redis

OUR_PREFIXES = (
    b"stampede:",
    b"stampede-celery:",
    b"lock:stampede:",
    b"fence:stampede:",
    b"waiting:stampede:",
    b"woken:stampede:",
)
"""The prefixes of our keys, as documented. In PostgreSQL we own the schema `stampede`."""
IDLE_S = 4
"""How long no key is used before a command begins: OBJECT IDLETIME counts whole seconds."""
WITHIN_S = 300.0
USERS_SCRIPT = "return redis.call('get', KEYS[1])"
USERS_LIBRARY = "#!lua name=users\nredis.register_function('users_get', function(keys) return keys[1] end)"
USERS_SQL = """
CREATE ROLE shop_reader NOLOGIN;
CREATE ROLE shop_owner LOGIN PASSWORD 'another' CONNECTION LIMIT 7;
ALTER ROLE shop_owner SET work_mem = '8MB';
GRANT shop_reader TO shop_owner;
CREATE SCHEMA shop;
CREATE TABLE shop.users (id bigserial PRIMARY KEY, name text NOT NULL, updated_at timestamptz DEFAULT now());
CREATE TABLE public.users (id int PRIMARY KEY, name text);
CREATE INDEX users_by_name ON shop.users (name);
CREATE VIEW shop.names AS SELECT name FROM shop.users;
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at = now(); RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON shop.users FOR EACH ROW EXECUTE FUNCTION shop.touch();
INSERT INTO shop.users (name) SELECT 'user ' || i FROM generate_series(1, 1000) i;
INSERT INTO public.users SELECT i, 'other ' || i FROM generate_series(1, 1000) i;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop_reader;
CREATE DATABASE other;
"""
OUTSIDE = "nspname <> 'stampede' AND nspname NOT LIKE 'pg\\_toast%' AND nspname NOT LIKE 'pg\\_temp%'"
POSTGRES_SAME = {
    "rows of the user's tables": "SELECT 'shop', xmin, ctid, t::text FROM shop.users t"
    " UNION ALL SELECT 'public', xmin, ctid, t::text FROM public.users t",
    "tables, indexes, views, sequences": "SELECT nspname, relname, relkind, relfilenode, relacl, relowner"
    f" FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE {OUTSIDE}",
    "schemas": f"SELECT nspname, nspowner, nspacl FROM pg_namespace WHERE {OUTSIDE}",
    "functions": f"SELECT nspname, proname, prosrc FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace"
    f" WHERE {OUTSIDE}",
    "triggers": "SELECT tgname, tgrelid, tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
    f" JOIN pg_namespace n ON n.oid = relnamespace WHERE {OUTSIDE}",
    "value of the user's sequence": "SELECT last_value, is_called FROM shop.users_id_seq",
    "roles": "SELECT * FROM pg_authid",
    "memberships": "SELECT * FROM pg_auth_members",
    "settings of roles and databases": "SELECT * FROM pg_db_role_setting",
    "pg_settings": "SELECT name, setting, source FROM pg_settings WHERE name NOT IN ('application_name')",
    "databases": "SELECT datname, datdba, datacl, datconnlimit, datallowconn FROM pg_database",
    "extensions": "SELECT extname, extversion, extnamespace FROM pg_extension",
    "when statistics were reset": "SELECT stats_reset::text FROM pg_stat_statements_info UNION ALL"
    " SELECT stats_reset::text FROM pg_stat_database UNION ALL SELECT stats_reset::text FROM pg_stat_bgwriter",
    "writes to the user's tables": "SELECT schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del"
    " FROM pg_stat_user_tables WHERE schemaname <> 'stampede'",
    "locks, prepared transactions, slots": "SELECT locktype::text FROM pg_locks WHERE locktype = 'advisory'"
    " UNION ALL SELECT gid FROM pg_prepared_xacts UNION ALL SELECT slot_name FROM pg_replication_slots",
    "connections": "SELECT application_name FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
}


@dataclass
class Snapshot:
    """The state of the servers at one moment, by name: values that must not change, and counts that may only grow."""

    at_s: float = 0.0
    same: dict[str, Any] = field(default_factory=dict)
    growing: dict[str, dict[Any, float]] = field(default_factory=dict)
    used_s: dict[bytes, float] = field(default_factory=dict)
    """When each of the user's keys was last used."""
    own: str = ""
    """Our keys, schema and scripts, as text."""


def plant(client: "redis.Redis", postgres_url: str) -> None:
    """Create a user's keys, scripts, slow log, role, tables and statistics."""
    makers: list[Callable[[str], Any]] = [
        lambda key: client.set(key, "é" * 20),
        lambda key: client.set(key, 12345),
        lambda key: client.setrange(key, 30, b"\0\xff"),
        lambda key: client.rpush(key, *range(300)),
        lambda key: client.sadd(key, *range(20)),
        lambda key: client.sadd(key, "a", "b", 1.5),
        lambda key: client.hset(key, mapping={"a": 1, "b": "x" * 100}),
        lambda key: client.zadd(key, {"a": 1.5, "b": -2}),
        lambda key: client.pfadd(key, *range(50)),
        lambda key: client.geoadd(key, (13.4, 52.5, "Berlin")),
        lambda key: (client.xadd(key, {"a": 1}), client.xgroup_create(key, "group")),
    ]
    names = ["stampede", "stampedes:1", "lock:1", "lock:stampede", "fence:users:1", "_kombu.binding.celery", "celery"]
    names += [f"user:{number}" for number in range(1000 - len(names))]
    for number, name in enumerate(names):
        makers[number % len(makers)](name)
        if number % 3 == 0:
            client.expire(name, 3600 + number)
    client.script_load(USERS_SCRIPT)
    client.function_load(USERS_LIBRARY)
    client.acl_setuser("cashier", enabled=True, passwords=["+secret"], keys=["user:*"], commands=["+get"])
    client.config_set("slowlog-log-slower-than", 0)
    client.get("user:1")
    client.config_set("slowlog-log-slower-than", 10000)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement in USERS_SQL.strip().split(";\n"):
            connection.execute(statement.encode())
        connection.execute("SELECT count(*) FROM shop.names")


def take_snapshot(client: "redis.Redis", postgres_url: str) -> Snapshot:
    """Read everything that is compared. Idle times come first, since DUMP uses a key."""
    found = Snapshot()
    keys = sorted(key for key in client.scan_iter(count=1000))
    theirs = [key for key in keys if not key.startswith(OUR_PREFIXES)]
    for key in theirs:
        idle = client.object("idletime", key)
        found.used_s[key] = time.time() - (idle if idle is not None else 0)
    found.same["keys"] = theirs
    found.same["values (DUMP)"] = {key: client.dump(key) for key in theirs}
    found.same["instants of expiry"] = {key: client.pexpiretime(key) for key in theirs}
    found.same["CONFIG GET *"] = client.config_get("*")
    found.same["ACL LIST"] = client.acl_list()
    found.same["Redis functions"] = client.function_dump()
    found.same["the user's script"] = client.script_exists(client.register_script(USERS_SCRIPT).sha)
    found.same["other databases' keys"] = {name: n for name, n in client.info("keyspace").items() if name != "db0"}
    found.same["Redis clients"] = len(client.client_list())
    found.growing["entries of the slow log"] = {entry["id"]: 1 for entry in client.slowlog_get(10000)}
    stats, memory = client.info("stats"), client.info("memory")
    found.growing["INFO commandstats"] = {name: each["calls"] for name, each in client.info("commandstats").items()}
    found.growing["INFO stats"] = {name: stats[name] for name in ("total_commands_processed", "keyspace_hits")}
    found.growing["cached scripts"] = {"number": memory["number_of_cached_scripts"]}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        for name, query in POSTGRES_SAME.items():
            found.same[name] = sorted(map(repr, connection.execute(query.encode()).fetchall()))
        calls = connection.execute("SELECT queryid, userid, calls FROM pg_stat_statements WHERE toplevel").fetchall()
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname = 'stampede'").fetchall()
    scripts = found.growing["cached scripts"]["number"] - 1
    found.own = f"{len(keys) - len(theirs)} keys, {len(schemas)} schema, {scripts:.0f} cached scripts"
    found.growing["pg_stat_statements"] = {row[:2]: row[2] for row in calls}
    found.at_s = time.time()
    return found


def differences(before: Snapshot, after: Snapshot) -> Mapping[str, list[str]]:
    """The differences, by the name of the compared value."""
    found = {name: differing(before.same[name], after.same[name]) for name in before.same}
    for name, were in before.growing.items():
        now = after.growing[name]
        found[name] = [f"{each}: {n}, then {now.get(each)}" for each, n in were.items() if now.get(each, -1) < n]
    late = before.at_s + 2  # idle times are whole seconds
    found["idle times"] = [f"{key!r} was used" for key, used_s in after.used_s.items() if used_s > late]
    return found


def differing(before: Any, after: Any) -> list[str]:
    """One line for each difference between two values."""
    if before == after:
        return []
    if isinstance(before, dict):
        names = before.keys() | after.keys()
        return [
            f"{each}: {before.get(each)}, then {after.get(each)}"
            for each in names
            if before.get(each) != after.get(each)
        ]
    if isinstance(before, list):
        return [f"gone: {each}" for each in before if each not in after] + [
            f"new: {each}" for each in after if each not in before
        ]
    return [f"{before}, then {after}"]


@dataclass
class Command:
    """A command of the suite, and how it is ended."""

    arguments: list[str]
    begun: str = ""
    """Text in its output once it has begun. Empty: it ends by itself."""
    page: str = ""
    """The page that is then read before SIGINT is sent."""
    after_s: float = WITHIN_S
    """When SIGINT is sent at the latest."""


def commands(port: int) -> dict[str, Command]:
    some = ["--only", "cache-aside", "--only", "coalescing-owned", "--only", "refresh-ahead-celery"]
    return {
        "bench": Command(["bench", "--plan", "smoke", "--scenario", "stampede", "--rounds", "1", *some]),
        "web": Command(["web", "--port", str(port)], "Locust's page:", "/"),
        "serve": Command(["serve", "--port", str(port)], "Ctrl-C ends it", "/users/1"),
        "races": Command(["races", "--contender", "coalescing-owned"]),
        "serializers": Command(["serializers", "--rounds", "1", "--only", "json", "--only", "msgspec-msgpack"]),
        "monitor": Command(["monitor", "--every", "0.5"], "Ctrl-C", after_s=12.0),
        "profile": Command(["profile", "--seconds", "3"]),
    }


def run(command: Command, port: int, home: Path, urls: Mapping[str, str]) -> tuple[str, set[str]]:
    """Run a command. Returns how it failed (empty: it did not) and the addresses on which its processes listened."""
    output = home / "output"
    with output.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "stampede", *command.arguments],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={**os.environ, **urls},
            start_new_session=True,
        )
    addresses: set[str] = set()
    began_s, interrupted = time.monotonic(), False
    while process.poll() is None:
        time.sleep(0.2)
        addresses |= listening(process.pid)
        ran_s = time.monotonic() - began_s
        begun = bool(command.begun) and command.begun in output.read_text(errors="replace")
        if not interrupted and ((begun and answers(port, command.page)) or ran_s > command.after_s):
            time.sleep(3)  # time in which the command could change the servers
            process.send_signal(signal.SIGINT)
            interrupted = True
        if ran_s > WITHIN_S + 30:
            process.kill()
    wanted = (0, 130) if command.begun else (0,)
    last = (output.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
    return "" if process.returncode in wanted else f"exit code {process.returncode}: {last}", addresses


def answers(port: int, page: str) -> bool:
    with suppress(urllib.error.URLError):
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=30).read())
    return False


def listening(pid: int) -> set[str]:
    """The addresses on which the process and its children listen."""
    found: set[str] = set()
    with suppress(psutil.Error):
        for each in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with suppress(psutil.Error):
                found |= {c.laddr.ip for c in each.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="only this command. May be repeated")
    only = parser.parse_args().only
    # In the background SIGINT is ignored, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    port, broken = free_port(), 0
    print("| command | user's keys | kinds compared | left by Stampede | listened on | differences |")
    print("| --- | --- | --- | --- | --- | --- |")
    with launcher() as start, tempfile.TemporaryDirectory(prefix="untouched-") as home:
        tls = certificates(start)
        redis_url, postgres_url = start_redis(start, tls).plain, start_postgres(start, tls).plain
        urls = {"STAMPEDE_REDIS_URL": redis_url, "STAMPEDE_POSTGRES_URL": postgres_url}
        client = redis.Redis.from_url(redis_url)
        plant(client, postgres_url)
        for name, command in commands(port).items():
            if only and name not in only:
                continue
            before = take_snapshot(client, postgres_url)
            time.sleep(IDLE_S)
            failure, addresses = run(command, port, Path(home), urls)
            after = take_snapshot(client, postgres_url)
            found = differences(before, after)
            problems = [f"{what}: {each[:90]}" for what, those in found.items() for each in those[:3]]
            problems += [failure] if failure else []
            problems += [f"listened on {each}" for each in sorted(addresses - {"127.0.0.1", "::1"})]
            broken += bool(problems)
            cells = [
                name,
                f"{len(before.used_s)} keys",
                len(found),
                after.own,
                ", ".join(sorted(addresses)) or "nowhere",
            ]
            print(f"| {' | '.join(map(str, cells))} | {'; '.join(problems) or 'none'} |", flush=True)
    print(f"\nCompared: {', '.join(found)}.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
