"""Run folders of schema 1 and 2 use old names. Reading them gives the same run as reading the current names."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stampede.patterns.caching.cache_pattern import FaultModel, Guarantee
from stampede.run_folder.old_words import (
    COLUMNS,
    FAULT_MODELS,
    FIELDS,
    GUARANTEES,
    NEW_WORDS,
    VALUES,
    WORDS,
    table_with_current_values,
    with_current_words,
)
from stampede.run_folder.races_json import RacesInfo, SituationInfo, VerdictInfo, read_races
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import SAMPLES, SCHEMA, SERVERS, CellInfo, ContenderInfo, ScenarioInfo
from stampede.run_folder.write import RunWriter
from tests.reports.planted_runs.planted import plant, scenario
from tests.reports.planted_runs.planted_around import add_around

CONTENDERS = ["cache-aside", "bare-get", "cache-aside-again"]
FLOOD = {"limit": 8, "window_s": 0.4, "burst": None, "caller_groups": [{"profile": "drip", "subjects": 2}]}
FAULT = {"what": "kill redis", "begins_share": 0.3, "lasts_share": 0.2, "loses_data": True, "server": "Redis"}


def accounts(cell: CellInfo) -> list[tuple[Any, ...]]:
    return [
        ("coordinator", "cpu_s", 0.0, 0.1 * cell.id, "s"),
        ("process-0", "clock_uncertainty_ns", None, 400.0, "ns"),
    ]


@pytest.fixture
def current(tmp_path: Path) -> Path:
    """A planted run that contains every renamed field, value and column."""
    folder = plant(
        tmp_path / "current",
        rounds=1,
        contenders=CONTENDERS,
        scenarios=[replace(scenario("stampede"), fault=FAULT, report_separately=True, check_after_drain=True)],
    )
    add_around(folder, servers=accounts)
    path = folder / "run.json"
    run = json.loads(path.read_text())
    run["contenders"][0]["guarantees"] = sorted(GUARANTEES.values())
    run["metadata"]["workers"] = {"machines": [], "clock_uncertainty_ns": 400}
    run["scenarios"].append(asdict(replace(scenario("rate-limit-flood"), kind="limiting", flood=FLOOD)))
    path.write_text(json.dumps(run))
    return folder


def inverted(words: dict[str, str]) -> dict[str, str]:
    return {new: old for old, new in words.items()}


def with_old_words(data: Any, field: str = "") -> Any:
    """The JSON with the names of schema 2."""
    if isinstance(data, dict):
        old = {inverted(FIELDS).get(key, key): with_old_words(value, key) for key, value in data.items()}
        return {"adversary" if key == "profile" else key: value for key, value in old.items()}
    if isinstance(data, list):
        return [with_old_words(item, field) for item in data]
    return inverted(WORDS.get(field, {})).get(data, data) if isinstance(data, str) else data


def rewrite_table(path: Path) -> None:
    """Write a Parquet file with the names of schema 2 in place of the current ones."""
    table = pq.read_table(path)
    table = table.rename_columns([inverted(COLUMNS).get(name, name) for name in table.column_names])
    if "source" in table.column_names:
        for column, words in VALUES.items():
            texts = [inverted(words).get(text, text) for text in table.column(column).to_pylist()]
            table = table.set_column(table.column_names.index(column), column, pa.array(texts, pa.string()))
    pq.write_table(table, path)


def rewrite(path: Path, change: Callable[[Any], Any] = with_old_words) -> None:
    """Write run.json or races.json with the names of schema 2."""
    path.write_text(json.dumps(change(json.loads(path.read_text())) | {"schema": 2}))


def make_old(folder: Path) -> None:
    rewrite(folder / "run.json")
    for path in folder.glob("*/cell-*.parquet"):
        rewrite_table(path)


def test_every_new_word_is_in_use() -> None:
    """Each replacement is a name that the current code defines."""
    fields = {
        *ScenarioInfo.__dataclass_fields__,
        *ContenderInfo.__dataclass_fields__,
        *VerdictInfo.__dataclass_fields__,
    }
    assert set(FIELDS.values()) <= fields | {"metadata", "loses_data", "caller_groups", "clock_uncertainty_ns"}
    assert set(GUARANTEES.values()) <= {guarantee.name for guarantee in Guarantee}
    assert set(FAULT_MODELS.values()) <= {model.value for model in FaultModel}
    assert set(COLUMNS.values()) <= set(SAMPLES.names)
    assert set(VALUES) <= set(SERVERS.names)


def test_run_with_old_words_reads_as_the_current_one(current: Path) -> None:
    """Same run.json and same tables, apart from the schema's number."""
    wanted = read_run(current)
    frames = [wanted.samples, wanted.servers, wanted.timeline]
    make_old(current)
    text = (current / "run.json").read_text()
    assert all(f'"{old}"' in text for old in FIELDS if old != "promised")
    assert set(COLUMNS) <= set(pq.read_schema(current / "samples" / "cell-00001.parquet").names)
    found = read_run(current)
    assert replace(found.info, schema=wanted.info.schema) == wanted.info
    for frame, old in zip(frames, [found.samples, found.servers, found.timeline], strict=True):
        pd.testing.assert_frame_equal(frame, old, check_categorical=False)
    assert {"coordinator"} == set(found.servers["source"]) - {"redis", "postgres", "machine", "process-0", "process-1"}
    assert {contender.kind for contender in found.info.contenders} == {"contender", "baseline", "aa-copy"}


def test_races_with_old_words_read_as_the_current_ones(tmp_path: Path) -> None:
    """Same races.json, apart from the schema's number."""
    verdict: dict[str, Any] = {
        "contender": "mine",
        "situation": "reader-writer-death",
        "schedules": 1,
        "complete": True,
    }
    RacesInfo(
        started_utc="2026-01-01T00:00:00+00:00",
        command="stampede races",
        bound=5,
        contenders=[{"name": "mine", "guarantees": sorted(GUARANTEES.values())}],
        situations=[
            SituationInfo(name="reader-writer-death", said="get | update", adversary=FaultModel.CRASH.value),
            SituationInfo(name="reader-writer", said="get | update", adversary=FaultModel.NONE.value),
        ],
        verdicts=[
            VerdictInfo(**verdict, invariant="eventually-fresh", verdict="not guaranteed", guaranteed=False),
            VerdictInfo(**verdict, invariant="no-cached-errors", verdict="kept", guaranteed=True),
        ],
        metadata={"servers": {"stack": "embedded"}},
    ).write(tmp_path)
    wanted = read_races(tmp_path)
    rewrite(tmp_path / "races.json")
    text = (tmp_path / "races.json").read_text()
    assert all(f'"{old}"' in text for old in ("promises", "promised", "circumstances", "not promised", "fresh-at-rest"))
    assert replace(read_races(tmp_path), schema=wanted.schema) == wanted


def test_current_words_are_not_changed(current: Path) -> None:
    """Replacing the words of a current run.json or table changes nothing, so a second replacement does not either."""
    data = json.loads((current / "run.json").read_text())
    assert data["schema"] >= NEW_WORDS
    assert with_current_words(data) == data
    for table in ("samples", "servers", "timeline"):
        rows = pq.read_table(current / table / "cell-00001.parquet")
        assert table_with_current_values(rows).equals(rows)


def test_current_run_is_not_translated(current: Path) -> None:
    """A field of a current run.json that has an old name is unknown, and is left out."""
    rewrite(current / "run.json", lambda run: run | {"remarks": []})
    path = current / "run.json"
    run = json.loads(path.read_text()) | {"schema": NEW_WORDS, "circumstances": {"commit": "f" * 40}}
    path.write_text(json.dumps(run))
    assert read_run(current).info.metadata["commit"] == "0" * 40


def test_an_old_run_that_is_written_again_has_the_current_schema(current: Path) -> None:
    """A resumed run's run.json has the current words, so it names the schema that has them."""
    make_old(current)
    info = read_run(current).info
    assert info.schema == 2
    assert info.as_json()["schema"] == SCHEMA
    RunWriter(current, info)
    assert read_run(current).info == replace(info, schema=SCHEMA)
