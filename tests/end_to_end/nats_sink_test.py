"""Events of the real host, published to a real nats-server: to subjects, and to
nodes of steward, by a host that is killed on the way."""

import base64
import json
import re
import signal
import threading

import harness
import steward_peer
import steward_receiver
from event_publisher import WithEvents
from nats_server import JetStream, WithNatsServer

SUBJECTS = """
broker: {{publish_enabled: true}}
logging: {{stats_interval: 0s}}
node_id: n1
sinks:
  - id: findings
    filters: [{{types: ["test.*"]}}]
    from_earliest: true
    retry: {{initial: 20ms, max: 100ms}}
    nats: {{servers: ["nats://127.0.0.1:{port}"], subject: "out.{{node_id}}.{{type}}"}}
"""

STREAM = SUBJECTS.replace("}}\"}}", "}}\", jetstream: true}}")

NODES = """
broker: {publish_enabled: true}
logging: {stats_interval: 0s}
sinks:
  - id: logbook
    filters: [{types: ["test.*", "weir.steward.*"]}]
    from_earliest: true
    retry: {initial: 20ms, max: 100ms}
    steward: {source: sources/central, to_node: node1, method: REQToFileAppend,
              file_name: "{type}.log", ack_timeout: 60s}
"""

SOURCE = """
id: central
nats:
  servers: ["nats://127.0.0.1:{port}"]
  steward:
    node: central
    profile: S1
    processes: [{{method: REQHello}}]
    sending: {{}}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
"""


class NatsSinkTest(harness.EndToEnd, WithEvents, WithNatsServer):

    def sink(self):
        return self.stats(self.host).get("sinks", [{}])[0]

    def test_events_are_published_through_an_outage_and_a_kill(self):
        server = self.start_nats()
        nats = steward_peer.Nats(self.port)
        heard = nats.listen("out.>")
        config = self.write_config([], SUBJECTS.format(port=self.port))
        self.host = self.start_host(config)
        self.publish(10)
        got = [heard.get(timeout=60) for _ in range(10)]
        self.assertEqual({subject for subject, *_ in got}, {"out.n1.test.ping"})
        self.assertEqual([json.loads(data)["data"]["n"] for *_, data in got],
                         list(range(1, 11)))
        ids = [e["id"] for e in self.events(self.host, "--type", "test.*")]
        self.assertEqual([f"Nats-Msg-Id: {i}\r\n" in headers for i, (_, _, headers, _)
                          in zip(ids, got)], [True] * 10)
        harness.until(lambda: int(self.sink().get("delivered_events", 0)) == 10,
                      "all are delivered")
        nats.close()
        server.stop(signal.SIGKILL)
        self.publish(10)
        harness.until(lambda: int(self.sink().get("failed_attempts", 0)) > 0,
                      "the outage is seen")
        self.host.stop(signal.SIGKILL)
        self.start_nats(self.port)
        nats = steward_peer.Nats(self.port)
        self.addCleanup(nats.close)
        heard = nats.listen("out.>")
        self.host = self.start_host(config)
        self.publish(5)
        numbers = []
        while not numbers or numbers[-1] != 25:
            numbers.append(json.loads(heard.get(timeout=60)[3])["data"]["n"])
        # From where it was, or one call before.
        self.assertEqual(numbers, list(range(numbers[0], 26)))
        self.assertLessEqual(numbers[0], 11)
        self.assertEqual(self.host.stop(), 0)

    def stored_ids(self, stream):
        """The events that a stream has, in its order, by their header."""
        ids = []
        for sequence in range(1, stream.stored("OUT") + 1):
            message = stream.message("OUT", sequence)
            headers = base64.b64decode(message["hdrs"]).decode()
            ids.append(re.search(r"Nats-Msg-Id: (\S+)", headers)[1])
        return ids

    def test_a_stream_has_each_event_once_however_often_the_host_is_killed(self):
        server = self.start_nats(-1, "-js")
        stream = JetStream(self.port)
        config = self.write_config([], STREAM.format(port=self.port))
        self.host = self.start_host(config)
        self.publish(10)
        harness.until(lambda: int(self.sink().get("failed_attempts", 0)) > 0,
                      "it is seen that no stream keeps them")
        self.assertIn("no stream keeps", self.sink()["last_error"])
        stream.add_stream("OUT", "out.>")
        harness.until(lambda: stream.stored("OUT") == 10, "all are stored")
        for life in range(4):
            done = threading.Event()
            before = stream.stored("OUT")

            def publish():
                while not done.is_set():
                    self.publish(20)
            publisher = threading.Thread(target=publish)
            publisher.start()
            try:
                harness.until(lambda: stream.stored("OUT") > before + 200,
                              f"life {life} stores")
            finally:
                done.set()
                publisher.join()
            if life == 2:
                stream.close()
                server.stop(signal.SIGKILL)
                server = self.start_nats(self.port, "-js")
                stream = JetStream(self.port)
            self.host.stop(signal.SIGKILL)
            self.host = self.start_host(config)
        ids = [e["id"] for e in self.events(self.host, "--type", "test.*")]
        self.assertGreater(len(ids), 800)
        harness.until(lambda: stream.stored("OUT") == len(ids),
                      f"all of {len(ids)} are stored")
        self.assertEqual(self.stored_ids(stream), ids)
        self.assertEqual(self.host.stop(), 0)

    def test_events_become_messages_to_a_node(self):
        self.start_nats()
        self.host = self.start_host(self.write_config(
            [SOURCE.format(port=self.port)], NODES))
        self.publish(20)
        harness.until(lambda: int(self.sink().get("delivered_events", 0)) == 20,
                      "the outbox has them, though nobody is there")
        receiver = steward_receiver.Receiver(self.port, "S1")
        self.addCleanup(receiver.close)
        harness.until(lambda: len(receiver.got) == 20, "the node gets them")
        self.assertEqual([json.loads(text)["data"]["n"] for text in
                          receiver.data()], list(range(1, 21)))
        message = receiver.got[0]
        self.assertEqual(
            [message[f] for f in ("FromNode", "Method", "Directory", "FileName",
                                  "ACKTimeout", "Retries")],
            ["central", "REQToFileAppend", "weir", "test.ping.log", 60, 3])
        self.assertEqual(self.host.stop(), 0)

    def test_the_page_has_configurations_that_work(self):
        self.assert_configurations_of("docs/sinks/nats.md", 3)


if __name__ == "__main__":
    harness.main()
