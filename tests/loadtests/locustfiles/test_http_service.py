"""The web service over HTTP, and the Locust users that call it."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID

import psycopg
import pytest
import redis

from stampede.core.errors import ConfigError
from stampede.core.files import SOURCES
from stampede.core.network import free_port
from stampede.core.text.record_id_text import id_text
from stampede.loadtests.appserver.http_service import ServiceSettings
from stampede.loadtests.locustfiles.http_page import check_host, http_locust, service_process
from stampede.scenarios.workload import OwnSql
from stampede.stack.postgres.source import user_statements
from stampede.stack.servers import Stack

LIMIT, WINDOW_S = 5, 120.0


@pytest.fixture(scope="module")
def address(stack: Stack, dataset: int) -> Iterator[str]:
    """The service on the test servers; each subject may make five calls in two minutes."""
    assert dataset
    settings = ServiceSettings(
        postgres_url=stack.postgres.url,
        redis_url=stack.redis.url,
        key_prefix="test-service:",
        port=free_port(),
        limiter="sliding-log",
        limit=LIMIT,
        window_s=WINDOW_S,
        load_wait_ms=0,
        threads=8,
    )
    with service_process(settings, stack.directory, stack.register_child) as (_, url):
        yield url


def get(url: str) -> tuple[int, Message, bytes]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_the_limited_endpoint_answers_429_with_the_body_and_the_headers(address: str) -> None:
    """RateLimit-Policy has quota and window, RateLimit the remaining calls and seconds, a refusal also Retry-After."""
    for left in range(LIMIT - 1, -1, -1):
        status, headers, body = get(f"{address}/limited?subject=ann")
        assert (status, json.loads(body)) == (200, {"ok": True})
        assert headers["RateLimit-Policy"] == f'"default";q={LIMIT};w=120'
        assert headers["RateLimit"] == f'"default";r={left};t=120'
        assert headers["Retry-After"] is None
    status, headers, body = get(f"{address}/limited?subject=ann")
    assert (status, json.loads(body)) == (429, {"error": "Rate limited"})
    assert headers["RateLimit-Policy"] == f'"default";q={LIMIT};w=120'
    assert headers["RateLimit"] == f'"default";r=0;t={headers["Retry-After"]}'
    assert 100 < int(headers["Retry-After"]) <= 120
    assert get(f"{address}/limited?subject=bea")[0] == 200


def test_a_header_can_name_the_subject(address: str) -> None:
    request = urllib.request.Request(f"{address}/limited", headers={"X-Subject": "cid"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["RateLimit"].startswith(f'"default";r={LIMIT - 1};')


def test_users_are_read_through_the_pattern_and_an_unknown_one_is_404(address: str) -> None:
    status, headers, body = get(f"{address}/users/7")
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["id"] == 7
    assert get(f"{address}/users/7")[2] == body
    assert get(f"{address}/users/99999999")[0] == 404


def test_a_record_of_a_workload_is_read_by_all_columns_of_its_id(stack: Stack, redis_client: redis.Redis) -> None:
    """Its key has the workload's type and is the one of the id's own values; another text of an id is 404."""
    sql = OwnSql(
        load="SELECT tenant::text, day::text FROM served.days WHERE tenant = %(tenant)s AND day = %(day)s",
        ids="SELECT tenant, day FROM served.days",
        entity="day",
    )
    tenant = UUID("00000000-0000-4000-8000-000000000007")
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA served")
        connection.execute(f"CREATE TABLE served.days AS SELECT uuid '{tenant}' AS tenant, date '2026-11-30' AS day")
        settings = ServiceSettings(
            postgres_url=stack.postgres.url,
            redis_url=stack.redis.url,
            key_prefix="test-days:",
            port=free_port(),
            entity=sql.entity,
            statements=asdict(user_statements(sql, ("tenant", "day"))),
            threads=2,
        )
        with service_process(settings, stack.directory, stack.register_child) as (_, url):
            status, _, body = get(f"{url}/users/{tenant}/2026-11-30")
            assert (status, json.loads(body)) == (200, {"tenant": str(tenant), "day": "2026-11-30"})
            assert redis_client.exists(f"test-days:day:{id_text((tenant, date(2026, 11, 30)))}")
            assert [get(f"{url}/users/{path}")[0] for path in (f"{tenant}/2026-11-29", "x/y", f"{tenant}")] == [404] * 3
        connection.execute("DROP SCHEMA served CASCADE")


def locust_run(
    host: str, tmp_path: Path, *arguments: str, enough: Callable[[], bool]
) -> tuple[int, dict[str, dict[str, int]]]:
    """Run Locust until `enough` holds. Returns its exit code (1: a call failed) and its counts by name."""
    out = tmp_path / "run"
    options = ["--headless", "--users", "4", "--spawn-rate", "4", "--json-file", str(out)]
    with http_locust(host, [*options, *arguments], tmp_path, tmp_path / "log") as child:
        until = time.monotonic() + 120
        while not enough():
            assert child.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        child.terminate()
        code = child.wait(timeout=60)
    entries = json.loads(out.with_suffix(".json").read_text())
    return code, {e["name"]: e for e in entries}


def test_locust_users_flood_the_service_and_refusals_are_no_failures(
    address: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """The limit's calls are admitted, the rest is counted under a separate name; no failure; exit code 0."""

    def decisions() -> int:
        return int(redis_client.info("commandstats")["cmdstat_evalsha"]["calls"])

    before = decisions()
    flood = ("--subjects", "2", "--ids", "100", "--calls-per-s", "50")
    code, counts = locust_run(address, tmp_path, *flood, enough=lambda: decisions() > before + 20 * LIMIT)
    assert code == 0
    assert counts["/limited"]["num_requests"] == 2 * LIMIT
    assert counts["/limited refused (429)"]["num_requests"] > 0
    assert counts["/users/{id}"]["num_requests"] > 0
    assert all(entry["num_failures"] == 0 for entry in counts.values())


class OtherService(BaseHTTPRequestHandler):
    """Another service: 429 below /quota, 500 elsewhere."""

    calls = 0

    def do_GET(self) -> None:
        OtherService.calls += 1
        self.send_response(429 if self.path.startswith("/quota") else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_locust_users_call_another_service_by_its_host_and_paths(tmp_path: Path) -> None:
    """A 429 is an expected answer; a 500 is a failure, and then Locust's exit code is 1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherService)
    Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_address[1]}"
    before = 0

    def called() -> bool:
        return OtherService.calls > before + 10

    try:
        before = OtherService.calls
        code, counts = locust_run(host, tmp_path, "--limited-path", "/quota", "--users-path", "", enough=called)
        assert code == 0
        assert set(counts) == {"/quota refused (429)"}
        before = OtherService.calls
        code, counts = locust_run(host, tmp_path, "--limited-path", "/broken", "--users-path", "", enough=called)
        assert code == 1
        assert counts["/broken"]["num_failures"] == counts["/broken"]["num_requests"] > 0
    finally:
        server.shutdown()
        server.server_close()


def test_the_service_ends_with_its_block(stack: Stack) -> None:
    settings = ServiceSettings(
        postgres_url=stack.postgres.url, redis_url=stack.redis.url, key_prefix="test-service:", port=free_port()
    )
    with service_process(settings, stack.directory, stack.register_child) as (child, url):
        assert get(f"{url}/")[0] == 200
    assert isinstance(child, subprocess.Popen)
    assert child.returncode == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)


def test_the_service_ignores_modules_of_the_working_folder(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's redis.py or stampede/ in the current folder does not replace the installed package."""
    for name in ("redis.py", "falcon.py", "stampede/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise ImportError('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    settings = ServiceSettings(
        postgres_url=stack.postgres.url, redis_url=stack.redis.url, key_prefix="test-service:", port=free_port()
    )
    with service_process(settings, stack.directory, stack.register_child) as (_, url):
        assert get(f"{url}/")[0] == 200


def test_a_killed_service_leaves_no_worker(stack: Stack) -> None:
    """After kill -9 of its first process, its port no longer answers."""
    settings = ServiceSettings(
        postgres_url=stack.postgres.url, redis_url=stack.redis.url, key_prefix="test-service:", port=free_port()
    )
    with service_process(settings, stack.directory, stack.register_child) as (child, url):
        child.kill()
        child.wait()
        until = time.monotonic() + 60
        while answers(url) and time.monotonic() < until:
            time.sleep(0.05)
        assert not answers(url)


def test_a_killed_serve_leaves_no_process_and_no_temporary_file(stack: Stack, dataset: int) -> None:
    """After kill -9 of the command, the service ends, and its private file with passwords is removed."""
    private = Path(tempfile.mkdtemp())  # pytest's own is too long for a socket's path
    port = free_port()
    words = ["--postgres", stack.postgres.url, "--redis", stack.redis.url]
    words += ["--port", str(port), "--records", str(dataset)]
    suite = subprocess.Popen(
        [sys.executable, "-m", "stampede", "serve", *words],
        cwd=SOURCES,
        env={**os.environ, "TMPDIR": str(private)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 60
    try:
        while not answers(url):
            assert suite.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        assert list(private.rglob("service.json"))
    finally:
        suite.kill()
        suite.wait()
    until = time.monotonic() + 60
    while answers(url) or list(private.iterdir()):
        assert time.monotonic() < until, list(private.iterdir())
        time.sleep(0.05)
    private.rmdir()


def answers(url: str) -> bool:
    try:
        return get(f"{url}/")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"window_s": -1.0}, {"limiter": "unknown"}, {"pattern": "gcra"}, {"threads": 0}]
)
def test_settings_that_cannot_be_served_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ServiceSettings(postgres_url="", redis_url="", key_prefix="", port=1, **wrong)  # type: ignore[arg-type]


def test_a_host_must_be_an_http_address() -> None:
    assert check_host("http://example.org:8080/") == "http://example.org:8080"
    for wrong in ("example.org", "ftp://example.org", "http://"):
        with pytest.raises(ConfigError):
            check_host(wrong)
