"""A locustfile whose users call a web service over HTTP: Stampede's own, or any other with --host.

    locust -f loadtests/locustfiles/http_users.py --host http://127.0.0.1:8000

The users are closed: each waits for its answer, pauses, and calls again. A stall therefore hides the calls that it
prevented, and Locust's percentiles are whole milliseconds. Use these users to drive a service, and `stampede bench` to
measure patterns. A 429 is an expected answer of a limited endpoint: it is counted under a separate name and is no
failure.
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
    parser.add_argument("--ids", type=int, default=1000, help="highest record id; the lowest is 1")
    parser.add_argument(
        "--subjects", type=int, default=20, help="number of subjects that call the limited endpoint (?subject=)"
    )
    parser.add_argument("--calls-per-s", type=float, default=10.0, help="the most calls of one user per second")


class Caller(FastHttpUser):
    """Calls the limited endpoint and reads records, in random order."""

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
