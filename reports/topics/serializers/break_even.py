"""Break-even size of compression: transfer time of the saved bytes against the time to compress and decompress."""

import math
from dataclasses import dataclass

import numpy as np

from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import Estimate, median
from stampede.reports.topics.serializers.serializer_facts import Floats, SerializerFacts

LINKS = {"1 Gbit/s": 8.0, "100 Mbit/s": 80.0}
"""Nanoseconds per byte of a link."""
HERE = "this machine (loopback)"
"""Name of the measured link."""
COMPRESSORS = ("lz4", "zlib", "zstd", "zstd-dictionary")
SMALL, LARGE = "user-200", "page"


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """Sizes of a value (bytes as JSON) between which a compressor saves time: (from, until).

    Infinity: not reached up to the largest size.
    """

    compressor: str
    link: str
    reads: tuple[Estimate, Estimate]
    """For a read: transfer time of the saved bytes against decompression."""
    write_and_read: tuple[Estimate, Estimate]
    """For one write and one read: twice that transfer time against compression and decompression."""


def here_ns_per_byte(facts: SerializerFacts) -> Floats:
    """Time of a GET per additional byte on this machine, one value per round: the slope between a row and a page."""
    reference = facts.run.reference
    bytes_ = facts.bytes_of(LARGE, reference) - facts.bytes_of(SMALL, reference)
    return 1e3 * (facts.us(LARGE, reference, "raw-get") - facts.us(SMALL, reference, "raw-get")) / bytes_


def break_evens(facts: SerializerFacts) -> list[BreakEven]:
    """The break-even sizes of every compressor and link; empty if the lists were not timed."""
    found = []
    links: dict[str, Floats] = {name: np.full(len(facts.rounds), ns) for name, ns in LINKS.items()}
    here = here_ns_per_byte(facts)
    if np.isfinite(here).any():
        links = {HERE: here, **links}
    for compressor in COMPRESSORS:
        if not any((length, compressor, "compress") in facts.blocks for length in facts.lengths):
            continue
        for link, ns in links.items():
            found.append(
                BreakEven(
                    compressor=compressor,
                    link=link,
                    reads=break_even_sizes(facts, compressor, ns, writes=False),
                    write_and_read=break_even_sizes(facts, compressor, ns, writes=True),
                )
            )
    return found


def break_even_sizes(
    facts: SerializerFacts, compressor: str, ns_per_byte: Floats, *, writes: bool
) -> tuple[Estimate, Estimate]:
    """(from, until) of one compressor, for a read or for a write and a read; the median over rounds."""
    sizes = [facts.bytes_of(length, facts.run.reference) for length in facts.lengths]
    gains = []
    for length in facts.lengths:
        saved = facts.bytes_of(length, facts.run.reference) - facts.bytes_of(length, facts.run.reference, compressor)
        spent = facts.us(length, compressor, "decompress")
        if writes:
            gains.append(2 * saved * ns_per_byte / 1e3 - spent - facts.us(length, compressor, "compress"))
        else:
            gains.append(saved * ns_per_byte / 1e3 - spent)
    spans = [positive_between(sizes, [float(g[i]) for g in gains]) for i in range(len(facts.rounds))]
    return median([low for low, _ in spans]), median([high for _, high in spans])


def positive_between(sizes: list[float], gains: list[float]) -> tuple[float, float]:
    """(from, until): the first range of sizes with a positive gain; zeros are interpolated linearly over log size.

    `from` is the smallest size if the gain is positive there, infinity if it never is. `until` is infinity if the gain
    stays positive.
    """
    if not gains or any(math.isnan(g) for g in gains):
        return math.nan, math.nan
    first = next((i for i, g in enumerate(gains) if g > 0), None)
    if first is None:
        return math.inf, math.inf
    begin = sizes[0] if first == 0 else zero_between(sizes, gains, first)
    over = next((i for i in range(first + 1, len(gains)) if gains[i] <= 0), None)
    return begin, math.inf if over is None else zero_between(sizes, gains, over)


def zero_between(sizes: list[float], gains: list[float], i: int) -> float:
    """The size between size i − 1 and size i at which the gain is zero."""
    share = gains[i - 1] / (gains[i - 1] - gains[i])
    return float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share)


@dataclass(frozen=True, kw_only=True)
class AtSize:
    """Times of the article's two serializers for a list of rows."""

    length: str
    bytes: float
    us: dict[tuple[str, str], Estimate]
    """Microseconds per call, by (json or msgpack, encode or decode)."""
    times: dict[str, Comparison]
    """Ratio of json to msgpack, by operation."""


CALLS = {
    ("json", "encode"): "json.dumps",
    ("json", "decode"): "json.loads",
    ("msgpack", "encode"): "msgpack.packb",
    ("msgpack", "decode"): "msgpack.unpackb",
}


def claim_sizes(facts: SerializerFacts) -> list[AtSize]:
    """Times of both serializers at every length, to check claim C8."""
    found = []
    for length in facts.lengths:
        rows = {key: facts.us(length, call, key[1]) for key, call in CALLS.items()}
        found.append(
            AtSize(
                length=length,
                bytes=facts.bytes_of(length, facts.run.reference),
                us={key: median([float(v) for v in values]) for key, values in rows.items()},
                times={op: compare(list(rows["json", op]), list(rows["msgpack", op])) for op in ("encode", "decode")},
            )
        )
    return found


def one_millisecond(facts: SerializerFacts, serializer: str, operation: str) -> Estimate:
    """The size in bytes at which a call takes 1 ms: the median over rounds; infinity: not up to the largest size."""
    sizes = [facts.bytes_of(length, facts.run.reference) for length in facts.lengths]
    rows = [facts.us(length, CALLS[serializer, operation], operation) for length in facts.lengths]
    return median([size_at(sizes, [float(r[i]) for r in rows], 1000.0) for i in range(len(facts.rounds))])


def size_at(sizes: list[float], us: list[float], target_us: float) -> float:
    """The size at which a growing time reaches the target, interpolated linearly over log size and log time."""
    for i, value in enumerate(us):
        if value >= target_us:
            if i == 0:
                return sizes[0]
            share = math.log(target_us / us[i - 1]) / math.log(value / us[i - 1])
            return float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share)
    return math.inf if us and not any(map(math.isnan, us)) else math.nan
