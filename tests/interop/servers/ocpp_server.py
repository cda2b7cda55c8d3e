"""A central system of PyPI's `ocpp` for charge points of OCPP 1.6: basic authentication, an interval
that it gives to each charge point, and calls of its own that have to be answered."""

import asyncio
import base64
import json
import logging
from datetime import datetime, timezone

from books import count, settings, until_input_ends
from ocpp.exceptions import OCPPError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import RegistrationStatus, ResetType
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

SETTINGS = settings(interval_s=1, ask_after_s=1, password="secret")


def now():
    return datetime.now(timezone.utc).isoformat()


def count_call(raw_msg):
    """Counts a charge point's own call under its action."""
    message = json.loads(raw_msg)
    if message[0] == 2:
        count("in", message[2])


class Charger(ChargePoint):
    """One charge point, as the central system sees it."""

    async def route_message(self, raw_msg):
        count_call(raw_msg)
        await super().route_message(raw_msg)

    async def _send(self, message):
        await super()._send(message)
        if json.loads(message)[0] == 3:
            count("out", "result")

    @on("BootNotification")
    def boot(self, **_):
        status = RegistrationStatus.accepted
        return call_result.BootNotification(now(), SETTINGS["interval_s"], status)

    @on("Heartbeat")
    def heartbeat(self):
        return call_result.Heartbeat(now())

    @on("StatusNotification")
    def status(self, **_):
        return call_result.StatusNotification()

    @on("Authorize")
    def authorize(self, **_):
        return call_result.Authorize({"status": "Accepted"})

    async def ask(self):
        """Asks for what every charge point knows, and for what this one does not."""
        await asyncio.sleep(SETTINGS["ask_after_s"])
        for request in (call.GetConfiguration(), call.Reset(ResetType.soft)):
            name = type(request).__name__
            count("asked", name)
            try:
                await self.call(request, suppress=False)
                count("answered", name)
            except OCPPError as refusal:
                count("answered", f"{name} with {type(refusal).__name__}")


def checked(socket, request):
    """Refuses a charge point without the password."""
    name = request.path.rsplit("/", 1)[1]
    expected = base64.b64encode(f"{name}:{SETTINGS['password']}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {expected}":
        count("sessions", "refused")
        return socket.respond(401, "who are you?\n")
    return None


async def charge_point(socket):
    if socket.subprotocol != "ocpp1.6":
        await socket.close(1002)
        return
    count("sessions", "connected")
    count("names", socket.request.path)
    charger = Charger(socket.request.path.rsplit("/", 1)[1], socket, response_timeout=5)
    asking = asyncio.create_task(charger.ask())
    try:
        await charger.start()
    except ConnectionClosed:
        # What came before the close, while the answer to another call failed.
        async for left in socket:
            count_call(left)
    finally:
        asking.cancel()
        count("closes", socket.close_code)


async def main():
    logging.basicConfig(level=logging.CRITICAL)
    subprotocols = ["ocpp1.6"]
    async with serve(charge_point, "127.0.0.1", 0, subprotocols=subprotocols, process_request=checked) as server:
        await until_input_ends(server)


asyncio.run(main())
