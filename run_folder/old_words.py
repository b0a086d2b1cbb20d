"""Words of earlier schemas, mapped to today's when a run folder is read.

A run folder of schema 1 or 2, or a races.json of schema 1 or 2, says `promises` where schema 3 says `guarantees`.
Readers know today's words only.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NEW_WORDS = 3
"""The schema of run.json and of races.json that first has today's words."""

FIELDS = {
    "promises": "guarantees",
    "twin_of": "copy_of",
    "apart": "report_separately",
    "judge_at_rest": "check_after_drain",
    "empties": "loses_data",
    "crowds": "caller_groups",
    "circumstances": "metadata",
    "promised": "guaranteed",
}
"""Names of fields, wherever they stand."""
KINDS = {"ruler": "baseline", "twin": "aa-copy"}
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
COLUMNS = {
    "distance_ns": "simulated_rtt_ns",
    "free_ns": "thread_free_ns",
    "first_cache_answer": "first_cache_reply",
}
"""Columns of the samples."""
WORDS = {"kind": KINDS, "guarantees": GUARANTEES, "invariant": INVARIANTS, "name": INVARIANTS, "verdict": VERDICTS}
"""Words by the field that holds them."""
SOURCES = {"conductor": "coordinator"}
"""Values of the column `source`."""


def with_todays_words(data: Any, field: str = "") -> Any:
    """The JSON of an earlier schema with today's words. `field` is the name of the field that holds the data."""
    if isinstance(data, dict):
        named = {FIELDS.get(key, key): value for key, value in data.items()}
        if "adversary" in named and "subjects" in named:  # a group of callers; a situation of races keeps its field
            named["profile"] = named.pop("adversary")
        return {key: with_todays_words(value, str(key)) for key, value in named.items()}
    if isinstance(data, list):
        return [with_todays_words(item, field) for item in data]
    if not isinstance(data, str):
        return data
    return WORDS.get(field, {}).get(data, data)


def table_with_todays_words(table: pa.Table) -> pa.Table:
    """A table of an earlier schema with today's column names and sources. A table without old words comes back as is."""
    table = table.rename_columns([COLUMNS.get(name, name) for name in table.column_names])
    if "source" not in table.column_names:
        return table
    place = table.column_names.index("source")
    source = table.column(place)
    for old, new in SOURCES.items():
        source = pc.if_else(pc.equal(source, old), new, source)
    return table.set_column(place, "source", source)
