"""Clients that do not read, read slowly, stopped, or are gone without a word:
they keep nobody up, cost no memory, lose what they hold after a while, and do not
keep the host from ending."""

import json
import signal

import harness
import http2_client
from http2_client import Call
from protobuf_wire import field, fields_of

EVENT_BYTES = 2000
BATCH = 400

# What is published is more than sockets hold: their buffers are some MiB.
EXTRA = """
broker: {{publish_enabled: true, retention_bytes: 64MiB}}
limits: {{write_stall_timeout: {stall}, publish_limit_per_second: 10000000}}
logging: {{stats_interval: 0s}}
"""

SUBSCRIBE = "weir.v1.EventService/Subscribe"
CONSUME = "weir.v1.SubscriptionService/Consume"

START_EARLIEST = field(4, b"")  # StartPosition.earliest
UNAVAILABLE = 14


def subscribe(name, max_events=0):
    """A SubscribeRequest from the beginning; 0 is the default."""
    return (field(1, START_EARLIEST) + field(6, field(1, max_events)) +
            field(10, name))


def seqs_of(message):
    """The numbers of the events of a SubscribeResponse."""
    return [value for number, event in fields_of(message)
            if number == 1
            for part, value in fields_of(event) if part == 2]


class SlowClientsTest(harness.EndToEnd):

    def start_with(self, stall):
        """Starts the host with this write_stall_timeout."""
        self.host = self.start_host(
            self.write_config([], EXTRA.format(stall=stall)))

    def publish(self, n):
        """Publishes `n` events of about 2 kB, of the type test.bulk."""
        while n > 0:
            count = min(n, BATCH)
            event = (field(5, "test.bulk") +
                     field(10, '"%s"' % ("x" * EVENT_BYTES)))
            call = self.call("weir.v1.EventService/Publish",
                             field(1, event) * count + field(3, 1))
            call.rest()
            self.assertEqual(call.grpc_status, 0, call.grpc_message)
            call.close()
            n -= count

    def call(self, method, request, address=None, **kwargs):
        call = Call(address or self.host.unix, method, request, **kwargs)
        self.addCleanup(call.close)
        return call

    def subscription(self, name):
        self.weir(self.host, "subscriptions", "create", name, "--from",
                  "earliest")
        return name

    def state(self, name):
        [line] = self.weir(self.host, "--json", "subscriptions", "get", name)
        return json.loads(line)["state"]

    def consume(self, name, **kwargs):
        return self.call(CONSUME, field(1, f"subscriptions/{name}"), **kwargs)

    def streams(self):
        """Attached streams, by the names that their clients gave."""
        return {s.get("client", "").split(" ")[-1]: s
                for s in self.stats(self.host).get("subscribers", [])}

    def watch(self, address, *args):
        return self.start([harness.runfile("cli/weir"), "--server", address,
                           "--json", "watch", "--from", "earliest", *args])

    def assert_whole(self, watch, last):
        """Reads on to number `last`: each event once, in order, and no gap."""
        seen = getattr(watch, "seen", 0)
        while seen < last:
            event = json.loads(watch.next_line())
            self.assertNotIn("gap", event)
            if "seq" in event:
                self.assertEqual(int(event["seq"]), seen + 1)
                seen += 1
        watch.seen = seen

    def latest(self):
        return int(self.stats(self.host)["broker"]["latest_seq"])

    def rss(self):
        return int(self.stats(self.host)["process"]["rss_bytes"])

    def test_who_does_not_read_loses_its_place_and_nobody_else_anything(self):
        self.start_with("2s")
        healthy = self.watch(self.host.address, "--type", "test.marker")
        self.publish(8000)
        for name in ("no-window", "window", "tcp", "unix"):
            self.subscription(name)
        before = self.rss()
        stuck = {
            # All windows open: what stops the server are the sockets.
            "tcp": self.consume("tcp", receive_buffer=65536,
                                address=self.host.address,
                                window=http2_client.HUGE_WINDOW),
            "unix": self.consume("unix", window=http2_client.HUGE_WINDOW),
            "window": self.consume("window"),
            "no-window": self.consume("no-window", window=0),
        }
        for name in ("tcp", "unix", "window"):
            self.assertIsNotNone(stuck[name].message())  # It is attached.

        # Others go on ...
        marker = field(5, "test.marker")
        self.call("weir.v1.EventService/Publish",
                  field(1, marker) + field(3, 1)).rest()
        healthy.line_with("test.marker")
        # ... and what was held is free again, though gRPC may not be done with
        # the call, as long as the client does not read.
        for name in stuck:
            harness.until(lambda n=name: self.state(n) == "STATE_IDLE",
                          f"the lease of {name} is released")
        # Whatever they did not read was not kept for them: it would be 64 MB.
        if not harness.sanitized("host/weir-host"):
            self.assertLess(self.rss() - before, 40 << 20)

        # Who reads after all is told that it may come back.
        for name in ("no-window", "window"):
            stuck[name].rest()
            self.assertEqual(stuck[name].grpc_status, UNAVAILABLE)
            self.assertIn("has not read for", stuck[name].grpc_message)
        self.assertEqual(stuck["no-window"].rest(), [])
        next_one = self.consume("window")
        self.assertIsNotNone(next_one.message())
        next_one.close()

        # Sockets that are stuck do not keep the host from ending.
        self.assertEqual(self.host.stop(), 0, self.host.errors)
        healthy.stop(signal.SIGINT)

    def test_who_reads_one_message_at_a_time_is_served_for_ever(self):
        self.start_with("6s")
        self.publish(60)
        # Room for one message of three events, and not for two.
        slow = self.call(SUBSCRIBE, subscribe("slow", 3), window=7000)
        seen = []
        # In all much longer than the timeout, but never as long at once.
        for _ in range(14):
            harness.until(
                lambda: self.streams()["slow"].get("write_blocked", "0") >=
                "0.5", "a write waits")
            seen += seqs_of(slow.message())
            slow.allow(7000)
        slow.allow(1 << 20)
        while len(seen) < self.latest():
            seen += seqs_of(slow.message())
        self.assertEqual(seen, list(range(1, len(seen) + 1)))
        self.assertIsNone(slow.grpc_status)

    def test_who_was_stopped_goes_on_where_it_was(self):
        """SIGSTOP for a process, and a network that goes away silently."""
        self.start_with("2s")
        name = self.subscription("stopped")
        consumer = self.start([
            harness.runfile("cli/weir"), "--server", self.host.address,
            "--json", "subscriptions", "consume", name])
        proxy = harness.Proxy(self.host.address)
        self.addCleanup(proxy.close)
        watchers = [self.watch(self.host.address), self.watch(proxy.address)]
        self.publish(100)
        for watch in watchers + [consumer]:
            self.assert_whole(watch, self.latest())
        # More than their own buffers take, so that the host notices at once.
        consumer.process.send_signal(signal.SIGSTOP)
        watchers[0].process.send_signal(signal.SIGSTOP)
        proxy.freeze()
        self.publish(10000)
        harness.until(lambda: not self.streams(), "nobody is attached any more")
        self.assertEqual(self.state(name), "STATE_IDLE")
        other = self.consume(name)
        self.assertIsNotNone(other.message())
        other.close()
        harness.until(lambda: self.state(name) == "STATE_IDLE",
                      "the other has left")

        consumer.process.send_signal(signal.SIGCONT)
        watchers[0].process.send_signal(signal.SIGCONT)
        proxy.cut()
        self.publish(100)
        for watch in watchers:
            self.assert_whole(watch, self.latest())
        # A consumer that comes back may get what it did not acknowledge again.
        until = self.latest()
        seen = consumer.seen
        while seen < until:
            event = json.loads(consumer.next_line())
            if "seq" in event:
                self.assertLessEqual(int(event["seq"]), seen + 1)
                seen = max(seen, int(event["seq"]))
        for program in watchers + [consumer]:
            program.stop(signal.SIGINT)


if __name__ == "__main__":
    harness.main()
