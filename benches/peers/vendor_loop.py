"""The stack of the vendor's own Python sample: websockets, json, a dict.

As its user would tune it: compression is not offered, since the server has none; messages have no limit, for a snapshot is larger
than the default; and the queue is long enough that reading from the socket need not stop for it. None of this makes a difference that
could be told from noise, and neither does handing bytes to json.
"""

import asyncio
import json

import task
import websockets
import websockets.speedups  # Written in C. Without it this would be no fair measure, so it must be there.

QUEUE = 1024


async def consume(given):
    token = await asyncio.to_thread(task.log_in, given.url)
    headers = {"Authorization": f"Bearer {token}"}
    async with websockets.connect(
        task.address(given.url), additional_headers=headers, compression=None, max_size=None, max_queue=QUEUE
    ) as socket:
        for command in task.commands():
            await socket.send(json.dumps(command))
            task.check(command, json.loads(await socket.recv()))
        course = task.Course(given)
        course.ready()
        states = await take(socket, course)
        course.end(states)


async def take(socket, course):
    states = {}
    counted = 0
    target = course.target
    last_event_id = ""
    while True:
        events = json.loads(await socket.recv())["events"]
        for event in events:
            group = event.get("stategroupid")
            if group:
                states[event["source"], group] = event["type"]
        last_event_id = events[-1]["id"]
        counted += len(events)
        if counted >= target:
            if course.reached(counted):
                return states
            target = course.target


asyncio.run(consume(task.arguments()))
