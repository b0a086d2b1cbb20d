"""What a user's PostgreSQL must be and allow, asked before a run: each thing that is missing is one line."""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked

OLDEST = 13
"""Older ones count no planning and execution apart, and are out of support."""


REMEDIES = {
    "password authentication failed": "the role's own password, as in postgresql://role:password@host/database",
    "certificate verify failed": "a certificate that this machine trusts; name its CA: ?sslrootcert=/path/of/ca.pem",
    "no encryption": "?sslmode=require at the URL's end: the server takes this role over TLS only",
    "server does not support SSL": "?sslmode=disable at the URL's end: the server does not speak TLS",
    "too many clients": "room for another connection: raise max_connections, or close others",
    "remaining connection slots": "room for another connection: raise max_connections, or close others",
    "too many connections for": "room for another connection: raise the CONNECTION LIMIT of the role or database",
    "max_client_conn": "room for another connection: raise PgBouncer's max_client_conn",
    "unsupported startup parameter": "no such setting in the URL, or PgBouncer's ignore_startup_parameters",
    "does not exist": "a database and a role that exist, as in postgresql://role:password@host/database",
}
"""What helps, by what the server or libpq says."""


def why_no_answer(url: str, error: psycopg.Error) -> str:
    """What was wanted of a server that did not take a connection, and what helps."""
    why = masked((str(error).strip().splitlines() or [type(error).__name__])[-1].strip(), url)
    remedy = next((remedy for said, remedy in REMEDIES.items() if said in why), "a PostgreSQL server that answers")
    return f"{remedy} ({why})"


def require_version(connection: psycopg.Connection[Any], shown: str) -> None:
    """Raise StackError for a server that is too old."""
    major = connection.info.server_version // 10_000
    if major < OLDEST:
        raise StackError("postgres", shown, f"PostgreSQL {OLDEST} or newer: this is {major}")


def require_writable(connection: psycopg.Connection[Any], shown: str) -> None:
    """Raise StackError where this session cannot write: a hot standby, or a role or database that is read-only."""
    standby, read_only = row(
        connection, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'"
    )
    if standby:
        raise StackError("postgres", shown, "the primary server: this one is a read-only hot standby")
    if read_only:
        want = "a session that may write: default_transaction_read_only is on (ALTER ROLE … SET, ALTER DATABASE … SET)"
        raise StackError("postgres", shown, want)


def require_schema_right(connection: psycopg.Connection[Any], shown: str, *, recreates: bool = False) -> None:
    """Raise StackError where this role cannot make tables in schema stampede. `recreates`: it drops that schema."""
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


def row(connection: psycopg.Connection[Any], question: str) -> tuple[Any, ...]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(question, prepare=False).fetchone() or ()


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return sql.Identifier(name).as_string()
