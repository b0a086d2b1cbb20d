"""Measures what `stampede trace` needs for a long trace: time, CPU time and memory.

    make trace-scale                        100,000,000 lines
    make trace-scale ARGS="--lines 1e7"

One process draws lines in the format of Twitter's cache traces and writes them to a pipe; nothing goes to the disk.
`stampede trace -` reads them. Limit: 200 MB of memory, whatever the number of lines. Exit 1 above it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

STAMPEDE = Path(sys.executable).with_name("stampede")
MAX_MB = 200.0
AT_ONCE = 100_000
RATE_PER_S = 5_000
SKEW = 0.9


def write_lines(out: BinaryIO, lines: int, keys: int) -> None:
    """Write drawn requests: keys by Zipf's law, a tenth writes, sizes from 200 bytes on, two TTLs."""
    rng = np.random.default_rng(2)
    sums = np.cumsum(np.arange(1, keys + 1) ** -SKEW)
    for begin in range(0, lines, AT_ONCE):
        count = min(AT_ONCE, lines - begin)
        drawn = np.searchsorted(sums, rng.random(count) * sums[-1]).tolist()
        writes = (rng.random(count) < 0.1).tolist()
        times = ((begin + np.arange(count)) // RATE_PER_S).tolist()
        text = "".join(
            f"{time_s},key:{key * 7919 % 1_000_003}:{key},20,{200 + key % 300},{key % 50},"
            f"{'set' if write else 'get'},{(3600 if key % 10 else 60) if write else 0}\n"
            for time_s, key, write in zip(times, drawn, writes, strict=True)
        )
        out.write(text.encode())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=float, default=1e8, help="100,000,000 by default")
    parser.add_argument("--keys", type=float, default=1e7, help="keys that are drawn from, 10,000,000 by default")
    parser.add_argument("--draw", action="store_true", help="only write the lines to standard output")
    chosen = parser.parse_args()
    if chosen.draw:
        write_lines(sys.stdout.buffer, int(chosen.lines), int(chosen.keys))
        return 0
    begin_s = time.perf_counter()
    drawn = [sys.executable, __file__, "--draw", f"--lines={chosen.lines}", f"--keys={chosen.keys}"]
    with subprocess.Popen(drawn, stdout=subprocess.PIPE) as source:
        command = [STAMPEDE, "trace", "-", "--json"]
        with subprocess.Popen(command, stdin=source.stdout, stdout=subprocess.PIPE) as reader:
            assert reader.stdout is not None
            figures = json.loads(reader.stdout.read())
            _, status, used = os.wait4(reader.pid, 0)
            reader.returncode = os.waitstatus_to_exitcode(status)
    took_s = time.perf_counter() - begin_s
    cpu_s, peak_mb = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"{figures['lines']:,} lines, {figures['distinct_keys']:,.0f} distinct keys (estimated)")
    print(f"  {took_s:.1f} s with the drawing of the lines, {figures['lines'] / took_s:,.0f} lines/s")
    print(f"  {cpu_s:.1f} s of CPU of stampede trace, {figures['lines'] / cpu_s:,.0f} lines per s of CPU")
    print(f"  peak_mb {peak_mb:.0f} (limit {MAX_MB:g}){'' if peak_mb < MAX_MB else '  BROKEN'}")
    return int(reader.returncode != 0 or peak_mb >= MAX_MB or figures["lines"] != int(chosen.lines))


if __name__ == "__main__":
    sys.exit(main())
