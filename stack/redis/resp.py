"""Parses requests to Redis (RESP): finds the commands in the bytes."""

CONTAINER_COMMANDS = frozenset(
    {
        *("ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE"),
        *("OBJECT", "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO"),
    }
)
"""Redis counts these commands by subcommand, for example client setinfo."""


def parse_commands(wire: bytes) -> list[list[bytes]]:
    """The commands of a request, each as a list of its arguments. A pipeline has several."""
    commands = []
    position = 0
    while position < len(wire):
        line_end = wire.index(b"\r\n", position)
        arguments = int(wire[position + 1 : line_end])
        position = line_end + 2
        command = []
        for _ in range(arguments):
            line_end = wire.index(b"\r\n", position)
            begin = line_end + 2
            end = begin + int(wire[position + 1 : line_end])
            command.append(wire[begin:end])
            position = end + 2
        commands.append(command)
    return commands


def command_name(command: list[bytes]) -> str:
    """A command's name as in INFO commandstats; with its subcommand if it has one (`client setinfo`)."""
    name = command[0].decode()
    if name.upper() in CONTAINER_COMMANDS and len(command) > 1:
        name = f"{name} {command[1].decode()}"
    return name.lower()


def command_names(wire: bytes) -> list[str]:
    """The names of the commands in a request."""
    return [command_name(command) for command in parse_commands(wire)]
