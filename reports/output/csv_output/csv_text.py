"""Tables as CSV text."""

import csv
import io
import math
from collections.abc import Iterable, Sequence


def plain(value: float | None) -> str:
    """Six significant digits for a machine; empty where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def as_csv(names: str, rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names.split())
    writer.writerows(rows)
    return out.getvalue()
