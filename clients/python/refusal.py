"""Why a call was refused: the `google.rpc` details of its status."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

DOMAIN = "reveille"


@dataclass(frozen=True)
class Refusal:
    """What a status says besides its code."""

    code: grpc.StatusCode
    #: The name of a value of `ErrorReason`, without its prefix. Empty if it did not come from the service.
    reason: str = ""
    #: Why each field is wrong, by its path. Only for INVALID_REQUEST.
    violations: dict[str, str] = field(default_factory=dict)
    #: Seconds to wait before it is worth another try. None if waiting does not help.
    retry_after: float | None = None
    #: What else it says, by name, such as `oldest_seq`.
    metadata: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, error: grpc.RpcError) -> Refusal:
        """Reads the details of an error that a call raised."""
        status = rpc_status.from_call(error)
        known: dict = {}
        for detail in status.details if status else ():
            known |= _read(detail)
        return cls(code=error.code(), **known)


def _read(detail) -> dict:
    info = error_details_pb2.ErrorInfo()
    if detail.Unpack(info):
        return {"reason": info.reason, "metadata": dict(info.metadata)} if info.domain == DOMAIN else {}
    bad = error_details_pb2.BadRequest()
    if detail.Unpack(bad):
        return {"violations": {it.field: it.description for it in bad.field_violations}}
    retry = error_details_pb2.RetryInfo()
    if detail.Unpack(retry):
        return {"retry_after": retry.retry_delay.ToTimedelta().total_seconds()}
    return {}
