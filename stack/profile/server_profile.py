"""Reads Redis and PostgreSQL in one window of time: rates and times are those of the same seconds."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from stampede.core.errors import require
from stampede.core.text.safe_text import ReportProgress
from stampede.stack.postgres.postgres_rights import require_version
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.profile.own_postgres.postgres_profile import PostgresProfile, PostgresWindow, finish_postgres
from stampede.stack.profile.own_postgres.postgres_reader import PostgresReader
from stampede.stack.profile.own_redis.hot_keys import HotKeys, find_hot_keys, watch_commands
from stampede.stack.profile.own_redis.redis_profile import RedisProfile, RedisWindow, finish_redis
from stampede.stack.profile.own_redis.redis_reader import RedisReader
from stampede.stack.redis.redis_rights import require_no_sentinel
from stampede.stack.redis.redis_server import ask_info, client_with_timeout
from stampede.stack.redis.redis_url import check_redis_url
from stampede.stack.servers import require_encoded, without_password

LOOKS_PER_S = 20
"""How often pg_stat_activity is read."""


@dataclass(frozen=True, kw_only=True)
class ProfileBounds:
    """How much is read, at most."""

    seconds: float = 10.0
    """Length of the window."""
    keys: int = 2_000
    """Keys that are sampled."""
    commands_per_s: float = 500.0
    """Commands to Redis, in any second and one batch of a tenth of it."""
    statements: int = 500
    """Rows of pg_stat_statements, the largest total time first."""
    monitor_s: float = 0.0
    """Seconds of MONITOR, which slows the server down. 0: none."""

    def __post_init__(self) -> None:
        require(1 <= self.seconds <= 3_600, "seconds", self.seconds, "1 to 3,600 s")
        require(1 <= self.keys <= 1_000_000, "keys", self.keys, "1 to 1,000,000")
        require(10 <= self.commands_per_s <= 100_000, "commands-per-s", self.commands_per_s, "10 to 100,000")
        require(1 <= self.statements <= 100_000, "statements", self.statements, "1 to 100,000")
        require(0 <= self.monitor_s <= 60, "monitor", self.monitor_s, "0 to 60 s")


@dataclass(frozen=True, kw_only=True)
class ServerProfile:
    """What was read of the user's servers."""

    redis: RedisProfile | None
    postgres: PostgresProfile | None
    hot_keys: HotKeys | None
    """None: no Redis was given."""
    bounds: ProfileBounds

    def as_dict(self) -> dict[str, Any]:
        """For JSON. Sampled keys are left out: their patterns and the hot keys stand for them."""
        found = asdict(self)
        if found["redis"] is not None:
            found["redis"]["sample"] = len(found["redis"]["sample"])
        return found


def take_profile(
    redis_url: str | None, postgres_url: str | None, bounds: ProfileBounds, say: ReportProgress
) -> ServerProfile:
    """Read the servers whose URLs are given. Raises StackError if one cannot be reached, or stops answering."""
    require(bool(redis_url or postgres_url), "redis", redis_url, "a URL: --redis URL, --postgres URL, or both")
    if postgres_url:
        require_encoded("postgres", postgres_url)  # before a server is read
    with ExitStack() as opened:
        redis_window = open_redis(redis_url, bounds, opened) if redis_url else None
        postgres_window, server = open_postgres(postgres_url, bounds, opened) if postgres_url else (None, "")
        say(f"watching the servers for {bounds.seconds:g} s")
        watch_window(redis_window, postgres_window, bounds.seconds)
        postgres = finish_postgres(postgres_window, server, say) if postgres_window else None
        redis = finish_redis(redis_window, bounds.keys, say) if redis_window else None
        hot = None
        if redis_window and redis:
            seen = watch_commands(redis_window.reader, bounds.monitor_s, say) if bounds.monitor_s else None
            hot = find_hot_keys(redis_window.reader, redis.sample, seen, bounds.seconds, say)
    return ServerProfile(redis=redis, postgres=postgres, hot_keys=hot, bounds=bounds)


def open_redis(url: str, bounds: ProfileBounds, opened: ExitStack) -> RedisWindow:
    """A connection to Redis, of any role: nothing is written."""
    check_redis_url(url)
    client = opened.enter_context(client_with_timeout(url))
    reader = RedisReader(client, url, bounds.commands_per_s)
    info: Mapping[str, Any] = ask_info(client, url)[0]
    require_no_sentinel(url, info)
    return RedisWindow(reader)


def open_postgres(url: str, bounds: ProfileBounds, opened: ExitStack) -> tuple[PostgresWindow, str]:
    """A connection to PostgreSQL, and the server's version."""
    connection = opened.enter_context(connect(url))
    require_version(connection, without_password(url))
    version = str(connection.info.parameter_status("server_version")).split()[0]
    return PostgresWindow(PostgresReader(connection, url), bounds.statements), f"PostgreSQL {version}"


def watch_window(redis: RedisWindow | None, postgres: PostgresWindow | None, seconds: float) -> None:
    """Read both servers at the start and at the end, Redis once a second, and look at running statements."""
    start_s = time.monotonic()
    if redis:
        redis.read(start_s, ends=True)
    if postgres:
        postgres.read(time.monotonic())
    readings = max(2, round(seconds))
    looks = max(1, round(seconds * LOOKS_PER_S / readings)) if postgres else 1
    for reading in range(1, readings + 1):
        for look in range(1, looks + 1):
            wait_until(start_s + seconds * (reading - 1 + look / looks) / readings)
            if postgres and look < looks:
                postgres.look()
        if redis:
            redis.read(time.monotonic(), ends=reading == readings)
    if postgres:
        postgres.read(time.monotonic())


def wait_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))
