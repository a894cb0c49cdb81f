"""Subjects of a real nats-server through the real host."""

import json
import signal
import socket

import harness
from nats_server import WithNatsServer

NATS = """
id: orders
nats:
  servers: ["nats://127.0.0.1:{port}"]
  subjects: [{subjects}]
backoff: {{initial: 20ms, max: 50ms}}
"""


class Publisher:
    """Speaks NATS' protocol by itself."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.lines = self.socket.makefile("rb")
        self.lines.readline()  # INFO
        self.socket.sendall(b'CONNECT {"verbose":false}\r\n')

    def publish(self, subject, data):
        self.socket.sendall(b"PUB %s %d\r\n%s\r\n" % (
            subject.encode(), len(data), data))

    def flush(self):
        self.socket.sendall(b"PING\r\n")
        while self.lines.readline() != b"PONG\r\n":
            pass


class NatsTest(harness.EndToEnd, WithNatsServer):

    def nats(self, subjects='"order.>", audit'):
        return NATS.format(port=self.port, subjects=subjects)

    def publish(self, *messages):
        publisher = Publisher(self.port)
        for subject, data in messages:
            publisher.publish(subject, data)
        publisher.flush()
        publisher.socket.close()

    def by_type(self, host):
        found = self.source_stats(host, "orders").get("messages_by_type", {})
        return {name: int(count) for name, count in found.items()}

    def test_the_subject_is_the_type_and_an_outage_is_told(self):
        server = self.start_nats()
        self.install_plugin("counts")
        host = self.start_host(self.write_config([self.nats()]))
        self.await_state(host, "orders", "STATE_CONNECTED")
        self.publish(("order.new", b"{}"), ("order.new", b"\0\xff"),
                     ("order.paid.eu", b""), ("other", b"not asked for"),
                     ("audit", b"x" * 3000))
        want = {"order.new": 2, "order.paid.eu": 1, "audit": 1}
        harness.until(lambda: self.by_type(host) == want, f"{want} came")
        stats = self.source_stats(host, "orders")
        self.assertEqual(int(stats["bytes"]), 3004)
        source = self.source(host, "orders")
        self.assertEqual(source["kind"], "nats")
        self.assertEqual(source["endpoint"], f"nats://127.0.0.1:{self.port}")
        self.assertFalse(source["flow_control"])

        server.stop(signal.SIGKILL)
        harness.until(lambda: self.source(host, "orders").get("state") not in
                      ("STATE_CONNECTED", None), "the outage is seen")
        self.start_nats(self.port)
        self.await_state(host, "orders", "STATE_CONNECTED")
        self.publish(("audit", b"again"))
        want["audit"] = 2
        harness.until(lambda: self.by_type(host) == want, f"{want} came")
        self.assertEqual(host.stop(), 0)

    def test_one_type_for_all_if_the_configuration_says_so(self):
        self.start_nats()
        host = self.start_host(self.write_config(
            [self.nats() + "decoder: {opaque_type: order}\n"]))
        self.await_state(host, "orders", "STATE_CONNECTED")
        self.publish(("order.new", b"1"), ("audit", b"2"))
        harness.until(lambda: self.by_type(host) == {"order": 2}, "both came")

    def test_a_handler_that_blocks_is_refused(self):
        self.port = 1
        config = self.write_config([self.nats()])
        config.write_text(config.read_text().replace(
            "plugins:\n", "plugins:\n  defaults: {policy: block}\n"))
        host = self.start([harness.runfile("host/weir-host"), "--config",
                           config])
        self.assertEqual(host.wait(), 1)
        self.assertIn('source "orders" has no flow control',
                      "\n".join(host.errors))

    def test_wrong_subjects_are_named_and_final(self):
        self.start_nats()
        host = self.start_host(self.write_config([self.nats('"a..b"')]))
        self.await_state(host, "orders", "STATE_FAILED")
        error = self.source(host, "orders")["last_error"]
        self.assertIn('"a..b"', json.dumps(error).replace("\\", ""))


if __name__ == "__main__":
    harness.main()
