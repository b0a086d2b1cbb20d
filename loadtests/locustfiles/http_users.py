"""Locust users that call a web service over HTTP: ours, or with --host any other.

    locust -f loadtests/locustfiles/http_users.py --host http://127.0.0.1:8000

They are closed: a user waits for its answer, pauses, and calls again; so a stall hides the calls that it prevented,
and Locust's percentiles are whole milliseconds. Use them to drive a service, and `stampede bench` to measure patterns.
A 429 is an expected answer of a limited endpoint: it is counted under a name of its own and is no failure.
"""

import random
from typing import Any

from locust import FastHttpUser, constant_throughput, events, task
from locust.argument_parser import LocustArgumentParser

REFUSED = 429


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--limited-path", default="/limited", help="path of the limited endpoint; empty: none")
    parser.add_argument("--users-path", default="/users/{id}", help="path of a record, with {id}; empty: none")
    parser.add_argument("--ids", type=int, default=1000, help="ids are 1 to this")
    parser.add_argument(
        "--subjects", type=int, default=20, help="callers of the limited endpoint are told apart by ?subject="
    )
    parser.add_argument("--calls-per-s", type=float, default=10.0, help="calls of one user a second, at most")


class Caller(FastHttpUser):
    """Calls the limited endpoint and reads records, in turn."""

    def wait_time(self) -> float:
        pause: Any = constant_throughput(self.environment.parsed_options.calls_per_s)
        return float(pause(self))

    @task
    def limited(self) -> None:
        path = self.environment.parsed_options.limited_path
        if not path:
            return
        subject = random.randrange(self.environment.parsed_options.subjects)
        with self.client.get(path, params={"subject": str(subject)}, name=path, catch_response=True) as response:
            if response.status_code == REFUSED:
                response.request_meta["name"] = f"{path} refused (429)"
                response.success()

    @task
    def users(self) -> None:
        options = self.environment.parsed_options
        if options.users_path:
            self.client.get(
                options.users_path.replace("{id}", str(random.randint(1, options.ids))), name=options.users_path
            )
