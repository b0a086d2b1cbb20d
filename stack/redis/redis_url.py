"""Checks the URL of a user's Redis before a connection is opened. An error is one line with the remedy."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.connection import parse_url

from stampede.core.errors import StackError
from stampede.stack.servers import require_encoded, without_password

SCHEMES = ("redis", "rediss", "unix")
FORM = "redis://[[user]:password@]host[:port][/db], rediss://… for TLS, or unix:///path[?db=n]"
CREDENTIALS = frozenset({"db", "username", "password", "client_name", "protocol"})
TLS = frozenset(
    {
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_password",
        "ssl_cert_reqs",
        "ssl_check_hostname",
        "ssl_min_version",
        "ssl_ciphers",
    }
)
FILES = frozenset({"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"})
SET_BY_CLIENTS = frozenset(
    {
        "decode_responses",
        "encoding",
        "encoding_errors",
        "max_connections",
        "timeout",
        "socket_timeout",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_read_size",
        "health_check_interval",
        "retry_on_timeout",
        "retry_on_error",
        "legacy_responses",
    }
)
"""Options that redis-py accepts in a URL, but that each contender's client sets itself."""


def check_redis_url(url: str) -> None:
    """Raise StackError for a URL that redis-py would misread, or whose options would change the measurement."""
    shown = without_password(url)
    require_encoded("redis", url)
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise StackError("redis", shown, FORM) from error
    if parts.scheme not in SCHEMES:
        raise StackError("redis", shown, FORM)
    for name, value in options.items():
        want = wanted_instead(name, parts.scheme)
        if not want and name in FILES and not Path(value).exists():
            want = f"a file that exists as {name}"
        if want:
            raise StackError("redis", shown, want)
    check_database(parts.scheme, unquote(parts.path), options, shown)


def wanted_instead(option: str, scheme: str) -> str:
    """The remedy for an option of the URL. Empty: the option is allowed."""
    if option in SET_BY_CLIENTS:
        return f"no {option} in the URL: each contender's client sets decoding, timeouts, retries and pool size itself"
    if option in TLS:
        return "" if scheme == "rediss" else f"rediss:// with {option}: it is a TLS option"
    if option in CREDENTIALS or (option == "path" and scheme == "unix"):
        return ""
    known = ", ".join(sorted(CREDENTIALS | TLS if scheme == "rediss" else CREDENTIALS))
    return f"no unknown option {option!r} in the URL; known here: {known}"


def check_database(scheme: str, path: str, options: dict[str, str], shown: str) -> None:
    """Raise StackError for a database that is not a number: redis-py would silently use database 0."""
    if "db" in options:
        is_number = options["db"].isdecimal()
    elif scheme == "unix":
        is_number = True  # 0, the default
        if not path.strip("/"):
            raise StackError("redis", shown, "unix:///path/of/the/socket")
    else:
        is_number = not path.strip("/") or path.strip("/").isdecimal()
    if not is_number:
        raise StackError(
            "redis",
            shown,
            "the number of a database at the end of the URL, such as /0: databases in Redis have no names",
        )
