"""Probes are read in one order before a cell and in the reverse order after it."""

from contextlib import AbstractContextManager, nullcontext

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows, read_after, read_before
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.loadtests.selftests.overhead import no_op_config
from stampede.stack.servers import Stack


class RecordingProbe(Probe):
    """Records when it is read."""

    def __init__(self, name: str, reads: list[str]) -> None:
        self.name = name
        self.reads = reads

    def before(self, cell: ProbedCell) -> None:
        self.reads.append(f"{self.name} before cell {cell.plan.id}")

    def after(self, cell: ProbedCell) -> ProbeRows:
        self.reads.append(f"{self.name} after")
        return ProbeRows(
            servers=[(cell.plan.id, self.name, "calls", 0.0, 1.0, "calls")],
            timeline=[(cell.plan.id, 1, self.name, "gauge", 1.0, None)],
        )


def cell_of(stack: Stack) -> ProbedCell:
    order = CellPlan(id=7, scenario="harness", contender="no-op", round=1, seed=1, predecessor=None)
    return ProbedCell(plan=order, scenario=no_op_config(stack, stack.directory).scenarios[0])


def test_the_last_probe_is_read_closest_to_the_cell_before_and_after_it(stack: Stack) -> None:
    reads: list[str] = []
    probes = [RecordingProbe("far", reads), RecordingProbe("near", reads)]
    cell = cell_of(stack)
    read_before(probes, cell)
    rows = read_after(probes, cell)
    assert reads == ["far before cell 7", "near before cell 7", "near after", "far after"]
    assert [row[1] for row in rows.servers] == ["near", "far"]
    assert [row[2] for row in rows.timeline] == ["near", "far"]


def test_a_probe_without_a_sampler_takes_no_samples() -> None:
    sampling: AbstractContextManager[object] = RecordingProbe("quiet", []).sample()
    assert isinstance(sampling, nullcontext)
