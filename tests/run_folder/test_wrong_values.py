"""A run folder with changed values is read, or refused in one line that names the place."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stampede.core.errors import RunFolderError
from stampede.run_folder.races_json import (
    ExplorationInfo,
    InvariantInfo,
    RacesInfo,
    SituationInfo,
    StepInfo,
    VerdictInfo,
    read_races,
)
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ExperimentInfo
from tests.reports.planted_runs.planted import plant, scenario

Step = str | int
WRONG: tuple[Any, ...] = (None, True, -1, 10**30, 1.5, float("nan"), float("inf"), "x", [], {}, [[]], {"x": None})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two cells, one of them done. Every part of run.json has a value."""
    folder = tmp_path_factory.mktemp("run") / "run"
    plant(
        folder,
        rounds=1,
        contenders=["cache-aside", "no-cache"],
        scenarios=[scenario("stampede")],
        unfinished=frozenset([2]),
    )
    path = folder / "run.json"
    run = json.loads(path.read_text())
    run["remarks"] = [{"name": "rights", "what": "no INFO", "cost": "no memory"}]
    run["metadata"] = {
        "machine": {"system": "Linux", "cpu": "a CPU", "cores": 2, "memory_bytes": 2**33},
        "python": "3.13.1",
        "packages": {"redis": "8.1.0", "lz4": None},
        "commit": None,
        "clean": True,
        "servers": {
            "stack": "embedded",
            "redis": {"name": "Valkey", "version": "9.1.2", "settings": {"maxmemory": "0"}, "allocator": "libc"},
        },
        "workers": {"machines": [{"host": "a"}]},
    }
    run["contenders"][0] |= {"client": {"socket_timeout_s": 5.0, "retries": 10}, "config": {"ttl_s": 1.0}}
    fault = {"what": "killed", "begins_share": 0.3, "lasts_share": 0.2, "loses_data": True, "server": "Redis"}
    run["scenarios"][0]["fault"] = fault
    experiment = ExperimentInfo(
        name="eviction", question="?", application="a", expectation="e", settings={"threads": 2}
    )
    run["experiments"] = [asdict(experiment)]
    path.write_text(json.dumps(run))
    read_run(folder)
    return folder


def places(value: Any, before: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The place of every value, including objects and lists."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in inner:
        yield from places(child, (*before, step))


def replaced(data: Any, place: tuple[Step, ...], value: Any) -> Any:
    """A copy of the data with another value at that place."""
    if not place:
        return value
    copy = deepcopy(data)
    at = copy
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return copy


def reads_or_refuses(folder: Path, data: Any) -> str:
    """The line with which the run is refused. Empty: it is read. Fails on any other exception."""
    (folder / "run.json").write_text(json.dumps(data))
    try:
        read_run(folder)
    except RunFolderError as error:
        line = str(error)
        assert "\n" not in line
        assert "run.json" in line or ".parquet" in line
        assert "wanted:" in line
        return line
    return ""


def test_any_other_value_is_read_or_refused_in_one_line(folder: Path) -> None:
    whole = json.loads((folder / "run.json").read_text())
    lines = [reads_or_refuses(folder, replaced(whole, place, value)) for place in places(whole) for value in WRONG]
    (folder / "run.json").write_text(json.dumps(whole))
    assert len(lines) > 1000
    assert sum(bool(line) for line in lines) > len(lines) / 2


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_is_read_or_refused_in_one_line(folder: Path, data: st.DataObject) -> None:
    whole = json.loads((folder / "run.json").read_text())
    place = data.draw(st.sampled_from(sorted(places(whole), key=str)))
    try:
        reads_or_refuses(folder, replaced(whole, place, data.draw(JSON)))
    finally:
        (folder / "run.json").write_text(json.dumps(whole))


WRONG_IN_RUN = {
    "started_utc": (("started_utc",), 3, "$.started_utc is int (wanted: str)"),
    "metadata": (("metadata",), [], "$.metadata is array"),
    "cores": (("metadata", "machine", "cores"), "two", "$.metadata.machine.cores is str"),
    "remarks": (("remarks",), {}, "$.remarks is object"),
    "a remark without what": (("remarks",), [{"name": "x"}], "$.remarks[0] has no what"),
    "a cell's id": (("cells", 1, "id"), "two", "$.cells[1].id is str (wanted: int)"),
    "a cell's id, again": (("cells", 1, "id"), 1, "$.cells[1].id is 1 again"),
    "a cell's round": (("cells", 0, "round"), None, "$.cells[0].round is null (wanted: int)"),
    "a cell's status": (("cells", 0, "status"), "maybe", "$.cells[0].status is 'maybe'"),
    "an instant": (("cells", 0, "begin_ns"), 1.5, "$.cells[0].begin_ns is float"),
    "an instant that is too large": (("cells", 0, "deadline_ns"), 10**30, "$.cells[0].deadline_ns"),
    "instants that go back": (("cells", 0, "window_end_ns"), 1, "its times go back"),
    "a workload": (("scenarios", 0, "workload"), "fast", "$.scenarios[0].workload is str"),
    "a rate": (("scenarios", 0, "workload", "rate_per_s"), None, "$.scenarios[0].workload.rate_per_s is null"),
    "an endless TTL": (("scenarios", 0, "workload", "ttl_s"), float("inf"), "$.scenarios[0].workload.ttl_s"),
    "measured": (("scenarios", 0, "measured"), {"load_ms": "40"}, "$.scenarios[0].measured[...] is str"),
    "a window": (("scenarios", 0, "window_s"), 0, "$.scenarios[0].window_s is 0"),
    "guarantees": (("contenders", 0, "guarantees"), "all", "$.contenders[0].guarantees is str"),
    "a name twice": (("contenders", 1, "name"), "cache-aside", "$.contenders[1].name is 'cache-aside' again"),
    "a schema that is true": (("schema",), True, "schema True"),
}


@pytest.mark.parametrize("name", WRONG_IN_RUN)
def test_line_names_place_and_wanted_type(folder: Path, name: str) -> None:
    whole = json.loads((folder / "run.json").read_text())
    place, value, says = WRONG_IN_RUN[name]
    try:
        line = reads_or_refuses(folder, replaced(whole, place, value))
    finally:
        (folder / "run.json").write_text(json.dumps(whole))
    assert says in line


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema": 2, "remarks": ' + "[" * 5_000 + "]" * 5_000 + "}"])
def test_deep_nesting_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunFolderError, match=r"nested too deeply|is array|missing"):
        read_run(tmp_path)


def test_unknown_keys_are_left_out(folder: Path) -> None:
    whole = json.loads((folder / "run.json").read_text())
    try:
        more = deepcopy(whole) | {"later": 1}
        more["cells"][0]["later"] = {"x": 1}
        assert reads_or_refuses(folder, more) == ""
    finally:
        (folder / "run.json").write_text(json.dumps(whole))


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a races.json in which every part has a value."""
    folder = tmp_path_factory.mktemp("races")
    step = StepInfo(client="a", label="GET", server="redis", database={"1": 1}, cache={"user:1": "v1"})
    verdict = VerdictInfo(
        contender="mine",
        situation="two readers",
        invariant="one load",
        verdict="broken",
        guaranteed=True,
        schedules=3,
        complete=True,
        shortest=[step],
    )
    exploration = ExplorationInfo(
        contender="mine", situation="two readers", schedules=3, complete=True, replays=4, round_trips=20, seconds=0.1
    )
    RacesInfo(
        started_utc="2026-01-01T00:00:00+00:00",
        command="stampede races",
        bound=5,
        contenders=[{"name": "mine", "summary": "mine", "guarantees": [], "file": None}],
        situations=[SituationInfo(name="two readers", said="get | get", adversary="nothing")],
        invariants=[InvariantInfo(name="one load", says="one load")],
        explorations=[exploration],
        verdicts=[verdict],
        metadata={"servers": {"stack": "embedded", "redis": {"name": "Valkey", "version": "9"}}},
    ).write(folder)
    return folder


def test_any_other_value_in_races_json_is_read_or_refused(explored: Path) -> None:
    path = explored / "races.json"
    assert read_races(explored).verdicts[0].shortest[0].label == "GET"
    whole = json.loads(path.read_text())
    refused = 0
    for place in places(whole):
        for value in WRONG:
            path.write_text(json.dumps(replaced(whole, place, value)))
            try:
                read_races(explored)
            except RunFolderError:
                refused += 1
    path.write_text(json.dumps(whole))
    assert refused > 200
