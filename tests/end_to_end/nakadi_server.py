"""The fake Nakadi server as a test starts it, and what can be asked of it."""

import json
import urllib.request

import harness

TIMEOUT_S = 30


class NakadiServer:

    def __init__(self, test, port=0):
        # A tenth of a second is a second to it, so that it frees the slot of
        # a killed host soon; 5 such are the longest commit timeout.
        self.program = test.start(
            [harness.runfile("tests/fakes/nakadi/fake-nakadi"), "100", "5",
             str(port)])
        self.url = self.program.next_line()

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def call(self, path, body=None):
        """Asks for a resource of its API, or of its own, "_control/..."."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/{path}", data,
                                    timeout=TIMEOUT_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def fault(self, where, what, **more):
        """Lets the next request of its kind go wrong; see fault.h."""
        self.call("_control/fault", {"where": where, "what": what, **more})
