"""Events of the real host, as frames to a reader of another implementation that
is down, silent or restarted, from a host that is killed on the way."""

import json
import signal
import socket
import subprocess
import threading

import buffstreams
import certificates
import harness
from event_publisher import WithEvents
from protobuf_wire import fields_of

CONFIG = """
broker: {{publish_enabled: true}}
logging: {{stats_interval: 0s}}
sinks:
  - id: findings
    filters: [{{types: ["test.*"{types}]}}]
    from_earliest: true
    retry: {{initial: 20ms, max: 100ms}}
    frame_tcp: {{connect: "{address}"{more}}}
"""


class Reader:
    """Takes connections, one after the other, and keeps what comes."""

    def __init__(self, test, port=0, reads=True, max_message_size=0,
                 context=None):
        self.max = max_message_size
        self.context = context
        self.server = socket.create_server(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.payloads = []
        self.connections = []
        self.truncated = 0
        self.reads = threading.Event()
        if reads:
            self.reads.set()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        test.addCleanup(self.stop)

    def run(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            if self.context is not None:
                try:
                    sock = self.context.wrap_socket(sock, server_side=True)
                except OSError:
                    continue
            connection = buffstreams.Connection(sock, self.max)
            self.connections.append(connection)
            self.reads.wait()
            try:
                while (payload := connection.receive()) is not None:
                    self.payloads.append(payload)
            except EOFError:
                self.truncated += 1
            except OSError:
                pass
            connection.close()

    def stop(self, reset=False):
        """Ends as a program does that dies."""
        for sock in [self.server] + [c.socket for c in self.connections]:
            try:
                if reset and sock is not self.server:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\1\0\0\0\0\0\0\0")
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server.close()
        self.reads.set()
        self.thread.join()

    def events(self):
        return [json.loads(payload) for payload in list(self.payloads)]

    def subjects(self):
        return [int(event["subject"]) for event in self.events()
                if event["type"] == "test.ping"]


class FrameTcpSinkTest(harness.EndToEnd, WithEvents):

    def start_sink(self, reader, types="", more=""):
        self.host = self.start_host(self.write_config(
            [], CONFIG.format(address=reader.address, types=types, more=more)))

    def await_subjects(self, reader, wanted):
        wanted = set(wanted)
        return harness.until(
            lambda: wanted <= set(reader.subjects()) and reader.subjects(),
            f"{len(wanted)} events came")

    def sink_stats(self):
        [stats] = self.stats(self.host)["sinks"]
        return stats

    def await_stats(self, asked, what):
        harness.until(lambda: asked(self.sink_stats()), what)
        return self.sink_stats()

    def assert_each_in_order(self, subjects):
        """The first time that each came, they were in order."""
        first = list(dict.fromkeys(subjects))
        self.assertEqual(first, list(range(1, self.published + 1)))

    def test_what_passes_the_filters_comes_in_order(self):
        reader = Reader(self)
        self.start_sink(reader)
        self.publish(2500)
        self.await_subjects(reader, [2500])
        received = reader.events()
        self.assertEqual([e["data"]["n"] for e in received],
                         list(range(1, 2501)))
        events = self.events(self.host, "--type", "test.ping")
        self.assertEqual([e["id"] for e in received], [e["id"] for e in events])
        stats = self.await_stats(
            lambda s: s.get("delivered_events") == "2500", "all are counted")
        self.assertEqual(stats["name"], "sinks/findings")
        self.assertEqual(int(stats["delivered_bytes"]),
                         sum(len(payload) for payload in reader.payloads))
        self.assertEqual(stats["rejected_events"], "0")
        [line] = [line for line in self.weir(self.host, "stats")
                  if line.startswith("findings ")]
        self.assertEqual(line.split()[1], "2,500")

        self.assertEqual(self.host.stop(), 0)
        self.start_sink(reader)
        self.publish(1)
        self.await_subjects(reader, [2501])
        self.assertEqual(len(reader.payloads), 2501)
        self.assertEqual(reader.truncated, 0)

    def test_an_event_as_it_is_serialized(self):
        reader = Reader(self, max_message_size=100000)
        self.start_sink(reader, more=", binary: true, max_message_size: 100000")
        self.publish(1)
        [payload] = harness.until(lambda: reader.payloads, "it came")
        [event] = self.events(self.host, "--type", "test.ping")
        read = dict(fields_of(payload))
        self.assertEqual(read[1].decode(), event["id"])
        self.assertEqual(read[5], b"test.ping")
        self.assertEqual(read[7], b"1")

    def test_a_killed_host_loses_nothing(self):
        reader = Reader(self)
        self.start_sink(reader)
        for _ in range(4):
            self.publish(100)
            self.await_subjects(reader, [self.published])
            reader.reads.clear()
            # It is on its way when the host dies; the reader is between two.
            self.publish(2000, padding=500)
            self.host.stop(signal.SIGKILL)
            reader.reads.set()
            self.start_sink(reader)
        subjects = self.await_subjects(reader, range(1, self.published + 1))
        self.assert_each_in_order(subjects)
        # At most what one call delivered comes again after each kill.
        self.assertLessEqual(len(subjects), self.published + 4 * 1000)

    def test_a_reader_that_was_down_gets_everything(self):
        reader = Reader(self)
        self.start_sink(reader)
        self.publish(30)
        self.await_subjects(reader, range(1, 31))
        reader.stop()
        self.publish(700)
        stats = self.await_stats(
            lambda s: int(s.get("failed_attempts", 0)) >= 2, "it tries")
        self.assertEqual(stats["delivered_events"], "30")
        self.assertIn(f'"{reader.address}": cannot connect: Connection refused',
                      stats["last_error"])
        again = Reader(self, reader.port)
        self.await_subjects(again, range(31, 731))
        self.assertEqual(again.subjects(), list(range(31, 731)))

    def test_what_a_readers_kernel_has_not_when_it_dies_comes_again(self):
        reader = Reader(self, reads=False)
        self.start_sink(reader)
        self.publish(30)
        self.await_stats(lambda s: s.get("delivered_events") == "30",
                         "the reader's kernel has them")
        # More than that can hold: some of it, and in the middle of a frame.
        self.publish(3000, padding=1500)
        harness.until(
            lambda: len(self.events(self.host, "--type", "test.ping")) == 3030,
            "the log has them")
        reader.stop(reset=True)
        self.await_stats(lambda s: int(s.get("failed_attempts", 0)) >= 1,
                         "it tries")
        again = Reader(self, reader.port)
        self.await_subjects(again, [3030])
        # What it had said to be delivered is lost with the reader, as the page
        # says, and nothing else.
        self.assertEqual(again.subjects(), list(range(31, 3031)))
        stats = self.await_stats(
            lambda s: s.get("delivered_events") == "3030", "all are counted")
        self.assertEqual(stats["rejected_events"], "0")

    def test_a_reader_that_does_not_read_holds_up_only_its_sink(self):
        reader = Reader(self, reads=False)
        self.start_sink(reader)
        self.publish(4000, padding=1500)
        harness.until(
            lambda: len(self.events(self.host, "--type", "test.ping")) == 4000,
            "the log has them")
        stats = self.sink_stats()
        self.assertGreater(int(stats["lag_events"]), 0)
        reader.reads.set()
        self.await_subjects(reader, [4000])
        self.assertEqual(reader.subjects(), list(range(1, 4001)))
        # It waited for it on the one connection that it had.
        self.assertEqual(len(reader.connections), 1)
        self.assertEqual(self.sink_stats().get("failed_attempts", "0"), "0")

    def test_a_host_that_stops_does_not_wait_for_a_reader_that_does_not(self):
        reader = Reader(self, reads=False)
        self.start_sink(reader)
        self.publish(4000, padding=1500)
        harness.until(lambda: reader.connections, "it connects")
        self.assertEqual(self.host.stop(), 0)
        reader.reads.set()
        self.start_sink(reader)
        subjects = self.await_subjects(reader, range(1, 4001))
        self.assert_each_in_order(subjects)

    def test_an_event_longer_than_a_frame_is_told_of_and_the_others_go(self):
        reader = Reader(self)
        self.start_sink(reader, types=', "weir.sink.rejected"')
        self.publish(10)
        self.publish(1, padding=5000)
        self.publish(10)
        self.await_subjects(reader, [*range(1, 11), *range(12, 22)])
        stats = self.sink_stats()
        self.assertEqual(stats["rejected_events"], "1")
        self.assertEqual(stats.get("failed_attempts", "0"), "0")
        self.assertIn("are more than frame_tcp.max_message_size, 4096; raise it "
                      "here and at the peer", stats["last_error"])
        [told] = harness.until(
            lambda: self.events(self.host, "--type", "weir.sink.rejected"),
            "it is told of")
        self.assertEqual(told["source"], "sinks/findings")

    def test_a_reader_by_tls(self):
        ours = certificates.Authority(self.dir, "ours")
        others = certificates.Authority(self.dir, "others")
        cert, key = ours.sign("host")
        more = (f', tls: {{cert_file: "{cert}", key_file: "{key}", '
                f'ca_file: "{ours.ca}"}}')
        # One whom the host does not know, then one that does not know the host.
        stranger = Reader(self, context=certificates.server(
            others.sign("reader")))
        self.start_sink(stranger, more=more)
        self.publish(100)
        stats = self.await_stats(lambda s: int(s["failed_attempts"]) > 0,
                                 "it tries")
        self.assertIn("TLS: the peer's certificate is refused: ",
                      stats["last_error"])
        stranger.stop()
        distrusts = Reader(self, stranger.port, context=certificates.server(
            ours.sign("reader"), others))
        harness.until(
            lambda: "alert unknown ca" in self.sink_stats()["last_error"],
            "it is told")
        distrusts.stop()
        self.assertEqual(self.sink_stats()["delivered_events"], "0")
        reader = Reader(self, stranger.port, context=certificates.server(
            ours.sign("reader"), ours))
        self.await_subjects(reader, [100])
        self.publish(3000, padding=1500)
        self.await_subjects(reader, [3100])
        self.assertEqual(reader.subjects(), list(range(1, 3101)))
        self.assertEqual(stranger.payloads + distrusts.payloads, [])

    def test_a_wrong_value_is_refused_with_its_line(self):
        config = self.write_config([], CONFIG.format(
            address="127.0.0.1:0", types="", more=""))
        done = subprocess.run(
            [harness.runfile("host/weir-host"), "--check", config],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(
            done.stdout + done.stderr,
            r':\d+: sinks\[0\].frame_tcp.connect: "127.0.0.1:0": port 0 is')

    def test_the_page_has_a_configuration_that_works(self):
        self.assert_configurations_of("docs/sinks/frame_tcp.md", 1)


if __name__ == "__main__":
    harness.main()
