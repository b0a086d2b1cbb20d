"""PostgreSQL: starts a server, and reads the version and settings of any server."""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from stampede.core.errors import StackError, require
from stampede.core.network import free_port
from stampede.stack.postgres.pooler import pooling_of
from stampede.stack.postgres.postgres_rights import require_version, why_no_answer
from stampede.stack.providers.binaries import ServerAccount
from stampede.stack.servers import ANSWER_WITHIN_S, Remark, Server, require_encoded, without_password
from stampede.stack.supervisor.supervisor_client import SupervisorClient, last_line

USER = "postgres"
"""Not stampede: a schema named like the role comes first in the search path and would hide the user's tables."""
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "compute_query_id": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
}
"""The settings of servers that we start, embedded or in containers."""

REPORTED_SETTINGS = (
    "max_connections",
    "shared_buffers",
    "effective_cache_size",
    "work_mem",
    "fsync",
    "synchronous_commit",
    "jit",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum",
    "TimeZone",
    "server_encoding",
    "shared_preload_libraries",
    "compute_query_id",
    "max_parallel_workers_per_gather",
)
"""The settings that a report shows, if the server returns them."""

START_WITHIN_S = 60.0
POLL_EVERY_S = 0.01


def start_postgres(supervisor: SupervisorClient, binaries: Path, account: ServerAccount | None) -> str:
    """Create a database cluster and start its server. Returns its URL once it answers."""
    data = supervisor.directory / "postgres"
    sockets = own_directory(supervisor.directory / "pg", account)
    password = secrets.token_hex(16)
    initialize(supervisor, binaries, data, password, account)
    for attempt in range(3):
        port = free_port()
        options = SETTINGS | {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(sockets),
        }
        argv = [str(binaries / "postgres"), "-D", str(data)]
        argv += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log = supervisor.directory / f"postgres-{attempt}.log"
        pid = supervisor.start(
            argv, log=log, stop=("SIGINT", "SIGQUIT"), account=ids(account), env=server_environment()
        )
        url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"
        if wait_until(lambda pid_file=data / "postmaster.pid": is_ready(pid_file), supervisor, pid, log):  # type: ignore[misc]
            with connect(url) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            supervisor.watch("PostgreSQL")
            return url
    raise StackError("stack", "embedded", f"a PostgreSQL server that starts ({last_line(log)})")


def initialize(
    supervisor: SupervisorClient, binaries: Path, data: Path, password: str, account: ServerAccount | None
) -> None:
    """Create a database cluster. Raises StackError."""
    own_directory(data, account)
    secret = write_private(supervisor.directory / "password", password, account)
    argv = [str(binaries / "initdb"), "-D", str(data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}"]
    argv += ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    argv += ["--no-sync", "--no-instructions"]
    log = supervisor.directory / "initdb.log"
    try:
        pid = supervisor.start(argv, log=log, stop=("SIGINT",), account=ids(account), env=server_environment())
    except PermissionError as error:
        want = f"the right to run servers as {account.name if account else 'this user'} ({error.strerror}); "
        raise StackError("stack", "embedded", want + "run as a plain user, or give --postgres and --redis") from error
    wait_until(lambda: False, supervisor, pid, log)
    secret.unlink()
    if supervisor.returncode(pid) != 0:
        raise StackError("stack", "embedded", f"a PostgreSQL cluster that can be created ({last_line(log)})")


def wait_until(ready: Callable[[], bool], supervisor: SupervisorClient, pid: int, log: Path) -> bool:
    """Wait until `ready` returns True. False: the process ended first. Raises StackError after START_WITHIN_S."""
    give_up = time.monotonic() + START_WITHIN_S
    while not ready():
        if supervisor.returncode(pid) is not None:
            return False
        if time.monotonic() > give_up:
            raise StackError("stack", "embedded", f"a server that starts in {START_WITHIN_S:.0f} s ({last_line(log)})")
        time.sleep(POLL_EVERY_S)
    return True


def is_ready(pid_file: Path) -> bool:
    """Whether the server accepts connections: it reports its status in line 8 of postmaster.pid."""
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def own_directory(path: Path, account: ServerAccount | None) -> Path:
    """Create a directory that only the servers' account may enter."""
    path.mkdir(mode=0o700)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    return path


def write_private(path: Path, text: str, account: ServerAccount | None) -> Path:
    """Create a file that only the servers' account may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if account is not None:
            os.fchown(descriptor, account.uid, account.gid)
    return path


def ids(account: ServerAccount | None) -> tuple[int, int] | None:
    """The user and group id of the account."""
    return None if account is None else (account.uid, account.gid)


def server_environment() -> dict[str, str]:
    """The environment of every server: figures must not depend on the user's locale."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Open an autocommit connection. Raises StackError, in one line, for a wrong URL or if there is no answer."""
    shown = without_password(url)
    require(url.startswith(("postgresql://", "postgres://")), "postgres", shown, "postgresql://user:password@host/db")
    require_encoded("postgres", url)
    try:
        return psycopg.connect(url, autocommit=True, prepare_threshold=None, connect_timeout=round(ANSWER_WITHIN_S))
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise StackError("postgres", shown, why_no_answer(url, error)) from error


def inspect_postgres(url: str) -> tuple[Server, list[Remark]]:
    """The server's version and settings, and remarks on missing rights."""
    with connect(url) as connection:
        require_version(connection, without_password(url))
        rows = connection.execute(
            "SELECT name, current_setting(name, true) FROM pg_settings WHERE name = ANY(%s)", [list(REPORTED_SETTINGS)]
        ).fetchall()
        settings = {name: value for name, value in rows if value is not None}
        version = str(connection.info.parameter_status("server_version")).split()[0]
        remarks = [*statement_remarks(connection), *pooling_of(connection).remarks()]
    return Server(url=url, name="PostgreSQL", version=version, settings=settings), remarks


def statement_remarks(connection: psycopg.Connection[Any]) -> list[Remark]:
    """A remark if pg_stat_statements cannot be read."""
    cost = "the database's own count, time and blocks of each statement are missing, and our counts are not checked"
    try:
        connection.execute("SELECT count(*) FROM pg_stat_statements")
    except psycopg.errors.UndefinedTable:
        what = "the extension is not installed in this database (CREATE EXTENSION pg_stat_statements)"
    except psycopg.errors.ObjectNotInPrerequisiteState:
        what = "it is not in the server's shared_preload_libraries"
    except psycopg.errors.InsufficientPrivilege:
        what = "this user may not read it (GRANT pg_read_all_stats)"
    else:
        return []
    return [Remark(name="pg_stat_statements", what=what, cost=cost)]
