"""A bench over the user's own loader, through SQLAlchemy, in Locust's processes."""

from collections.abc import Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.reports.analysis.analysis import analyse
from stampede.run_folder.read import Run, read_run
from stampede.run_folder.run_warnings import COUNTS_DIFFER
from stampede.stack.servers import Stack
from tests.loadtests.bench.own_sources import SQLALCHEMY, TABLE, written

pytestmark = pytest.mark.slow

WORKLOAD = """
rate_per_s = 100
users_per_process = 8

[scenario.stampede]
ttl_s = 0.25
read_share = 0.8
"""


@pytest.fixture(scope="module")
def own_run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("loader")
    (folder / "w.toml").write_text(WORKLOAD)
    source = written(folder, SQLALCHEMY.replace("shelf", "stall"))
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA stall")
        connection.execute(TABLE.replace("shelf", "stall"))
        connection.execute("ALTER TABLE stall.books ADD PRIMARY KEY (id)")
        command = ["bench", "--plan", "smoke", "--scenario", "stampede", "--only", "cache-aside", "--source", source]
        command += ["--postgres", stack.postgres.url, "--redis", stack.redis.url]
        command += ["--workload", str(folder / "w.toml"), "--runs", str(folder / "runs")]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        (run_folder,) = (folder / "runs").iterdir()
        yield read_run(run_folder)
        connection.execute("DROP SCHEMA stall CASCADE")


def test_reads_and_writes_go_through_the_users_class_in_every_process(own_run: Run) -> None:
    samples = own_run.samples
    assert [cell.status for cell in own_run.info.cells] == ["done"] * len(own_run.info.cells)
    assert samples["error"].isna().all()
    assert set(samples["operation"]) == {"read", "write"}
    assert set(samples["process"]) == {0, 1}
    mine = samples[samples["contender"] == "cache-aside"]
    assert (mine.loc[mine["operation"] == "read", "loads"] > 0).any()
    assert mine.loc[mine["operation"] == "write", "version_written"].notna().all()
    assert mine.loc[mine["operation"] == "write", "commit_end_ns"].notna().all()


def test_postgresqls_totals_agree_and_the_report_says_what_was_compared(own_run: Run) -> None:
    assert all(warning.kind is not COUNTS_DIFFER for warning in analyse(own_run).warnings)
    page = (own_run.folder / "report.html").read_text()
    assert "my_source.py answered " in page
    assert "reads of statistics (pg_stat_statements" in page


def test_freshness_is_judged_by_the_version_of_the_class(own_run: Run) -> None:
    assert own_run.info.scenarios[0].workload["versioned"] is True
    assert own_run.samples["version_read"].notna().any()
