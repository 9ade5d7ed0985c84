"""The fastest that Python can: picows, a WebSocket client in C that hands frames over without a copy; msgspec, which makes typed objects
out of JSON and nothing that was not asked for; uvloop.
"""

import asyncio

import msgspec
import picows
import task
import uvloop

# Larger than any frame: then a frame is handed over as it lies in the read buffer.
READ_BUFFER = 256 << 10


class Event(msgspec.Struct, gc=False):
    id: str
    source: str
    type: str
    time: str
    stategroupid: str | None = None


class Frame(msgspec.Struct, gc=False):
    events: list[Event] = []


class Reply(msgspec.Struct):
    commandId: int
    status: int


class Client(picows.WSListener):
    def __init__(self, given):
        self.course = task.Course(given)
        self.commands = task.commands()
        self.command = None
        self.done = asyncio.get_running_loop().create_future()
        self.decode = msgspec.json.Decoder(Frame).decode
        self.states = {}
        self.counted = 0
        self.target = self.course.target
        self.last_event_id = ""

    def on_ws_connected(self, transport):
        self.say(transport)

    def say(self, transport):
        self.command = next(self.commands, None)
        if self.command is None:
            self.course.ready()
        else:
            transport.send(picows.WSMsgType.TEXT, msgspec.json.encode(self.command))

    def on_ws_frame(self, transport, frame):
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        if self.command is not None:
            reply = msgspec.json.decode(frame.get_payload_as_memoryview(), type=Reply)
            task.check(self.command, msgspec.to_builtins(reply))
            self.say(transport)
            return
        events = self.decode(frame.get_payload_as_memoryview()).events
        states = self.states
        for event in events:
            group = event.stategroupid
            if group:
                states[event.source, group] = event.type
        self.last_event_id = events[-1].id
        self.counted += len(events)
        if self.counted >= self.target:
            if self.course.reached(self.counted):
                self.done.set_result(None)
            self.target = self.course.target

    def on_ws_disconnected(self, transport):
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"the connection ended after {self.counted} events"))


async def consume(given):
    token = await asyncio.to_thread(task.log_in, given.url)
    transport, client = await picows.ws_connect(
        lambda: Client(given),
        task.address(given.url),
        extra_headers={"Authorization": f"Bearer {token}"},
        max_frame_size=64 << 20,
        read_buffer_init_size=READ_BUFFER,
    )
    await client.done
    client.course.end(client.states)
    transport.disconnect()


uvloop.run(consume(task.arguments()))
