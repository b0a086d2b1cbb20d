"""A few requests before a run, so that a wrong address or path costs one line and not a run."""

import http.client
import ssl

from stampede.core.errors import ConfigError
from stampede.core.text.redaction import masked
from stampede.loadtests.bench.service.calls.http_caller import NOT_FOUND, HttpAnswer, HttpCaller, NotJson
from stampede.loadtests.bench.service.calls.service_target import ServiceTarget

FIRST_READS = 3


def check_service(target: ServiceTarget) -> None:
    """Read a few records, and write one of them if the run writes. Raises ConfigError, in one line."""
    caller = HttpCaller(target)
    try:
        positions = range(min(FIRST_READS, len(target.ids)))
        missing = 0
        for position in positions:
            answer = answered(caller, target, position)
            missing += answer.status == NOT_FOUND
            if answer.status != NOT_FOUND:
                check_read(target, position, answer)
        if missing == len(positions):
            want = "a path and ids of records that exist: each of the first reads got 404"
            raise ConfigError("get", f"{target.get} with id {target.ids[0]}", want)
        if target.put is not None:
            check_write(target, caller)
    finally:
        caller.close()


def answered(caller: HttpCaller, target: ServiceTarget, position: int, *, write: bool = False) -> HttpAnswer:
    """The answer to one request. Raises ConfigError where there is none."""
    try:
        return caller.write(position, 1) if write else caller.read(position)
    except ssl.SSLError as error:
        why = (
            error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else (error.reason or "TLS failed")
        )
        want = f"a TLS certificate that this machine trusts, or http:// ({why}; SSL_CERT_FILE names a CA file)"
        raise ConfigError("service", target.base, want) from error
    except TimeoutError as error:
        raise ConfigError("service", target.base, "a service that answers within 10 s") from error
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError("service", target.base, f"a service that answers ({why}); start it first") from error
    except http.client.HTTPException as error:
        want = f"a service that speaks HTTP at this address and port ({type(error).__name__})"
        raise ConfigError("service", target.base, want) from error


def check_read(target: ServiceTarget, position: int, answer: HttpAnswer) -> None:
    """Raise ConfigError for a read that is no success, or whose body is not what the run needs."""
    check_status("get", target.get, target.ids[position], answer)
    try:
        decoded = answer.decoded()
    except NotJson as error:
        raise ConfigError("get", target.get, "a path whose answers are JSON; this body is not") from error
    if target.version_path and target.version_of(decoded) is None:
        name = ".".join(target.version_path)
        raise ConfigError("version-field", name, f"the path of an integer in the answers of GET {target.get}")


def check_write(target: ServiceTarget, caller: HttpCaller) -> None:
    """Write the least popular record once. Raises ConfigError if the service refuses, or gives no version back."""
    last = len(target.ids) - 1
    answer = answered(caller, target, last, write=True)
    check_status("put", target.put or "", target.ids[last], answer)
    if target.version_path:
        try:
            version = target.version_of(answer.decoded())
        except NotJson:
            version = None
        if version is None:
            name = ".".join(target.version_path)
            want = f"the path of an integer also in the answers of {target.write_method} {target.put}"
            raise ConfigError("version-field", name, want)


def check_status(field: str, template: str, record_id: str, answer: HttpAnswer) -> None:
    """Raise ConfigError for a status that is no success."""
    shown = f"{template} with id {record_id}"
    if 300 <= answer.status < 400:
        want = f"a path that is answered at once: this is a redirect to {masked(answer.location)}"
        raise ConfigError(field, shown, want)
    if answer.status in (401, 403):
        want = f"the right to call it ({answer.status}); STAMPEDE_SERVICE_TOKEN or --token-file gives a bearer token"
        raise ConfigError(field, shown, want)
    if answer.status >= 300:
        raise ConfigError(field, shown, f"a request that the service accepts: it answered {answer.status}")
