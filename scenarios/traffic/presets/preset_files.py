"""Reads the presets from their data files."""

import csv
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError
from stampede.core.models.closed_forms import zipf_shares
from stampede.scenarios.traffic.presets.traffic_preset import THE_SOURCES, TrafficPreset, ValueSizes

FOLDER = Path(__file__).parent
READS = ("get", "gets")
"""Memcached's operations that read. The others write."""
TWITTER = "Twitter's cache cluster"
SOURCE = "github.com/twitter/cache-trace, stat/2020Mar.md; Yang, Yue, Rashmi, OSDI 2020"
SKEW_OF_HALF = "half of the source's keys receive {:g} % of the requests, and so do half of these records"
LICENCE = "CC BY 4.0, creativecommons.org/licenses/by/4.0; columns were selected"


def find_preset(name: str) -> TrafficPreset:
    """The preset of that name. Raises ConfigError."""
    known = presets()
    if name in known:
        return known[name]
    number = name.removeprefix("twitter-cluster-")
    if number in left_out():
        raise ConfigError("--preset", name, f"another cluster: {left_out()[number]}")
    models = ", ".join(each for each in known if not each.startswith("twitter"))
    raise ConfigError("--preset", name, f"{models}, twitter-cluster-1 to twitter-cluster-54, or list")


@cache
def presets() -> Mapping[str, TrafficPreset]:
    """All presets by name."""
    models = tomllib.loads((FOLDER / "models.toml").read_text(encoding="utf-8"))
    found = [model_preset(name, table) for name, table in models.items()]
    found += [cluster_preset(row) for row in clusters() if not why_left_out(row)]
    return {preset.name: preset for preset in found}


@cache
def clusters() -> tuple[dict[str, str], ...]:
    """The rows of Twitter's clusters."""
    lines = (FOLDER / "twitter_clusters.csv").read_text(encoding="utf-8").splitlines()
    return tuple(csv.DictReader(line for line in lines if not line.startswith("#")))


def left_out() -> dict[str, str]:
    """The clusters that are no presets, by their number: why."""
    return {row["cluster"]: why for row in clusters() if (why := why_left_out(row))}


def why_left_out(row: Mapping[str, str]) -> str:
    """Why a cluster cannot be a preset. Empty: it is one."""
    if not row["zipf_alpha"] or not row["value_bytes"]:
        return "the source gives no skew for this one"
    return "" if read_share(row["operations"]) else "this one has no reads"


def read_share(operations: str) -> float:
    """The share of reads in a text such as `get:0.93 set:0.07`. The source leaves out what is below a hundredth."""
    shares = dict(part.split(":") for part in operations.split())
    return min(1.0, sum(float(shares[name]) for name in READS if name in shares))


def cluster_preset(row: Mapping[str, str]) -> TrafficPreset:
    """One of Twitter's clusters."""
    return TrafficPreset(
        name=f"twitter-cluster-{row['cluster']}",
        title=f"{TWITTER} {row['cluster']}, March 2020",
        source=SOURCE,
        licence=LICENCE,
        skew=float(row["zipf_alpha"]),
        read_share=read_share(row["operations"]),
        sizes=ValueSizes(mean_bytes=float(row["value_bytes"])),
        ttl_s=float(row["ttl_s"]),
        ttl_share=float(row["ttl_share"]),
        rate_per_s=1000 * float(row["thousands_per_s"]),
    )


def model_preset(name: str, table: Mapping[str, Any]) -> TrafficPreset:
    """A model from models.toml."""
    records = int(table["records"])
    pareto = table.get("pareto", {})
    skew = table["skew"] if "skew" in table else skew_for_half(records, table["half_of_keys_get"])
    origin = THE_SOURCES if "skew" in table else SKEW_OF_HALF.format(100 * table["half_of_keys_get"])
    return TrafficPreset(
        name=name,
        title=table["title"],
        skew_from=origin,
        source=table["source"],
        skew=float(skew),
        read_share=table["reads_per_write"] / (1 + table["reads_per_write"]),
        records=records,
        sizes=ValueSizes(
            mean_bytes=float(table.get("value_bytes", 0)),
            small_shares=tuple(table.get("small_value_shares", ())),
            **pareto,
        ),
    )


def skew_for_half(records: int, share: float) -> float:
    """The Zipf exponent for which the less popular half of the records receives that share of the requests."""
    low, high = 0.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        received = float(zipf_shares(records, middle)[records // 2 :].sum())
        low, high = (middle, high) if received > share else (low, middle)
    return high
