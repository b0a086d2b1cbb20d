"""Replaces passwords and tokens by *** in URLs, connection strings and commands that are stored or printed.

All callers use one function, `masked`. If a part may be a secret, it is hidden.
"""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

MASK = "***"

NAME = r"[\w.%-]*(?:password|passwd|passphrase|pass|pwd|pw|secret|token|credentials?|api[_-]?key|access[_-]?key|auth)"
"""The name of a parameter or variable with a secret: password, sslpassword, PGPASSWORD, REDISCLI_AUTH …"""
SECRET_NAME = re.compile(rf"(?i){NAME}\d*")
QUOTED = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""

URL = re.compile(r"(?i)[a-z][a-z0-9+.-]*://(?:\\.|[^\s\"'<>`\\])+")
"""A URL in a text. It ends at a space or a quote."""
ENCODED_URL = re.compile(r"(?i)(%3A%2F%2F)[^\s&\"']*?%40")
"""A URL as the value of another URL's parameter."""
PATH_URL = re.compile(r"(?i)\b(rediss?|valkeys?|postgres(?:ql)?|unix|https?)(:/)(?!/)[^\s\"]*@")
"""A URL that was treated as a path, so that one of its two slashes is missing."""
KEYWORD = re.compile(rf"(?i)(?<![\w%]){NAME}\d*(\s*=\s*|\s+(?='))(?!\*\*\*(?:[&\s\"']|$))(?:{QUOTED}|\S+)")
"""password=…, password = '…', PGPASSWORD=…, and SQL's PASSWORD '…'; but not a value that is already hidden."""
QUOTED_KEY = re.compile(rf"(?i)(\\?[\"']){NAME}\d*\1\s*:\s*(?:b?(?:{QUOTED})|\\\"(?:[^\"\\]|\\[^\"])*\\\"|[^\s,}}\]]+)")
"""JSON and Python's repr: "password": "…"."""
ADDRESS = re.compile(r"[\w.-]*(?::\d*)?(?:/\d*)?")
"""host:port/db: a URL without scheme, user and password."""
HOSTS = re.compile(r"(?:\[[\w:.%]*\]|[\w.%~-]*)(?::\d*)?(?:,(?:\[[\w:.%]*\]|[\w.%~-]*)(?::\d*)?)*")
SUSPECT = re.compile(r"(?i)://|@|=|%3A|[\"']\s*:")
"""A text without any of these contains no secret that `masked` would find."""
BAD_SIGN = re.compile(r"%(?![0-9a-fA-F]{2})|[\s\x00-\x1f]")
"""Characters that a password or parameter must not contain unencoded."""

SERVER_OPTIONS = ("--postgres", "--redis")
"""Options whose value is a server's URL."""


@dataclass(frozen=True, kw_only=True)
class Url:
    """The parts of a URL. If a password contains unencoded delimiters, the userinfo ends at the last @."""

    scheme: str
    userinfo: str | None
    hosts: str
    """Host and port; several are separated by commas."""
    path: str
    query: str | None
    raw: bool
    """Whether it must be percent-encoded before a driver can read it."""

    @property
    def named(self) -> bool:
        """Whether `hosts` is a list of hosts. Else it may be a user and a password without a host."""
        return HOSTS.fullmatch(self.hosts) is not None

    @property
    def parameters(self) -> list[tuple[str, str | None]]:
        """Name and value of each parameter, as written. A value of None: there is no = sign."""
        parts = [part.partition("=") for part in (self.query or "").split("&") if part]
        return [(name, value if sign else None) for name, sign, value in parts]


def masked(text: str, *urls: str) -> str:
    """The text with *** for each password and token. A user name before a password is kept.

    The text may be a URL, a connection string of libpq, an assignment of an environment variable, JSON, a command or a
    driver's error text. `urls`: the secrets of these are hidden everywhere, percent-encoded or not.
    """
    for secret in sorted({form for url in urls for form in secrets_of(url)}, key=len, reverse=True):
        text = without(text, secret)  # first: a pattern would hide only the first part of a secret with a space
    found = text
    if SUSPECT.search(text) is not None or KEYWORD.search(text) is not None:
        is_url = URL.match(text) is not None and "\n" not in text.strip()
        found = masked_url(text) if is_url else URL.sub(lambda url: masked_url(url[0]), text)
        found = ENCODED_URL.sub(rf"\1{MASK}%40", found)
        found = PATH_URL.sub(rf"\1\2{MASK}@", found)
        found = QUOTED_KEY.sub(lambda pair: masked_pair(pair[0]), found)
        found = KEYWORD.sub(lambda pair: pair[0][: pair.end(1) - pair.start()] + MASK, found)
    return found


def masked_pair(pair: str) -> str:
    """ "password": "…" with *** for its value, in the same quotes."""
    quotes = pair[:2] if pair[0] == "\\" else pair[0]
    name = pair[: pair.index(quotes, len(quotes)) + len(quotes)]
    return f"{name}: {quotes}{MASK}{quotes}"


def masked_url(text: str) -> str:
    """The text as one whole URL, in which a space does not end a password."""
    url = read_url(text)
    user = "" if url.userinfo is None else f"{masked_userinfo(url.userinfo)}@"
    hosts = url.hosts if url.named else MASK
    pairs = [f"{name}={masked_value(name, value)}" if value is not None else MASK for name, value in url.parameters]
    query = "" if url.query is None else "?" + "&".join(pairs)
    return f"{url.scheme}://{user}{hosts}{url.path}{query}"


def masked_userinfo(userinfo: str) -> str:
    """User and password with *** for the password, or *** alone."""
    user, _, password = userinfo.partition(":")
    if not password or not re.fullmatch(r"[\w.%~-]*", user):
        return MASK  # a single word may be a token
    return f"{user}:{MASK}"


def masked_value(name: str, value: str) -> str:
    """The value of a URL's parameter without secrets."""
    if SECRET_NAME.fullmatch(unquote(name)):
        return MASK
    return masked(unquote(value)) if "://" in unquote(value) else value


def read_url(text: str) -> Url:
    """The parts of a URL. A password with an unencoded # / ? [ or @ is still found whole."""
    scheme, _, rest = text.partition("://")
    authority, path, query = parted(rest)
    tail = rest[len(authority) :]
    stray = "@" in path or "#" in tail or (query is not None and not plain(query))
    if "@" in tail and (stray or ("@" not in authority and not HOSTS.fullmatch(authority))):
        userinfo, _, rest = rest.rpartition("@")
        hosts, path, query = parted(rest)
        return Url(scheme=scheme, userinfo=userinfo, hosts=hosts, path=path, query=query, raw=True)
    user, at, hosts = authority.rpartition("@")
    odd = "#" in tail and bool(at or query)
    odd = odd or (bool(at) and (bool(set(user) & set("@[]")) or not HOSTS.fullmatch(hosts)))
    odd = odd or any(BAD_SIGN.search(part) for part in (user, query or ""))
    return Url(scheme=scheme, userinfo=user if at else None, hosts=hosts, path=path, query=query, raw=odd)


def parted(rest: str) -> tuple[str, str, str | None]:
    """Authority, path and query of the text after scheme://. A fragment belongs to the part before it."""
    end = min((rest.index(sign) for sign in "/?#" if sign in rest), default=len(rest))
    path, question, query = rest[end:].partition("?")
    return rest[:end], path, query if question else None


def plain(query: str) -> bool:
    """Whether each part of a query is a name with a value."""
    return all(re.fullmatch(r"[\w.%-]+=[^#]*", part) for part in query.split("&") if part)


def must_be_encoded(text: str) -> bool:
    """Whether a URL's password contains a delimiter, so that it must be percent-encoded for a driver."""
    return "://" in text and read_url(text).raw


def secrets_of(text: str) -> set[str]:
    """Every secret of a URL or connection string: as written, decoded, encoded, and escaped as in repr and JSON."""
    found: set[str] = set()
    if "://" in text:
        url = read_url(text)
        user, colon, password = (url.userinfo or "").partition(":")
        found.add(password if colon and password else user)
        if not url.named:
            found |= set(url.hosts.split(":", 1))
        found |= {value for name, value in url.parameters if value and SECRET_NAME.fullmatch(unquote(name))}
        found |= {name for name, value in url.parameters if value is None}
    found |= {pair[0][pair.end(1) - pair.start() :].strip("'\"") for pair in KEYWORD.finditer(text)}
    plain_forms = {form for secret in found for form in (secret, unquote(secret)) if form}
    return {form for p in plain_forms for form in (p, quote(unquote(p), safe=""), repr(p)[1:-1], json.dumps(p)[1:-1])}


def without(text: str, secret: str) -> str:
    """The text without the secret. A short secret is replaced only as a whole word."""
    if len(secret) >= 10:
        return text.replace(secret, MASK)
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _: MASK, text)


def masked_address(value: str) -> str:
    """A value that was given as a server's URL. A value without scheme that is not host:port is hidden completely."""
    if "://" in value:
        return masked(value)
    hidden = masked(value)
    return hidden if MASK in hidden or ADDRESS.fullmatch(value) else MASK


def masked_words(words: Sequence[str]) -> list[str]:
    """The words of a command, without secrets."""
    found: list[str] = []
    option = ""
    for word in words:
        name, sign, value = word.partition("=")
        if option:
            found.append(masked_address(word))
        elif sign and name in SERVER_OPTIONS:
            found.append(f"{name}={masked_address(value)}")
        else:
            found.append(masked(word))
        option = word if not option and word in SERVER_OPTIONS else ""
    return found


def hidden(value: Any) -> Any:
    """A value of JSON with masked secrets in its texts, for a run folder."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: hidden(inner) for key, inner in value.items()}
    return [hidden(inner) for inner in value] if isinstance(value, list | tuple) else value


def command_line(words: Sequence[str]) -> str:
    """A stampede command without secrets, for a run folder. `words`: the arguments."""
    return shlex.join(["stampede", *masked_words(words)])


def masked_command(text: str) -> str:
    """A stored command without secrets. Earlier versions stored commands unchanged."""
    try:
        words = shlex.split(text)
    except ValueError:
        return masked(text)
    hidden = masked_words(words)
    return text if hidden == words else shlex.join(hidden)


def without_servers(words: Sequence[str]) -> list[str]:
    """The words of a command without the options that name servers, and without their URLs."""
    found: list[str] = []
    skipped = False
    for word in words:
        if skipped or word.partition("=")[0] in SERVER_OPTIONS:
            skipped = not skipped and word in SERVER_OPTIONS
        else:
            found.append(word)
    return found
