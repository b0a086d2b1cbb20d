"""Starts the web service as a child process, and Locust with users that call a service over HTTP."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from stampede.core.errors import BenchFailed, ConfigError
from stampede.core.files import PACKAGE
from stampede.core.private_files import empty_file
from stampede.core.text.redaction import masked
from stampede.loadtests.appserver.http_service import ServiceSettings
from stampede.loadtests.processes.run_end import end_processes
from stampede.stack.supervisor.supervisor_client import supervised

HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*(%\w+)?")
"""A host name, an IPv4 address, or an IPv6 address without brackets."""
SPACES = frozenset(' \t\r\n\\"<>^`{|}')
"""Characters that a URL cannot contain."""
READY_WITHIN_S = 60.0
RUN_SERVICE = "import sys; from stampede.loadtests.appserver.http_service import run; run(sys.argv[1])"


@contextmanager
def service_process(
    settings: ServiceSettings, directory: Path, register_child: Callable[[int], None]
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the service and yield its process and address when it answers; end it with the block.

    `directory`: for its files; the owner of the folder removes it. Raises BenchFailed with the service's last log line.
    """
    with tempfile.TemporaryDirectory(prefix="service-", dir=directory) as private:
        path = Path(private) / "service.json"
        settings.write(path)
        log = Path(private) / "log"
        with empty_file(log).open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-P", "-c", RUN_SERVICE, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(os.environ),
                start_new_session=True,
            )
        try:
            register_child(child.pid)
            wait_for_port(settings.port, child, log)
            yield child, f"http://127.0.0.1:{settings.port}"
        finally:
            end_processes([child])


def wait_for_port(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the port answers. Raises BenchFailed if the child ends or takes too long."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if child.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise BenchFailed(f"the service ended with code {child.returncode}: {lines[-1] if lines else 'no output'}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise BenchFailed(f"the service did not answer in {READY_WITHIN_S:.0f} s")


def check_host(host: str) -> str:
    """Check the address of a service and return it without a slash at its end. Raises ConfigError."""
    try:
        parts = urlsplit(host)
        port, name = parts.port, parts.hostname or ""
        name.encode("idna" if ":" not in name else "ascii")
    except ValueError:  # brackets that do not close, an invalid port, a name that DNS cannot carry
        parts, port, name = urlsplit(""), None, ""
    shown_name = f"[{name}]" if ":" in name else name
    after_name = parts.netloc.rpartition("@")[2].lower().removeprefix(shown_name)
    well_formed = HOST.fullmatch(name) is not None and re.fullmatch(r"(:\d*)?", after_name) is not None
    fits = well_formed and port != 0
    if parts.scheme not in ("http", "https") or not fits or set(host) & SPACES:
        raise ConfigError("host", masked(host), "http://name[:port], a port from 1 to 65535")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "host", masked(host), "http://name[:port] without a user, a password or a query: Locust's page shows it"
        )
    return host.rstrip("/")


@contextmanager
def http_locust(
    host: str,
    arguments: Sequence[str],
    directory: Path,
    log: Path | None = None,
    locustfile: str = "http_users.py",
    inherited: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Start Locust with HTTP users and without the user's Locust settings; end it when the block ends."""
    with tempfile.TemporaryDirectory(prefix="http-", dir=directory) as private:
        command = [sys.executable, "-P", "-m", "locust", "-f", str(PACKAGE / "loadtests" / "locustfiles" / locustfile)]
        command += ["--host", host, "--loglevel", "WARNING", *arguments]
        output = empty_file(log or Path(private) / "log").open("wb")
        with output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment_without_locust(), "HOME": private},
                cwd=private,
                pass_fds=inherited,
                start_new_session=True,
            )
        try:
            yield child
        finally:
            end_processes([child])


def environment_without_locust() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}


def serve_http_page(host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve Locust's page on 127.0.0.1, with users that call `host`, until Ctrl-C. It ends with this process."""
    page = ["--web-host", "127.0.0.1", "--web-port", str(port)]
    with supervised() as supervisor, http_locust(host, page, supervisor.directory) as child:
        supervisor.register_child(child.pid)
        say(f"Locust's page: http://127.0.0.1:{port}, its users call {host} (Ctrl-C ends it)")
        try:
            code = child.wait()
        except KeyboardInterrupt:
            say("stopping")
            raise
        if code:
            raise BenchFailed(f"Locust ended with code {code}")
