"""Wakes a device and says what became of it.

    python wake.py 127.0.0.1:50051 B5B954E81FBCB94EB79BD08BE625F4EE
"""

from __future__ import annotations

import sys
import uuid
from datetime import timedelta

import grpc
from google.protobuf.duration_pb2 import Duration

from refusal import Refusal
from reveille.v1 import resources_pb2 as resources
from reveille.v1 import wake_service_pb2 as wakes
from reveille.v1.wake_service_pb2_grpc import WakeServiceStub

#: How long one call may take, in seconds.
CALL = 10
#: How long after its deadline a wake may be told to have ended, in seconds.
LATE = 30


def ask(service: WakeServiceStub, device: str, timeout: timedelta, reason: str = "") -> wakes.WakeResponse:
    """Asks for a wake. The key makes it safe to repeat the call, as gRPC may do by itself."""
    request = wakes.WakeRequest(
        device=resources.DeviceRef(name=device),
        priority=resources.WAKE_PRIORITY_INTERACTIVE,
        reason=reason,
        idempotency_key=str(uuid.uuid4()),
    )
    lives = Duration()
    lives.FromTimedelta(timeout)
    request.timeout.CopyFrom(lives)
    return service.Wake(request, timeout=CALL)


def until_ended(service: WakeServiceStub, wake: resources.Wake) -> wakes.GetWakeResponse:
    """Watches a wake until it has ended, which it does at its deadline at the latest."""
    lives = wake.deadline_time.ToDatetime() - wake.ask_time.ToDatetime()
    request = wakes.WatchWakesRequest(filter=wakes.WakeFilter(wake_ids=[wake.id]))
    watching = service.WatchWakes(request, timeout=lives.total_seconds() + LATE)
    try:
        watching.initial_metadata()  # What happens from here on is told,
        found = look(service, wake.id)  # and this is what happened before.
        if found.wake.state == resources.WAKE_STATE_LIVE:
            next(it for it in watching if it.event.type == wakes.WAKE_EVENT_TYPE_ENDED)
            found = look(service, wake.id)
        return found
    finally:
        watching.cancel()


def look(service: WakeServiceStub, wake_id: str) -> wakes.GetWakeResponse:
    """A wake as it is now, with its pushes."""
    return service.GetWake(wakes.GetWakeRequest(id=wake_id), timeout=CALL)


def story(found: wakes.GetWakeResponse) -> str:
    """What became of a wake, and what WNS said of each push."""
    wake = found.wake
    lines = [f"{wake.device_name}: {resources.WakeState.Name(wake.state)}"]
    if wake.state == resources.WAKE_STATE_ANSWERED:
        after = wake.answer.time_to_session.ToTimedelta().total_seconds()
        attribution = resources.Attribution.Name(wake.answer.attribution)
        lines.append(f"session {wake.answer.session_id} after {after:.1f} s, {attribution}")
    elif wake.end_reason:
        lines.append(resources.WakeEndReason.Name(wake.end_reason))
    for push in found.pushes:
        said = [push.wns_status, push.device_connection_status, push.error_description]
        verdict = resources.PushVerdict.Name(push.verdict)
        lines.append(f"push {verdict} ({', '.join(filter(None, said))}) message id {push.message_id}")
    return "\n".join(lines)


def main(server: str, device: str) -> int:
    with grpc.insecure_channel(server) as channel:
        service = WakeServiceStub(channel)
        try:
            asked = ask(service, device, timedelta(minutes=1), reason="wake.py")
            found = until_ended(service, asked.wake)
        except grpc.RpcError as error:
            print(Refusal.of(error), file=sys.stderr)
            return 1
    print(story(found))
    return 0 if found.wake.state == resources.WAKE_STATE_ANSWERED else 3


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
