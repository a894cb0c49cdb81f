"""A stream of a real nats-server through real hosts that share it, killed on
the way: hosts, the server, and a handler."""

import json
import os
import shutil
import signal
import subprocess
import threading

import harness
from nats_server import JetStream, WithNatsServer

SOURCE = """
id: orders
jetstream:
  servers: ["nats://127.0.0.1:{port}"]
  stream: ORDERS
  durable: weir
  {more}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
"""

RECORDER = """
settings: {{policy: block, sandbox: none}}
config: {{directory: {directory}, prefix: {prefix}, flush_seconds: 0}}
"""

WINDOW = 200
SHARED = f"ack_wait: 2s, max_ack_pending: {WINDOW}"


class JetStreamTest(harness.EndToEnd, WithNatsServer):

    def setUp(self):
        super().setUp()
        self.records = self.dir / "records"
        self.records.mkdir()
        self.server = self.start_nats(-1, "-js")
        self.stream = JetStream(self.port)
        self.addCleanup(lambda: self.stream.close())
        self.stream.add_stream("ORDERS", "order.>")
        self.published = 0

    def publish(self, count, subject="order.new"):
        first = self.published
        self.published += count
        self.stream.publish(subject, [
            json.dumps({"n": n}).encode()
            for n in range(first, self.published)])

    def config(self, number, more):
        """The configuration of the host of that number; each has a folder of
        its own, and a recorder."""
        own = self.dir / f"h{number}"
        shutil.rmtree(own / "plugins", ignore_errors=True)
        for folder in (own / "state", own / "plugins"):
            folder.mkdir(parents=True, exist_ok=True)
            os.chmod(folder, 0o755)
        module = own / "plugins" / "recorder.so"
        shutil.copyfile(harness.runfile("plugins/recorder/recorder.so"), module)
        settings = own / "plugins" / "recorder.yaml"
        settings.write_text(RECORDER.format(directory=self.records,
                                            prefix=f"h{number}"))
        for file in (module, settings):
            os.chmod(file, 0o644)
        source = SOURCE.format(port=self.port, more="\n  ".join(
            more.split(", ")))
        text = self.write_config([source]).read_text()
        config = own / "weir.yaml"
        config.write_text(text.replace(f"{self.dir}/", f"{own}/"))
        return config

    def start_number(self, number, more=SHARED):
        return self.start_host(self.config(number, more))

    def recorded(self, number=""):
        """The numbers that the host of that number has handled, or all."""
        numbers = []
        for path in sorted(self.records.glob(f"h{number}*")):
            if path.name.endswith(".idx"):
                continue
            # What a killed host was about to write may be cut.
            done = subprocess.run(["zstd", "-dc", path], check=False,
                                  capture_output=True)
            numbers += [json.loads(line)["n"]
                        for line in done.stdout.decode().split("\n")
                        if line.endswith("}")]
        return numbers

    def await_done(self):
        harness.until(lambda: self.stream.is_done("ORDERS", "weir"),
                      "all of the stream is acknowledged")

    def counter(self, host, name):
        return int(self.source_stats(host, "orders").get("counters", {}).get(
            name, 0))

    def test_what_handlers_are_done_with_is_acknowledged(self):
        self.publish(500)
        self.publish(500, "order.paid.eu")
        host = self.start_number(1, "max_ack_pending: 100")
        self.await_done()
        stats = self.source_stats(host, "orders")
        self.assertEqual(stats["messages_by_type"],
                         {"order.new": "500", "order.paid.eu": "500"})
        self.assertEqual(self.counter(host, "acks"), 1000)
        self.assertEqual(int(stats["commits"]), 1000)
        for name in ("naks", "redelivered", "in_flight", "pending"):
            self.assertEqual(self.counter(host, name), 0, name)
        # The stream's time is the message's.
        self.assertGreater(int(stats.get("lag_distribution", {}).get(
            "count", 0)), 0, stats)
        source = self.source(host, "orders")
        self.assertEqual(source["kind"], "jetstream")
        self.assertEqual(source["decoder"], "opaque")
        self.assertTrue(source["flow_control"])
        self.assertEqual(source["upstream_position"], "1000")
        self.assertEqual(source["committed_position"], "1000")
        self.assertEqual(source["details"]["stream"], "ORDERS")
        self.assertEqual(host.stop(), 0)
        self.assertEqual(sorted(self.recorded()), list(range(1000)))

    def test_hosts_share_a_stream_and_one_that_is_killed_loses_nothing(self):
        done = threading.Event()

        def publish():
            while not done.wait(0.002):
                self.publish(8)
        publisher = threading.Thread(target=publish)
        hosts = {number: self.start_number(number) for number in (1, 2)}
        for host in hosts.values():
            self.await_state(host, "orders", "STATE_CONNECTED")
        publisher.start()
        kills = 4
        try:
            for kill in range(kills):
                victim = 1 + kill % 2
                before = {number: self.counter(host, "acks")
                          for number, host in hosts.items()}
                harness.until(lambda: all(
                    self.counter(host, "acks") > before[number] + 100
                    for number, host in hosts.items()),
                    f"both work, in life {kill}")
                hosts[victim].stop(signal.SIGKILL)
                hosts[victim] = self.start_number(victim)
        finally:
            done.set()
            publisher.join()
        self.await_done()
        for host in hosts.values():
            self.assertEqual(host.stop(), 0)
        numbers = self.recorded()
        self.assertEqual(set(numbers), set(range(self.published)))
        # What was in hand at a kill, and no more, is handled twice.
        self.assertLessEqual(len(numbers) - self.published, kills * WINDOW)
        for number in hosts:
            self.assertGreater(len(self.recorded(number)), 100 * kills // 2)

    def test_the_one_that_stays_takes_over(self):
        first = self.start_number(1)
        self.await_state(first, "orders", "STATE_CONNECTED")
        # Its recorder takes nothing, so what it reads stays in hand.
        self.weir(first, "plugins", "pause", "recorder", unix=True)
        self.publish(WINDOW)
        harness.until(lambda: self.stream.consumer("ORDERS", "weir")[
            "num_ack_pending"] == WINDOW, "all are with the first")
        second = self.start_number(2)
        self.await_state(second, "orders", "STATE_CONNECTED")
        # However long ack_wait is past.
        harness.until(lambda: self.counter(first, "in_progress") > 7 * WINDOW,
                      "it is said that they are worked on")
        self.assertEqual(self.counter(second, "delivered"), 0)
        first.stop(signal.SIGKILL)
        self.await_done()
        self.assertEqual(self.counter(second, "redelivered"), WINDOW)
        self.assertEqual(second.stop(), 0)
        self.assertEqual(sorted(self.recorded(2)), list(range(WINDOW)))

    def test_a_restart_of_the_server_loses_nothing(self):
        host = self.start_number(1)
        self.await_state(host, "orders", "STATE_CONNECTED")
        for _ in range(3):
            before = self.counter(host, "acks")
            self.publish(2000)
            harness.until(lambda: self.counter(host, "acks") > before,
                          "it is read")
            self.stream.close()
            self.server.stop(signal.SIGKILL)
            harness.until(lambda: self.source(host, "orders").get("state") not
                          in ("STATE_CONNECTED", None), "the outage is seen")
            self.server = self.start_nats(self.port, "-js")
            self.stream = JetStream(self.port)
        self.await_done()
        self.assertEqual(host.stop(), 0)
        self.assertEqual(set(self.recorded()), set(range(self.published)))

    def test_a_handler_that_dies_of_a_message_gets_it_again(self):
        config = self.config(1, "ack_incomplete: false")
        folder = self.dir / "h1" / "plugins"
        for old in folder.iterdir():
            old.unlink()
        module = folder / "segv_on_seq.so"
        shutil.copyfile(harness.runfile("tests/fixtures/segv_on_seq.so"), module)
        settings = folder / "segv_on_seq.yaml"
        settings.write_text("settings: {policy: block}\nconfig: {seq: 5}\n")
        for file in (module, settings):
            os.chmod(file, 0o644)
        host = self.start_host(config)
        self.publish(20)
        self.await_done()
        self.assertEqual(self.counter(host, "naks"), 1)
        self.assertEqual(self.counter(host, "redelivered"), 1)
        stats = self.plugin_stats(host, "segv-on-seq")
        self.assertEqual(int(stats["lost_in_crash"]), 1, stats)
        # It takes the raw tap as well, so each of 21 deliveries is two.
        self.assertEqual(int(stats["processed_ok"]), 2 * 21 - 1, stats)

    def test_what_is_not_there_yet_is_waited_for_and_told(self):
        self.stream.ask("STREAM.DELETE.ORDERS")
        host = self.start_number(1)
        harness.until(lambda: "stream not found" in json.dumps(
            self.source(host, "orders").get("last_error", {})),
            "it is told that there is no stream")
        self.assertIn("make it", self.source(host, "orders")["last_error"][
            "message"])
        self.stream.add_stream("ORDERS", "order.>")
        self.await_state(host, "orders", "STATE_CONNECTED")
        self.publish(10)
        self.await_done()
        self.assertEqual(host.stop(), 0)
        other = self.start_number(1, "ack_wait: 3s, max_ack_pending: 7")
        self.await_state(other, "orders", "STATE_FAILED")
        message = self.source(other, "orders")["last_error"]["message"]
        self.assertIn(f"max_ack_pending is {WINDOW}, and the configuration "
                      "says 7", message)
        self.assertIn("ack_wait is 2s, and the configuration says 3s", message)

    def test_the_page_has_configurations_that_work(self):
        self.assert_configurations_of("docs/sources/jetstream.md", 1)


if __name__ == "__main__":
    harness.main()
