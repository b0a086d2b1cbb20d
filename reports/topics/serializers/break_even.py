"""From which size on compression pays: bytes that a link need not carry against the time that packing takes."""

import math
from dataclasses import dataclass

import numpy as np

from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import Estimate, median
from stampede.reports.topics.serializers.serializer_facts import Floats, SerializerFacts

LINKS = {"1 Gbit/s": 8.0, "100 Mbit/s": 80.0}
"""Nanoseconds a byte."""
HERE = "this machine (loopback)"
COMPRESSORS = ("lz4", "zlib", "zstd", "zstd-dictionary")
SMALL, LARGE = "user-200", "page"


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """Sizes of a value (as JSON, in bytes) at which a compressor pays: from, until. Infinity: not up to the largest."""

    compressor: str
    link: str
    reads: tuple[Estimate, Estimate]
    """A read: bytes saved against decompression."""
    write_and_read: tuple[Estimate, Estimate]
    """One write and one read: twice the bytes against both."""


def here_ns_per_byte(facts: SerializerFacts) -> Floats:
    """What a byte more costs a GET on this machine, a value a round: the slope between a row and a page."""
    reference = facts.run.reference
    bytes_ = facts.bytes_of(LARGE, reference) - facts.bytes_of(SMALL, reference)
    return 1e3 * (facts.us(LARGE, reference, "raw-get") - facts.us(SMALL, reference, "raw-get")) / bytes_


def break_evens(facts: SerializerFacts) -> list[BreakEven]:
    """For every compressor and link. Empty where the lists were not timed."""
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
                    reads=crossing(facts, compressor, ns, writes=False),
                    write_and_read=crossing(facts, compressor, ns, writes=True),
                )
            )
    return found


def crossing(
    facts: SerializerFacts, compressor: str, ns_per_byte: Floats, *, writes: bool
) -> tuple[Estimate, Estimate]:
    sizes = [facts.bytes_of(length, facts.run.reference) for length in facts.lengths]
    gains = []
    for length in facts.lengths:
        saved = facts.bytes_of(length, facts.run.reference) - facts.bytes_of(length, facts.run.reference, compressor)
        spent = facts.us(length, compressor, "decompress")
        if writes:
            gains.append(2 * saved * ns_per_byte / 1e3 - spent - facts.us(length, compressor, "compress"))
        else:
            gains.append(saved * ns_per_byte / 1e3 - spent)
    spans = [pays_between(sizes, [float(g[i]) for g in gains]) for i in range(len(facts.rounds))]
    return median([low for low, _ in spans]), median([high for _, high in spans])


def pays_between(sizes: list[float], gains: list[float]) -> tuple[float, float]:
    """From where the gain is first above zero, and until where it stays so: crossings on a line over log size.

    The smallest size where it gains there already; infinity where it never does, or never ceases to.
    """
    if not gains or any(math.isnan(g) for g in gains):
        return math.nan, math.nan
    first = next((i for i, g in enumerate(gains) if g > 0), None)
    if first is None:
        return math.inf, math.inf
    begin = sizes[0] if first == 0 else crossed(sizes, gains, first)
    over = next((i for i in range(first + 1, len(gains)) if gains[i] <= 0), None)
    return begin, math.inf if over is None else crossed(sizes, gains, over)


def crossed(sizes: list[float], gains: list[float], i: int) -> float:
    """Where the gain is zero between size i − 1 and size i."""
    share = gains[i - 1] / (gains[i - 1] - gains[i])
    return float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share)


@dataclass(frozen=True, kw_only=True)
class AtSize:
    """The article's two serializers on a list of rows."""

    length: str
    bytes: float
    us: dict[tuple[str, str], Estimate]
    """By (json or msgpack, encode or decode)."""
    times: dict[str, Comparison]
    """json over msgpack, by operation."""


CALLS = {
    ("json", "encode"): "json.dumps",
    ("json", "decode"): "json.loads",
    ("msgpack", "encode"): "msgpack.packb",
    ("msgpack", "decode"): "msgpack.unpackb",
}


def claim_sizes(facts: SerializerFacts) -> list[AtSize]:
    """C8 turned round: what both cost at every length."""
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
    """The size at which a call takes 1 ms, a value a round; infinity: not up to the largest tried."""
    sizes = [facts.bytes_of(length, facts.run.reference) for length in facts.lengths]
    rows = [facts.us(length, CALLS[serializer, operation], operation) for length in facts.lengths]
    return median([reaches(sizes, [float(r[i]) for r in rows], 1000.0) for i in range(len(facts.rounds))])


def reaches(sizes: list[float], us: list[float], target_us: float) -> float:
    """Where a growing time passes the target, on a line over log size and log time."""
    for i, value in enumerate(us):
        if value >= target_us:
            if i == 0:
                return sizes[0]
            share = math.log(target_us / us[i - 1]) / math.log(value / us[i - 1])
            return float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share)
    return math.inf if us and not any(map(math.isnan, us)) else math.nan
