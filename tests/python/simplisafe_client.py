"""A client of SimpliSafe as an integrator writes it in Python, with simplipy.

    simplisafe_client.py URL refresh TOKEN      logs in by a refresh token
    simplisafe_client.py URL code               logs in as in a browser: code and PKCE

Prints one JSON line for everything that it learns: systems, events, media, lost sockets. Connects again when a socket is lost.
Does what lines on standard input say (`systems`, `events`, `expired`, `away`, `unlock SERIAL`), and ends when they do.
"""

import asyncio
import json
import os
import sys
import urllib.parse

import aiohttp
import simplipy.api
import simplipy.util.auth
import simplipy.websocket
from simplipy import API
from simplipy.errors import SimplipyError


def tell(**what):
    print(json.dumps(what), flush=True)


def aim_at(url):
    """Turns simplipy to another host. The header `Host` stays that of SimpliSafe."""
    simplipy.api.API_URL_BASE = f"{url}/v1"
    # The default of a parameter is bound when the function is made.
    API._async_api_request.__defaults__ = (simplipy.api.API_URL_BASE,)
    simplipy.api.AUTH_URL_BASE = url
    simplipy.util.auth.AUTH_URL_LOGIN = f"{url}/authorize"
    # Else a token that is refused within 5 s of the last login is not renewed.
    simplipy.api.DEFAULT_TOKEN_EXPIRATION_WINDOW = 0
    simplipy.websocket.WEBSOCKET_SERVER_URL = url.replace("http", "ws", 1)


async def log_in(session, how, token=None):
    if how == "refresh":
        return await API.async_from_refresh_token(token, session=session)
    verifier = simplipy.util.auth.get_auth0_code_verifier()
    challenge = simplipy.util.auth.get_auth0_code_challenge(verifier)
    page = simplipy.util.auth.get_auth_url(challenge)
    async with session.get(page, allow_redirects=False) as answer:
        # What a person copies out of the browser that cannot follow this.
        query = urllib.parse.urlsplit(answer.headers["Location"]).query
    code = urllib.parse.parse_qs(query)["code"][0]
    return await API.async_from_auth(code, verifier, session=session)


def tell_system(system):
    tell(
        system=system.system_id,
        state=system.state.name,
        alarm_going_off=system.alarm_going_off,
        power_outage=system.power_outage,
        offline=system.offline,
        rf_jamming=system.rf_jamming,
        temperature=system.temperature,
        serial=system.serial,
        sensors={
            serial: {
                "type": sensor.type.name,
                "name": sensor.name,
                "triggered": sensor.triggered,
                "offline": sensor.offline,
                "low_battery": sensor.low_battery,
            }
            for serial, sensor in system.sensors.items()
        },
        locks={serial: lock.state.name for serial, lock in system.locks.items()},
        cameras={uuid: camera.status for uuid, camera in system.cameras.items()},
        notifications=[notification.text for notification in system.notifications],
    )


async def fetch(api, event):
    for name in ("image_url", "clip_url"):
        data = await api.async_media(event.media_urls[name].replace("{&width}", "&width=720"))
        tell(media=name, size=len(data), start=data[:4].hex())


def on_event(api, event):
    tell(
        event=event.event_type,
        info=event.info,
        system=event.system_id,
        timestamp=int(event.timestamp.timestamp()),
        changed_by=event.changed_by,
        sensor_name=event.sensor_name,
        sensor_serial=event.sensor_serial,
        sensor_type=event.sensor_type.name if event.sensor_type else None,
        media=event.media_urls,
    )
    if event.media_urls:
        asyncio.create_task(fetch(api, event))


async def listen(api):
    api.websocket.add_event_callback(lambda event: on_event(api, event))
    api.websocket.add_connect_callback(lambda: tell(connected=True))
    api.websocket.add_disconnect_callback(lambda: tell(connected=False))
    while True:
        try:
            await api.websocket.async_connect()
            await api.websocket.async_listen()
            tell(lost="closed")
        except SimplipyError as error:
            tell(lost=type(error).__name__)
        await api.websocket.async_disconnect()
        await asyncio.sleep(0.05)


async def obey(api, systems, command, *words):
    first = next(iter(systems.values()))
    if command == "systems":
        for system in systems.values():
            await system.async_update(cached=False)
            tell_system(system)
    elif command == "events":
        events = await first.async_get_events(num_events=50)
        tell(history=[event["eventId"] for event in events])
    elif command == "away":
        await first.async_set_away()
        tell(done="away")
    elif command == "unlock":
        await first.locks[words[0]].async_unlock()
        tell(done="unlock")


async def main():
    url, how, *token = sys.argv[1:]
    aim_at(url)
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:
        api = await log_in(session, how, *token)
        api.add_refresh_token_callback(lambda token: tell(refreshed=token))
        tell(user=api.user_id, refresh_token=api.refresh_token)
        systems = await api.async_get_systems()
        for system in systems.values():
            tell_system(system)
        listening = asyncio.create_task(listen(api))
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            try:
                await obey(api, systems, *line.split())
            except SimplipyError as error:
                tell(failed=repr(error))
        if listening.done():
            tell(failed=repr(listening.exception()))
    # The thread that waits for standard input would keep an orderly exit waiting.
    os._exit(0)


asyncio.run(main())
