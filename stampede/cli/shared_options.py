"""Options that several commands have, each defined once: single ones as types, sets of them as frozen dataclasses."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from stampede.cli.completion import contender_names, experiment_names, scenario_names, stack_names
from stampede.cli.option_types import integer_option, number_option

MOST_ROUNDS = 1000
LAST_SEED = 2**31 - 1

Contenders = Annotated[
    list[str] | None,
    typer.Option(
        "--contender", help="path of your own pattern or limiter: it runs together with ours. May be repeated"
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="run only these of ours, by name. May be repeated", autocompletion=contender_names),
]
Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        help="run only these: a name, or the path of your own file. May be repeated",
        autocompletion=scenario_names,
    ),
]
Experiments = Annotated[
    list[str] | None,
    typer.Option(
        "--experiment",
        help="run only this experiment, and no scenario. May be repeated",
        autocompletion=experiment_names,
    ),
]
Processes = Annotated[int, integer_option("--processes", lowest=1, highest=64, help="application servers")]
PostgresUrl = Annotated[
    str | None, typer.Option("--postgres", envvar="STAMPEDE_POSTGRES_URL", help="URL of your own PostgreSQL")
]
RedisUrl = Annotated[str | None, typer.Option("--redis", envvar="STAMPEDE_REDIS_URL", help="URL of your own Redis")]
Runs = Annotated[Path, typer.Option(help="where run folders go")]
Yes = Annotated[bool, typer.Option("--yes", help="run although it will last longer than a day")]


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Which PostgreSQL and Redis a command works on."""

    stack: Annotated[
        str, typer.Option("--stack", help="auto, embedded, containers or external", autocompletion=stack_names)
    ] = "auto"
    postgres: PostgresUrl = None
    redis: RedisUrl = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What every run of caching scenarios is given."""

    workload: Annotated[Path | None, typer.Option("--workload", help="a TOML file (stampede init writes one)")] = None
    rtt: Annotated[
        float | None,
        number_option("--rtt", lowest=0, highest=1000, help="simulated RTT in ms, added to each round trip; 0: none"),
    ] = None
    seed: Annotated[
        int, integer_option(lowest=0, highest=LAST_SEED, help="the same seed gives the same data, keys and arrivals")
    ] = 1
    runs: Runs = Path("runs")


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """The user's own web service, as the contender of a bench."""

    service: Annotated[str | None, typer.Option(help="address of your own web service: http://127.0.0.1:8000")] = None
    get: Annotated[str | None, typer.Option(help="path of a read, with {id}: /products/{id}")] = None
    put: Annotated[str | None, typer.Option(help="path of a write, with {id}; without it nothing is written")] = None
    write_method: Annotated[str, typer.Option(help="PUT, PATCH or POST")] = "PUT"
    body: Annotated[
        str | None, typer.Option(help="JSON of a write, or a file with it; {id}, {number}, {text} are replaced")
    ] = None
    ids: Annotated[
        str | None, typer.Option(help="the ids: 1-1000, or a file with one a line, the most popular first")
    ] = None
    version_field: Annotated[
        str | None, typer.Option(help="where answers hold an integer that each write increases: data.version")
    ] = None
    service_ttl: Annotated[
        float | None, number_option(lowest=0.05, highest=86_400, help="lifetime of the service's entries in seconds")
    ] = None
    token_file: Annotated[
        Path | None, typer.Option(help="file with a bearer token; else STAMPEDE_SERVICE_TOKEN is used")
    ] = None


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with one parameter for each field of its dataclass parameters: Typer reads this signature."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, type] = {p.name: p.annotation for p in signature.parameters.values() if is_group(p)}
    names = {name: [*inspect.signature(group).parameters] for name, group in groups.items()}

    @wraps(command)
    def ungrouped(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field: values.pop(field) for field in names[name]})
        command(**values)

    parameters = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in expanded(signature)]
    ungrouped.__signature__ = Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
    ungrouped.__annotations__ = {p.name: p.annotation for p in parameters}
    return ungrouped


def is_group(parameter: Parameter) -> bool:
    """Whether the parameter stands for the fields of a dataclass."""
    return is_dataclass(parameter.annotation)


def expanded(signature: Signature) -> Iterator[Parameter]:
    """The parameters, those of dataclasses replaced by their fields."""
    for parameter in signature.parameters.values():
        if is_group(parameter):
            yield from inspect.signature(parameter.annotation, eval_str=True).parameters.values()
        else:
            yield parameter
