"""Tables as CSV text."""

import csv
import io
import math
from collections.abc import Iterable, Sequence


def plain(value: float | None) -> str:
    """A value with six significant digits; empty if it is missing."""
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def as_csv(names: str, rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV. `names`: the headings, separated by spaces."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names.split())
    writer.writerows(rows)
    return out.getvalue()
