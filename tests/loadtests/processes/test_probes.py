"""Probes read in one order before a cell and in the other after it."""

from contextlib import AbstractContextManager, nullcontext

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows, read_after, read_before
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.loadtests.selftests.overhead import no_op_spec
from stampede.stack.servers import Stack


class Noting(Probe):
    """Notes when it is read."""

    def __init__(self, name: str, noted: list[str]) -> None:
        self.name = name
        self.noted = noted

    def before(self, cell: ProbedCell) -> None:
        self.noted.append(f"{self.name} before cell {cell.order.id}")

    def after(self, cell: ProbedCell) -> ProbeRows:
        self.noted.append(f"{self.name} after")
        return ProbeRows(
            servers=[(cell.order.id, self.name, "calls", 0.0, 1.0, "calls")],
            timeline=[(cell.order.id, 1, self.name, "gauge", 1.0, None)],
        )


def cell_of(stack: Stack) -> ProbedCell:
    order = CellPlan(id=7, scenario="harness", contender="no-op", round=1, seed=1, predecessor=None)
    return ProbedCell(order=order, scenario=no_op_spec(stack, stack.directory).scenarios[0])


def test_the_last_probe_is_the_nearest_to_the_cell_on_both_sides(stack: Stack) -> None:
    noted: list[str] = []
    probes = [Noting("far", noted), Noting("near", noted)]
    cell = cell_of(stack)
    read_before(probes, cell)
    rows = read_after(probes, cell)
    assert noted == ["far before cell 7", "near before cell 7", "near after", "far after"]
    assert [row[1] for row in rows.servers] == ["near", "far"]
    assert [row[2] for row in rows.timeline] == ["near", "far"]


def test_a_probe_that_says_nothing_of_sampling_samples_nothing() -> None:
    sampling: AbstractContextManager[object] = Noting("quiet", []).sample()
    assert isinstance(sampling, nullcontext)
