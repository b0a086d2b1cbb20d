"""Requests to Redis as RESP sends them: which commands there are in the bytes."""

CONTAINER_COMMANDS = frozenset(
    {
        *("ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE"),
        *("OBJECT", "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO"),
    }
)
"""Redis accounts for these by subcommand: client setinfo."""


def parse_commands(wire: bytes) -> list[list[bytes]]:
    """The commands of a request, each as its arguments: a pipeline has several."""
    commands = []
    at = 0
    while at < len(wire):
        line_end = wire.index(b"\r\n", at)
        arguments = int(wire[at + 1 : line_end])
        at = line_end + 2
        command = []
        for _ in range(arguments):
            line_end = wire.index(b"\r\n", at)
            begin = line_end + 2
            end = begin + int(wire[at + 1 : line_end])
            command.append(wire[begin:end])
            at = end + 2
        commands.append(command)
    return commands


def command_name(command: list[bytes]) -> str:
    """A command's name, spelled as INFO commandstats does: `client setinfo` for what has subcommands."""
    name = command[0].decode()
    if name.upper() in CONTAINER_COMMANDS and len(command) > 1:
        name = f"{name} {command[1].decode()}"
    return name.lower()


def command_names(wire: bytes) -> list[str]:
    """The names of the commands in a request."""
    return [command_name(command) for command in parse_commands(wire)]
