"""The work that `make scale` measures, each piece in a separate process: prints its cost as one line of JSON.

    scale_work.py report FOLDER         renders a run folder
    scale_work.py record BATCH COUNT    keeps samples and writes them to a file, as an application server sends them
    scale_work.py receive BATCH COUNT   reads that file and writes it to a run folder, as the coordinator does

Each function imports only what it needs, since the peak memory includes the imports.
"""

import json
import resource
import sys
from pathlib import Path


def report(folder: str) -> dict[str, float]:
    """Render a run folder. Returns the size of the page."""
    from stampede.reports.output.html_report import render

    return {"html_mb": render(Path(folder)).stat().st_size / 1e6}


def record(batch: str, count: str) -> dict[str, float]:
    """Keep samples and write them to a file."""
    from stampede.loadtests.instrumentation.meters import RequestFacts
    from stampede.loadtests.instrumentation.recorder import Recorder
    from stampede.loadtests.selftests.overhead import sample

    recorder, facts = Recorder(), RequestFacts()
    for number in range(int(count)):
        recorder.keep(sample(number, facts))
    Path(batch).write_bytes(recorder.take_batch(1, "read-mostly", "cache-aside", 1))
    return {}


def receive(batch: str, count: str) -> dict[str, float]:
    """Read the samples from that file and write them to a run folder."""
    import pyarrow as pa

    from stampede.loadtests.instrumentation.recorder import read_batch
    from stampede.run_folder.schema import RunInfo
    from stampede.run_folder.write import RunWriter

    path = Path(batch)
    run = RunInfo(plan="scale", rounds=1, reference="cache-aside", seed=1, command="scale", started_utc="")
    rows = pa.concat_tables([read_batch(path.read_bytes())]).unify_dictionaries()
    assert rows.num_rows == int(count)
    RunWriter(path.with_suffix(".run"), run).add_cell(1, rows, [], [])
    return {}


WORK = {"report": report, "record": record, "receive": receive}


def main(name: str, *arguments: str) -> None:
    found = WORK[name](*arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1e3} | found))


if __name__ == "__main__":
    main(*sys.argv[1:])
