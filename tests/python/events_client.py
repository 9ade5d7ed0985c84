"""A client of the Events and State WebSocket API as an integrator writes it in Python.

Logs in, connects, starts or resumes a session, subscribes, reads the state, and prints one JSON line for everything that it
learns. On a lost socket it connects again with its session id and the id of the last event. Ends when its standard input does.
"""

import asyncio
import json
import os
import sys
import urllib.parse
import urllib.request

import websockets

FILTERS = [{"modifier": "include", "resourceTypes": ["*"], "sourceIds": ["*"], "eventTypes": ["*"]}]


def tell(**what):
    print(json.dumps(what), flush=True)


def log_in(url, username, password):
    form = {
        "grant_type": "password",
        "username": username,
        "password": password,
        "client_id": "GrantValidatorClient",
    }
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{url}/API/IDP/connect/token", body, timeout=10) as answer:
        return json.load(answer)["access_token"]


class Connection:
    """One socket. Events that come while a reply is awaited are kept."""

    def __init__(self, socket):
        self.socket = socket
        self.command_id = 0
        self.waiting = []

    async def command(self, command, **members):
        self.command_id += 1
        await self.socket.send(json.dumps({"command": command, "commandId": self.command_id, **members}))
        while True:
            frame = json.loads(await self.socket.recv())
            if frame.get("commandId") == self.command_id:
                if not 200 <= frame["status"] < 300:
                    raise RuntimeError(f"{command}: {frame}")
                return frame
            self.waiting.append(frame)

    async def events(self):
        while True:
            frame = self.waiting.pop(0) if self.waiting else json.loads(await self.socket.recv())
            yield frame.get("events", [])


async def receive(url, username, password):
    session_id = last_event_id = ""
    while True:
        try:
            token = await asyncio.to_thread(log_in, url, username, password)
            address = url.replace("http", "ws", 1) + "/api/ws/events/v1/"
            async with websockets.connect(
                address, additional_headers={"Authorization": f"Bearer {token}"}, max_size=None
            ) as socket:
                connection = Connection(socket)
                session = await connection.command("startSession", sessionId=session_id, eventId=last_event_id)
                if session["status"] == 201:
                    await connection.command("addSubscription", filters=FILTERS)
                    session_id = session["sessionId"]
                    states = (await connection.command("getState"))["states"]
                    tell(session="new", states=len(states))
                else:
                    tell(session="resumed")
                async for events in connection.events():
                    for event in events:
                        last_event_id = event["id"]
                        tell(event=last_event_id)
        except (OSError, websockets.exceptions.WebSocketException) as error:
            tell(lost=type(error).__name__)
            await asyncio.sleep(0.05)


async def main():
    url, username, password = sys.argv[1:4]
    task = asyncio.create_task(receive(url, username, password))
    closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait([task, closed], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        tell(failed=repr(task.exception()))
    # The thread that waits for standard input would keep an orderly exit waiting.
    os._exit(task.done())


asyncio.run(main())
