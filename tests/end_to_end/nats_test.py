"""Subjects of a real nats-server through the real host."""

import json
import signal
import socket

import certificates
import harness
from event_publisher import WithEvents
from nats_server import WithNatsServer

NATS = """
id: orders
nats:
  servers: ["nats://127.0.0.1:{port}"]
  subjects: [{subjects}]
backoff: {{initial: 20ms, max: 50ms}}
"""


TLS = """
id: {id}
nats:
  servers: ["tls://127.0.0.1:{port}"]
  subjects: ["order.>"]
  tls: {{{tls}}}
backoff: {{initial: 20ms, max: 50ms}}
"""

SINK = """
sinks:
  - id: out
    filters: [{{types: ["test.ping"]}}]
    retry: {{initial: 20ms, max: 50ms}}
    nats: {{servers: ["tls://127.0.0.1:{port}"], subject: "order.{{type}}",
           tls: {{{tls}}}}}
broker: {{publish_enabled: true}}
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


class NatsTest(harness.EndToEnd, WithNatsServer, WithEvents):

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

    def serve_tls(self, certificate, authority, port=-1):
        """A server that shows a certificate, and wants one of `authority`."""
        config = self.dir / "tls.conf"
        config.write_text(
            f"tls {{ cert_file: {certificate[0]}, key_file: {certificate[1]}, "
            f"ca_file: {authority.ca}, verify: true, timeout: 10 }}\n")
        return self.start_nats(port, "-c", config)

    def tls_error(self, host, source):
        return self.source(host, source).get("last_error", {})

    def test_by_tls_both_sides_know_each_other(self):
        ours = certificates.Authority(self.dir, "ours")
        others = certificates.Authority(self.dir, "others")
        server = self.serve_tls(ours.sign("server"), ours)
        cert, key = ours.sign("client")
        good = f"ca_file: {ours.ca}, cert_file: {cert}, key_file: {key}"
        other_cert, other_key = others.sign("client")
        bad = {
            # Knows another authority; shows nothing; shows another's.
            "distrusts": f"ca_file: {others.ca}, cert_file: {cert}, "
                         f"key_file: {key}",
            "nobody": f"ca_file: {ours.ca}",
            "stranger": f"ca_file: {ours.ca}, cert_file: {other_cert}, "
                        f"key_file: {other_key}",
            # Wants a certificate for another name.
            "elsewhere": good + ", server_name: nats.example"}
        host = self.start_host(self.write_config(
            [TLS.format(id="known", port=self.port, tls=good)] +
            [TLS.format(id=id, port=self.port, tls=tls)
             for id, tls in bad.items()],
            SINK.format(port=self.port, tls=good)))
        self.host = host
        self.await_state(host, "known", "STATE_CONNECTED")
        WithEvents.publish(self, 1)
        for source in bad:
            harness.until(lambda: self.tls_error(host, source),
                          f"{source} is told why not")
            self.assertNotEqual(self.source(host, source).get("state"),
                                "STATE_CONNECTED", source)
            self.assertEqual(int(self.source_stats(host, source).get(
                "messages", 0)), 0)
        for source in ("distrusts", "elsewhere"):
            self.assertEqual(self.tls_error(host, source)["kind"], "tls",
                             self.tls_error(host, source))
        # What the sink publishes over TLS, the source reads over TLS.
        harness.until(lambda: int(self.source_stats(host, "known").get(
            "messages", 0)) == 1, "the event comes back")

        # The certificate is looked at again by each connection, its name too.
        server.stop(signal.SIGKILL)
        server = self.serve_tls(ours.sign("renamed", "DNS:nats.example"), ours,
                                self.port)
        self.await_state(host, "elsewhere", "STATE_CONNECTED")
        harness.until(lambda: self.tls_error(host, "known").get("kind") ==
                      "tls", "the name is not the address's")
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
