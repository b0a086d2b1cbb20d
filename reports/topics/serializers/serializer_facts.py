"""Facts of a serializers run: its tables, and times with one value per round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from stampede.core.errors import RunFolderError
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ContenderInfo, RunInfo
from stampede.run_folder.serializer_tables import PLAN, read_parts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SerializerFacts:
    """The run and its tables. Each table is read on first use."""

    folder: Path
    run: RunInfo

    @cached_property
    def rounds(self) -> list[int]:
        """Numbers of the finished rounds."""
        return sorted({int(n) for n in self.batches["round"].unique()})

    @cached_property
    def batches(self) -> pd.DataFrame:
        return read_parts(self.folder, "batches")

    @cached_property
    def sizes(self) -> pd.DataFrame:
        return read_parts(self.folder, "sizes")

    @cached_property
    def stored(self) -> pd.DataFrame:
        return read_parts(self.folder, "stored")

    @cached_property
    def fidelity(self) -> pd.DataFrame:
        return read_parts(self.folder, "fidelity")

    @cached_property
    def changes(self) -> pd.DataFrame:
        return read_parts(self.folder, "changes")

    @cached_property
    def attacks(self) -> pd.DataFrame:
        return read_parts(self.folder, "attacks")

    @cached_property
    def probes(self) -> Mapping[str, Sequence[Floats]]:
        """Milliseconds of the GETs by contender, one array per round."""
        frame = read_parts(self.folder, "probes")
        return {
            str(name): [part["elapsed_ns"].to_numpy(dtype=np.float64) / 1e6 for _, part in rows.groupby("round")]
            for name, rows in frame.groupby("contender", sort=False)
        }

    @cached_property
    def blocks(self) -> Mapping[tuple[str, str, str], Floats]:
        """Microseconds per call by (record, contender, operation): the median over a block's batches, per round.

        CPU time of the thread, so that other load on the machine is not included; elapsed time if the call waits for a
        server. nan for a round without the block.
        """
        spent = self.batches["cpu_ns"].fillna(self.batches["elapsed_ns"])
        frame = self.batches.assign(us=spent / self.batches["calls"] / 1e3)
        medians = frame.groupby(["record", "contender", "operation", "round"], sort=False)["us"].median()
        table = medians.unstack("round").reindex(columns=self.rounds)
        return {
            (str(key[0]), str(key[1]), str(key[2])): row
            for key, row in zip(table.index, table.to_numpy(dtype=np.float64), strict=True)
        }

    def us(self, record: str, contender: str, operation: str) -> Floats:
        """Microseconds per call, one value per round; nan if it was not timed. `both` is encode + decode."""
        if operation == "both":
            return self.us(record, contender, "encode") + self.us(record, contender, "decode")
        return self.blocks.get((record, contender, operation), np.full(len(self.rounds), np.nan))

    def contender(self, name: str) -> ContenderInfo:
        """The contender of that name."""
        return next(c for c in self.run.contenders if c.name == name)

    @property
    def serializers(self) -> list[ContenderInfo]:
        """The serializers that are compared: without the A/A copy and the baselines."""
        return [c for c in self.run.contenders if c.kind == "contender"]

    @property
    def aa_copy(self) -> str:
        """The reference under another name."""
        return next(c.name for c in self.run.contenders if c.kind == "aa-copy")

    @cached_property
    def weighed(self) -> Mapping[tuple[str, str, str], tuple[float, str, str]]:
        """(mean bytes, outcome, explanation) by (record, serializer, compressor)."""
        s = self.sizes
        keys = zip(s["record"], s["contender"], s["compressor"], strict=True)
        means = s["bytes"].astype(float) / s["objects"]
        values = zip(means, s["outcome"], s["what"], strict=True)
        return {key: (float(mean), str(o), str(w)) for key, (mean, o, w) in zip(keys, values, strict=True)}

    def bytes_of(self, record: str, contender: str, compressor: str = "") -> float:
        """Mean bytes of a record; nan if it was refused or not compressed in that way."""
        return self.weighed.get((record, contender, compressor), (float("nan"), "", ""))[0]

    def outcome(self, record: str, contender: str) -> tuple[str, str]:
        """(same, refused or changed; explanation) of encoding and decoding a record."""
        return self.weighed.get((record, contender, ""), (0.0, "same", ""))[1:]

    @cached_property
    def lengths(self) -> list[str]:
        """The lists of growing length, shortest first."""
        return sorted(
            {r for r, _, _ in self.blocks if r.startswith("rows-")}, key=lambda r: int(r.removeprefix("rows-"))
        )


def read_facts(folder: Path) -> SerializerFacts:
    """Facts of a run folder. Raises RunFolderError if it is no run of this plan."""
    run = read_run(folder)
    if run.info.plan != PLAN:
        raise RunFolderError(folder, f"a run of plan {run.info.plan}", f"a run of plan {PLAN}")
    return SerializerFacts(folder, run.info)
