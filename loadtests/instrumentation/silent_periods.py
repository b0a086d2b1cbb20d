"""Periods of a second or more in a cell during which a server did not answer or a process did not wake up on time."""

from stampede.run_folder.write import TimelineRow

LONG_NS = 1_000_000_000
"""Shorter silences are not recorded: a busy machine causes them."""


class Silences:
    """The silent periods of one cell, as timeline rows at the end of each; the value is the length in seconds."""

    def __init__(self, cell: int) -> None:
        self.rows: list[TimelineRow] = []
        self._cell = cell
        self._since_ns: dict[str, int] = {}

    def expect(self, source: str, at_ns: int) -> None:
        """Expect an answer of that source from this instant on. An earlier instant without an answer is kept."""
        self._since_ns.setdefault(source, at_ns)

    def answered(self, source: str, at_ns: int) -> None:
        """Note that the answer came, and record the silence if it was long."""
        silent_ns = at_ns - self._since_ns.pop(source, at_ns)
        if silent_ns >= LONG_NS:
            self.rows.append((self._cell, at_ns, source, "silent_s", silent_ns / 1e9, "silence"))

    def close(self, at_ns: int) -> None:
        """End the cell: sources that have not answered were silent until now."""
        for source in list(self._since_ns):
            self.answered(source, at_ns)
