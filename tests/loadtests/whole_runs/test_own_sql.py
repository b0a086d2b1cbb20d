"""A bench with the user's own table and statements from one TOML file, on the user's servers."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.run_folder.read import Run, read_run
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow

WORKLOAD = '''
rate_per_s = 100
users_per_process = 8
read_share = 0.8

[sql]
load = "SELECT sku, title, price, added::text AS added FROM shop.products WHERE sku = %(id)s"
ids = "SELECT sku FROM shop.products ORDER BY sku"
update = """UPDATE shop.products SET title = %(text)s WHERE sku = %(id)s
    RETURNING sku, title, price, added::text AS added"""
accept_changed = ["price"]

[scenario.stampede]
ttl_s = 0.25
read_share = 0.8
'''


@pytest.fixture(scope="module")
def own_run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "w.toml").write_text(WORKLOAD)
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute(
            "CREATE TABLE shop.products AS SELECT n AS sku, 'title ' || n AS title, n::numeric / 7 AS price,"
            " now() AS added FROM generate_series(1, 50) AS n"
        )
        command = ["bench", "--plan", "smoke", "--scenario", "stampede", "--only", "cache-aside", "--only", "no-cache"]
        command += ["--postgres", stack.postgres.url, "--redis", stack.redis.url]
        command += ["--workload", str(folder / "w.toml"), "--runs", str(folder / "runs"), "--serializer", "json+zstd"]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        with redis.Redis.from_url(stack.redis.url) as client:
            left = list(client.scan_iter(f"{stack.key_prefix}record:*"))
        assert left == [], "a finished run leaves no entry on the user's Redis"
        (run_folder,) = (folder / "runs").iterdir()
        yield read_run(run_folder)
        connection.execute("DROP SCHEMA shop CASCADE")


def test_every_cell_ran_without_a_failed_request(own_run: Run) -> None:
    assert [cell.status for cell in own_run.info.cells] == ["done"] * len(own_run.info.cells)
    assert own_run.samples["error"].isna().all()
    assert set(own_run.samples["operation"]) == {"read", "write"}


def test_a_value_that_the_cache_would_change_ends_the_run_before_it_begins(stack: Stack, tmp_path: Path) -> None:
    """It prints one line with the file, the key, the column and a solution; exit code 2; no run folder."""
    (tmp_path / "w.toml").write_text(
        """[sql]
        load = "SELECT n AS id, now() AS seen FROM generate_series(1, 9) AS n WHERE n = %(id)s"
        ids = "SELECT n FROM generate_series(1, 9) AS n"
        """
    )
    command = ["bench", "--plan", "smoke", "--scenario", "stampede", "--only", "cache-aside"]
    command += ["--postgres", stack.postgres.url, "--redis", stack.redis.url]
    command += ["--workload", str(tmp_path / "w.toml"), "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    last = result.output.splitlines()[-1]
    assert last.startswith(f"stampede: {tmp_path / 'w.toml'}: sql.load, column seen: timestamp with time zone")
    assert last.endswith('seen::text AS seen; or accept_changed = ["seen"])')
    assert not (tmp_path / "runs").exists()


def test_the_run_records_its_serializer_and_the_accepted_change(own_run: Run) -> None:
    assert own_run.info.serializer == "json+zstd"
    found = [(change.column, change.how) for change in own_run.info.accepted_changes]
    assert found == [("price", "numeric: Decimal from the database, str from the cache's json+zstd")]
    page = (own_run.folder / "report.html").read_text()
    assert "Records are stored with json+zstd. price: numeric: Decimal from the database" in page


def test_only_the_users_ids_were_requested(own_run: Run) -> None:
    assert set(own_run.samples["key"]) == {0}  # the scenario stampede reads the first of the user's ids


def test_without_a_version_column_no_version_is_recorded_and_the_workload_is_unversioned(own_run: Run) -> None:
    assert own_run.samples["version_read"].isna().all()
    assert own_run.info.scenarios[0].workload["versioned"] is False


def test_on_the_users_servers_there_is_no_simulated_rtt_by_default(own_run: Run) -> None:
    assert own_run.info.scenarios[0].workload["rtt_ms"] == 0
    assert (own_run.samples["simulated_rtt_ns"] == 0).all()


def test_the_report_says_that_freshness_is_not_judged(own_run: Run) -> None:
    page = (own_run.folder / "report.html").read_text()
    assert "version column" in page
