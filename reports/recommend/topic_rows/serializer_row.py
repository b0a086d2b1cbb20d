"""Row of the answer about serializers: from which size on MessagePack saves time that matters. Pure."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import HIGH_SHARE, AnswerRow, Certainty, Effect, Price
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, Floats, median
from stampede.reports.statistics.resampling import resampled_share
from stampede.reports.topics.experiments.serializer_cost_section import NAME, both_ways, sizes_bytes
from stampede.reports.topics.serializers.break_even import positive_between
from stampede.reports.topics.serializers.serializer_advice import WORTH_MS, size_text

PRICES = (
    Price(text="not human-readable: redis-cli shows bytes", kind="stated"),
    Price(text="one more library", kind="stated"),
)
JSON_PRICE = Price(text="none: part of Python, and human-readable", kind="stated")


@dataclass(frozen=True)
class Savings:
    """What MessagePack saves per write and read: encode + decode of JSON minus those of MessagePack."""

    sizes_bytes: tuple[float, ...]
    """The sizes as JSON, smallest first."""
    json_ms: Floats
    """Encode + decode: a row for each size, a column for each round."""
    msgpack_ms: Floats

    @property
    def saved_ms(self) -> Floats:
        """As `json_ms`."""
        return self.json_ms - self.msgpack_ms

    @cached_property
    def worth_from(self) -> Floats:
        """The size in bytes from which the saving matters, in each round. Infinity: at no size."""
        gains = self.saved_ms - WORTH_MS
        return np.array([positive_between(list(self.sizes_bytes), list(each))[0] for each in gains.T])


def savings(facts: pd.DataFrame) -> Savings | None:
    """The savings of the experiment; None if it has no round with both serializers."""
    sizes = sizes_bytes(facts)
    own = {codec: both_ways(facts, codec) for codec in ("JSON", "MessagePack")}
    rounds = own["JSON"].columns.intersection(own["MessagePack"].columns)
    if not len(rounds) or not sizes:
        return None
    tables = {codec: frame.loc[list(sizes), rounds].to_numpy(dtype=np.float64) for codec, frame in own.items()}
    return Savings(sizes_bytes=tuple(sizes.values()), json_ms=tables["JSON"], msgpack_ms=tables["MessagePack"])


def serializer_row(facts: pd.DataFrame) -> AnswerRow | None:
    """The row; None if the experiment has no times."""
    found = savings(facts)
    if found is None:
        return None
    rounds = found.json_ms.shape[1]
    begin = rounded_size(float(np.median(found.worth_from)))
    share = resampled_share(rounds, lambda drawn: rounded_sizes(np.median(found.worth_from[drawn], axis=1)) == begin)
    certainty: Certainty = "high" if share is not None and share >= HIGH_SHARE else "low"
    return AnswerRow(
        name="serializer",
        question="Serializer",
        section=f"experiment-{NAME}",
        use=use_text(begin, found.sizes_bytes[0]),
        effect=effect(found),
        prices=(JSON_PRICE,) if math.isinf(begin) else PRICES,
        certainty=certainty,
        share=share,
        basis="" if share is not None else f"{rounds} rounds, {MIN_ROUNDS} needed",
        alternative="other serializers, and which types survive: make serializers",
        reservations=() if math.isinf(begin) else ("the size is rounded to a power of ten",),
        metric="encode + decode time",
    )


def use_text(begin_bytes: float, smallest_bytes: float) -> str:
    """What to use, by size."""
    if math.isinf(begin_bytes):
        return "JSON"
    if begin_bytes <= smallest_bytes:
        return "MessagePack"
    return f"JSON below about {size_text(begin_bytes)}, MessagePack above"


def effect(found: Savings) -> Effect:
    """The size from which the saving matters, with its interval, and the saving at the first tested size above it."""
    middle, last = np.median(found.saved_ms, axis=1), len(found.sizes_bytes) - 1
    above = next((i for i in range(last + 1) if middle[i] >= WORTH_MS), last)
    begin = median([float(x) for x in found.worth_from])
    text = "encode + decode: "
    if math.isfinite(begin.value):
        text += f"{WORTH_MS:g} ms less from {size_text(begin.value)}{sizes_between(begin)}, {saving_text(found, above)}"
    else:
        text += f"MessagePack saves {saving_text(found, above)}"
    ratio = compare(list(found.msgpack_ms[above]), list(found.json_ms[above])).ratio
    change = (ratio.estimate - 1, ratio.low - 1, ratio.high - 1) if ratio else (math.nan, math.nan, math.nan)
    return Effect(text=text, against="JSON", change=change[0], low=change[1], high=change[2])


def sizes_between(begin: Estimate) -> str:
    """The interval of a size, with its unit once: " (9 – 9.8 KB)"; empty if it is a constant or has no upper end."""
    if not math.isfinite(begin.high):
        return ""
    low, high = size_text(begin.low), size_text(begin.high)
    unit = high.rpartition(" ")[2]
    return "" if low == high else f" ({low.removesuffix(f' {unit}')} – {high})"


def saving_text(found: Savings, i: int) -> str:
    """The saving at one size: "0.35 ms (0.31 – 0.40) at 44 KB"."""
    e = median([float(x) for x in found.saved_ms[i]])
    time = f"{formatting.with_unit(e.value, 'ms')}{formatting.in_brackets(e)}"
    return f"{time} at {size_text(found.sizes_bytes[i])}"


def rounded_size(size_bytes: float) -> float:
    """The nearest power of ten on the log scale, so that two runs print the same size; infinity stays."""
    if not math.isfinite(size_bytes) or size_bytes <= 0:
        return math.inf
    return float(10.0 ** round(math.log10(size_bytes)))


def rounded_sizes(sizes_bytes: Floats) -> Floats:
    """As `rounded_size`, for each of the sizes."""
    return np.array([rounded_size(float(size)) for size in sizes_bytes])
