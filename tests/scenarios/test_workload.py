"""The workload file: every value has a default, and an error names the wrong value and what was wanted."""

from pathlib import Path

import pytest

from stampede.core.errors import ConfigError
from stampede.core.files import SOURCES
from stampede.scenarios.plans import PLANS, find_plan
from stampede.scenarios.scenario import find_scenario, scenarios
from stampede.scenarios.workload import Workload, WorkloadFile, read_workload

TEMPLATE = SOURCES / "stampede" / "file_templates" / "workload.txt"
KNOWN = frozenset({"read-mostly", "stampede"})


def read(tmp_path: Path, text: str) -> WorkloadFile:
    path = tmp_path / "w.toml"
    path.write_text(text)
    return read_workload(path, KNOWN)


def test_template_contains_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, TEMPLATE.read_text(encoding="utf-8")).applied("read-mostly", {}) == Workload()


def test_values_for_a_scenario_have_priority(
    tmp_path: Path,
) -> None:
    given = read(tmp_path, "rate_per_s = 50\nttl_s = 9.0\n[scenario.stampede]\nttl_s = 0.25\n")
    applied = given.applied("stampede", {"rate_per_s": 200.0, "ttl_s": 0.5})
    assert (applied.rate_per_s, applied.ttl_s) == (200.0, 0.25)
    assert given.applied("read-mostly", {}).rate_per_s == 50


def test_user_limit_applies_to_all_limiters_and_calls_change_in_proportion(
    tmp_path: Path,
) -> None:
    given = read(tmp_path, "[limiter]\nlimit = 100\nwindow_s = 5\n").limits
    flood = find_scenario("rate-limit-flood")
    usual, own = flood.flood, flood.limited(given).flood
    assert usual is not None
    assert own is not None
    assert (own.limit, own.window_s, own.burst, own.caller_groups) == (100, 5, usual.burst, usual.caller_groups)
    calls = [len(f.calls(4 * f.window_s, seed=1)[0]) / f.limit for f in (usual, own)]
    assert calls[1] == pytest.approx(calls[0], rel=0.1)
    assert find_scenario("stampede").limited(given) is find_scenario("stampede")


def test_own_sql_without_an_update_reads_only(tmp_path: Path) -> None:
    given = read(tmp_path, '[sql]\nload = "SELECT 1 AS x WHERE %(id)s > 0"\nids = "SELECT 1"\n')
    workload = given.applied("read-mostly", {})
    assert (workload.read_share, workload.versioned) == (1.0, False)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rate_per_s = 0", "rate_per_s"),
        ("ttl_s = -1.0", "ttl_s"),
        ("read_share = 1.5", "read_share"),
        ('records = "many"', "records"),
        ("records = 1.5", "records"),
        ("records = true", "records"),
        ("wrong = 1", "wrong"),
        ("record_bytes = 10", "record_bytes"),
        ('arrivals = "sometimes"', "arrivals"),
        ("[scenario.nowhere]\nttl_s = 1.0", "nowhere"),
        ("[scenario.stampede]\nwrong = 1", "wrong"),
        ('[sql]\nload = "SELECT 1"\nids = "SELECT 1"', "sql.load"),
        ('[sql]\nload = "SELECT %(id)s"', "sql.ids"),
        ('load_cpu_ms = 1.0\n[sql]\nload = "SELECT %(id)s"\nids = "SELECT 1"', "load_cpu_ms"),
        ("rate_per_s = ", "workload"),
        ("[limiter]\nlimit = 0", "limit"),
        ("[limiter]\nlimit = 1.5", "limiter.limit"),
        ('[limiter]\nwindow_s = "long"', "limiter.window_s"),
        ("[limiter]\nrate = 1", "limiter.rate"),
        ("limiter = 3", "limiter"),
    ],
)
def test_wrong_value_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as refused:
        read(tmp_path, text).applied("stampede" if "scenario" in text else "read-mostly", {})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('records = "many"', ": records: 'many' (wanted: a whole number)"),
        ("records = 1.0", ": records: 1.0 (wanted: a whole number)"),
        ("ttl_s = true", ": ttl_s: True (wanted: a number)"),
        ('arrivals = "sometimes"', ": arrivals: 'sometimes' (wanted: poisson, constant or closed)"),
        ("arrivals = 3", ": arrivals: 3 (wanted: poisson, constant or closed)"),
        ("[scenario.stampede]\nttl_s = []", ": scenario.stampede: ttl_s: [] (wanted: a number)"),
        ("scenario.stampede = 1", ": scenario.stampede: 1 (wanted: a table)"),
        ("limiter = 3", ": limiter: 3 (wanted: a table)"),
        ("[limiter]\nburst = 1.5", ": limiter.burst: 1.5 (wanted: a whole number)"),
        ("[limiter]\nkey_prefix = 'x'", ": limiter.key_prefix: 'x' (wanted: one of limit, window_s, burst)"),
        ("sql = 1", ": sql: 1 (wanted: a table)"),
        ("[sql]\nload = 1", ": sql.load: 1 (wanted: text)"),
        ("[sql]\nload = '%(id)s'", ": sql.ids: None (wanted: a statement: it is required)"),
        (
            "[sql]\nselect = ''",
            ": sql.select: '' (wanted: one of load, ids, update, create, version, entity, accept_changed)",
        ),
    ],
)
def test_error_names_file_field_value_and_wanted_value(tmp_path: Path, text: str, line: str) -> None:
    """The error is one line with the value's repr."""
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert str(refused.value) == f"{tmp_path / 'w.toml'}{line}"


def test_unknown_field_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """The line names every field of a workload."""
    with pytest.raises(ConfigError, match=r"wrong: 1 \(wanted: one of rate_per_s, arrivals, .*users_per_process\)$"):
        read(tmp_path, "wrong = 1")


def test_a_whole_number_stays_one(tmp_path: Path) -> None:
    """A run folder says 300 where the file does, not 300.0."""
    found = read(tmp_path, "rate_per_s = 300\n[limiter]\nwindow_s = 5\n")
    assert type(found.common["rate_per_s"]) is int
    assert type(found.limits["window_s"]) is int


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workload"):
        read_workload(tmp_path / "none.toml", KNOWN)


def test_every_scenario_of_a_plan_has_a_valid_workload() -> None:
    for plan in PLANS.values():
        for name in plan.scenarios:
            WorkloadFile().applied(name, find_scenario(name).overrides)


@pytest.mark.parametrize("find", [find_plan, find_scenario])
def test_unknown_name_is_refused_with_the_known_ones(find: object) -> None:
    with pytest.raises(ConfigError, match="one of"):
        find("nothing")  # type: ignore[operator]


def test_an_unknown_scenario_may_be_a_file() -> None:
    """The refusal of a name says that a path is possible, too: a user's own scenario is known by its file."""
    with pytest.raises(ConfigError, match=r"or a path to a \.py file"):
        find_scenario("evening")


def test_every_scenario_has_its_texts() -> None:
    for scenario in scenarios().values():
        assert scenario.question.endswith("?")
        assert scenario.application
        assert scenario.expectation
