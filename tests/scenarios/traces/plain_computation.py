"""The figures of traces, computed in another way: plain Python, one request after the other, nothing from the suite."""

import csv
import math
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class Request(NamedTuple):
    """A line, or one of the equal requests that it stands for."""

    time_s: float
    key: str
    operation: str
    size: int | None
    ttl_s: float | None


WORDS = {
    **dict.fromkeys(("get", "gets", "get_lease"), "read"),
    **dict.fromkeys(("set", "add", "cas", "replace"), "write"),
    "delete": "delete",
}


def twitter_requests(path: Path) -> list[Request]:
    """The requests of a file in Twitter's format."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            request(float(time), key, word, int(size), float(ttl))
            for time, key, _, size, _, word, ttl in csv.reader(file)
        ]


def meta_requests(path: Path) -> list[Request]:
    """The requests of a file in Meta's format of 2024."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            request(float(row["op_time"]), row["key"], row["op"].lower(), int(row["size"]), float(row["ttl"]))
            for row in csv.DictReader(file)
            for _ in range(int(row["op_count"]))
        ]


def request(time_s: float, key: str, word: str, size: int, ttl_s: float) -> Request:
    """A request; a size of 0 is unknown unless it is written, and a TTL counts for writes."""
    operation = WORDS[word]
    known = size if operation == "write" or size else None
    return Request(time_s, key, operation, known, ttl_s if operation == "write" and ttl_s else None)


def lru_hit_rate(requests: Iterable[Request], entries: int) -> float:
    """The hit rate of the reads in a cache of that many entries. Without deletes."""
    cache: OrderedDict[str, None] = OrderedDict()
    reads = hits = 0
    for each in requests:
        if each.operation == "read":
            reads += 1
            hits += each.key in cache
        cache[each.key] = None
        cache.move_to_end(each.key)
        if len(cache) > entries:
            cache.popitem(last=False)
    return hits / reads if reads else math.nan


def expiry_hit_rate(requests: Iterable[Request], lifetime_s: float) -> float:
    """The hit rate of the reads in a cache without eviction whose entries live for that time."""
    filled: dict[str, float] = {}
    reads = hits = 0
    for each in requests:
        if each.operation == "delete":
            filled.pop(each.key, None)
        elif each.operation == "write":
            filled[each.key] = each.time_s
        else:
            reads += 1
            if each.key in filled and each.time_s < filled[each.key] + lifetime_s:
                hits += 1
            else:
                filled[each.key] = each.time_s
    return hits / reads if reads else math.nan


def sizes_by_key(requests: Iterable[Request]) -> dict[str, int]:
    """The last known size of each key that is read or written."""
    return {each.key: each.size for each in requests if each.size is not None and each.operation != "delete"}


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least that share of the values does not exceed."""
    ranked = sorted(values)
    return ranked[max(math.ceil(round(share * len(ranked), 9)), 1) - 1]


def dispersion(requests: Sequence[Request], seconds: int) -> float:
    """Variance over mean of the requests per second, over the first seconds of the trace."""
    begin = requests[0].time_s
    counts = Counter(int(each.time_s - begin) for each in requests)
    per_second = [counts[second] for second in range(seconds)]
    mean = sum(per_second) / seconds
    return sum((count - mean) ** 2 for count in per_second) / (seconds - 1) / mean


def zipf_exponent(counts: Sequence[int]) -> float:
    """Hill's estimate with exact logarithms of ranks, over the popular half of the keys; NaN with fewer than 30."""
    ranked = sorted(counts, reverse=True)
    fewest = 30 if sum(count >= 30 for count in ranked) >= 200 else 10
    keys = min(sum(count >= fewest for count in ranked), len(ranked) // 2)
    if keys < 30:
        return math.nan
    minimum = max(ranked[keys], fewest - 0.5)
    over = math.fsum(math.log(count / minimum) for count in ranked[:keys])
    return over / math.fsum(math.log((keys + 1) / rank) for rank in range(1, keys + 1))
