"""The configuration of a bench of a web service, from the texts that the user gave on the command line."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.loadtests.bench.bench_config import offered_rate
from stampede.loadtests.bench.service.calls.service_target import (
    WRITE_METHODS,
    ServiceTarget,
    check_address,
    check_template,
    read_body,
    read_ids,
    read_token,
)
from stampede.loadtests.bench.service.service_config import ServiceBenchConfig
from stampede.patterns.contender_registry import find_contender

NO_COMPARISON = "none"


@dataclass(frozen=True, kw_only=True)
class GivenService:
    """The options of a service, as they were given."""

    service: str
    get: str | None
    put: str | None = None
    write_method: str = "PUT"
    body: str | None = None
    ids: str = "1-1000"
    version_field: str | None = None
    token_file: Path | None = None


def read_target(given: GivenService) -> ServiceTarget:
    """The service and its requests. Raises ConfigError, in one line, for each wrong option."""
    base = check_address(given.service)
    if given.get is None:
        raise ConfigError("get", None, "the path of a read, with {id} in it, such as /products/{id}")
    method = given.write_method.upper()
    require(method in WRITE_METHODS, "write-method", given.write_method, "PUT, PATCH or POST")
    version_path = tuple((given.version_field or "").split(".")) if given.version_field else ()
    require(all(version_path), "version-field", given.version_field, "names separated by dots, such as data.version")
    if given.put is None:
        require(given.body is None, "body", given.body, "also --put: without it nothing is written")
    return ServiceTarget(
        base=base,
        get=check_template("get", given.get),
        put=None if given.put is None else check_template("put", given.put),
        write_method=method,
        body=read_body(given.body),
        version_path=version_path,
        ids=read_ids(given.ids),
        token=read_token(given.token_file),
    )


def service_config(given: GivenService, *, compared_with: str, rate: str | None, **values: Any) -> ServiceBenchConfig:
    """The bench. `values`: the other fields of ServiceBenchConfig. Raises ConfigError."""
    rate_per_s = offered_rate(rate)
    automatic = rate_per_s is not None and math.isnan(rate_per_s)
    require(not automatic, "rate", rate, "a number of requests a second, with --service")
    compared_with = "" if compared_with == NO_COMPARISON else compared_with
    if compared_with:
        find_contender(compared_with)
    return ServiceBenchConfig(target=read_target(given), compared_with=compared_with, rate_per_s=rate_per_s, **values)
