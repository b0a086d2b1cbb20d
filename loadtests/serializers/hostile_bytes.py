"""Hostile bytes: a reader should raise an error. Each is read in a child process with limits, because some crash it."""

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from stampede.loadtests.serializers.fidelity import build, error_line
from stampede.patterns.compression.compressor_registry import compressors
from stampede.patterns.serialization.schema.records import Address
from stampede.patterns.serialization.serializer_registry import NamedSerializer, find_serializer

MEMORY_BYTES = 2 * 2**30
CPU_S = 10
DEPTH = 200_000
ALLOWED_BYTES = 8 * 2**20
UNFOLDED_BYTES = 64 * 2**20

Verdict = Literal["raised", "read", "ran code", "crashed", "not tried"]


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """The result of one reader on one hostile value."""

    reader: str
    """A serializer or a compressor."""
    attack: str
    verdict: Verdict
    what: str
    bytes: int
    elapsed_ns: int
    peak_bytes: int
    """Growth of the process's peak resident memory during the read."""


class RunsCode:
    """An object whose unpickling makes a call. This call is harmless and sets a flag."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("import sys; sys.stampede_ran_code = True",))


def nested_pickle() -> bytes:
    return b"\x80\x04" + b"]" * DEPTH + b"a" * (DEPTH - 1) + b"."


DEEP: Mapping[str, Callable[[], bytes]] = {
    "json": lambda: b"[" * DEPTH + b"]" * DEPTH,
    "msgpack": lambda: b"\x91" * DEPTH + b"\xc0",
    "cbor": lambda: b"\x81" * DEPTH + b"\xf6",
    "pickle": nested_pickle,
    "protobuf": lambda: b"\x9b\x01" * DEPTH + b"\x9c\x01" * DEPTH,  # groups of an unknown field
}
LONG: Mapping[str, Callable[[], bytes]] = {
    "json": lambda: b"9" * 2_000_000,  # JSON has no lengths: a number that takes quadratic time to convert
    "msgpack": lambda: b"\xdd\xff\xff\xff\xff" + b"\xc0" * 100,
    "cbor": lambda: b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff" + b"\xf6" * 100,
    "pickle": lambda: b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x" * 100 + b".",
    "protobuf": lambda: b"\x0a\xff\xff\xff\xff\x07" + b"x" * 100,
}
ATTACKS = ("code in the bytes", "nested too deep", "claims to be long")
UNFOLDS = "unfolds to 64 MiB where 8 are allowed"


def payload(attack: str, wire: str) -> bytes | None:
    """The hostile bytes; None if there are none for this format."""
    if attack == "code in the bytes":
        return pickle.dumps({"id": RunsCode()})
    hostile = (DEEP if attack == "nested too deep" else LONG).get(wire)
    return None if hostile is None else hostile()


def unfolding(compressor: str) -> bytes:
    """64 MiB of zeros, compressed by this compressor."""
    return compressors()[compressor]().compress(bytes(UNFOLDED_BYTES))


def attacks(named_serializers: Sequence[NamedSerializer]) -> list[AttackResult]:
    """Every attack on every serializer, and the unfolding attack on every compressor.

    One process imports everything and forks a child for each attack, so that a crash ends only that child.
    """
    calls = [(codec.file or codec.name, codec.name, attack) for codec in named_serializers for attack in ATTACKS]
    calls += [(name, name, UNFOLDS) for name in compressors()]
    command = [sys.executable, "-P", "-m", "stampede.loadtests.serializers.hostile_bytes", json.dumps(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [AttackResult(**found) for found in json.loads(done.stdout.splitlines()[-1])]


def attack_in_child(target: str, name: str, attack: str) -> AttackResult:
    out, into = os.pipe()
    begin = time.perf_counter_ns()
    child = os.fork()
    if child == 0:
        os.close(out)
        with os.fdopen(into, "w") as answer:
            answer.write(json.dumps(asdict(attack_here(target, attack))))
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as answer:
        answer_text = answer.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0 or not answer_text:
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return crashed(name, attack, how, time.perf_counter_ns() - begin)
    return AttackResult(**{**json.loads(answer_text), "reader": name})


def crashed(name: str, attack: str, what: str, elapsed_ns: int) -> AttackResult:
    return AttackResult(
        reader=name, attack=attack, verdict="crashed", what=what, bytes=0, elapsed_ns=elapsed_ns, peak_bytes=0
    )


def attack_here(target: str, attack: str) -> AttackResult:
    """Read the hostile bytes in this process, which may crash."""
    read: Callable[[bytes], Any]
    if attack == UNFOLDS:
        data = unfolding(target)
        read = compressors()[target](most_bytes=ALLOWED_BYTES).decompress
    else:
        serializer = find_serializer(target).serializer
        hostile = payload(attack, serializer.wire)
        reader = build(serializer, dict) or build(serializer, Address)
        if hostile is None or reader is None:
            what = "no hostile bytes for its format"
            return AttackResult(
                reader=target, attack=attack, verdict="not tried", what=what, bytes=0, elapsed_ns=0, peak_bytes=0
            )
        data, read = hostile, reader.loads
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    before = peak_bytes()
    begin = time.perf_counter_ns()
    try:
        value = read(data)
        verdict: Verdict = "read"
        what = f"as {type(value).__name__}"
        del value
    except Exception as error:  # noqa: BLE001 - any error is the finding
        verdict, what = "raised", error_line(error)
    if hasattr(sys, "stampede_ran_code"):
        verdict, what = "ran code", "the call in the bytes was made"
    return AttackResult(
        reader=target,
        attack=attack,
        verdict=verdict,
        what=what,
        bytes=len(data),
        elapsed_ns=time.perf_counter_ns() - begin,
        peak_bytes=max(0, peak_bytes() - before),
    )


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps([asdict(attack_in_child(*call)) for call in json.loads(sys.argv[1])]))
