"""Checks, before a command begins, that the servers have room for its connections."""

from contextlib import ExitStack, closing
from typing import Any

import psycopg
import redis

from stampede.core.errors import StackError
from stampede.stack.postgres.pooler import ask, pooling_of
from stampede.stack.postgres.postgres_rights import row
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.redis.redis_server import client_with_timeout
from stampede.stack.servers import Stack

ROOM = """
SELECT limited, reserved, in_use, remedy FROM (
    SELECT current_setting('max_connections')::int AS limited,
        CASE WHEN rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) END AS reserved,
        (SELECT sum(numbackends)::int FROM pg_stat_database) AS in_use,
        'max_connections' AS remedy
    FROM pg_roles WHERE rolname = current_user
    UNION ALL
    SELECT rolconnlimit, 0, (SELECT count(*)::int FROM pg_stat_activity WHERE usesysid = r.oid),
        format('its limit: ALTER ROLE %I CONNECTION LIMIT', rolname)
    FROM pg_roles AS r WHERE rolname = current_user AND rolconnlimit >= 0 AND NOT rolsuper
    UNION ALL
    SELECT datconnlimit, 0, (SELECT count(*)::int FROM pg_stat_activity WHERE datid = d.oid),
        format('its limit: ALTER DATABASE %I CONNECTION LIMIT', datname)
    FROM pg_database AS d
    WHERE datname = current_database() AND datconnlimit >= 0
        AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
) AS limits
ORDER BY limited - reserved - in_use LIMIT 1
"""


def require_room(stack: Stack, *, postgres: int, clients: int, instead: str) -> None:
    """Raise StackError if a server has no room for that many more connections. `instead`: another remedy."""
    with connect(stack.postgres.url) as connection:
        mode = pooling_of(connection).mode
        if mode == "none":
            require_postgres_room(connection, stack.postgres.safe_url, postgres, instead)
    if mode != "none":
        require_pooled_room(stack, postgres, instead)
    require_redis_room(stack, clients, instead)


def require_postgres_room(connection: psycopg.Connection[Any], shown: str, wanted: int, instead: str) -> None:
    """Raise StackError if PostgreSQL, the role or the database has no room for that many more connections."""
    limited, reserved, in_use, remedy = row(connection, ROOM)
    in_use -= 1  # this connection, which is closed before the others open
    if limited - reserved - in_use < wanted:
        kept = f", {reserved} reserved" if reserved else ""
        has = f"{limited} allowed{kept}, {in_use} in use"
        want = f"room for {wanted} more connections ({has}): raise {remedy}, or {instead}"
        raise StackError("postgres", shown, want)


def require_pooled_room(stack: Stack, wanted: int, instead: str) -> None:
    """Try it: open that many connections for a moment, since a pooler does not report its limit."""
    with ExitStack() as opened:
        for number in range(wanted):
            try:
                connection = opened.enter_context(closing(connect(stack.postgres.url)))
            except StackError as error:
                reason = str(error.__cause__ or error).strip().splitlines()[-1]
            else:
                if ask(connection, b"SELECT 1") is not None:
                    continue
                reason = "the next one got no server connection"
            want = (
                f"room for {wanted} more connections; the pooler gave {number} ({reason}): raise its default_pool_size "
            )
            want += f"and max_client_conn, or {instead}"
            raise StackError("postgres", stack.postgres.safe_url, want)


def require_redis_room(stack: Stack, wanted: int, instead: str) -> None:
    """Raise StackError if Redis has no room for that many more clients."""
    with client_with_timeout(stack.redis.url) as client:
        limit, in_use = redis_clients(client)
    if limit is not None and limit - in_use < wanted:
        has = f"{limit} allowed, {in_use} in use"
        want = f"room for {wanted} more clients ({has}): raise maxclients, or {instead}"
        raise StackError("redis", stack.redis.safe_url, want)


def redis_clients(client: redis.Redis) -> tuple[int | None, int]:
    """The server's limit of clients (None: unknown) and the number of its clients without this one."""
    try:
        info: dict[str, Any] = client.info("clients")
        limit = info["maxclients"]
    except (redis.ResponseError, KeyError):  # the user may not read it, or the server is older than 7.0
        return None, 0
    return int(limit), int(info["connected_clients"]) - 1
