"""The serializer bench: what survives, what it weighs, then rounds of timed calls; all into a run folder."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import redis

from stampede.core.errors import SerializersFailed, require
from stampede.core.files import SOURCES, new_run_folder
from stampede.loadtests.instrumentation.run_metadata import metadata, version_of
from stampede.loadtests.serializers.cache_path import HASH
from stampede.loadtests.serializers.fidelity import fidelity, said
from stampede.loadtests.serializers.hostile_bytes import attacks
from stampede.loadtests.serializers.sample_records import RecordKind, kinds
from stampede.loadtests.serializers.schema_change import schema_changes
from stampede.loadtests.serializers.timed_tasks import (
    COMPRESSED,
    LENGTHS,
    TWIN,
    Dictionaries,
    Pool,
    list_bytes,
    train,
    trained,
)
from stampede.loadtests.serializers.timing import RoundPlan, carried, with_twin
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import Codec, choose_codecs, codecs
from stampede.run_folder.schema import ContenderInfo, RunInfo, ScenarioInfo
from stampede.run_folder.serializer_tables import PLAN, write_part
from stampede.run_folder.write import write_json
from stampede.stack.servers import Stack

REFERENCE = "json"
ROUNDS = 20
LIMIT_S = 130.0
"""By when the last round should end: a slow machine gets shorter blocks, not fewer."""
LEAST_SHARE = 0.25
PACKAGES = ("msgspec", "orjson", "ormsgpack", "cbor2", "protobuf", "lz4", "zstandard")


@dataclass(frozen=True, kw_only=True)
class SerializersConfig:
    """What the user asked for."""

    only: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    """Paths of the user's own serializers, added to ours."""
    records: tuple[str, ...] = ()
    """Kinds of record; none: all."""
    lengths: tuple[int, ...] = LENGTHS
    rounds: int = ROUNDS
    limit_s: float = LIMIT_S
    allow_pickle: bool = False
    seed: int = 1
    runs: Path = Path("runs")
    command: str = "stampede serializers"

    def __post_init__(self) -> None:
        require(self.rounds >= 1, "rounds", self.rounds, "at least 1")
        for name in self.records:
            require(name in kinds(), "record", name, f"one of {', '.join(kinds())}")
        require(not self.only or REFERENCE in self.only, "only", ", ".join(self.only), "json among them: the reference")

    def chosen(self, *, ours: bool) -> list[Codec]:
        """Who runs. Raises ConfigError: unknown, or runs code on a server that is not ours."""
        return choose_codecs(self.only, self.own, ours=ours, allow_pickle=self.allow_pickle)


def run_serializers(
    order: SerializersConfig,
    stack: Stack,
    say: Callable[[str], None],
    advance: Callable[[str, int, int], None],
    begun: Callable[[Path], None] = lambda _folder: None,
) -> Path:
    """The run folder. `advance` takes what is done, and how many rounds of how many; `begun`, the folder as soon as it
    is there.

    Raises ConfigError (pickle on a server that is not ours, an unknown serializer) before anything is written.
    """
    chosen = order.chosen(ours=stack.ours)
    named = [kinds()[name] for name in (order.records or kinds())]
    folder = new_run_folder(order.runs, PLAN, datetime.now(UTC))
    end_s = monotonic() + order.limit_s
    run = as_dict(order, stack, chosen, named)
    save(folder, run)
    begun(folder)
    try:
        advance("what survives a round trip", 0, order.rounds)
        write_found(folder, chosen)
        advance("sizes", 0, order.rounds)
        dictionaries = train_dictionaries(named, chosen)
        left_out = write_sizes(folder, order.lengths, named, chosen, dictionaries)
        for kind, name in left_out:
            say(f"{name} refuses {kind}: listed as refused, not timed")
        first = first_round(order, stack, named, chosen, left_out, dictionaries)
        write_part(folder, "stored", 0, stored(first, named, chosen))
        share = run_rounds(folder, first, order.rounds, end_s, stack, advance)
        if share < 0.5:
            what = f"blocks were cut to {share:.0%} of their length to end within {order.limit_s:g} s"
            run.remarks.append({"name": "short-blocks", "what": what, "cost": "wider intervals"})
        run.status = "finished"
    except BaseException as error:
        run.status = "cut" if isinstance(error, KeyboardInterrupt) else "failed"
        raise
    finally:
        run.finished_utc = now_utc()
        save(folder, run)
    return folder


def train_dictionaries(named: Sequence[RecordKind], chosen: Sequence[Codec]) -> dict[tuple[str, str], bytes]:
    """The compressors' dictionaries of each kind of record and serializer; lists of users as JSON always have one."""
    dictionaries = {
        (kind.name, codec.name): made
        for kind in named
        for codec in chosen
        if codec.name in COMPRESSED and (made := train(codec, kind))
    }
    if ("user-200", REFERENCE) not in dictionaries:
        dictionaries["user-200", REFERENCE] = train(codecs()[REFERENCE], kinds()["user-200"])
    return dictionaries


def write_sizes(
    folder: Path,
    lengths: Sequence[int],
    named: Sequence[RecordKind],
    chosen: Sequence[Codec],
    dictionaries: Dictionaries,
) -> tuple[tuple[str, str], ...]:
    """Write how many bytes each record takes; the pairs (kind of record, serializer) of records that are refused."""
    sizes = [row for kind in named for codec in chosen for row in sizes_of(kind, codec, dictionaries)]
    write_part(folder, "sizes", 0, [*sizes, *list_sizes(lengths, dictionaries)])
    return tuple((row[0], row[1]) for row in sizes if row[6] == "refused")


def first_round(
    order: SerializersConfig,
    stack: Stack,
    named: Sequence[RecordKind],
    chosen: Sequence[Codec],
    left_out: tuple[tuple[str, str], ...],
    dictionaries: Dictionaries,
) -> RoundPlan:
    """The first round, with blocks of full length; the others differ in number and length."""
    return RoundPlan(
        round=1,
        seed=order.seed,
        redis_url=stack.redis.url,
        key_prefix=stack.key_prefix,
        kinds=tuple(kind.name for kind in named),
        lengths=order.lengths,
        targets=tuple(codec.file or codec.name for codec in chosen),
        left_out=left_out,
        dictionaries={f"{k} {c}": b64encode(v).decode() for (k, c), v in dictionaries.items()},
    )


def run_rounds(
    folder: Path,
    first: RoundPlan,
    rounds: int,
    end_s: float,
    stack: Stack,
    advance: Callable[[str, int, int], None],
) -> float:
    """Run and write the rounds, with shorter blocks where they would not end at `end_s`; the least share of a block's
    full length that was run.
    """
    round_order = first
    shares: list[float] = []
    for number in range(1, rounds + 1):
        advance("rounds", number - 1, rounds)
        begin_s = monotonic()
        for table, rows in in_a_process(replace(round_order, round=number), stack).items():
            write_part(folder, table, number, rows)
        took_s, left = monotonic() - begin_s, rounds - number
        if left:
            fits = (end_s - monotonic()) / left / took_s
            round_order = replace(round_order, share=min(1.0, max(LEAST_SHARE, round_order.share * fits)))
        shares.append(round_order.share)
    advance("rounds", rounds, rounds)
    return min(shares)


def in_a_process(order: RoundPlan, stack: Stack) -> dict[str, list[Any]]:
    """The rows of one round by table. Raises SerializersFailed where its process does not end well."""
    command = [sys.executable, "-P", "-m", "stampede.loadtests.serializers.timing"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        stack.register_child(child.pid)
        output, errors = child.communicate(order.as_json())
    if child.returncode != 0:
        lines = errors.strip().splitlines() or [f"exit code {child.returncode}"]
        raise SerializersFailed(f"round {order.round}: {lines[-1]}")
    rows: dict[str, list[Any]] = json.loads(output.splitlines()[-1])
    return rows


def write_found(folder: Path, chosen: Sequence[Codec]) -> None:
    """What is found by running once: fidelity, changed schemas, hostile bytes."""
    found = [(c.name, f.build, f.case, f.outcome, f.what) for c in chosen for f in fidelity(c)]
    write_part(folder, "fidelity", 0, found)
    reads = [(c.name, r.change, r.direction, r.outcome, r.what) for c in chosen for r in schema_changes(c)]
    write_part(folder, "changes", 0, reads)
    faced = attacks(chosen)
    rows = [(a.reader, a.attack, a.verdict, a.what, a.bytes, a.elapsed_ns, a.peak_bytes) for a in faced]
    write_part(folder, "attacks", 0, rows)


SizeRow = tuple[str, str, str, int, int | None, int, str, str]
"""The columns of stampede.run_folder.serializer_tables.SIZES."""


def sizes_of(kind: RecordKind, codec: Codec, dictionaries: Dictionaries) -> list[SizeRow]:
    """Plain and with each compressor; a serializer that cannot carry the record: one row, refused."""
    records = Pool(kind).all
    try:
        serializer = codec.serializer.for_type(kind.record_type)
        encoded = [serializer.dumps(record) for record in records]
        back = [serializer.loads(data) for data in encoded]
    except Exception as error:  # noqa: BLE001 - any error is the finding
        return [(kind.name, codec.name, "", len(records), None, 0, "refused", said(error))]
    differ = next((f"{b!r} for {a!r}"[:300] for a, b in zip(records, back, strict=True) if a != b), "")
    outcome = "changed" if differ else "same"
    rows: list[SizeRow] = [(kind.name, codec.name, "", len(records), sum(map(len, encoded)), 0, outcome, differ)]
    for title, compressor in trained(kind.name, codec.name, dictionaries).items():
        total = sum(len(compressor.compress(data)) for data in encoded)
        rows.append((kind.name, codec.name, title, len(records), total, len(compressor.dictionary), outcome, differ))
    return rows


def list_sizes(lengths: Sequence[int], dictionaries: Dictionaries) -> list[SizeRow]:
    """The lists whose length grows, as JSON, plain and compressed."""
    rows: list[SizeRow] = []
    for length in lengths:
        lists = list_bytes(length)
        name = f"rows-{length}"
        rows.append((name, REFERENCE, "", len(lists), sum(map(len, lists)), 0, "same", ""))
        for title, compressor in trained("user-200", REFERENCE, dictionaries).items():
            total = sum(len(compressor.compress(data)) for data in lists)
            rows.append((name, REFERENCE, title, len(lists), total, len(compressor.dictionary), "same", ""))
    return rows


def stored(order: RoundPlan, named: Sequence[RecordKind], chosen: list[Codec]) -> list[tuple[str, str, int, int]]:
    """What a value occupies in the server's own opinion."""
    rows = []
    with redis.Redis.from_url(order.redis_url) as client:
        for kind in named:
            pool = Pool(kind)
            contender_specs: list[tuple[str, Serializer[Any]]] = [
                (codec.name, codec.serializer.for_type(kind.record_type)) for codec in carried(order, chosen, kind.name)
            ]
            for name, serializer in contender_specs:
                key = f"{order.key_prefix}user:1"
                for record in pool.all[:16]:
                    data = serializer.dumps(record)
                    client.set(key, data)
                    rows.append((kind.name, name, len(data), memory(client, key)))
                client.delete(key)
            if kind.name.startswith("user"):
                for record in pool.all[:16]:
                    client.hset(key, mapping=vars(record))
                    size = sum(len(str(part).encode()) for pair in vars(record).items() for part in pair)
                    rows.append((kind.name, HASH, size, memory(client, key)))
                client.delete(key)
    return rows


def memory(client: redis.Redis, key: str) -> int:
    found: Any = client.memory_usage(key, samples=0)
    return int(found)


def as_dict(order: SerializersConfig, stack: Stack, chosen: Sequence[Codec], named: Sequence[RecordKind]) -> RunInfo:
    about = metadata(SOURCES)
    about["packages"] |= {name: version_of(name) for name in PACKAGES}
    about["servers"] = stack.as_dict()
    return RunInfo(
        plan=PLAN,
        rounds=order.rounds,
        reference=REFERENCE,
        seed=order.seed,
        command=order.command,
        started_utc=now_utc(),
        scenarios=[scenario(kind) for kind in named],
        contenders=[
            *(contender(codec) for codec in with_twin(list(chosen))),
            ContenderInfo(
                name=HASH,
                kind="baseline",
                summary="a flat row as a Redis HASH, a field a column: HSET and HGETALL",
                guarantees=[],
                config={},
                client={},
            ),
        ],
        metadata=about,
        remarks=[{"name": r.name, "what": r.what, "cost": r.cost} for r in stack.remarks],
    )


def scenario(kind: RecordKind) -> ScenarioInfo:
    return ScenarioInfo(
        name=kind.name,
        question="what does it cost to write and to read this record?",
        application=kind.what,
        expectation="",
        workload={"text": kind.text, "records": kind.pool},
        window_s=0,
        drain_s=0,
        processes=1,
    )


def contender(codec: Codec) -> ContenderInfo:
    kind = codec.serializer
    return ContenderInfo(
        name=codec.name,
        kind="aa-copy" if codec.name == TWIN else "contender",
        summary=kind.summary,
        guarantees=[],
        config={"wire": kind.wire, "schema": kind.schema, "validates": kind.validates, "runs_code": kind.runs_code},
        client={},
        copy_of=REFERENCE if codec.name == TWIN else None,
        file=codec.file,
    )


def save(folder: Path, run: RunInfo) -> None:
    """Write run.json as it stands."""
    write_json(folder / "run.json", run.as_json())


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
