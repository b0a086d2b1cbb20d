"""Starts servers like those of users: Debian's Redis, PostgreSQL and PgBouncer, with TLS, IPv6 and unix sockets.

A supervisor starts each server, so that none outlives the tests. To start them by hand:
`python -m tests.stack.providers.own_servers`.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stampede.core.network import free_port
from stampede.stack.postgres.postgres_server import (
    connect,
    ids,
    is_ready,
    own_directory,
    server_environment,
    wait_until,
)
from stampede.stack.providers.binaries import ServerAccount, server_account, valkey_binary
from stampede.stack.redis.redis_server import answers
from stampede.stack.supervisor.supervisor_client import SupervisorClient, supervised

REDIS = shutil.which("redis-server")
PGBOUNCER = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
"""The environment variable PGBOUNCER selects another program, to try a newer release."""
OPENSSL = shutil.which("openssl")
POSTGRES_BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@dataclass(frozen=True)
class Certificates:
    """A private CA, and a server certificate for localhost that it signed."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Launcher:
    """Starts servers under one supervisor."""

    supervisor: SupervisorClient
    account: ServerAccount | None

    def home(self, name: str) -> Path:
        return own_directory(self.supervisor.directory / name, self.account)

    def write(self, path: Path, text: str) -> Path:
        """Write a file that only the servers' account can read."""
        path.write_text(text)
        self.own(path)
        return path

    def own(self, path: Path) -> None:
        path.chmod(0o600)
        if self.account is not None:
            shutil.chown(path, self.account.uid, self.account.gid)

    def start(self, argv: list[str], name: str, stop: str = "SIGTERM") -> tuple[int, Path]:
        log = self.supervisor.directory / f"{name}.log"
        env = server_environment()
        return self.supervisor.start(argv, log=log, stop=(stop,), account=ids(self.account), env=env), log

    def run(self, argv: list[str], name: str) -> None:
        """Run a program to its end. Raises RuntimeError with its log if it fails."""
        pid, log = self.start(argv, name)
        wait_until(lambda: False, self.supervisor, pid, log)
        if self.supervisor.returncode(pid) != 0:
            raise RuntimeError(log.read_text())


@contextmanager
def launcher() -> Iterator[Launcher]:
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        yield Launcher(supervisor, account)


def certificates(start: Launcher) -> Certificates:
    """Create a CA that no system trusts, and a certificate for localhost and both loopback addresses."""
    home = start.supervisor.directory / "tls"
    home.mkdir(mode=0o755)
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
    new = [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made = Certificates(home / "ca.pem", home / "server.pem", home / "server.key")
    ca_key = home / "ca.key"
    run([*new, "-subj", "/CN=Test CA", "-keyout", str(ca_key), "-out", str(made.ca)])
    signed = ["-CA", str(made.ca), "-CAkey", str(ca_key), "-addext", names, "-addext", "basicConstraints=CA:FALSE"]
    run([*new, "-subj", "/CN=localhost", "-keyout", str(made.key), "-out", str(made.certificate), *signed])
    for path in (made.ca, made.certificate):
        path.chmod(0o644)
    start.own(made.key)
    return made


def run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def start_valkey(start: Launcher, name: str, *arguments: str, **settings: str) -> str:
    """Start the embedded Valkey with other settings and arguments. Returns its URL once it answers."""
    home, port = start.home(name), free_port()
    lines = [f"port {port}", "bind 127.0.0.1", f"dir {home}", 'save ""', "daemonize no"]
    lines += [f"{setting.replace('_', '-')} {value}" for setting, value in settings.items()]
    written = start.write(home / "valkey.conf", "\n".join(lines) + "\n")
    binary = valkey_binary(start.supervisor.directory / "bin", start.account)
    pid, log = start.start([str(binary), str(written), *arguments], name)
    url = f"redis://127.0.0.1:{port}/0"
    if not wait_until(lambda: answers(url), start.supervisor, pid, log):
        raise RuntimeError(log.read_text())
    return url


@dataclass(frozen=True)
class Redis:
    """A running Redis: one URL for each way to connect."""

    plain: str
    ipv6: str
    socket: str
    tls: str
    plain_on_tls_port: str
    tls_on_plain_port: str


def start_redis(start: Launcher, tls: Certificates, name: str = "redis", lines: tuple[str, ...] = ()) -> Redis:
    """Start Debian's Redis on loopback, with IPv4, IPv6, a unix socket and TLS."""
    home = start.home(name)
    port, tls_port = free_port(), free_port()
    settings = [
        "bind 127.0.0.1 ::1",
        f"port {port}",
        f"tls-port {tls_port}",
        f"tls-cert-file {tls.certificate}",
        f"tls-key-file {tls.key}",
        f"tls-ca-cert-file {tls.ca}",
        "tls-auth-clients no",
        f"unixsocket {home}/socket",
        f"dir {home}",
        'save ""',
        "daemonize no",
        *lines,
    ]
    pid, log = start.start([str(REDIS), str(start.write(home / "redis.conf", "\n".join(settings) + "\n"))], name)
    plain = f"redis://127.0.0.1:{port}/0"
    if not wait_until(lambda: answers(plain), start.supervisor, pid, log):
        raise RuntimeError(log.read_text())
    return Redis(
        plain=plain,
        ipv6=f"redis://[::1]:{port}/0",
        socket=f"unix://{home}/socket?db=0",
        tls=f"rediss://localhost:{tls_port}/0?ssl_ca_certs={tls.ca}",
        plain_on_tls_port=f"redis://127.0.0.1:{tls_port}/0",
        tls_on_plain_port=f"rediss://localhost:{port}/0?ssl_ca_certs={tls.ca}",
    )


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL: one URL for each way to connect. Its superuser is postgres with the password secret."""

    plain: str
    ipv6: str
    socket: str
    tls: str
    port: int

    def as_user(self, name: str, database: str = "postgres") -> str:
        return f"postgresql://{name}:secret@127.0.0.1:{self.port}/{database}"


def start_postgres(start: Launcher, tls: Certificates) -> Postgres:
    """Start Debian's PostgreSQL on loopback, with IPv4, IPv6, a unix socket and TLS."""
    binaries = POSTGRES_BIN
    assert binaries is not None
    data, sockets, port = start.home("debian-pg"), start.home("s"), free_port()
    secret = start.write(start.supervisor.directory / "secret", "secret")
    argv = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "scram-sha-256"]
    start.run([*argv, f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"], "initdb")
    options = {
        "listen_addresses": "127.0.0.1,::1",
        "port": str(port),
        "unix_socket_directories": str(sockets),
        "shared_preload_libraries": "pg_stat_statements",
        "ssl": "on",
        "ssl_cert_file": str(tls.certificate),
        "ssl_key_file": str(tls.key),
        "max_connections": "100",
        "fsync": "off",
    }
    argv = [str(binaries / "postgres"), "-D", str(data)]
    argv += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    pid, log = start.start(argv, "debian-pg", stop="SIGINT")
    if not wait_until(lambda: is_ready(data / "postmaster.pid"), start.supervisor, pid, log):
        raise RuntimeError(log.read_text())
    user = "postgresql://postgres:secret@"
    made = Postgres(
        plain=f"{user}127.0.0.1:{port}/postgres",
        ipv6=f"{user}[::1]:{port}/postgres",
        socket=f"{user}/postgres?host={sockets}&port={port}",
        tls=f"{user}localhost:{port}/postgres?sslmode=verify-full&sslrootcert={tls.ca}",
        port=port,
    )
    with connect(made.plain) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
    return made


def start_standby(start: Launcher, postgres: Postgres) -> str:
    """Start a hot standby: a copy of a PostgreSQL that stays in recovery. Returns its URL."""
    binaries = POSTGRES_BIN
    assert binaries is not None
    data, port, sockets = start.home("standby"), free_port(), start.home("t")
    start.run([str(binaries / "pg_basebackup"), "-d", postgres.plain, "-D", str(data), "-R", "-c", "fast"], "backup")
    options = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(sockets)}
    argv = [str(binaries / "postgres"), "-D", str(data)]
    argv += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    pid, log = start.start(argv, "standby", stop="SIGINT")
    url = f"postgresql://postgres:secret@127.0.0.1:{port}/postgres"
    if not wait_until(lambda: "accept read-only" in log.read_text(), start.supervisor, pid, log):
        raise RuntimeError(log.read_text())
    return url


def start_pgbouncer(
    start: Launcher, postgres: Postgres, mode: str, users: tuple[str, ...] = ("postgres",), lines: str = ""
) -> str:
    """Start PgBouncer in front of a PostgreSQL, with default settings except the mode. Returns the first user's URL."""
    port = free_port()
    name = f"bouncer-{mode}-{port}"
    home = start.home(name)
    listed = start.write(home / "users", "".join(f'"{user}" "secret"\n' for user in users))
    settings = f"""
[databases]
* = host=127.0.0.1 port={postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {listed}
pool_mode = {mode}
{lines}
"""
    pid, log = start.start([str(PGBOUNCER), str(start.write(home / "ini", settings))], name, "SIGINT")
    url = f"postgresql://{users[0]}:secret@127.0.0.1:{port}/postgres"

    def ready() -> bool:
        return "process up" in (log.read_text() if log.exists() else "")

    if not wait_until(ready, start.supervisor, pid, log):
        raise RuntimeError(log.read_text())
    return url


def main() -> None:
    with launcher() as start:
        tls = certificates(start)
        redis, postgres = start_redis(start, tls), start_postgres(start, tls)
        for server in (redis, postgres):
            for name, value in vars(server).items():
                print(f"{type(server).__name__.lower()}_{name}='{value}'")
        print(f"ca='{tls.ca}'")
        for mode in ("transaction", "session"):
            print(f"bouncer_{mode}='{start_pgbouncer(start, postgres, mode, ('postgres',))}'", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
