"""A bench of a user's web service: what it measures of planted services, on real servers."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from stampede.loadtests.bench.service.service_bench import run_service_bench
from stampede.loadtests.bench.service.service_config import ServiceBenchConfig
from stampede.loadtests.bench.service.service_target import ServiceTarget
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.output.html_report import render
from stampede.reports.output.html_report import render
from stampede.run_folder.read import read_run
from stampede.stack.servers import Stack
from tests.loadtests.bench.planted_service import PlantedProducts, planted_service

RATE_PER_S = 60.0
LOAD_S = 0.1
TTL_S = 0.6
IDS = tuple(map(str, range(1, 101)))

Bench = Callable[..., tuple[Analysis, PlantedProducts]]


@pytest.fixture
def bench(stack: Stack, key_prefix: str, tmp_path: Path) -> Bench:
    """Returns a function that plants a service, runs a small bench of it, and analyses the run."""

    def run(
        planted: dict[str, Any], target: dict[str, Any] | None = None, **config: Any
    ) -> tuple[Analysis, PlantedProducts]:
        values = {"ttl_s": TTL_S, "load_s": LOAD_S} | planted
        with planted_service(stack.postgres.url, stack.redis.url, key_prefix, **values) as (address, products):
            called = ServiceTarget(**{"base": address, "get": "/products/{id}", "ids": IDS, **(target or {})})
            given = {"rate_per_s": RATE_PER_S, "ttl_s": TTL_S, "beside": "", "aa_copy": False, "rounds": 1} | config
            given = {"postgres_url": stack.postgres.url, "redis_url": stack.redis.url} | given
            order = ServiceBenchConfig(target=called, plan="smoke", runs=tmp_path, **given)
            folder = run_service_bench(order, lambda _line: None, lambda _folder: None, stack)
        return analyse(read_run(folder)), products

    return run


def true_loads_per_expiry(products: PlantedProducts, window_s: tuple[float, float]) -> float:
    """The service's own count: mean loads of the expiries in a window, without one that may reach beyond its end."""
    begun = sorted(began for began, _ in products.loads)
    first = [b for a, b in pairwise([float("-inf"), *begun]) if b - a > TTL_S / 2]
    inside = [b for b in first if window_s[0] <= b <= window_s[1] - TTL_S / 2]
    return mean(sum(b <= load < b + TTL_S / 2 for load in begun) for b in inside)


def test_a_missing_lock_shows_its_stampede(bench: Bench) -> None:
    """Queries per expiry are within 15 % of the service's own count, and of 1 + rate x the time of its loads."""
    analysis, products = bench({}, scenarios=("stampede",), window_s=3.0)
    found = analysis.figure("stampede", "service", "loads-per-expiry")
    (cell,) = analysis.of("stampede", "service")
    window_s = (cell.info.window_start_ns / 1e9, cell.info.window_end_ns / 1e9)
    load_s = mean(ended - began for began, ended in products.loads)
    print(found, true_loads_per_expiry(products, window_s), load_s)
    assert found.value == pytest.approx(true_loads_per_expiry(products, window_s), rel=0.15)


def test_a_lock_shows_one_query_per_expiry(bench: Bench) -> None:
    analysis, _ = bench({"single_flight": True}, scenarios=("stampede",), window_s=2.0)
    assert analysis.figure("stampede", "service", "loads-per-expiry").value == 1.0


def test_a_service_runs_beside_a_pattern_and_its_stale_reads_are_found(bench: Bench) -> None:
    """A service that does not delete entries on writes returns stale values; the comparison hardly does."""
    target = {"put": "/products/{id}", "version_path": ("version",), "token": "s3cr3t-bearer"}
    planted = {"deletes_entries": False, "load_s": 0.002, "token": "s3cr3t-bearer"}
    analysis, products = bench(
        planted, target, scenarios=("mixed-writes",), beside="cache-aside", window_s=2.0, rate_per_s=150.0
    )
    folder = analysis.run.folder
    page = render(folder)
    print(page)
    import shutil; shutil.copytree(folder, "/tmp/wt/scratch-S/run", dirs_exist_ok=True)
    assert not [path for path in folder.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()]
    for m in ("stale-reads","redis-hit-rate","loads-per-1000-reads","commands-per-request","hit-rate","refused-429","misses-per-1000-reads"):
        print(m, [analysis.figures.get(("mixed-writes", c, m)) for c in ("service","cache-aside-served")])
