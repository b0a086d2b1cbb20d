"""The configuration of a bench of a web service, from the texts that the user gave on the command line."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from stampede.core.errors import ConfigError, require
from stampede.core.text.redaction import masked
from stampede.loadtests.bench.bench_config import offered_rate
from stampede.loadtests.bench.service.accounts.statement_counts import connect_to_read
from stampede.loadtests.bench.service.calls.service_target import (
    MOST_IDS,
    WRITE_METHODS,
    ServiceTarget,
    check_address,
    check_template,
    read_body,
    read_ids,
    read_token,
)
from stampede.loadtests.bench.service.service_config import ServiceBenchConfig
from stampede.patterns.contender_registry import contenders
from stampede.scenarios.workload import WorkloadFile

NO_COMPARISON = "none"
DEFAULT_IDS = "1-1000"


@dataclass(frozen=True, kw_only=True)
class GivenService:
    """The options of a service, as they were given."""

    service: str
    get: str | None
    put: str | None = None
    write_method: str = "PUT"
    body: str | None = None
    ids: str | None = None
    version_field: str | None = None
    token_file: Path | None = None


def read_target(given: GivenService, sql_ids: Callable[[], tuple[str, ...]] = tuple) -> ServiceTarget:
    """The service and its requests. `sql_ids`: the ids of the workload's SQL, used without --ids; empty: it has none.

    Raises ConfigError, in one line, for each wrong option.
    """
    base = check_address(given.service)
    if given.get is None:
        raise ConfigError("get", None, "the path of a read, with {id} in it, such as /products/{id}")
    method = given.write_method.upper()
    require(method in WRITE_METHODS, "write-method", given.write_method, "PUT, PATCH or POST")
    version_path = tuple((given.version_field or "").split(".")) if given.version_field else ()
    require(all(version_path), "version-field", given.version_field, "names separated by dots, such as data.version")
    if given.put is None:
        require(given.body is None, "body", given.body, "also --put: without it nothing is written")
    target = ServiceTarget(
        base=base,
        get=check_template("get", given.get),
        put=None if given.put is None else check_template("put", given.put),
        write_method=method,
        body=read_body(given.body),
        version_path=version_path,
        token=read_token(given.token_file),
    )
    ids = read_ids(given.ids) if given.ids is not None else sql_ids() or read_ids(DEFAULT_IDS)
    return replace(target, ids=ids)


def service_config(given: GivenService, *, compared_with: str, rate: str | None, **values: Any) -> ServiceBenchConfig:
    """The bench. `values`: the other fields of ServiceBenchConfig. Raises ConfigError."""
    rate_per_s = offered_rate(rate)
    automatic = rate_per_s is not None and math.isnan(rate_per_s)
    require(not automatic, "rate", rate, "a number of requests a second, with --service")
    compared_with = "" if compared_with == NO_COMPARISON else compared_with
    served = [name for name, found in contenders().items() if not found.pattern.requires]
    fits = not compared_with or compared_with in served
    require(fits, "reference", compared_with, f"one of {', '.join(served)}, or none, with --service")
    workload: WorkloadFile = values.get("workload") or WorkloadFile()
    url: str | None = values.get("postgres_url")
    target = read_target(given, lambda: ids_of_workload(workload, url))
    return ServiceBenchConfig(target=target, compared_with=compared_with, rate_per_s=rate_per_s, **values)


def ids_of_workload(workload: WorkloadFile, postgres_url: str | None) -> tuple[str, ...]:
    """The ids that the workload's SQL selects, in its order; empty without SQL or a database. Raises ConfigError."""
    own = [*workload.common.get("queries", ()), workload.common.get("sql")]
    if own[0] is None or not postgres_url:
        return ()
    try:
        with connect_to_read(postgres_url) as connection:
            rows = connection.execute(own[0].ids).fetchmany(MOST_IDS)
    except psycopg.Error as error:
        why = masked((str(error).splitlines() or [type(error).__name__])[0])
        raise ConfigError("sql.ids", own[0].ids, f"a SELECT of the ids that PostgreSQL accepts ({why})") from error
    one_column = bool(rows) and len(rows[0]) == 1
    require(one_column, "sql.ids", own[0].ids, "a SELECT of one column and at least one id, or --ids with a file")
    return tuple(dict.fromkeys(str(row[0]) for row in rows))
