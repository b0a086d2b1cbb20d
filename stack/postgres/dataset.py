"""The article's data: users and their orders, made by SQL from a seed. The same seed gives the same rows."""

from collections.abc import Callable
from typing import Any

import psycopg

from stampede.core.errors import require
from stampede.stack.postgres.postgres_rights import require_schema_right
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.servers import without_password

LAYOUT = 1
"""Increases with every change of tables or rows. Older data is then created again."""
ORDERS_PER_USER = 2

# ruff: noqa: SIM905 (words read better as text than as lists of literals)
FIRST_NAMES = "Ada Alan Barbara Chen Dennis Edsger Fatima Grace Hedy Ivan Joan Ken Leslie Margaret Niklaus Zoë".split()
LAST_NAMES = "Allen Backus Codd Dijkstra Engelbart Floyd Gray Hopper Iverson Jones Knuth Liskov Müller Neumann".split()
WORDS = (
    "about account after again also always another answer because before better between both bring build cache change "
    "city clear close coffee could country data day early enough every family find first follow from garden good group "
    "hand have help high home house idea keep kind large late learn letter life light line little long make many mind "
    "more morning music never next night often open order other over paper part people place plain play point quiet "
    "read right river road same school seem show small some sound start still story street study table take tell "
    "thing think time travel under until very walk water week which while white winter with word work world write year"
).split()

TABLES = """
CREATE TABLE stampede.users (
    id integer PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    body text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE stampede.orders (
    id integer PRIMARY KEY,
    user_id integer NOT NULL,
    amount numeric(10, 2) NOT NULL,
    placed_at timestamptz NOT NULL
);
CREATE TABLE stampede.prose (text text NOT NULL);
CREATE TABLE stampede.meta (
    layout integer NOT NULL, seed bigint NOT NULL, records integer NOT NULL, record_bytes integer NOT NULL
);
CREATE SEQUENCE stampede.users_id OWNED BY stampede.users.id;
ALTER TABLE stampede.users ALTER COLUMN id SET DEFAULT nextval('stampede.users_id');
"""

PROSE = """
INSERT INTO stampede.prose
SELECT string_agg(words[1 + stampede.random_int(%(seed)s, 'prose', n) %% cardinality(words)], ' ' ORDER BY n)
FROM generate_series(1, 2000) AS n, (SELECT %(words)s::text[] AS words) AS list
"""

FUNCTIONS = """
CREATE FUNCTION stampede.random_int(seed bigint, kind text, n bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ('x' || substr(md5(seed || kind || n), 1, 8))::bit(32)::integer & 2147483647 $$
"""

USERS = """
SELECT id, name, email,
    substr(prose.text, 1 + h3 %% 4000, greatest(0, %(record_bytes)s - 94 - octet_length(id || name || email))) AS body,
    1::bigint AS version,
    timestamptz '2026-01-01 00:00:00+00' - h3 %% 31536000 * interval '1 second' AS updated_at
FROM (
    SELECT id, h3, first || ' ' || last AS name, lower(first || '.' || last) || '.' || id || '@example.com' AS email
    FROM (
        SELECT id, h3,
            (%(first_names)s::text[])[1 + h1 %% {first_names}] AS first,
            (%(last_names)s::text[])[1 + h2 %% {last_names}] AS last
        FROM (
            SELECT id, {h1} AS h1, {h2} AS h2, {h3} AS h3
            FROM (SELECT id, md5(%(seed)s::bigint || 'user' || id) AS digest FROM ({ids}) AS ids OFFSET 0) AS digests
        ) AS numbers
    ) AS names
) AS named, stampede.prose
"""


def users_sql(ids: str) -> str:
    """The rows of users for the ids that a SELECT gives."""
    numbers = {f"h{n + 1}": f"('x' || substr(digest, {1 + 8 * n}, 8))::bit(32)::integer & 2147483647" for n in range(3)}
    sizes = {"first_names": str(len(FIRST_NAMES)), "last_names": str(len(LAST_NAMES))}
    return USERS.format(ids=ids, **numbers, **sizes)


ORDERS = """
INSERT INTO stampede.orders
SELECT id, 1 + (id - 1) / %(orders_per_user)s,
    (1 + h %% 50000) / 100.0,
    timestamptz '2026-01-01 00:00:00+00' - h %% 31536000 * interval '1 second'
FROM (
    SELECT id, ('x' || substr(md5(%(seed)s::bigint || 'order' || id), 1, 8))::bit(32)::integer & 2147483647 AS h
    FROM generate_series(1, %(records)s::integer * %(orders_per_user)s) AS id
) AS numbers
"""

CHANGED = "SELECT id FROM stampede.users WHERE version <> 1 AND id <= %(records)s"


def parameters(records: int, record_bytes: int, seed: int) -> dict[str, Any]:
    return {
        "records": records,
        "record_bytes": record_bytes,
        "seed": seed,
        "orders_per_user": ORDERS_PER_USER,
        "first_names": FIRST_NAMES,
        "last_names": LAST_NAMES,
        "words": WORDS,
    }


def ensure_dataset(
    postgres_url: str, *, records: int, record_bytes: int, seed: int, ours: bool, say: Callable[[str], None]
) -> None:
    """Have `records` users and twice as many orders in schema stampede; reuse what is there where it is the same.

    A user as JSON is about `record_bytes` long. `ours`: the server is ours, so that its checkpoint may be asked for.
    """
    values = parameters(records, record_bytes, seed)
    with connect(postgres_url) as connection:
        require_schema_right(connection, without_password(postgres_url))
        try:
            if not is_there(connection, values):
                require_schema_right(connection, without_password(postgres_url), recreates=True)
                say(f"making {records:,} users and {records * ORDERS_PER_USER:,} orders")
                make(connection, values)
                connection.execute("VACUUM ANALYZE stampede.users, stampede.orders")
                if ours:
                    connection.execute("CHECKPOINT")
        except psycopg.errors.InsufficientPrivilege as error:
            require(False, "postgres", str(error).splitlines()[0], "a user that may create the schema stampede")
        restore_dataset(connection, records=records, record_bytes=record_bytes, seed=seed)


def is_there(connection: psycopg.Connection[Any], values: dict[str, Any]) -> bool:
    if connection.execute("SELECT to_regclass('stampede.meta')").fetchone() == (None,):
        return False
    meta = connection.execute("SELECT layout, seed, records, record_bytes FROM stampede.meta").fetchone()
    return meta == (LAYOUT, values["seed"], values["records"], values["record_bytes"])


OURS = "made by Stampede"
"""The comment on a schema that is ours."""


def claim_schema(connection: psycopg.Connection[Any]) -> None:
    """Have a schema stampede that is ours. Raises ConfigError where there is one that we did not make."""
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        row = cursor.execute(
            "SELECT obj_description(oid, 'pg_namespace'), to_regclass('stampede.meta') IS NOT NULL"
            " FROM pg_namespace WHERE nspname = 'stampede'"
        ).fetchone()
    ours = row is None or row[0] == OURS or row[1]
    require(ours, "postgres", "a schema stampede that is not ours", "a database without one")
    if row is None:
        connection.execute("CREATE SCHEMA stampede")
        connection.execute(f"COMMENT ON SCHEMA stampede IS '{OURS}'")


def make(connection: psycopg.Connection[Any], values: dict[str, Any]) -> None:
    """All of it or nothing: one transaction. A schema of that name that we did not make is not ours to drop."""
    claim_schema(connection)
    with connection.transaction():
        connection.execute("DROP SCHEMA IF EXISTS stampede CASCADE")
        claim_schema(connection)
        connection.execute(TABLES)
        connection.execute(FUNCTIONS)
        connection.execute(PROSE, values)
        ids = "SELECT generate_series(1, %(records)s::integer) AS id"
        connection.execute(f"INSERT INTO stampede.users {users_sql(ids)}", values)
        connection.execute("SELECT setval('stampede.users_id', %(records)s)", values)
        connection.execute(ORDERS, values)
        connection.execute("CREATE INDEX orders_user_id ON stampede.orders (user_id)")
        row = {**values, "layout": LAYOUT}
        connection.execute(
            "INSERT INTO stampede.meta VALUES (%(layout)s, %(seed)s, %(records)s, %(record_bytes)s)", row
        )


def restore_dataset(connection: psycopg.Connection[Any], *, records: int, record_bytes: int, seed: int) -> int:
    """Put changed rows back as they were made and remove created ones. Returns how many rows that were.

    Then the table is vacuumed, so that the next cell finds no dead rows. Expects an autocommit connection.
    """
    values = parameters(records, record_bytes, seed)
    with connection.transaction():
        created = connection.execute("DELETE FROM stampede.users WHERE id > %(records)s", values).rowcount
        changed = connection.execute(
            f"""
            UPDATE stampede.users AS u
            SET name = made.name, email = made.email, body = made.body, version = 1, updated_at = made.updated_at
            FROM ({users_sql(CHANGED)}) AS made WHERE u.id = made.id
            """,
            values,
        ).rowcount
        connection.execute("SELECT setval('stampede.users_id', %(records)s)", values)
    if created or changed:
        connection.execute("VACUUM stampede.users")
    return created + changed
