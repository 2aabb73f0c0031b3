"""The contract, as a client in Python sees it: against the service whose address REVEILLE_SERVER holds.

`clients/run` starts a demo for it: emulated devices that come when they are pushed.
"""

from __future__ import annotations

import os
import time
import unittest
import uuid
from datetime import timedelta

import grpc

from refusal import Refusal
from reveille.v1 import device_service_pb2 as devices
from reveille.v1 import resources_pb2 as resources
from reveille.v1 import wake_service_pb2 as wakes
from reveille.v1.device_service_pb2_grpc import DeviceServiceStub
from reveille.v1.wake_service_pb2_grpc import WakeServiceStub
from wake import CALL, ask, story, until_ended
from watch import follow

#: Nothing here takes so many seconds, unless it never comes.
NEVER = 60


class Contract(unittest.TestCase):
    def setUp(self) -> None:
        channel = grpc.insecure_channel(os.environ["REVEILLE_SERVER"])
        self.addCleanup(channel.close)
        self.devices = DeviceServiceStub(channel)
        self.wakes = WakeServiceStub(channel)

    def create(self, name: str, **fields) -> resources.Device:
        credential = devices.Credential(user="u", password="a password")
        request = devices.CreateDeviceRequest(name=name, credential=credential, **fields)
        device = self.devices.CreateDevice(request, timeout=CALL).device
        self.addCleanup(self.delete, device.id)
        return device

    def delete(self, device_id: str) -> None:
        request = devices.DeleteDeviceRequest(device=resources.DeviceRef(id=device_id))
        self.devices.DeleteDevice(request, timeout=CALL)

    def live_device(self) -> resources.Device:
        """A device of the demo that can be pushed to."""
        request = devices.ListDevicesRequest(channel_states=[resources.CHANNEL_STATE_LIVE], page_size=1)
        deadline = time.monotonic() + NEVER
        while not (page := self.devices.ListDevices(request, timeout=CALL)).devices:
            self.assertLess(time.monotonic(), deadline, "no device of the demo came to be live")
            time.sleep(0.1)
        return page.devices[0]

    def refused(self, call, request) -> Refusal:
        with self.assertRaises(grpc.RpcError) as caught:
            call(request, timeout=CALL)
        return Refusal.of(caught.exception)

    def test_a_wake_is_answered_by_a_session_and_its_push_is_told(self) -> None:
        device = self.live_device()
        asked = ask(self.wakes, device.name, timedelta(seconds=NEVER), reason="a test")
        self.assertEqual(asked.wake.state, resources.WAKE_STATE_LIVE)
        found = until_ended(self.wakes, asked.wake)
        self.assertEqual(found.wake.state, resources.WAKE_STATE_ANSWERED, story(found))
        answer = found.wake.answer
        self.assertNotEqual(answer.session_id, "")
        self.assertNotEqual(answer.attribution, resources.ATTRIBUTION_UNSPECIFIED)
        if answer.push_id:
            push = next(push for push in found.pushes if push.id == answer.push_id)
            self.assertIn(push.verdict, (resources.PUSH_VERDICT_SENT, resources.PUSH_VERDICT_IN_FLIGHT))

    def test_a_device_without_a_channel_is_told_from_one_that_is_away(self) -> None:
        device = self.create(f"PYTHON-{uuid.uuid4()}")
        asked = ask(self.wakes, device.name, timedelta(seconds=1))
        self.assertEqual(asked.expectation.kind, resources.EXPECTATION_KIND_WAITS_FOR_SESSION)
        found = until_ended(self.wakes, asked.wake)
        self.assertEqual(found.wake.state, resources.WAKE_STATE_UNANSWERED)
        self.assertEqual(found.wake.end_reason, resources.WAKE_END_REASON_NO_CHANNEL)
        self.assertEqual(len(found.pushes), 0)

    def test_events_come_in_order_and_a_watch_goes_on_where_it_was(self) -> None:
        device = self.create(f"PYTHON-{uuid.uuid4()}")
        only = wakes.WakeFilter(device=resources.DeviceRef(id=device.id))
        found = until_ended(self.wakes, ask(self.wakes, device.name, timedelta(seconds=1)).wake)
        told = self.until(wakes.WAKE_EVENT_TYPE_ENDED, only, 0)
        kinds = [it.event.type for it in told]
        self.assertEqual(kinds, [wakes.WAKE_EVENT_TYPE_ASKED, wakes.WAKE_EVENT_TYPE_ENDED])
        self.assertEqual({it.event.wake.id for it in told}, {found.wake.id})
        self.assertLess(told[0].seq, told[1].seq)
        [again] = self.until(wakes.WAKE_EVENT_TYPE_ENDED, only, told[0].seq)
        self.assertEqual(again, told[1])

    def until(self, kind: int, only: wakes.WakeFilter, after_seq: int) -> list[wakes.WatchWakesResponse]:
        """The events up to the first of this kind. Before them, a heartbeat says where the stream begins."""
        responses = follow(self.wakes, only, after_seq)
        self.assertTrue(next(responses).HasField("heartbeat"))
        told = []
        for response in responses:
            if response.HasField("event"):
                told.append(response)
            if response.event.type == kind:
                return told
        self.fail("the stream ended")

    def test_lists_come_in_pages(self) -> None:
        mark = {"test": str(uuid.uuid4())}
        created = {self.create(f"PYTHON-{uuid.uuid4()}", labels=mark).name for _ in range(5)}
        request = devices.ListDevicesRequest(labels=mark, page_size=2)
        pages = []
        while not pages or request.page_token:
            page = self.devices.ListDevices(request, timeout=CALL)
            pages.append([device.name for device in page.devices])
            request.page_token = page.next_page_token
        self.assertEqual([len(page) for page in pages], [2, 2, 1])
        self.assertEqual({name for page in pages for name in page}, created)

    def test_refusals_have_details(self) -> None:
        wrong = self.refused(self.wakes.Wake, wakes.WakeRequest(reason="x" * 257))
        self.assertEqual((wrong.code, wrong.reason), (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"))
        self.assertEqual(set(wrong.violations), {"device", "reason"}, "every field is named at once")
        nobody = wakes.WakeRequest(device=resources.DeviceRef(name="NOBODY"))
        unknown = self.refused(self.wakes.Wake, nobody)
        self.assertEqual((unknown.code, unknown.reason), (grpc.StatusCode.NOT_FOUND, "DEVICE_NOT_FOUND"))
        device = self.create(f"PYTHON-{uuid.uuid4()}")
        twice = self.refused(self.devices.CreateDevice, devices.CreateDeviceRequest(name=device.name))
        self.assertEqual((twice.code, twice.reason), (grpc.StatusCode.ALREADY_EXISTS, "DEVICE_EXISTS"))

    def test_a_key_makes_a_call_safe_to_repeat(self) -> None:
        device = self.create(f"PYTHON-{uuid.uuid4()}")
        ref = resources.DeviceRef(id=device.id)
        request = wakes.WakeRequest(device=ref, idempotency_key=str(uuid.uuid4()))
        first, second = (self.wakes.Wake(request, timeout=CALL).wake for _ in range(2))
        self.assertEqual(first.id, second.id)
        request.reason = "another"
        self.assertEqual(self.refused(self.wakes.Wake, request).reason, "IDEMPOTENCY_MISMATCH")


if __name__ == "__main__":
    unittest.main()
