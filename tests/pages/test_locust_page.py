"""Locust's page with the Cache tab in a browser: start a test, watch it, stop it, open the report."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from stampede.core.models.greedy_log import entitled_by
from stampede.core.network import free_port
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.loadtests.processes.locust_processes import locust_processes
from stampede.run_folder.read import read_run
from stampede.scenarios.plans import WEB, Plan
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack
from tests.pages.conftest import TIMEOUT_MS, WatchedPage

pytestmark = pytest.mark.slow

SMALL = {"records": 2_000, "ttl_s": 0.2, "load_cpu_ms": 0.2, "load_wait_ms": 0.8, "rtt_ms": 0.0}
BASE = "/load"


@dataclass(frozen=True)
class ServedPage:
    """A Locust page that is being served."""

    address: str
    folder: Path
    config: RunConfig

    def live(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.address}/stampede/live.json") as answer:
            return json.loads(answer.read())  # type: ignore[no-any-return]

    def entitled(self, seed: int) -> int:
        """The number of a cell's calls that a perfect limiter admits."""
        scenario = self.config.scenario("rate-limit-flood")
        flood = scenario.flood
        assert flood is not None
        due_ns, subjects = flood.calls(scenario.warm_up_s + scenario.window_s, seed)
        return len(entitled_by(due_ns, subjects, flood.limit, flood.window_s))


@pytest.fixture(scope="module")
def served(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPage]:
    """Locust's page below a base path, with two application servers."""
    bench_config = BenchConfig(
        plan=Plan(name=WEB, rounds=1, scenarios=("read-mostly", "rate-limit-flood"), aa_copy=False, windows=2),
        workload=WorkloadFile(common=SMALL),
        runs=tmp_path_factory.mktemp("runs"),
    )
    config, _ = prepare_run(bench_config, stack, lambda _line: None)
    port = free_port()
    with locust_processes(config, stack, web_port=port, base_path=BASE) as (master, _, _progress):
        served = ServedPage(f"http://127.0.0.1:{port}{BASE}", Path(config.folder), config)
        while not_yet(served):
            assert master.poll() is None, (served.folder / "locust-master.log").read_text()
        yield served
    for log in served.folder.glob("locust-*.log"):
        text = log.read_text()
        assert "Uncaught exception in event handler" not in text, text
        assert "failed with" not in text, text  # gevent's message about a greenlet that died


def not_yet(served: ServedPage) -> bool:
    """Whether the page does not answer yet, or an application server is missing."""
    try:
        with urllib.request.urlopen(f"{served.address}/stats/requests", timeout=20) as answer:
            return len(json.loads(answer.read())["workers"]) < 2
    except OSError:
        return True


def until(page: Page, holds: Callable[[], bool], details: Callable[[], object] = lambda: "") -> None:
    for _ in range(TIMEOUT_MS // 100):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the condition did not become true: {details()}")


def choose(page: Page, field: str, value: str) -> None:
    page.get_by_role("combobox", name=re.compile(f"^{field} ")).select_option(value)


def figure(page: Page, key: str) -> float:
    """The current value in a chart's caption."""
    value = page.locator(f"#stampede [data-chart={key}] figcaption").get_attribute("data-value")
    return float(value or "nan")


def test_a_run_can_be_started_watched_and_stopped_and_its_report_opened(
    served: ServedPage, watched: WatchedPage
) -> None:
    """The form starts a run at the chosen rate, the Cache tab updates, and after a stop the report opens."""
    page = watched.page
    page.goto(f"{served.address}/")
    page.get_by_text("Custom parameters").click()
    choose(page, "Rate", "100")
    choose(page, "Query Weight", "light: 0.2 ms CPU, 0.8 ms waiting")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("tab", name="Cache").click()
    expect(page.locator("#stampede [data-chart=p99_us] figcaption")).to_be_visible()
    first = figure(page, "p50_us")
    page.wait_for_function(
        "first => document.querySelector('#stampede [data-chart=p50_us] figcaption').dataset.value != first",
        arg=first,
    )
    assert 0 <= figure(page, "hit_pct") <= 100
    assert figure(page, "memory_mb") > 0
    expect(page.get_by_role("cell", name="cache-aside").first).to_be_visible()
    page.wait_for_function("() => fetch('stampede/cache.csv').then(a => a.text()).then(t => t.includes('cache-aside'))")
    until(page, lambda: bool(read_run(served.folder).done))
    done = read_run(served.folder).done
    page.get_by_role("button", name="Stop").click()
    link = page.get_by_role("link", name="Open the report")
    expect(link).to_be_visible()
    with page.expect_popup() as opening:
        link.click()
    report = opening.value
    report.wait_for_load_state()
    assert done[0].scenario == "read-mostly-at-100-per-s-light-loads"
    expect(report.locator("body")).to_contain_text(done[0].scenario)
    with page.expect_download() as download:
        page.evaluate("() => { location.href = 'stampede/report.html?download=1' }")
    assert Path(download.value.path()).stat().st_size > 50_000
    rows = read_run(served.folder).samples
    mine = rows[(rows["cell"] == done[0].id) & rows["operation"].isin(["read", "write"])]
    seconds = (mine["due_ns"].max() - mine["due_ns"].min()) / 1e9
    assert len(mine) / seconds == pytest.approx(100, rel=0.35)  # Poisson: five standard deviations of 200 requests


def test_the_tab_shows_admitted_and_refused_calls_of_a_limiter(served: ServedPage, watched: WatchedPage) -> None:
    """The totals equal those of the samples, and `entitled` equals the calls that a perfect limiter admits."""
    page = watched.page
    page.goto(f"{served.address}/")
    form: dict[str, str | float | bool] = {
        "user_count": "64",
        "spawn_rate": "64",
        "scenario": "rate-limit-flood",
        "contender": "sliding-log",
    }
    form |= {"rate": "as in the workload", "query_weight": "as in the workload"}
    until(page, lambda: not not_yet(served))
    before = len(read_run(served.folder).done)
    assert page.request.post(f"{served.address}/swarm", form=form).json()["success"] is True
    until(page, lambda: len(read_run(served.folder).done) > before)
    page.request.post(f"{served.address}/stop")
    until(page, lambda: not served.live()["awake"], served.live)
    until(page, lambda: row_of(served)["admitted"] >= decided(served, True) > 0, served.live)
    row = row_of(served)
    assert row["refused"] >= decided(served, False) > 0
    mine = [cell for cell in read_run(served.folder).info.cells if cell.contender == "sliding-log"]
    whole = sum(served.entitled(cell.seed) for cell in mine if cell.status == "done")
    assert whole <= row["entitled"] <= whole + sum(served.entitled(cell.seed) for cell in mine if cell.status != "done")
    assert row["hit_pct"] is None


def row_of(served: ServedPage) -> dict[str, Any]:
    return next(row for row in served.live()["rows"] if row["contender"] == "sliding-log")


def decided(served: ServedPage, allowed: bool) -> int:
    """The number of such decisions in the finished cells."""
    samples = read_run(served.folder).samples
    return int((samples["allowed"].dropna().astype(bool) == allowed).sum())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"contender": "sliding-log"}, "is no contender"),
        ({"rate": "7"}, "unknown rate"),
        ({"user_count": "65"}, "wanted 1 to 64"),
        ({"scenario": "rate-limit-flood", "contender": "sliding-log", "rate": "100"}, "has a fixed rate"),
    ],
)
def test_a_form_that_cannot_be_run_is_refused_on_the_page(
    served: ServedPage, watched: WatchedPage, changed: dict[str, str | float | bool], message: str
) -> None:
    """The refusal contains the reason, and no user starts."""
    form: dict[str, str | float | bool] = {
        "user_count": "64",
        "spawn_rate": "64",
        "scenario": "read-mostly",
        "contender": "cache-aside",
    }
    answer = watched.page.request.post(f"{served.address}/swarm", form=form | changed).json()
    assert answer["success"] is False
    assert message in answer["message"]
