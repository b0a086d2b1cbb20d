"""An invalid answer fails the contender's cells at once, with one line that names the answer; the others continue."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.core.errors import BenchFailed, ConfigError
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config
from stampede.reports.output.html_report import render
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack
from tests.loadtests.whole_runs.shared_benches import TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow

LIMITER = """
from stampede.patterns.rate_limiting.rate_limiter import Decision, RateLimiter, Strict

class Wrong(RateLimiter):
    summary = "admits all and answers wrongly"

    @classmethod
    def contract_for(cls, config):
        return Strict(limit=config.limit, window_s=config.window_s)

    def hit(self, subject):
        self.redis.ping()
        later = not subject.startswith("warm-up")
        sound = dict(allowed=True, limit=1, remaining=0, retry_after_s=0.0, reset_after_s=0.0)
        return {answer}
"""
PATTERN = """
import asyncio
from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee

async def later(record):
    await asyncio.sleep(0.01)
    return record

class Wrong(CachePattern):
    summary = "no cache, and wrong answers"
    guarantees = frozenset({{Guarantee.READ_AFTER_WRITE}})

    def get(self, record_id):
        record = self.source.load(record_id)
        return {read}

    def update(self, record_id, changes):
        record = self.source.update(record_id, changes)
        return {write}

    def invalidate(self, record_id):
        pass
"""
LIMITERS = {
    "half_a_call": ("Decision(**sound | (dict(remaining=0.5) if later else {}))", "Decision.remaining: 0.5"),
    "a_verdict": ("True", "hit: 'an answer of type bool'"),
    "never_again": ("Decision(**sound | dict(reset_after_s=float('inf')))", "Decision.reset_after_s: inf"),
}
PATTERNS = {
    "raw_bytes": ("b'row'", "record", "get: 'an answer of type bytes'"),
    "unversioned": ("{'id': record_id}", "record", "column version: None"),
    "counted_rows": ("record", "1", "update: 'an answer of type int'"),
    "loops": ("getattr(asyncio, 'run')(later(record))", "record", "asynchronous libraries are not supported yet"),
}


def written(folder: Path) -> dict[str, str]:
    """Write the contenders' files. Returns the expected error of each, by path."""
    expected_errors = {}
    for name, (answer, what) in LIMITERS.items():
        (folder / f"{name}.py").write_text(LIMITER.format(answer=answer))
        expected_errors[str(folder / f"{name}.py")] = what
    for name, (read, write, what) in PATTERNS.items():
        (folder / f"{name}.py").write_text(PATTERN.format(read=read, write=write))
        expected_errors[str(folder / f"{name}.py")] = what
    return expected_errors


@pytest.fixture(scope="module")
def expected_errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return written(tmp_path_factory.mktemp("contenders"))


def wrong_config(home: Path) -> BenchConfig:
    folder = home / "contenders"
    folder.mkdir()
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("read-mostly", "rate-limit-flood"), rounds=1, aa_copy=False),
        workload=WorkloadFile(common={"records": 2_000, "read_share": 0.8}),
        contenders=("cache-aside", "fixed-window"),
        own_contenders=tuple(written(folder)),
    )


BENCHES = (SharedBench(name="wrong answers", processes=TWO_PROCESSES, config=wrong_config),)


@pytest.fixture(scope="module")
def run(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


def shown(path: str) -> str:
    return Path(path).stem.replace("_", "-")


def test_the_cells_of_a_wrong_contender_fail_with_the_line_that_names_its_answer(
    run: Run, expected_errors: dict[str, str]
) -> None:
    for path, what in expected_errors.items():
        cells = [cell for cell in run.info.cells if cell.contender == shown(path)]
        assert cells, path
        for cell in cells:
            assert cell.status == "failed"
            assert what in cell.why, path
            assert "\n" not in cell.why


def test_the_cells_of_the_others_are_finished(run: Run, expected_errors: dict[str, str]) -> None:
    wrong = {shown(path) for path in expected_errors}
    others = [cell for cell in run.info.cells if cell.contender not in wrong]
    assert {"cache-aside", "fixed-window"} <= {cell.contender for cell in others}
    assert {cell.status for cell in others} == {"done"}


def test_the_line_is_a_remark_and_appears_in_the_report(run: Run, expected_errors: dict[str, str]) -> None:
    remarks = {remark["name"]: remark["what"] for remark in run.info.remarks}
    page = render(run.folder).read_text()
    for path in expected_errors:
        assert remarks[shown(path)].startswith(shown(path))
        assert f"{shown(path)}: " in page


def test_a_run_in_which_no_cell_finished_has_failed(
    stack: Stack, expected_errors: dict[str, str], tmp_path: Path
) -> None:
    config = BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("stampede",), rounds=1, aa_copy=False),
        workload=WorkloadFile(common={"records": 2_000}),
        own_contenders=tuple(path for path in expected_errors if "unversioned" in path),
        reference="unversioned",
        processes=1,
        runs=tmp_path,
    )
    run_config, _ = prepare_run(replace(config, contenders=("cache-aside",)), stack, lambda _line: None)
    only = replace(run_config, cells=tuple(cell for cell in run_config.cells if cell.contender == "unversioned"))
    with pytest.raises(BenchFailed, match="no cell finished: unversioned: get, column version: None"):
        run_bench(only, stack, lambda _event: None)


NEIGHBOUR = """
import sys
from pathlib import Path
sys.path.append({folder})
import shared_words
from stampede.patterns.caching.no_cache import NoCache

class Own(NoCache):
    summary = shared_words.SUMMARY
"""


def test_a_file_that_only_this_process_can_import_is_refused_before_a_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative folder in sys.path is relative to the command's directory, which application servers do not share."""
    (tmp_path / "shared_words.py").write_text("SUMMARY = 'a word'")
    (tmp_path / "relative_words.py").write_text(NEIGHBOUR.format(folder="'.'"))
    (tmp_path / "absolute_words.py").write_text(NEIGHBOUR.format(folder="str(Path(__file__).parent)"))
    monkeypatch.chdir(tmp_path)
    config = BenchConfig(plan=find_plan("smoke"), own_contenders=("absolute_words.py",))
    assert check_bench_config(config)
    with pytest.raises(ConfigError) as caught:
        check_bench_config(replace(config, own_contenders=("relative_words.py",)))
    line = str(caught.value)
    assert "relative_words.py" in line
    assert "No module named 'shared_words'" in line
    assert "Path(__file__).parent" in line
    assert "\n" not in line
