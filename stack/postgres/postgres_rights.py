"""Checks that a user's PostgreSQL is suitable and grants the needed rights. An error is one line."""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked

OLDEST = 13
"""Older versions do not count planning and execution separately, and are out of support."""

REMEDIES = {
    "password authentication failed": "the password of the role, as in postgresql://role:password@host/database",
    "certificate verify failed": "a certificate that this machine trusts; give its CA: ?sslrootcert=/path/of/ca.pem",
    "no encryption": "?sslmode=require at the end of the URL: the server accepts this role over TLS only",
    "server does not support SSL": "?sslmode=disable at the end of the URL: the server does not use TLS",
    "too many clients": "room for another connection: raise max_connections, or close others",
    "remaining connection slots": "room for another connection: raise max_connections, or close others",
    "too many connections for": "room for another connection: raise the CONNECTION LIMIT of the role or database",
    "max_client_conn": "room for another connection: raise PgBouncer's max_client_conn",
    "unsupported startup parameter": "no such setting in the URL, or PgBouncer's ignore_startup_parameters",
    "does not exist": "a database and a role that exist, as in postgresql://role:password@host/database",
}
"""Part of an error message of the server or libpq → the remedy."""


def why_no_answer(url: str, error: psycopg.Error) -> str:
    """The remedy for a server that refused a connection, with its message."""
    why = masked((str(error).strip().splitlines() or [type(error).__name__])[-1].strip(), url)
    remedy = next((remedy for part, remedy in REMEDIES.items() if part in why), "a PostgreSQL server that answers")
    return f"{remedy} ({why})"


def require_version(connection: psycopg.Connection[Any], shown: str) -> None:
    """Raise StackError for a server that is too old."""
    major = connection.info.server_version // 10_000
    if major < OLDEST:
        raise StackError("postgres", shown, f"PostgreSQL {OLDEST} or newer: this is {major}")


def require_writable(connection: psycopg.Connection[Any], shown: str) -> None:
    """Raise StackError if this session cannot write: on a hot standby, or with a read-only role or database."""
    standby, read_only = row(
        connection, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'"
    )
    if standby:
        raise StackError("postgres", shown, "the primary server: this one is a read-only hot standby")
    if read_only:
        want = "a session that may write: default_transaction_read_only is on (ALTER ROLE … SET, ALTER DATABASE … SET)"
        raise StackError("postgres", shown, want)


def require_schema_right(connection: psycopg.Connection[Any], shown: str, *, recreates: bool = False) -> None:
    """Raise StackError if this role cannot create tables in schema stampede. `recreates`: it drops the schema."""
    require_writable(connection, shown)
    user, database, may, owner, owned = row(
        connection,
        """
        SELECT current_user, current_database(), has_database_privilege(current_database(), 'CREATE'),
            pg_get_userbyid(nspowner), pg_has_role(nspowner, 'USAGE')
        FROM (SELECT 1) AS one LEFT JOIN pg_namespace ON nspname = 'stampede'
        """,
    )
    if owner is not None and not owned:
        want = f"a role that owns the schema stampede: GRANT {quoted(owner)} TO {quoted(user)}, or connect as {owner}"
        raise StackError("postgres", shown, want)
    if not may and (recreates or owner is None):
        grant = f"GRANT CREATE ON DATABASE {quoted(database)} TO {quoted(user)}"
        raise StackError("postgres", shown, f"a role that may create the schema stampede: {grant}")


def row(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    """The first row of a query. Empty: there is none."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, prepare=False).fetchone() or ()


def quoted(name: str) -> str:
    """A name quoted as SQL requires."""
    return sql.Identifier(name).as_string()
