"""Who gave no sign of life for a second and more while a cell ran: a server that did not answer, a process that did not
wake when it should have."""

from stampede.run_folder.write import TimelineRow

LONG_NS = 1_000_000_000
"""Less is not recorded: a busy machine does that."""


class Silences:
    """Those of one cell, as rows of its timeline: each stands at its end, its value is its length in seconds."""

    def __init__(self, cell: int) -> None:
        self.rows: list[TimelineRow] = []
        self._cell = cell
        self._since_ns: dict[str, int] = {}

    def expect(self, source: str, at_ns: int) -> None:
        """From this instant a sign of that source is awaited; an earlier instant that is still open stands."""
        self._since_ns.setdefault(source, at_ns)

    def heard(self, source: str, at_ns: int) -> None:
        """The sign came."""
        silent_ns = at_ns - self._since_ns.pop(source, at_ns)
        if silent_ns >= LONG_NS:
            self.rows.append((self._cell, at_ns, source, "silent_s", silent_ns / 1e9, "silence"))

    def close(self, at_ns: int) -> None:
        """The cell is over: what is still awaited was silent until now."""
        for source in list(self._since_ns):
            self.heard(source, at_ns)
