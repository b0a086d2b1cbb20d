"""Words of earlier schemas, replaced by the current ones when a run folder is read.

Run folders of schema 1 and 2, and races.json of schema 1 and 2, use names that schema 3 replaced: a contender has
`promises` there and `guarantees` in schema 3. Only this module contains the old names. Reading a current file changes
nothing.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NEW_WORDS = 3
"""The first schema of run.json and of races.json with the current words."""

FIELDS = {
    "promises": "guarantees",
    "twin_of": "copy_of",
    "apart": "report_separately",
    "judge_at_rest": "check_after_drain",
    "empties": "loses_data",
    "crowds": "caller_groups",
    "circumstances": "metadata",
    "promised": "guaranteed",
    "clock_doubt_ns": "clock_uncertainty_ns",
}
"""Fields of any JSON object."""
KINDS = {"ruler": "baseline", "twin": "aa-copy"}  # quoted
"""Values of a contender's field `kind`."""
GUARANTEES = {
    "WRITES_SHOW": "READ_AFTER_WRITE",
    "READS_OWN_WRITES": "READ_YOUR_WRITES",
    "FRESH_AT_REST": "EVENTUALLY_FRESH",
    "FRESH_AT_REST_DESPITE_EXPIRY": "EVENTUALLY_FRESH_DESPITE_EXPIRY",
    "UNLOCKS_ONLY_ITS_OWN": "RELEASES_ONLY_OWN_LOCK",
    "FORGETS_FAILED_LOADS": "NO_CACHED_ERRORS",
    "ANSWERS_WITHOUT_CACHE": "AVAILABLE_WITHOUT_CACHE",
    "SURVIVES_CACHE_LOSS": "CORRECT_AFTER_CACHE_LOSS",
}
"""Names of guarantees."""
INVARIANTS = {old.lower().replace("_", "-"): new.lower().replace("_", "-") for old, new in GUARANTEES.items()}
"""Names of invariants in races.json."""
VERDICTS = {"not promised": "not guaranteed"}
"""Verdicts in races.json."""
FAULT_MODELS = {"a client dies": "a client crashes"}
"""Fault models in races.json."""
WORDS = {
    "kind": KINDS,
    "guarantees": GUARANTEES,
    "invariant": INVARIANTS,
    "name": INVARIANTS,
    "verdict": VERDICTS,
    "adversary": FAULT_MODELS,
}
"""Values by the field that holds them."""

COLUMNS = {
    "distance_ns": "simulated_rtt_ns",
    "free_ns": "thread_free_ns",
    "first_cache_answer": "first_cache_reply",
}
"""Columns of the samples."""
VALUES = {"source": {"conductor": "coordinator"}, "name": {"clock_doubt_ns": "clock_uncertainty_ns"}}
"""Values of the servers' and the timeline's columns, by column."""


def with_current_words(data: Any, field: str = "") -> Any:
    """The JSON of an earlier schema with the current words. `field`: the name of the field that holds the data."""
    if isinstance(data, dict):
        named = {FIELDS.get(key, key): value for key, value in data.items()}
        if "adversary" in named and "subjects" in named:  # a group of callers; a situation of races keeps the field
            named["profile"] = named.pop("adversary")
        return {key: with_current_words(value, str(key)) for key, value in named.items()}
    if isinstance(data, list):
        return [with_current_words(item, field) for item in data]
    if not isinstance(data, str):
        return data
    return WORDS.get(field, {}).get(data, data)


def table_with_current_values(table: pa.Table) -> pa.Table:
    """A table of an earlier schema with the current values. Its columns have their current names."""
    if "source" not in table.column_names:
        return table
    for column, words in VALUES.items():
        place = table.column_names.index(column)
        table = table.set_column(place, table.schema.field(place), replaced(table.column(place), words))
    return table


def replaced(values: pa.ChunkedArray, words: Mapping[str, str]) -> pa.ChunkedArray:
    """The texts with each old word replaced."""
    for old, new in words.items():
        values = pc.if_else(pc.equal(values, old), new, values)
    return values
