"""Follows what happens to wakes, across restarts of the service.

    python watch.py 127.0.0.1:50051
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import grpc

from refusal import Refusal
from reveille.v1 import wake_service_pb2 as wakes
from reveille.v1.wake_service_pb2_grpc import WakeServiceStub

#: Until a service that is away is tried again, in seconds, if it does not say.
PAUSE = 1.0


def follow(
    service: WakeServiceStub, only: wakes.WakeFilter | None = None, after_seq: int | None = None
) -> Iterator[wakes.WatchWakesResponse]:
    """Events and heartbeats, in the order of their sequence numbers, for ever.

    The first is a heartbeat that says where the stream begins. Whoever must not miss an event keeps the last `seq` that was
    dealt with, and begins with it the next time: then each event comes at least once. A service that is away is waited for;
    other refusals are raised. After CURSOR_PRUNED list the wakes of interest.
    """
    while True:
        try:
            for response in service.WatchWakes(wakes.WatchWakesRequest(filter=only, after_seq=after_seq)):
                after_seq = response.seq
                yield response
        except grpc.RpcError as error:
            refusal = Refusal.of(error)
            if not is_away(refusal):
                raise
            time.sleep(refusal.retry_after or PAUSE)


def is_away(refusal: Refusal) -> bool:
    """Whether the service may be back soon. One that was killed ends its streams without a word, which may be UNKNOWN."""
    silent = refusal.code is grpc.StatusCode.UNKNOWN and not refusal.reason
    return refusal.code is grpc.StatusCode.UNAVAILABLE or silent


def main(server: str) -> None:
    with grpc.insecure_channel(server) as channel:
        for response in follow(WakeServiceStub(channel)):
            if response.HasField("event"):
                event = response.event
                print(response.seq, wakes.WakeEventType.Name(event.type), event.wake.device_name, event.wake.id)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        pass
