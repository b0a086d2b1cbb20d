"""What the report says about the storage of records and about the user's own loader."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stampede.reports.compare.comparability import blocking, informative
from stampede.reports.metrics.loader_account import Counts, loader_account
from stampede.reports.output.html_report import render
from stampede.reports.output.panels.run_description import own_loader_text, storage_text
from stampede.reports.output.report_console import report_lines
from stampede.reports.output.report_model import read_report
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import AcceptedChange, RunInfo
from stampede.run_folder.write import RunWriter
from tests.reports.planted_runs.planted import plant, scenario

SOURCE = {"source": {"file": "my_source.py"}}
PRICE = AcceptedChange(
    query="book", column="price", how="numeric: Decimal from the database, str from the cache's JSON"
)


def info(**fields: Any) -> RunInfo:
    return RunInfo(plan="smoke", rounds=1, reference="cache-aside", seed=1, command="", started_utc="", **fields)


def test_the_report_names_the_serializer_and_each_accepted_change() -> None:
    assert storage_text(info()) == "Records are stored with json"
    changed = info(serializer="mine+zstd", serializer_file="mine.py", accepted_changes=[PRICE])
    assert storage_text(changed) == (
        "Records are stored with mine+zstd (mine.py). "
        "price: numeric: Decimal from the database, str from the cache's JSON; accepted"
    )


def test_the_page_has_both_and_a_folder_keeps_them(tmp_path: Path) -> None:
    folder = plant(
        tmp_path / "run", scenarios=[scenario("stampede", own_sql=True, **SOURCE)], contenders=("cache-aside",)
    )
    run = read_run(folder).info
    run.serializer, run.accepted_changes = "json+zstd", [PRICE]
    RunWriter(folder, run)
    assert read_run(folder).info.accepted_changes == [PRICE]
    page = render(folder).read_text()
    assert "Records are stored with json+zstd. price: numeric: Decimal from the database" in page
    assert "Your own loader my_source.py answered " in page
    assert "your own loader, simulated RTT" in page
    lines = [line.text for line in report_lines(read_report(folder))]
    assert lines[2].startswith("Records are stored with json+zstd. price: numeric: ")
    assert len(lines) <= 25


def test_a_comparison_of_runs_with_different_serializers_names_both() -> None:
    """They can be compared: what a serializer changes may be the question."""
    one, other = info(), info(serializer="msgpack")
    assert [str(difference) for difference in informative(one, other)] == ["serializer (json, msgpack)"]
    assert list(blocking(one, other)) == []


def counters(calls: float, statements: float | None, control: float, transactions: float) -> Counts:
    """What grew in a cell of two application servers."""
    known = {("process-0", "load"): calls / 2, ("process-1", "load"): calls / 4, ("process-1", "update"): calls / 4}
    known |= {("postgres", "database.xact_commit"): transactions, ("postgres", "database.xact_rollback"): 0.0}
    if statements is not None:
        known |= {("postgres", "statement.other.calls"): statements, ("postgres", "statement.control.calls"): control}
    return known


@pytest.mark.parametrize(
    ("statements", "control", "transactions", "too_few"),
    [
        (400.0, 0.0, 0.0, False),
        (1200.0, 800.0, 0.0, False),  # an ORM: BEGIN and COMMIT around each
        (1200.0, 801.0, 0.0, True),
        (399.0, 0.0, 400.0, True),
        (None, 0.0, 200.0, False),  # without pg_stat_statements: sessions report their transactions late
        (None, 0.0, 199.0, True),
    ],
)
def test_a_loader_that_answers_calls_without_the_database_is_found(
    statements: float | None, control: float, transactions: float, too_few: bool
) -> None:
    account = loader_account(SOURCE, counters(400.0, statements, control, transactions))
    assert account is not None
    assert account.calls == 400
    assert account.too_few is too_few


def test_there_is_no_account_of_a_loader_if_sql_ran() -> None:
    assert loader_account({}, counters(400.0, 1.0, 0.0, 0.0)) is None
    assert own_loader_text(info(scenarios=[replace(scenario("stampede"))]), []) == ""
