"""Stages that only decide whether a call may go on: deadline, authentication, authorisation."""

import time
from datetime import timedelta

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.call import Call
from services.mesh.errors import ConcordError
from services.mesh.identity.authentication import Authenticator
from services.mesh.server.method import Method, Single, Streamed

_SCHEME = "bearer"


class Gate:
    """A stage that looks at the call and lets it pass or raises."""

    def check(self, call: Call) -> None:
        """Raise ConcordError when the call must not go on."""
        raise NotImplementedError

    def single(self, _method: Method, inner: Single) -> Single:
        """Put the gate before an RPC with one response."""
        check = self.check

        def passing(request: object, call: Call) -> object:
            check(call)
            return inner(request, call)

        return passing

    def streamed(self, method: Method, inner: Streamed) -> Streamed:
        """Put the gate before an RPC with a stream of responses."""
        return self.single(method, inner)


class Deadline(Gate):
    """Refuses what is too late already; gives a deadline to what came without one, streams excepted."""

    def __init__(self, default: timedelta) -> None:
        self._default_s = default.total_seconds()

    def check(self, call: Call) -> None:
        """Raise DEADLINE_TOO_SHORT when no time is left."""
        if call.deadline is not None and call.deadline <= time.monotonic():
            raise ConcordError(reasons.ERROR_REASON_DEADLINE_TOO_SHORT, "the deadline ended before the work began")

    def single(self, method: Method, inner: Single) -> Single:
        """Give a call without a deadline the default one."""
        if method.takes_stream or method.gives_stream:
            return super().single(method, inner)
        checked, default_s = super().single(method, inner), self._default_s

        def bounded(request: object, call: Call) -> object:
            if call.deadline is None:
                call.deadline = time.monotonic() + default_s
            return checked(request, call)

        return bounded


class Authentication(Gate):
    """Finds out who calls."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticate = authenticator.authenticate

    def check(self, call: Call) -> None:
        """Raise CREDENTIALS_MISSING, CREDENTIALS_INVALID or CREDENTIALS_EXPIRED; set the caller."""
        scheme, _, token = call.authorization.partition(" ")
        if scheme and scheme.lower() != _SCHEME:
            message = "the call's credentials are not a bearer token"
            raise ConcordError(reasons.ERROR_REASON_CREDENTIALS_INVALID, message, metadata={"check": "scheme"})
        call.caller = self._authenticate(token)


class Authorisation(Gate):
    """Lets nobody call what their token does not name; an RPC without a policy is nobody's."""

    def check(self, call: Call) -> None:
        """Raise METHOD_NOT_GOVERNED or PERMISSION_MISSING."""
        permission = call.policy.permission
        if not permission:
            message, metadata = "the method is not served here", {"method": call.policy.full_name}
            raise ConcordError(reasons.ERROR_REASON_METHOD_NOT_GOVERNED, message, metadata=metadata)
        if permission not in call.caller.permissions:
            message, metadata = f"the token does not carry the permission {permission}", {"permission": permission}
            raise ConcordError(reasons.ERROR_REASON_PERMISSION_MISSING, message, metadata=metadata)
