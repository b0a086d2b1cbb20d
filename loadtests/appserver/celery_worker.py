"""Celery worker process of refresh-ahead-celery.

    python -m stampede.loadtests.appserver.celery_worker CONFIG SCENARIO CONTENDER FACTS

It writes a line to FACTS once it takes tasks. After SIGTERM it finishes its tasks and appends a line of JSON per task:
the record's key, and when the task was triggered, begun and done, by the machine's monotonic clock.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from celery.signals import worker_ready

from stampede.core.text.record_id_text import id_text
from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.instrumentation.clock import ThreadClock, now_ns
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.instrumentation.record_access import RecordAccess
from stampede.loadtests.locustfiles.run_config import QueryPlan, read_run_config
from stampede.patterns.caching.cache_pattern import Context
from stampede.patterns.caching.refresh_ahead_celery import REFRESH, RefreshAheadCelery
from stampede.stack.postgres.source import open_pool

THREADS_PER_PROCESS = 4
"""As many as the background workers of an application server."""


def main(config_file: Path, scenario_name: str, contender: str, facts: Path) -> None:
    config = read_run_config(config_file)
    scenario = config.scenario(scenario_name)
    threads = THREADS_PER_PROCESS * config.processes
    meter = Meter(ThreadClock(), scenario.simulated_rtt_ns)
    client = metered_client(config.redis_url, RefreshAheadCelery.client, meter, threads + 4)
    finished: list[tuple[str, int, int, int]] = []
    contender_spec = config.contender_spec(contender)
    with open_pool(config.postgres_url, threads, scenario.session) as pool:
        records = RecordAccess(config, pool, meter, threads, lambda: None)

        def pattern_for(query: QueryPlan) -> RefreshAheadCelery:
            """The contender of one query."""
            context = Context(
                redis=client,
                source=records.database(scenario, query),
                serializer=records.serializer(scenario, query),
                now=lambda: now_ns() / 1e9,
                sleep=time.sleep,
                spawn=lambda work: work(),
                rng=random.Random(config.seed),
            )
            settings = contender_spec.configured(query.ttl_s, config.key_prefix, query.entity)
            return RefreshAheadCelery(context, settings)  # type: ignore[arg-type]

        patterns = {query.entity: pattern_for(query) for query in scenario.queries}

        def refresh(entity: str, record_id: Any, triggered_s: float) -> None:
            began_ns = now_ns()
            key = tuple(record_id) if isinstance(record_id, list) else record_id
            patterns[entity].refresh(key)
            finished.append((f"{entity}:{id_text(key)}", round(triggered_s * 1e9), began_ns, now_ns()))

        records.charge()
        tasks = next(iter(patterns.values())).tasks
        tasks.task(name=REFRESH)(refresh)

        def on_ready(**_: Any) -> None:
            facts.write_text("ready\n")

        worker_ready.connect(on_ready, weak=False)
        worker = tasks.Worker(
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
            with facts.open("a") as output:
                output.writelines(f"{json.dumps(row)}\n" for row in finished)
    sys.exit(worker.exitcode or 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
