"""A run's facts in the shape that its figures are made from: one value a round."""

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
    """The run and its tables, each read when it is first asked for."""

    folder: Path
    run: RunInfo

    @cached_property
    def rounds(self) -> list[int]:
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
        """Contender to the milliseconds of its GETs, an array a round."""
        frame = read_parts(self.folder, "probes")
        return {
            str(name): [part["elapsed_ns"].to_numpy(dtype=np.float64) / 1e6 for _, part in rows.groupby("round")]
            for name, rows in frame.groupby("contender", sort=False)
        }

    @cached_property
    def blocks(self) -> Mapping[tuple[str, str, str], Floats]:
        """(record, contender, operation) to microseconds a call: the median over a block's batches, round by round.

        Processor time of the thread, so that what else the machine does is not in it; where a server was waited for,
        the time that passed. nan where a round has none.
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
        """Microseconds a call, a value a round; all nan where it was not timed. `both` is encode + decode."""
        if operation == "both":
            return self.us(record, contender, "encode") + self.us(record, contender, "decode")
        return self.blocks.get((record, contender, operation), np.full(len(self.rounds), np.nan))

    def contender(self, name: str) -> ContenderInfo:
        return next(c for c in self.run.contenders if c.name == name)

    @property
    def serializers(self) -> list[ContenderInfo]:
        """Those that are compared: no twin, no ruler."""
        return [c for c in self.run.contenders if c.kind == "contender"]

    @property
    def aa_copy(self) -> str:
        """The reference under another name."""
        return next(c.name for c in self.run.contenders if c.kind == "aa-copy")

    @cached_property
    def weighed(self) -> Mapping[tuple[str, str, str], tuple[float, str, str]]:
        """(record, serializer, compressor) to (mean bytes, outcome, what)."""
        s = self.sizes
        keys = zip(s["record"], s["contender"], s["compressor"], strict=True)
        means = s["bytes"].astype(float) / s["objects"]
        values = zip(means, s["outcome"], s["what"], strict=True)
        return {key: (float(mean), str(o), str(w)) for key, (mean, o, w) in zip(keys, values, strict=True)}

    def bytes_of(self, record: str, contender: str, compressor: str = "") -> float:
        """Mean bytes of a record; nan where it was refused or not compressed so."""
        return self.weighed.get((record, contender, compressor), (float("nan"), "", ""))[0]

    def outcome(self, record: str, contender: str) -> tuple[str, str]:
        """(same, refused or changed; what) of a record's round trip."""
        return self.weighed.get((record, contender, ""), (0.0, "same", ""))[1:]

    @cached_property
    def lengths(self) -> list[str]:
        """The lists of growing length, shortest first."""
        return sorted(
            {r for r, _, _ in self.blocks if r.startswith("rows-")}, key=lambda r: int(r.removeprefix("rows-"))
        )


def read_facts(folder: Path) -> SerializerFacts:
    """Raises RunFolderError where the folder is no run of this plan."""
    run = read_run(folder)
    if run.info.plan != PLAN:
        raise RunFolderError(folder, f"a run of plan {run.info.plan}", f"a run of plan {PLAN}")
    return SerializerFacts(folder, run.info)
