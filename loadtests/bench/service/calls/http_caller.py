"""Sends one HTTP request after the other over one connection, and classifies the answers."""

import http.client
import json
import select
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stampede.loadtests.bench.service.calls.service_target import ServiceTarget

ANSWER_WITHIN_S = 10.0
"""How long a request may take before it fails."""
LONGEST_ANSWER = 16_000_000
NOT_FOUND, TOO_MANY = 404, 429


class TooManyRequests(Exception):
    """The service refused the request: 429."""


class ServerFault(Exception):
    """The service answered with a status from 500 on."""


class RequestRefused(Exception):
    """The service answered with another status from 400 on."""


class RedirectAnswer(Exception):
    """The service answered with a redirect, which is not followed."""


class NotJson(Exception):
    """The body of an answer is not JSON."""


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """An answer of a service."""

    status: int
    body: bytes
    location: str = ""
    """The target of a redirect."""

    def decoded(self) -> Any:
        """The body as JSON. Raises NotJson."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise NotJson("the body is not JSON") from error


class HttpCaller:
    """One client of a service, with one connection that stays open. Not for use by several threads at once."""

    def __init__(self, target: ServiceTarget) -> None:
        self.target = target
        self._connection: http.client.HTTPConnection | None = None
        self._headers = {"Accept": "application/json", "User-Agent": "stampede"}
        if target.token:
            self._headers["Authorization"] = f"Bearer {target.token}"

    def read(self, position: int) -> HttpAnswer:
        """Send a read. Raises OSError or http.client.HTTPException without an answer."""
        return self._send("GET", self.target.read_path(position), None)

    def write(self, position: int, number: int) -> HttpAnswer:
        """Send a write. Raises OSError or http.client.HTTPException without an answer."""
        body = self.target.write_body(position, number)
        return self._send(self.target.write_method, self.target.write_path(position), body)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, method: str, path: str, body: bytes | None) -> HttpAnswer:
        """Send a request. If the service closed an idle connection, an idempotent request is sent once more."""
        reused = self._connection is not None and not self._was_closed()
        try:
            return self._exchange(method, path, body)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if not reused or method not in ("GET", "PUT"):
                raise
            return self._exchange(method, path, body)

    def _exchange(self, method: str, path: str, body: bytes | None) -> HttpAnswer:
        if self._connection is None:
            self._connection = self._connect()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            data = response.read(LONGEST_ANSWER)
            if response.will_close or not response.isclosed():
                self.close()
        except BaseException:
            self.close()
            raise
        return HttpAnswer(status=response.status, body=data, location=response.getheader("Location") or "")

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.target.base)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, parts.port, timeout=ANSWER_WITHIN_S, context=context)
        return http.client.HTTPConnection(host, parts.port, timeout=ANSWER_WITHIN_S)

    def _was_closed(self) -> bool:
        """Whether the service closed the idle connection: then it is closed here too, and a new one is opened."""
        socket = self._connection.sock if self._connection is not None else None
        if socket is None:
            self.close()
            return True
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        if poll.poll(0):
            self.close()
            return True
        return False


def checked_answer(answer: HttpAnswer) -> HttpAnswer | None:
    """The answer; None: there is no such record (404). Raises an error for every other status that is no success."""
    if answer.status < 300:
        return answer
    if answer.status == NOT_FOUND:
        return None
    if answer.status == TOO_MANY:
        raise TooManyRequests(str(answer.status))
    if answer.status < 400:
        raise RedirectAnswer(str(answer.status))
    raise (ServerFault if answer.status >= 500 else RequestRefused)(str(answer.status))
