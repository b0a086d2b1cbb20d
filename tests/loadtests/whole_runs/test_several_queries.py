"""A bench of two queries on the user's servers: one has a uuid as its id, the other an id of two columns."""

import csv
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.reports.analysis.analysis import analyse
from stampede.reports.checks.cell_checks import count_differences
from stampede.run_folder.read import Run, read_run
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow

CONTENDERS = ("cache-aside", "refresh-ahead")
WORKLOAD = '''
rate_per_s = 150
users_per_process = 8
key_skew = 0.9

[[query]]
entity = "product"
weight = 2
load = "SELECT sku::text AS sku, title FROM two.products WHERE sku = %(id)s"
ids = "SELECT sku FROM two.products ORDER BY n"

[[query]]
name = "baskets"
entity = "basket"
weight = 1
load = """SELECT tenant, line, amount::text AS amount, version FROM two.baskets
    WHERE tenant = %(tenant)s AND line = %(line)s"""
ids = "SELECT tenant, line FROM two.baskets ORDER BY tenant, line"
update = """UPDATE two.baskets SET amount = amount + %(number)s, version = version + 1
    WHERE tenant = %(tenant)s AND line = %(line)s RETURNING tenant, line, amount::text AS amount, version"""
version = "version"
'''


@pytest.fixture(scope="module")
def mixed_run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("two")
    (folder / "w.toml").write_text(WORKLOAD)
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA two")
        connection.execute(
            "CREATE TABLE two.products AS SELECT n, md5(n::text)::uuid AS sku, 'thing ' || n AS title"
            " FROM generate_series(1, 40) AS n"
        )
        connection.execute(
            "CREATE TABLE two.baskets AS SELECT tenant, 'line ' || n AS line, n * 1.25 AS amount, 1 AS version"
            " FROM generate_series(1, 3) AS tenant, generate_series(1, 5) AS n"
        )
        command = ["bench", "--plan", "smoke", "--scenario", "mixed-writes", "--processes", "1"]
        command += [word for name in CONTENDERS for word in ("--only", name)]
        command += ["--postgres", stack.postgres.url, "--redis", stack.redis.url]
        command += ["--workload", str(folder / "w.toml"), "--runs", str(folder / "runs")]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        (run_folder,) = (folder / "runs").iterdir()
        yield read_run(run_folder)
        connection.execute("DROP SCHEMA two CASCADE")


def test_every_cell_ran_without_a_failed_request(mixed_run: Run) -> None:
    assert [cell.status for cell in mixed_run.info.cells] == ["done"] * len(mixed_run.info.cells)
    assert mixed_run.samples["error"].isna().all()


def test_samples_have_positions_and_only_the_query_with_an_update_writes(mixed_run: Run) -> None:
    """Products have the positions 0 to 39, baskets those from 40 on; two of three requests are of products."""
    samples = mixed_run.samples[mixed_run.samples["contender"] != "bare-get"]
    asked = samples[samples["operation"].isin(["read", "write"])]
    assert asked["key"].between(0, 54).all()
    assert 0.55 < (asked["key"] < 40).mean() < 0.78
    assert asked.loc[asked["operation"] == "write", "key"].min() >= 40
    assert asked.loc[asked["key"] < 40, "version_read"].isna().all()
    assert asked.loc[(asked["key"] >= 40) & (asked["operation"] == "read"), "version_read"].notna().all()


def test_the_databases_counts_of_each_query_equal_the_samples(mixed_run: Run) -> None:
    """Background refreshes included: they are attributed to the record of the request that spawned them."""
    cells = [cell for cell in analyse(mixed_run).cells if cell.contender.kind != "baseline"]
    assert {cell.contender.name for cell in cells} >= set(CONTENDERS)
    for cell in cells:
        assert count_differences(cell) == []
        for query in ("product", "baskets"):
            assert ("postgres", f"query.{query}.load.calls") in cell.counters
    assert any(cell.counters["postgres", "query.baskets.update.calls"] > 0 for cell in cells)


def test_each_query_has_its_figures(mixed_run: Run) -> None:
    """The requests of both queries add up to those of the scenario."""
    rows = list(csv.DictReader((mixed_run.folder / "queries.csv").open()))
    found = {(r["contender"], r["query"], r["metric"]): r["value"] for r in rows}
    summary = list(csv.DictReader((mixed_run.folder / "summary-mixed-writes.csv").open()))
    due = {r["contender"]: float(r["value"]) for r in summary if r["metric"] == "due" and r["value"]}
    for name in CONTENDERS:
        assert sum(float(found[name, query, "due"]) for query in ("product", "baskets")) == due[name]
    assert float(found["cache-aside", "product", "hit-rate"]) > 0
    assert "the figures of each query" in (mixed_run.folder / "report.html").read_text()


def test_a_wrong_query_ends_the_command_with_its_name_and_the_remedy(stack: Stack, tmp_path: Path) -> None:
    """One line with the file, the query, the key and the column; exit code 2; no run folder."""
    text = """[[query]]
        entity = "good"
        load = "SELECT 1 AS x WHERE %(id)s = 1"
        ids = "SELECT 1 AS id"
        [[query]]
        entity = "late"
        load = "SELECT 1 AS x WHERE %(id)s = 1"
        ids = "SELECT NULLIF(n, 2) AS id FROM generate_series(1, 3) AS n"
        """
    (tmp_path / "w.toml").write_text(text)
    command = ["bench", "--plan", "smoke", "--scenario", "stampede", "--only", "cache-aside"]
    command += ["--postgres", stack.postgres.url, "--redis", stack.redis.url]
    command += ["--workload", str(tmp_path / "w.toml"), "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert result.output.splitlines()[-1] == (
        f"stampede: {tmp_path / 'w.toml'}: query late.ids, column id, row 2: NULL"
        " (wanted: ids that are not NULL: WHERE id IS NOT NULL)"
    )
    assert not (tmp_path / "runs").exists()
