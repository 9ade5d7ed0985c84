"""What both peers do alike, none of it while events come: the command line, the login, and what they tell the harness."""

import argparse
import json
import time
import urllib.parse
import urllib.request

USER = "watchpost"
MOTION = "720ef62a-78be-418a-8e4c-ee04ffca6429"
FILTERS = [{"modifier": "include", "resourceTypes": ["*"], "sourceIds": ["*"], "eventTypes": ["*"]}]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, help="where the generator listens, http://127.0.0.1:port")
    parser.add_argument("--warm-up", type=int, required=True, help="events before the measurement")
    parser.add_argument("--events", type=int, required=True, help="events that are measured")
    return parser.parse_args()


def log_in(url):
    form = {"grant_type": "password", "username": USER, "password": USER, "client_id": "GrantValidatorClient"}
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{url}/API/IDP/connect/token", body, timeout=10) as answer:
        return json.load(answer)["access_token"]


def address(url):
    return url.replace("http", "ws", 1) + "/api/ws/events/v1"


def commands():
    """What has to be said before events come; each waits for its reply."""
    yield {"command": "startSession", "commandId": 1, "sessionId": "", "eventId": ""}
    yield {"command": "addSubscription", "commandId": 2, "filters": FILTERS}


def check(command, reply):
    if not 200 <= reply["status"] < 300:
        raise RuntimeError(f"{command} was refused: {reply}")


class Course:
    """Warm-up and flood, as the harness follows them."""

    def __init__(self, task):
        self.task = task
        self.target = task.warm_up
        self.meter = None
        self.taken = None

    def ready(self):
        tell("Ready")

    def reached(self, counted):
        """As many events have come as were to come next. Says whether that is all."""
        if counted != self.target:
            raise RuntimeError(f"{self.target} events should have come, and {counted} did")
        if self.meter is None:
            self.meter = Meter()
            self.target += self.task.events
            tell("Counted")
            return False
        self.taken = self.meter.stop(self.task.events)
        tell("Counted")
        return True

    def end(self, states):
        motion = {source: kind for (source, group), kind in states.items() if group == MOTION}
        tell({"Taken": {**self.taken, "first": None, "motion": motion}})


class Meter:
    """What this process has used: all threads, user and kernel."""

    def __init__(self):
        self.resident = memory("VmRSS")
        self.cpu_seconds = time.process_time()

    def stop(self, events):
        used = time.process_time() - self.cpu_seconds
        peak = memory("VmHWM")
        return {"events": events, "cpu_seconds": used, "resident": self.resident, "peak": peak, "written": None}


def memory(name):
    """A line of Linux' /proc/self/status in bytes; None elsewhere."""
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))
    except OSError:
        return None


def tell(word):
    print(json.dumps(word), flush=True)
