"""The Celery worker of refresh-ahead-celery, as a process of its own: python -m stampede.loadtests.appserver.celery_worker ORDERS FACTS.

It writes a line to FACTS once it takes tasks; when it is told to end (SIGTERM), it finishes what it holds and appends a
line of JSON a task: the record's id, when it was triggered, begun and done, on the machine's monotonic clock.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from celery.signals import worker_ready

from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.instrumentation.clock import ThreadClock, now_ns
from stampede.loadtests.instrumentation.meters import Meter, MeteredSource
from stampede.loadtests.locustfiles.run_config import read_spec
from stampede.patterns.caching.cache_pattern import Context
from stampede.patterns.caching.refresh_ahead_celery import REFRESH, RefreshAheadCelery
from stampede.patterns.serialization.json import Json
from stampede.stack.postgres.source import PostgresSource, Statements, open_pool

THREADS_PER_PROCESS = 4
"""As many as an application server has for its own background work."""


def main(orders: Path, scenario_name: str, contender: str, facts: Path) -> None:
    spec = read_spec(orders)
    scenario = spec.scenario(scenario_name)
    threads = THREADS_PER_PROCESS * spec.processes
    statements = Statements(**scenario.statements)
    ruler = Meter(ThreadClock(), scenario.simulated_rtt_ns)
    client = metered_client(spec.redis_url, RefreshAheadCelery.client, ruler, threads + 4)
    done: list[tuple[int, int, int, int]] = []
    with open_pool(spec.postgres_url, threads, statements.session) as pool:
        context = Context(
            redis=client,
            source=MeteredSource(PostgresSource(pool, statements), ruler, statements.version_column),
            serializer=Json(),
            now=lambda: now_ns() / 1e9,
            sleep=time.sleep,
            spawn=lambda work: work(),
            rng=random.Random(spec.seed),
        )
        contender_spec = spec.contender_spec(contender)
        pattern = RefreshAheadCelery(context, contender_spec.configured(scenario.workload.ttl_s, spec.key_prefix))  # type: ignore[arg-type]

        def refresh(record_id: int, triggered_s: float) -> None:
            began_ns = now_ns()
            pattern.refresh(record_id)
            done.append((record_id, round(triggered_s * 1e9), began_ns, now_ns()))

        pattern.tasks.task(name=REFRESH)(refresh)

        def on_ready(**_: Any) -> None:
            facts.write_text("ready\n")

        worker_ready.connect(on_ready, weak=False)
        worker = pattern.tasks.Worker(
            pool="threads",
            concurrency=threads,
            hostname=f"{contender}@stampede",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        try:
            worker.start()
        finally:
            with facts.open("a") as told:
                told.writelines(f"{json.dumps(row)}\n" for row in done)
    sys.exit(worker.exitcode or 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
