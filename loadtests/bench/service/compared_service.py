"""The service of `stampede serve` that is compared with the user's own, on servers of the suite."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict

import redis

from stampede.core.network import free_port
from stampede.loadtests.appserver.http_service import ServiceSettings
from stampede.loadtests.bench.run_plan.load_pricing import priced_statements
from stampede.loadtests.bench.service.accounts.service_accounts import AccountedServers
from stampede.loadtests.bench.service.calls.service_target import ServiceTarget
from stampede.loadtests.bench.service.service_config import ServiceBenchConfig, ServiceScenario
from stampede.loadtests.locustfiles.http_page import service_process
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.server_counters import delete_keys
from stampede.stack.servers import Stack

MOST_RECORDS = 100_000
RECORD_BYTES = 500
THREADS = 48
BODY = '{"name": "User {id} {number}", "email": "user{id}.{number}@example.org"}'


@contextmanager
def compared_services(
    config: ServiceBenchConfig, scenarios: list[ServiceScenario], stack: Stack, say: Callable[[str], None]
) -> Iterator[tuple[dict[str, ServiceTarget], dict[str, float]]]:
    """Yield the address of the comparison in each scenario, and the time of one of its loads in each, in ms."""
    records = min(len(config.target.ids), MOST_RECORDS)
    ensure_dataset(
        stack.postgres.url,
        records=records,
        record_bytes=RECORD_BYTES,
        seed=config.seed,
        managed=stack.managed,
        say=say,
    )
    ids = tuple(map(str, range(1, records + 1)))
    targets: dict[str, ServiceTarget] = {}
    load_ms: dict[str, float] = {}
    with ExitStack() as opened:
        client = opened.enter_context(redis.Redis.from_url(stack.redis.url))
        for each in scenarios:
            (statements,), measured = priced_statements(stack, each.workload, say)
            prefix = f"{stack.key_prefix}served:{each.scenario.name}:"
            opened.callback(delete_keys, client, prefix)
            settings = ServiceSettings(
                postgres_url=stack.postgres.url,
                redis_url=stack.redis.url,
                key_prefix=prefix,
                port=free_port(),
                pattern=config.compared_with,
                ttl_s=each.workload.ttl_s,
                statements=asdict(statements),
                threads=THREADS,
            )
            _, address = opened.enter_context(service_process(settings, stack.directory, stack.register_child))
            targets[each.scenario.name] = ServiceTarget(
                base=address,
                get="/users/{id}",
                put="/users/{id}",
                body=BODY,
                version_path=("version",),
                ids=ids,
            )
            load_ms[each.scenario.name] = measured["load_ms"]
        yield targets, load_ms


def servers_of(stack: Stack) -> AccountedServers:
    """The suite's own servers, as the servers behind the comparison."""
    counted = not any(remark.name == "pg_stat_statements" for remark in stack.remarks)
    return AccountedServers(postgres=stack.postgres, redis=stack.redis, counts_statements=counted)
