"""Processes of a node that start and stop while the real host runs, with a real
nats-server and a peer that was written from the description of the wire."""

import json
import queue
import subprocess

import harness
import steward_peer
from nats_server import WithNatsServer

NODE = """
id: central
nats:
  servers: ["nats://127.0.0.1:{port}"]
  steward:
    node: central
    profile: S1
    processes:
      - {{method: REQHello}}
      - {{method: REQErrorLog, stopped: true}}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
"""


class StewardProcessesTest(harness.EndToEnd, WithNatsServer):

    def start_node(self):
        self.start_nats()
        host = self.start_host(
            self.write_config([NODE.format(port=self.port)]))
        self.await_state(host, "central", "STATE_CONNECTED")
        self.peer = steward_peer.Peer(self.port, "S1")
        self.addCleanup(self.peer.close)
        return host

    def nats(self, host, *args, code=0):
        done = subprocess.run(
            [harness.runfile("cli/weir"), "--server", host.unix, "nats", *args],
            capture_output=True, text=True, timeout=harness.PATIENCE_S,
            check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def states(self, host):
        """The state of each process, by its method."""
        lines = self.nats(host, "--json", "processes").splitlines()
        return {p["method"]: p["state"].replace("STATE_", "").lower()
                for p in map(json.loads, lines)}

    def await_process(self, host, method, state):
        harness.until(lambda: self.states(host).get(method) == state,
                      f"{method} is {state}")

    def by_type(self, host):
        found = self.source_stats(host, "central").get("messages_by_type", {})
        return {name: int(count) for name, count in found.items()}

    def counters(self, host):
        found = self.source_stats(host, "central").get("counters", {})
        return {name: int(count) for name, count in found.items()}

    def test_a_process_gets_messages_from_its_start_to_its_stop(self):
        host = self.start_node()
        self.assertEqual(self.states(host),
                         {"REQHello": "running", "REQErrorLog": "stopped"})
        self.assertEqual(
            self.peer.deliver("central", "REQPing", 0.2, 0), (1, None))
        self.assertIn("central.REQPing.EventACK: ",
                      self.nats(host, "start", "REQPing"))
        self.await_process(host, "REQPing", "running")
        self.assertEqual(
            self.peer.deliver("central", "REQPing", 60, 0), (1, ("", b"")))
        harness.until(lambda: self.by_type(host) == {"REQPing": 1}, "it came")
        details = self.source(host, "central")["details"]
        self.assertEqual(details["process central.REQPing.EventACK"], "running")

        # Another member of its group gets all when it is stopped.
        subject = "central.REQPing.EventACK"
        other = self.peer.nats.listen(subject, subject)
        self.assertIn("stopped", self.nats(host, "stop", "REQPing"))
        # What is subscribed after it, is when it is not any more.
        self.nats(host, "start", "REQTest")
        self.await_process(host, "REQTest", "running")
        for _ in range(20):
            self.peer.send("central", "REQPing", ACKTimeout=1)
            self.assertEqual(other.get(timeout=60)[0], subject)
        self.assertEqual(self.by_type(host), {"REQPing": 1})
        self.assertEqual(self.states(host), {
            "REQHello": "running", "REQErrorLog": "stopped",
            "REQTest": "running"})
        self.assertIn("PROCESS_NOT_FOUND",
                      self.nats(host, "stop", "REQPing", code=1))
        self.assertEqual(host.stop(), 0)

    def test_what_an_operator_says_holds_over_new_connections(self):
        host = self.start_node()
        self.nats(host, "stop", "REQHello")
        self.nats(host, "start", "REQErrorLog")
        self.nats(host, "start", "REQPing", "--allow", "node2")
        want = {"REQHello": "stopped", "REQErrorLog": "running",
                "REQPing": "running"}
        harness.until(lambda: self.states(host) == want, str(want))
        self.weir(host, "sources", "reconnect", "central", unix=True)
        self.await_state(host, "central", "STATE_CONNECTED")
        harness.until(lambda: self.states(host) == want, str(want))
        self.assertEqual(
            self.peer.deliver("central", "REQErrorLog", 60, 0), (1, ("", b"")))
        # And its settings: node1 is not allowed.
        acks = self.peer.nats.subscribe("_INBOX.1")
        self.peer.send("central", "REQPing", reply="_INBOX.1",
                       headers=[("weir-ack", "received")])
        headers, data = acks.get(timeout=60)
        self.assertIn("weir-ack: failed\r\n", headers)
        self.assertIn(b"sender_not_allowed", data)
        self.assertIn("PROCESS_CONFIGURED", self.nats(
            host, "start", "REQHello", "--allow", "node2", code=1))
        self.nats(host, "start", "REQHello")
        self.await_process(host, "REQHello", "running")
        with self.assertRaises(queue.Empty):
            acks.get_nowait()
        self.assertEqual(host.stop(), 0)

    def test_a_schedule_is_followed_until_its_process_ends(self):
        host = self.start_node()
        self.nats(host, "start", "REQPing")
        self.await_process(host, "REQPing", "running")
        acks = self.peer.acks("central", "REQPing")
        self.peer.send("central", "REQPing", ACKTimeout=60,
                       Schedule=[1, 1000000])
        self.assertEqual(acks.get(timeout=60), ("", b""))
        harness.until(lambda: self.by_type(host)["REQPing"] >= 3,
                      "it came twice more")
        self.assertEqual(self.counters(host)["schedules_current"], 1)
        self.nats(host, "stop", "REQPing")
        harness.until(lambda: "schedules_current" not in self.counters(host),
                      "its schedule has ended")
        self.assertGreaterEqual(self.counters(host)["schedules_repeated"], 2)
        with self.assertRaises(queue.Empty):
            acks.get_nowait()
        self.assertEqual(host.stop(), 0)

    def test_a_restart_begins_with_the_configuration(self):
        host = self.start_node()
        self.nats(host, "stop", "REQHello")
        self.nats(host, "start", "REQPing")
        self.assertEqual(host.stop(), 0)
        host = self.start_host(
            self.write_config([NODE.format(port=self.port)]))
        self.await_state(host, "central", "STATE_CONNECTED")
        self.assertEqual(self.states(host),
                         {"REQHello": "running", "REQErrorLog": "stopped"})
        self.assertEqual(host.stop(), 0)


if __name__ == "__main__":
    harness.main()
