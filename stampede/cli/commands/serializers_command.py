"""`stampede serializers`."""

from pathlib import Path
from typing import Annotated

import typer

from stampede.cli.completion import record_names, serializer_names
from stampede.cli.input_checks import check_own_files, check_runs, check_serializer_names
from stampede.cli.option_types import integer_option
from stampede.cli.output import given_command, print_status, reported_if_interrupted
from stampede.cli.shared_options import LAST_SEED, MOST_ROUNDS, Runs, ServerOptions
from stampede.cli.started_servers import started_servers


def serializers(
    server_options: ServerOptions,
    serializer: Annotated[
        list[str] | None,
        typer.Option("--serializer", help="path of your own serializer: it runs together with ours. May be repeated"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", help="run only these of ours, json among them. May be repeated", autocompletion=serializer_names
        ),
    ] = None,
    record: Annotated[
        list[str] | None,
        typer.Option("--record", help="only these kinds of record. May be repeated", autocompletion=record_names),
    ] = None,
    rounds: Annotated[
        int, integer_option(lowest=1, highest=MOST_ROUNDS, help="rounds; below 6: ranges, no verdicts")
    ] = 20,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="read pickled bytes back from a server that Stampede did not start")
    ] = False,
    seed: Annotated[
        int, integer_option(lowest=0, highest=LAST_SEED, help="the same seed gives the same orders of blocks")
    ] = 1,
    runs: Runs = Path("runs"),
) -> None:
    """Compare serializers: fidelity, time and size; write a page."""
    check_runs(runs)
    check_serializer_names(only)
    check_own_files("serializer", serializer)
    from stampede.loadtests.serializers.run_serializers import SerializersConfig, run_serializers
    from stampede.loadtests.serializers.serializer_progress import serializers_progress

    order = SerializersConfig(
        only=tuple(only or ()),
        own=tuple(serializer or ()),
        records=tuple(record or ()),
        rounds=rounds,
        allow_pickle=allow_pickle,
        seed=seed,
        runs=runs,
        command=given_command(),
    )
    order.chosen(managed=not (server_options.postgres or server_options.redis))
    from stampede.reports.topics.serializers.serializers_console import print_advice
    from stampede.reports.topics.serializers.serializers_page import render_serializers

    with (
        started_servers(server_options) as servers,
        reported_if_interrupted(render_serializers) as begun,
        serializers_progress() as advance,
    ):
        folder = run_serializers(order, servers, print_status, advance, begun)
    render_serializers(folder)
    print_advice(folder)
