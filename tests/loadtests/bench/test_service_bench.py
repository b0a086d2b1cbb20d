"""A bench of a user's web service: what it measures of planted services, on real servers."""

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import redis

from stampede.core.errors import ConfigError
from stampede.loadtests.bench.service.accounts.service_accounts import inspect_servers, other_clients
from stampede.loadtests.bench.service.calls.service_preflight import FIRST_READS, check_service
from stampede.loadtests.bench.service.calls.service_target import ServiceTarget
from stampede.loadtests.bench.service.service_bench import run_service_bench
from stampede.loadtests.bench.service.service_config import ServiceBenchConfig
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.output.html_report import render
from stampede.reports.output.panels.first_screen.service_figures import failed_share, service_headline
from stampede.run_folder.read import read_run
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.servers import Stack
from tests.loadtests.bench.planted_service import PlantedProducts, planted_service

RATE_PER_S = 60.0
LOAD_S = 0.1
TTL_S = 0.6
IDS = tuple(map(str, range(1, 101)))
TOKEN = "s3cr3t-bearer"

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
            given: dict[str, Any] = {"rate_per_s": RATE_PER_S, "ttl_s": TTL_S, "compared_with": "", "aa_copy": False}
            given |= {"rounds": 1, "postgres_url": stack.postgres.url, "redis_url": stack.redis.url} | config
            order = ServiceBenchConfig(target=called, plan="smoke", runs=tmp_path, **given)
            folder = run_service_bench(order, lambda _line: None, lambda _folder: None, stack)
        return analyse(read_run(folder)), products

    return run


def true_loads_per_expiry(analysis: Analysis, products: PlantedProducts) -> float:
    """The service's own count: the mean loads of the expiries in the window, without one near its end."""
    (cell,) = analysis.of("stampede", "service")
    assert cell.info.window_start_ns is not None
    from_s = cell.info.window_start_ns / 1e9
    begun = sorted(began for began, _ in products.loads)
    first = [b for a, b in pairwise([float("-inf"), *begun]) if b - a > TTL_S / 2]
    inside = [b for b in first if from_s <= b <= from_s + cell.window_s - TTL_S / 2]
    return mean(sum(b <= load < b + TTL_S / 2 for load in begun) for b in inside)


def test_a_missing_lock_shows_its_stampede(bench: Bench) -> None:
    """Queries per expiry are those that the service made, and within 15 % of 1 + rate x the time of its loads."""
    steady = WorkloadFile(common={"arrivals": "constant"}, by_scenario={"stampede": {"arrivals": "constant"}})
    analysis, products = bench({}, scenarios=("stampede",), window_s=3.0, workload=steady, rate_per_s=100.0)
    found = analysis.figure("stampede", "service", "loads-per-expiry").value
    load_s = mean(ended - began for began, ended in products.loads)
    assert found == pytest.approx(true_loads_per_expiry(analysis, products), rel=0.05)
    assert found == pytest.approx(1 + 100 * load_s, rel=0.15)


def test_a_lock_shows_one_query_per_expiry(bench: Bench, stack: Stack, key_prefix: str) -> None:
    """And the servers behind the service have no key, table, schema or setting that they did not have before."""
    before = contents(stack, key_prefix)
    analysis, _ = bench({"single_flight": True}, scenarios=("stampede",), window_s=2.0)
    assert analysis.figure("stampede", "service", "loads-per-expiry").value == 1.0
    assert contents(stack, key_prefix) == before


def contents(stack: Stack, key_prefix: str) -> tuple[Any, ...]:
    """Names of tables and settings of the database, and keys and settings of the cache, without the service's own."""
    with connect(stack.postgres.url) as connection, redis.Redis.from_url(stack.redis.url) as client:
        tables = connection.execute("SELECT oid::regclass::text FROM pg_class WHERE relname !~ 'planted' ORDER BY 1")
        settings = connection.execute("SELECT name, setting FROM pg_settings ORDER BY 1")
        keys = sorted(key for key in client.scan_iter() if not key.startswith(key_prefix.encode()))
        return tables.fetchall(), settings.fetchall(), keys, client.config_get("*")


def test_a_service_is_compared_with_a_pattern_and_its_stale_reads_are_found(bench: Bench) -> None:
    """A service that keeps entries on writes returns stale values. Its token is in no file, and the page has a table
    with both."""
    target = {"put": "/products/{id}", "version_path": ("version",), "token": TOKEN}
    planted = {"deletes_entries": False, "load_s": 0.002, "token": TOKEN}
    analysis, products = bench(
        planted, target, scenarios=("mixed-writes",), compared_with="cache-aside", window_s=1.5, rate_per_s=120.0
    )
    page = render(analysis.run.folder).read_text()
    assert 'id="service-mixed-writes"' in page
    assert not [
        path
        for path in analysis.run.folder.rglob("*")
        if path.is_file() and TOKEN in path.read_bytes().decode("latin-1")
    ]

    def figure(contender: str, name: str) -> float:
        return analysis.figure("mixed-writes", contender, name).value

    assert figure("service", "stale-after-told") > 10  # quoted
    assert figure("cache-aside-served", "stale-after-told") < 10  # quoted
    (cell,) = analysis.of("mixed-writes", "service")
    loads, writes = len(products.loads) - FIRST_READS, int(cell.operation.equal("write").sum())
    assert cell.counters["postgres", "statement.load.calls"] == loads
    requests = writes + int(cell.operation.equal("read").sum())
    assert figure("service", "queries-per-1000-requests") == pytest.approx(1000 * (loads + writes) / requests)
    assert figure("service", "failed") == 0
    for contender in ("service", "cache-aside-served"):
        assert figure(contender, "queries-per-1000-requests") > 0
        assert 0 < figure(contender, "redis-hit-rate") < 100


def test_without_the_servers_urls_counts_are_not_estimated(bench: Bench) -> None:
    """Figures that need the servers' counts are missing, never zero; errors by name, 429 among them, are counted."""
    analysis, products = bench(
        {"load_s": 0.0, "refuses_above": 30},
        scenarios=("read-mostly",),
        postgres_url=None,
        redis_url=None,
        window_s=1.0,
    )
    for name in (
        "loads-per-1000-reads",
        "queries-per-1000-requests",
        "hit-rate",
        "redis-hit-rate",
        "commands-per-request",
    ):
        figure = analysis.figure("read-mostly", "service", name)
        assert figure.missing
        assert figure.why.startswith("not estimated")
    refused = analysis.figure("read-mostly", "service", "refused-429").value
    assert 0 < refused <= products.requests - 30
    assert refused == analysis.figure("read-mostly", "service", "failed").value
    share = failed_share(analysis)
    assert share > 0.01
    assert service_headline(analysis) == f"{100 * share:.0f} % of the requests to your service failed."


@pytest.mark.parametrize(
    ("target", "field", "want"),
    [
        ({"get": "/nothing/{id}"}, "get", "404"),
        ({"get": "/moved/{id}"}, "get", "redirect to /products/1"),
        ({"get": "/text/{id}"}, "get", "JSON"),
        ({"token": "wrong"}, "get", "STAMPEDE_SERVICE_TOKEN"),
        ({"version_path": ("revision",)}, "version-field", "an integer"),
        ({"put": "/missing/{id}", "ids": ("1", "none")}, "put", "404"),
        ({"base": "http://127.0.0.1:9"}, "service", "start it first"),
        ({"base": "https://127.0.0.1:{port}"}, "service", "TLS"),
    ],
)
def test_a_service_that_cannot_be_benched_costs_one_line(
    stack: Stack, key_prefix: str, target: dict[str, Any], field: str, want: str
) -> None:
    """Each reason names the option and what was wanted, before any run folder exists."""
    planted = {"ttl_s": 1.0, "load_s": 0.0, "token": TOKEN}
    with planted_service(stack.postgres.url, stack.redis.url, key_prefix, **planted) as (address, _):
        given = {"base": address, "get": "/products/{id}", "ids": IDS, "token": TOKEN} | target
        given["base"] = given["base"].replace("{port}", address.rpartition(":")[2])
        with pytest.raises(ConfigError) as refused:
            check_service(ServiceTarget(**given))
    assert refused.value.field == field
    assert want in str(refused.value)
    assert "\n" not in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_work_of_other_clients_is_found_before_the_run(stack: Stack, key_prefix: str) -> None:
    """The servers' counts do not say who sent a command, so a remark says that others sent some."""
    servers = inspect_servers(stack.postgres.url, stack.redis.url)
    assert other_clients(servers) == []
    busy = threading.Event()

    def work() -> None:
        with planted_service(stack.postgres.url, stack.redis.url, key_prefix, ttl_s=0.001, load_s=0) as (_, products):
            while not busy.wait(0.02):
                products.get("1")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        found = [other_clients(servers) for _ in range(3)][-1]
    finally:
        busy.set()
        thread.join()
    assert {remark.name for remark in found} == {"postgres: other clients", "redis: other clients"}
