"""Checks of the attributes of the user's classes before a server is started, so that no cell fails because of them."""

from collections.abc import Callable, Set
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.patterns.caching.cache_pattern import CachePattern, ClientSettings, Config, Guarantee
from stampede.patterns.rate_limiting.rate_limiter import Bucket, LimiterConfig, RateLimiter, Strict
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.user_files import error_line

WORKERS = ("", "celery")
"""The packages that a pattern may require: those whose worker process the suite can start."""
SCHEMAS = ("none", "reader", "both")


def check_pattern(pattern: type[CachePattern], file: str) -> None:
    """Raise ConfigError with the attribute's name if an attribute of a caching pattern has a wrong value."""
    check_summary(pattern, file)
    guarantees = pattern.guarantees
    found = isinstance(guarantees, Set) and all(isinstance(guarantee, Guarantee) for guarantee in guarantees)
    need(found, file, "guarantees", guarantees, "a frozenset of stampede.Guarantee")
    check_client(pattern, file)
    need(isinstance(pattern.opt_in, bool), file, "opt_in", pattern.opt_in, "True or False")
    requires = pattern.requires
    need(isinstance(requires, str) and requires in WORKERS, file, "requires", requires, "'celery', or nothing")
    check_config(pattern.config_type, Config, file, lambda kind: kind(ttl_s=1.0, key_prefix="stampede:"))


def check_limiter(limiter: type[RateLimiter], file: str) -> None:
    """As `check_pattern`, for a rate limiter. Also checks that it returns a contract."""
    check_summary(limiter, file)
    check_client(limiter, file)
    kind = limiter.config_type
    config = check_config(kind, LimiterConfig, file, lambda k: k(limit=8, window_s=0.4, key_prefix="stampede:"))
    try:
        bound = limiter.contract_for(config)
    except Exception as error:
        raise ConfigError(f"{file}: contract_for", error_line(error), "a Strict or a Bucket for its config") from error
    need(isinstance(bound, Strict | Bucket), file, "contract_for", bound, "a Strict or a Bucket for its config")


def check_serializer(serializer: type[Serializer[Any]], file: str) -> None:
    """As `check_pattern`, for a serializer."""
    check_summary(serializer, file)
    need(isinstance(serializer.wire, str), file, "wire", serializer.wire, "the format's name, as text")
    schema = serializer.schema
    need(isinstance(schema, str) and schema in SCHEMAS, file, "schema", schema, f"one of {', '.join(SCHEMAS)}")
    for name in ("validates", "runs_code"):
        need(isinstance(getattr(serializer, name), bool), file, name, getattr(serializer, name), "True or False")
    native = serializer.native
    found = isinstance(native, Set) and all(isinstance(kind, type) for kind in native)
    need(found, file, "native", native, "a frozenset of types")


def check_summary(kind: type, file: str) -> None:
    """Raise ConfigError unless the summary is one printable line."""
    summary = getattr(kind, "summary", None)
    found = isinstance(summary, str) and bool(summary.strip()) and summary.isprintable() and len(summary) <= 200
    need(found, file, "summary", summary, "one printable line for tables, at most 200 characters")


def check_client(kind: type[CachePattern] | type[RateLimiter], file: str) -> None:
    """Raise ConfigError unless the client settings are valid."""
    client: Any = kind.client
    need(
        isinstance(client, ClientSettings),
        file,
        "client",
        client,
        "a stampede.ClientSettings",
    )
    timeout, retries = client.socket_timeout_s, client.retries
    number = timeout is None or (isinstance(timeout, int | float) and 0 < timeout <= 86_400)
    need(number, file, "client.socket_timeout_s", timeout, "above 0 to 86,400 s, or None")
    counted = isinstance(retries, int) and 0 <= retries <= 1000
    need(counted, file, "client.retries", retries, "a whole number, 0 to 1,000")


def check_config(kind: Any, base: type, file: str, make: Callable[[Any], Any]) -> Any:
    """Make a config as the suite does. Raises ConfigError if that fails."""
    found = isinstance(kind, type) and issubclass(kind, base)
    need(found, file, "config_type", kind, f"a subclass of {base.__module__}.{base.__name__}")
    try:
        config = make(kind)
        config.as_dict()
    except Exception as error:
        raise ConfigError(
            f"{file}: config_type", error_line(error), "a dataclass whose own fields have defaults"
        ) from error
    return config


def need(holds: bool, file: str, name: str, value: object, want: str) -> None:
    """Raise ConfigError with the file and the attribute unless the condition holds."""
    require(holds, f"{file}: {name}", value, want)
