"""A preset: the figures of a published workload, and how its traffic is drawn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stampede.core.models.closed_forms import zipf_shares
from stampede.scenarios.traffic.key_distributions import Ids, draw_keys

Bytes = npt.NDArray[np.int64]
SMALLEST_BYTES, LARGEST_BYTES = 200, 2_000
"""The lengths of records that the article's table can hold."""
THE_SOURCES = "the source's"
LONGEST_TTL_S = 86_400.0
DRAWN_SIZES = 200_000
"""How many sizes are drawn for the mean and the quantiles of a distribution."""


@dataclass(frozen=True, kw_only=True)
class ValueSizes:
    """The sizes of values, in bytes."""

    mean_bytes: float = 0.0
    """The size of all values, if the source gives a mean only."""
    small_shares: tuple[float, ...] = ()
    """The shares of values of 0, 1, 2 … bytes. The others have a generalized Pareto distribution."""
    location: float = 0.0
    scale: float = 0.0
    shape: float = 0.0

    def draw(self, count: int, rng: np.random.Generator) -> Bytes:
        """Draw `count` independent sizes."""
        if not self.small_shares:
            return np.full(count, round(self.mean_bytes), dtype=np.int64)
        uniform = rng.random(count)
        sizes = np.searchsorted(np.cumsum(self.small_shares), uniform, side="right")
        large = sizes == len(self.small_shares)
        tail = 1 - rng.random(int(large.sum()))
        sizes[large] = np.floor(self.location + self.scale * (tail**-self.shape - 1) / self.shape)
        return sizes.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class DrawnTraffic:
    """Requests of a preset. The columns have equal lengths."""

    position: Ids
    """The record that each request concerns: its place in the order of popularity, from 0."""
    write: npt.NDArray[np.bool_]
    size_bytes: Bytes
    """The size of the record's value: the same for all requests of a record."""


@dataclass(frozen=True, kw_only=True)
class TrafficPreset:
    """The figures of a published workload."""

    name: str
    title: str
    source: str
    licence: str = ""
    skew: float
    """Zipf's exponent."""
    skew_from: str = THE_SOURCES
    """Where the exponent comes from."""
    read_share: float
    records: int = 20_000
    """Rows of the table; sources give no number, or one that is too large for a bench."""
    sizes: ValueSizes
    ttl_s: float | None = None
    """The most common TTL. None: not published."""
    ttl_share: float = 1.0
    """The share of entries with that TTL."""
    rate_per_s: float | None = None
    """Requests per second of one of the source's servers."""

    def draw(self, count: int, rng: np.random.Generator) -> DrawnTraffic:
        """Draw `count` requests, independent of each other."""
        position = draw_keys(np.arange(self.records), zipf_shares(self.records, self.skew), count, rng)
        return DrawnTraffic(
            position=position,
            write=rng.random(count) >= self.read_share,
            size_bytes=self.sizes.draw(self.records, rng)[position],
        )

    def mean_bytes(self) -> float:
        """The mean size of a value."""
        return float(self._drawn_sizes().mean())

    def size_text(self) -> str:
        """The sizes of the source's values, in words."""
        sizes = self._drawn_sizes()
        if sizes.min() == sizes.max():
            return f"values have {sizes[0]:,} bytes on average"
        middle, high = np.quantile(sizes, (0.5, 0.99))
        return f"values have {sizes.mean():,.0f} bytes on average, half up to {middle:,.0f}, 99 % up to {high:,.0f}"

    def record_bytes(self) -> int:
        """The length of the table's records: the mean of the sizes, or the nearest one that the table can hold."""
        return min(max(round(self.mean_bytes()), SMALLEST_BYTES), LARGEST_BYTES)

    def _drawn_sizes(self) -> Bytes:
        return self.sizes.draw(DRAWN_SIZES, np.random.default_rng(1))

    def line(self) -> str:
        """The preset in a line of a list."""
        ttl = "TTL not published" if self.ttl_s is None else f"TTL {self.ttl_s:,.0f} s"
        figures = f"Zipf {self.skew:.4g}, {100 * self.read_share:.3g} % reads, {self.mean_bytes():,.0f} bytes, {ttl}"
        return f"{self.name:<19} {figures}; {self.title}"

    def workload_text(self) -> str:
        """The workload file, in TOML, with a comment for each value that says where it came from."""
        lines = [f"# {self.title}", f"# Source: {self.source}."]
        lines += [f"# Licence of the figures: {self.licence}."] if self.licence else []
        rate = "not published" if self.rate_per_s is None else f"one server of the source had {self.rate_per_s:,.0f}/s"
        lines += [
            "# stampede bench --workload workload.toml",
            "",
            f"rate_per_s = 300  # {rate}; the hit rate depends on the requests per record and TTL",
            f"read_share = {self.read_share:.6g}  # the source's",
            f"key_skew = {self.skew:.6g}  # Zipf's exponent: {self.skew_from}",
            f"records = {self.records}  # not published: choose the number of your own records",
            *self._size_lines(),
            *self._ttl_lines(),
            "load_cpu_ms = 1.0  # not published: what a load costs in your database",
            "load_wait_ms = 4.0  # not published",
        ]
        return "\n".join(lines) + "\n"

    def not_reproduced(self) -> str:
        """What the records do not have of the source's sizes."""
        if self.record_bytes() == round(self.mean_bytes()):
            return "every record has this length: the spread of sizes is not reproduced"
        return f"the table holds {SMALLEST_BYTES:,} to {LARGEST_BYTES:,} bytes: the sizes are not reproduced"

    def _size_lines(self) -> list[str]:
        """The length of records, and what it does not reproduce."""
        return [f"# Sizes: {self.size_text()}; {self.not_reproduced()}.", f"record_bytes = {self.record_bytes()}"]

    def _ttl_lines(self) -> list[str]:
        """The lifetime of entries, and what it does not reproduce."""
        if self.ttl_s is None:
            return ["ttl_s = 300  # not published"]
        used_s = min(self.ttl_s, LONGEST_TTL_S)
        common = f"the most common one, of {100 * self.ttl_share:.0f} % of the writes"
        longer = "" if used_s == self.ttl_s else f"; the source's is {self.ttl_s:,.0f} s, a day is the longest here"
        return [f"ttl_s = {used_s:g}  # {common}{longer}"]
