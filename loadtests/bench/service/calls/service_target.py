"""What a bench calls at a web service: addresses, ids, the body of a write, the version in an answer."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from stampede.core.errors import ConfigError, UnreadableFile, require
from stampede.core.files import TEXT_BYTES, read_regular
from stampede.core.text.redaction import masked

WRITE_METHODS = ("PUT", "PATCH", "POST")
TOKEN_VARIABLE = "STAMPEDE_SERVICE_TOKEN"
"""The environment variable with a bearer token. A token never comes from the command line, which other users see."""
DEFAULT_BODY = '{"text": "{text}", "number": {number}}'
MOST_IDS = 1_000_000
SPACES = frozenset(' \t\r\n\\"<>^`|')
LOOPBACK = ("localhost", "127.", "::1")
ID_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})")
WORDS = ("river", "stone", "amber", "cloud", "maple", "harbor", "violet", "ember")


@dataclass(frozen=True, kw_only=True)
class ServiceTarget:
    """A web service, and how a read and a write of a record are sent to it. `{id}` stands for the record's id."""

    base: str
    """http://name[:port], without a path of its own or with a prefix of all paths."""
    get: str
    """The path of a read."""
    put: str | None = None
    """The path of a write; None: the service is not written to."""
    write_method: str = "PUT"
    body: str = DEFAULT_BODY
    """The JSON body of a write. {id}, {number} and {text} are replaced; a number differs in each write."""
    version_path: tuple[str, ...] = ()
    """Where an answer holds the record's version: the names on the way to it. Empty: freshness is not judged."""
    ids: tuple[str, ...] = ()
    """The ids, most popular first."""
    token: str = field(default="", repr=False)
    """A bearer token; empty: none. No file, page or log contains it."""

    def read_path(self, position: int) -> str:
        """The path of a read of the id at that position."""
        return self._path(self.get, position)

    def write_path(self, position: int) -> str:
        """The path of a write of the id at that position."""
        return self._path(self.put or "", position)

    def write_body(self, position: int, number: int) -> bytes:
        """The body of a write. `number`: another one in each write of a cell."""
        text = f"{WORDS[number % len(WORDS)]}-{number}"
        values = {"{id}": self.ids[position], "{number}": str(number), "{text}": text}
        body = self.body
        for name, value in values.items():
            body = body.replace(name, value)
        return body.encode()

    def version_of(self, answer: Any) -> int | None:
        """The version in a decoded answer; None if there is no integer at that place."""
        for name in self.version_path:
            if isinstance(answer, list) and name.isdigit() and int(name) < len(answer):
                answer = answer[int(name)]
            elif isinstance(answer, dict):
                answer = answer.get(name)
            else:
                return None
        return answer if isinstance(answer, int) and not isinstance(answer, bool) else None

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine's loopback address."""
        return (urlsplit(self.base).hostname or "").startswith(LOOPBACK)

    def _path(self, template: str, position: int) -> str:
        return urlsplit(self.base).path.rstrip("/") + template.replace("{id}", quote(self.ids[position], safe=""))


def check_address(address: str) -> str:
    """A service's address without a slash at its end. Raises ConfigError."""
    try:
        parts = urlsplit(address)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        name, port, parts = "", None, urlsplit("")
    fits = parts.scheme in ("http", "https") and bool(name) and port != 0 and not set(address) & SPACES
    require(fits, "service", masked(address), "http://name[:port] or https://name[:port]")
    plain = "@" not in parts.netloc and not parts.query and not parts.fragment
    want = f"an address without a user, a password or a query; a bearer token is read from {TOKEN_VARIABLE}"
    require(plain, "service", masked(address), want)
    return address.rstrip("/")


def check_template(field_name: str, template: str) -> str:
    """A path with {id} in it. Raises ConfigError."""
    fits = template.startswith("/") and "{id}" in template and not set(template) & SPACES
    require(fits, field_name, masked(template), "a path with {id} in it, such as /products/{id}")
    others = re.findall(r"\{(?!id\})[^}]*\}?", template)
    require(not others, field_name, template, "{id} as the only name in braces")
    return template


def read_ids(given: str) -> tuple[str, ...]:
    """The ids: `A-B` for a range of integers, or the path of a text file with one id a line. Raises ConfigError."""
    found = ID_RANGE.fullmatch(given)
    if found is not None:
        first, last = int(found[1]), int(found[2])
        require(first <= last < first + MOST_IDS, "ids", given, f"a range of 1 to {MOST_IDS:,} ids, such as 1-1000")
        return tuple(map(str, range(first, last + 1)))
    try:
        text = read_regular(Path(given), most_bytes=64 * TEXT_BYTES).decode()
    except (UnreadableFile, UnicodeDecodeError) as error:
        found_ = error.what if isinstance(error, UnreadableFile) else "bytes that are not UTF-8"
        want = f"a range such as 1-1000, or a text file with one id a line; found: {found_}"
        raise ConfigError("ids", given, want) from error
    ids = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    require(1 <= len(ids) <= MOST_IDS, "ids", given, f"a file with 1 to {MOST_IDS:,} ids, one a line")
    return ids


def read_body(given: str | None) -> str:
    """The body of a write: JSON with placeholders, or the path of a file with it. Raises ConfigError."""
    if given is None:
        return DEFAULT_BODY
    body = given
    if not given.lstrip().startswith(("{", "[")):
        try:
            body = read_regular(Path(given), most_bytes=TEXT_BYTES).decode()
        except (UnreadableFile, UnicodeDecodeError) as error:
            raise ConfigError("body", given, 'JSON such as {"price": {number}}, or a file with it') from error
    example = ServiceTarget(base="http://localhost", get="/{id}", body=body, ids=("1",)).write_body(0, 1)
    try:
        json.loads(example)
    except ValueError as error:
        raise ConfigError("body", masked(body), "JSON once {id}, {number} and {text} are replaced") from error
    return body


def read_token(path: Path | None) -> str:
    """The bearer token: from the file, else from TOKEN_VARIABLE; empty without either. Raises ConfigError."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if path is not None:
        try:
            token = read_regular(path, most_bytes=TEXT_BYTES).decode().strip()
        except (UnreadableFile, UnicodeDecodeError) as error:
            raise ConfigError("token-file", str(path), "a text file with a bearer token") from error
        require(bool(token), "token-file", str(path), "a text file with a bearer token; it is empty")
    fits = token.isascii() and token.isprintable() and " " not in token
    require(fits, "token", "***", "printable ASCII without spaces")
    return token
