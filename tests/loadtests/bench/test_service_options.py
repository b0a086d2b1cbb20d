"""The options of a bench of a web service, and the kind of a statement by its text."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core.errors import ConfigError
from stampede.loadtests.bench.service.accounts.statement_counts import kind_of
from stampede.loadtests.bench.service.accounts.statement_sampler import CountedQueries, hot_statement
from stampede.loadtests.bench.service.calls.service_load import draw_calls
from stampede.loadtests.bench.service.calls.service_target import ServiceTarget, read_ids
from stampede.loadtests.bench.service.service_config import ServiceBenchConfig, chosen_scenarios
from stampede.loadtests.bench.service.service_options import GivenService, read_target, service_config
from stampede.scenarios.workload import Workload

PLAIN: dict[str, Any] = {"service": "http://127.0.0.1:8000", "get": "/products/{id}"}


@pytest.mark.parametrize(
    ("given_values", "field"),
    [
        ({"service": "127.0.0.1:8000"}, "service"),
        ({"service": "ftp://host"}, "service"),
        ({"service": "http://user:secret@host"}, "service"),
        ({"service": "http://host:99999"}, "service"),
        ({"get": None}, "get"),
        ({"get": "/products"}, "get"),
        ({"get": "products/{id}"}, "get"),
        ({"get": "/products/{id}/{other}"}, "get"),
        ({"put": "/products"}, "put"),
        ({"put": "/p/{id}", "write_method": "DELETE"}, "write-method"),
        ({"put": "/p/{id}", "body": '{"price": {number}'}, "body"),
        ({"put": "/p/{id}", "body": "no-such-file.json"}, "body"),
        ({"body": "{}"}, "body"),
        ({"ids": "5-1"}, "ids"),
        ({"ids": "no-such-file.txt"}, "ids"),
        ({"version_field": "data..version"}, "version-field"),
        ({"token_file": Path("no-such-file")}, "token-file"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(given_values: dict[str, Any], field: str) -> None:
    """No request is sent, and no secret is in the message."""
    with pytest.raises(ConfigError) as refused:
        read_target(GivenService(**{**PLAIN, **given_values}))
    assert refused.value.field == field
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("values", "rate", "field"),
    [
        ({}, "auto", "rate"),
        ({}, "6000", "rate"),
        ({"scenarios": ("cold-start",)}, None, "scenario"),
        ({"scenarios": ("mixed-writes",)}, None, "scenario"),
    ],
)
def test_a_bench_refuses_what_a_service_cannot_have(values: dict[str, Any], rate: str | None, field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        service_config(GivenService(**PLAIN), compared_with="none", rate=rate, plan="quick", rounds=8, **values)
    assert refused.value.field == field


def test_scenarios_that_lack_an_option_are_skipped_with_a_remark() -> None:
    """Without --put nothing is written, without a TTL no hot key is watched; both are said."""
    target = ServiceTarget(base="http://127.0.0.1:1", get="/{id}", ids=("1",))
    scenarios, remarks = chosen_scenarios(ServiceBenchConfig(target=target, plan="quick", rounds=8))
    assert [each.scenario.name for each in scenarios] == ["read-mostly"]
    assert {remark.name for remark in remarks} == {"mixed-writes", "stampede"}


def test_the_window_of_a_hot_key_is_a_whole_number_of_ttls() -> None:
    target = ServiceTarget(base="http://127.0.0.1:1", get="/{id}", ids=("1", "2"))
    config = ServiceBenchConfig(target=target, plan="quick", rounds=8, ttl_s=0.7, scenarios=("stampede",))
    ((scenario,), _) = chosen_scenarios(config)
    assert scenario.window_s / 0.7 == pytest.approx(8)
    assert scenario.workload.rate_per_s == 100
    assert scenario.workload.active_records == 1


@given(st.text(min_size=1, max_size=40))
def test_an_id_of_any_text_stays_one_segment_of_the_path(record_id: str) -> None:
    """Signs with a meaning in URLs are encoded, so that an id can name no other path."""
    target = ServiceTarget(base="http://127.0.0.1:1/api", get="/products/{id}/full", ids=(record_id,))
    path = target.read_path(0)
    assert path.startswith("/api/products/")
    assert path.endswith("/full")
    assert path.isascii()
    assert path.count("/") == 4
    assert not set(path) & set(" ?#\r\n")


def test_ids_come_from_a_range_or_a_file(tmp_path: Path) -> None:
    """A file keeps its order; empty lines and repetitions are left out."""
    file = tmp_path / "ids.txt"
    file.write_text("b-2\na-1\n\nb-2\n")
    assert read_ids("8-10") == ("8", "9", "10")
    assert read_ids(str(file)) == ("b-2", "a-1")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT id, title FROM products WHERE id = $1", "load"),
        ("select pg_sleep($1)", "load"),
        ("/* view */ SELECT * FROM products", "load"),
        ("WITH p AS (SELECT * FROM products) SELECT * FROM p", "load"),
        ("WITH p AS (UPDATE products SET n = $1 RETURNING *) SELECT * FROM p", "update"),
        ("UPDATE products SET title = $1", "update"),
        ("INSERT INTO products VALUES ($1)", "update"),
        ("BEGIN", "other"),
        ("COMMIT", "other"),
        ("SET application_name = $1", "other"),
        ("SELECT $1", "other"),
        ("select pg_catalog.version()", "other"),
        ("SELECT count(*) FROM pg_stat_activity", "other"),
        ("SELECT /* stampede: statement counts */ queryid FROM pg_stat_statements", "own"),
        ("", "other"),
    ],
)
def test_a_statement_has_a_kind_by_its_text(text: str, kind: str) -> None:
    """Queries of records count; transaction control, tests of connections and the suite's own readings do not."""
    assert kind_of(text) == kind


def queries(queryid: int, calls: int) -> list[CountedQueries]:
    return [CountedQueries(queryid=queryid, calls=1, after_ns=n, until_ns=n + 1) for n in range(calls)]


def test_the_statement_that_loads_the_record_is_the_costly_one_that_not_every_request_sends() -> None:
    """A session query in each request is passed over, unless nothing else is queried."""
    session, load, small = queries(1, 100), queries(2, 12), queries(3, 12)
    mean_ms = {1: 5.0, 2: 50.0, 3: 0.1}
    assert hot_statement([*session, *load, *small], mean_ms, reads=100) == 2
    assert hot_statement(session, mean_ms, reads=100) == 1
    assert hot_statement([], mean_ms, reads=100) is None


def test_requests_of_a_cell_are_the_same_for_each_service() -> None:
    """The same seed gives the same arrivals, ids and writes; another seed gives others."""
    workload = Workload(rate_per_s=200, read_share=0.7, records=50)
    assert draw_calls(workload, 50, 2.0, 7) == draw_calls(workload, 50, 2.0, 7)
    assert draw_calls(workload, 50, 2.0, 7) != draw_calls(workload, 50, 2.0, 8)
    calls = draw_calls(workload, 50, 2.0, 7)
    assert max(calls.positions) < 50
    assert {"read", "write"} == set(calls.operations)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--get", "/p/{id}"], "get: '/p/{id}' (wanted: --service with it"),
        (["--service", "http://127.0.0.1:9", "--get", "/p/{id}", "--only", "no-cache"], "only: ['no-cache']"),
        (["--service", "http://127.0.0.1:9", "--get", "/p/{id}", "--races"], "races: True (wanted: nothing"),
        (["--service", "http://127.0.0.1:9", "--get", "/p/{id}"], "a service that answers"),
        (["--service", "http://127.0.0.1:9", "--get", "/p/{id}", "--reference", "no-such"], "reference"),
    ],
)
def test_the_command_refuses_in_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Exit code 2, one line, and no run folder."""
    done = CliRunner().invoke(app, ["bench", "--runs", str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
