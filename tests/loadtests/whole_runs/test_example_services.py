"""The example services: started and measured by the commands of their how-to page, on real servers."""

import http.client
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import redis
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.reports.output.report_model import read_report
from stampede.stack.servers import Stack
from tests.docs.documents import ROOT, blocks

PAGE = "docs/how-to/services-in-frameworks.md"
EXAMPLES = ROOT / "examples" / "services"
FRAMEWORKS = ("fastapi", "django", "flask")
PRODUCT = 977
READERS = 12
SCHEMA = "shop_test"
STARTS_WITHIN_S = 30.0


def commands() -> list[str]:
    """Every command of the page."""
    return [line for text in blocks(PAGE, "sh") for line in text.splitlines()]


def start_command(framework: str) -> tuple[dict[str, str], list[str]]:
    """The settings and the command by which the page starts a service."""
    (place,) = (n for n, line in enumerate((ROOT / PAGE).read_text().splitlines()) if f"services/{framework}`:" in line)
    line = (ROOT / PAGE).read_text().splitlines()[place + 3]
    words = shlex.split(line)
    settings = dict(word.split("=") for word in words if re.match(r"[A-Z_]+=", word))
    return settings, words[len(settings) :]


@pytest.fixture(scope="module")
def database_url(stack: Stack) -> Iterator[str]:
    """A URL of a schema of its own, with the page's table."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        connection.execute(f"SET search_path = {SCHEMA}")
        connection.execute((EXAMPLES / "schema.sql").read_bytes())
        sign = "&" if "?" in stack.postgres.url else "?"
        yield f"{stack.postgres.url}{sign}options={quote(f'-c search_path={SCHEMA},public')}"
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


@contextmanager
def started(framework: str, stack: Stack, database_url: str, **changed: str) -> Iterator[int]:
    """A service, started by the page's command; its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings, command = start_command(framework)
    words = [str(Path(sys.executable).parent / command[0]), *(word.replace("8000", str(port)) for word in command[1:])]
    urls = {"DATABASE_URL": database_url, "REDIS_URL": stack.redis.url}
    process = subprocess.Popen(
        words,
        cwd=EXAMPLES / framework,
        env={**os.environ, **urls, **settings, **changed},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while not answers(port):
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < deadline_s, "the service does not answer"
        yield port
    finally:
        process.terminate()
        process.wait(30)
        with redis.Redis.from_url(stack.redis.url) as client:
            client.delete(*(client.keys("product:*") or ["product:0"]), *(client.keys("lock:product:*") or ["lock:0"]))


def answers(port: int) -> bool:
    """Whether the service answers."""
    try:
        return request(port, "GET", 1)[0] == 200
    except OSError:
        return False


def request(port: int, method: str, product: int, body: object = None) -> tuple[int, Any]:
    """The status and the JSON of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, f"/products/{product}", text, {"Content-Type": "application/json"})
        response = connection.getresponse()
        found = response.read()
        return response.status, json.loads(found) if response.status == 200 else None
    finally:
        connection.close()


def slow_queries(stack: Stack) -> int:
    """How many queries of products PostgreSQL has run."""
    with psycopg.connect(stack.postgres.url) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements "
            "WHERE query ~ 'pg_sleep' AND query ~ 'products'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def queries_of_one_expiry(stack: Stack, port: int) -> int:
    """The queries of concurrent readers of an entry that has just gone."""
    with redis.Redis.from_url(stack.redis.url) as client:
        client.delete(f"product:{PRODUCT}")
    before = slow_queries(stack)
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda _: request(port, "GET", PRODUCT), range(READERS)))
    assert {status for status, _ in found} == {200}
    return slow_queries(stack) - before


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_only_the_service_with_a_lock_queries_once_per_expiry(framework: str, stack: Stack, database_url: str) -> None:
    """Without the lock several of twelve concurrent readers query; with it one does, and a write is read at once."""
    with started(framework, stack, database_url, CACHE="plain", LOAD_MS="100") as port:
        assert queries_of_one_expiry(stack, port) > 1
        assert request(port, "GET", 1_000_000)[0] == 404
    with started(framework, stack, database_url, CACHE="locked", LOAD_MS="100") as port:
        assert queries_of_one_expiry(stack, port) == 1
        version = request(port, "GET", PRODUCT)[1]["version"]
        assert request(port, "PUT", PRODUCT, {"text": "changed"})[1]["version"] == version + 1
        assert request(port, "GET", PRODUCT)[1] | {"price": 0} == {
            "id": PRODUCT,
            "title": "changed",
            "price": 0,
            "version": version + 1,
        }


@pytest.mark.slow
def test_the_command_of_the_page_measures_a_service(
    stack: Stack, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's bench finds more than one query per expiry in the service without a lock."""
    (command,) = [line for line in commands() if "--service " in line]
    with started("flask", stack, database_url, CACHE="plain", LOAD_MS="100") as port:
        urls = {"$DATABASE_URL": stack.postgres.url, "$REDIS_URL": stack.redis.url}
        words = [urls.get(word, word.replace("8000", str(port))) for word in shlex.split(command)[1:]]
        monkeypatch.chdir(tmp_path)
        short = ["--plan", "smoke", "--scenario", "stampede", "--reference", "none", "--runs", str(tmp_path / "runs")]
        result = CliRunner().invoke(app, [*words, *short])
        assert result.exit_code == 0, result.output
    (folder,) = (tmp_path / "runs").iterdir()
    assert read_report(folder).analysis.figure("stampede", "service", "loads-per-expiry").value > 1
