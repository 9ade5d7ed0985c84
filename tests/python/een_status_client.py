"""A client of the poll WebSocket as an integrator writes it in Python, after Eagle Eye's own status example.

Logs in, lists the accounts, switches to each and listens to its devices with a session and a socket of its own, and prints one
JSON line for everything that it learns. Logs in and connects again when a socket or a session is lost. Ends when its standard
input does.
"""

import asyncio
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

import websockets

KEYS = {"Authorization": "any-key"}


def tell(**what):
    print(json.dumps(what), flush=True)


def call(url, path, body=None, cookie=None):
    headers = dict(KEYS)
    if cookie:
        headers["Cookie"] = cookie
    data = None if body is None else urllib.parse.urlencode(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=10) as answer:
        text = answer.read()
        return (json.loads(text) if text else None), answer.headers


def log_in(url, username, password):
    token, _ = call(url, "/g/aaa/authenticate", {"username": username, "password": password})
    user, headers = call(url, "/g/aaa/authorize", token)
    cookies = dict(line.split(";")[0].split("=", 1) for line in headers.get_all("Set-Cookie"))
    return user, f"auth_key={cookies['auth_key']}"


def overall(word):
    """The ladder of the documentation."""
    if not word & 1 << 17:
        return "Off"
    if not word & 1 << 20:
        return "Internet Offline"
    if word & 1 << 18:
        return "Online"
    return "Password Needed" if word & 1 << 8 else "Offline"


def bitmask(word):
    return {
        "device_internet_online": bool(word & 1 << 20),
        "camera_on": bool(word & 1 << 17),
        "camera_streaming": bool(word & 1 << 18),
        "camera_recording": bool(word & 1 << 19),
    }


def begin(url, username, password, account):
    """A session inside an account, and the devices there."""
    user, cookie = log_in(url, username, password)
    if account != user["active_account_id"]:
        call(url, "/g/aaa/switch_account", {"account_id": account}, cookie)
    devices, _ = call(url, "/g/device/list", cookie=cookie)
    return cookie, {row[1]: row[2] for row in devices if row[0] is not None and row[5] == "ATTD"}


async def listen(url, username, password, account):
    while True:
        try:
            cookie, names = await asyncio.to_thread(begin, url, username, password, account)
            address = url.replace("http", "ws", 1) + f"/api/v2/Device/{account}/Events"
            async with websockets.connect(address, additional_headers={"Cookie": cookie}) as socket:
                wanted = {esn: {"resource": ["status"]} for esn in names}
                await socket.send(json.dumps({"cameras": wanted}))
                tell(account=account, devices=len(names))
                async for text in socket:
                    frame = json.loads(text)
                    if frame["status_code"] == 412:
                        break
                    for esn, told in frame["data"].items():
                        word = told.get("status", 0)
                        if word and not word & 1 << 16:
                            tell(esn=esn, name=names[esn], word=word, overall=overall(word), **bitmask(word))
            tell(again=account)
        except (OSError, urllib.error.URLError, websockets.exceptions.WebSocketException) as error:
            tell(lost=type(error).__name__)
            await asyncio.sleep(0.05)


async def main():
    url, username, password = sys.argv[1:4]
    user, cookie = log_in(url, username, password)
    accounts = [row[0] for row in call(url, "/g/account/list", cookie=cookie)[0]]
    if len(accounts) > 1:
        accounts = [account for account in accounts if account != user["owner_account_id"]]
    closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    listeners = [asyncio.create_task(listen(url, username, password, account)) for account in accounts]
    done, _ = await asyncio.wait([closed, *listeners], return_when=asyncio.FIRST_COMPLETED)
    for task in done.intersection(listeners):
        tell(failed=repr(task.exception()))
    # The thread that waits for standard input would keep an orderly exit waiting.
    os._exit(not closed.done())


asyncio.run(main())
