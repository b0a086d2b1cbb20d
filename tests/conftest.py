"""Real servers for all tests, started once per session: from wheels, or with `--stack containers` from images."""

import gc
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import HealthCheck, settings

from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.postgres.source import PostgresSource, default_statements, open_pool
from stampede.stack.provision import open_servers
from stampede.stack.servers import Stack
from tests.shared import made_once

if TYPE_CHECKING:
    from stampede.reports.output.report_model import Report

RECORDS = 2_000
RECORD_BYTES = 500
SEED = 1

# The tests start some hundred Python processes. Without compiled modules on disk, each would compile all its imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile(  # no deadline, because a busy machine is sometimes slow; with CI set, examples are fixed
    "stampede", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("stampede")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", choices=("embedded", "containers"), default="embedded", help="which servers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files with slow tests first: a long file that starts last would leave the other processes idle.

    Among the files that share a bench, the first one runs the bench. The others come later, so that they do not wait.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    waiting: set[Path] = set()
    running: dict[str, Path] = {}
    for item in items:
        for bench in getattr(getattr(item, "module", None), "BENCHES", ()):
            if running.setdefault(bench.processes, item.path) != item.path:
                waiting.add(item.path)
    items.sort(key=lambda item: (item.path not in slow, item.path in waiting))


def pytest_collection_finish() -> None:
    """Imported modules stay until the end, so the garbage collector need not search them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic run of six rounds with its report, made once for all test processes. Tests must not change it."""
    from stampede.reports.output.html_report import render
    from tests.reports.planted_runs.planted import plant

    home = made_once(tmp_path_factory, "rendered", lambda folder: render(plant(folder / "run", rounds=6)))
    return home / "run"


@pytest.fixture(scope="session")
def report(rendered: Path) -> "Report":
    """The report of that run as data, made once per test process. Tests must not change it or write its files."""
    from stampede.reports.output.report_model import read_report

    return read_report(rendered)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with open_servers(request.config.getoption("--stack"), say=lambda _line: None) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_url(stack: Stack) -> str:
    return stack.postgres.url


@pytest.fixture(scope="session")
def redis_url(stack: Stack) -> str:
    return stack.redis.url


@pytest.fixture
def key_prefix() -> str:
    """A key prefix for this test only."""
    return f"test:{uuid.uuid4().hex[:8]}:"


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client with redis-py's defaults and replies in bytes; the server is emptied afterwards."""
    with redis.Redis.from_url(redis_url) as client:
        yield client
        client.flushdb()


@pytest.fixture(scope="session")
def dataset(postgres_url: str) -> int:
    """The article's tables with 2,000 users. Returns the number of users."""
    ensure_dataset(
        postgres_url, records=RECORDS, record_bytes=RECORD_BYTES, seed=SEED, managed=True, say=lambda _line: None
    )
    return RECORDS


@pytest.fixture(scope="session")
def source(postgres_url: str, dataset: int) -> Iterator[PostgresSource]:
    """The database of the default workload, with loads at no extra cost."""
    statements = default_statements(cpu_rows=0, wait_ms=0)
    assert dataset
    with open_pool(postgres_url, 20, statements.session) as pool:
        yield PostgresSource(pool, statements)
