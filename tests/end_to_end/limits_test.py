"""The limits that GetServerInfo shows are those that hold: what is at the limit
is taken, and what is one more is refused, lowered or raised, as the protos say.

Limits of time and of memory over many clients have tests of their own:
slow_clients_test, crowd_test. Limits per caller need callers that are told apart,
which this version does not do."""

import json

import harness
from http2_client import HUGE_WINDOW, Call
from protobuf_wire import field, fields_of

CONFIG = """
broker: {publish_enabled: true}
limits:
  max_subscribers: 3
  max_subscriptions: 2
  max_streams_per_connection: 7
  filter_memory_bytes: 1MiB
  write_stall_timeout: 42s
  publish_limit_per_second: 2000
logging: {stats_interval: 0s}
"""

SUBSCRIBE = "weir.v1.EventService/Subscribe"
READ = "weir.v1.EventService/ReadEvents"
PUBLISH = "weir.v1.EventService/Publish"
CREATE = "weir.v1.SubscriptionService/CreateSubscription"

OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 0, 3, 8
STOP_AT_LATEST = field(8, 1)
ACCEPTED = field(3, 1)


def duration(seconds, nanos=0):
    return field(1, seconds) + (field(2, nanos) if nanos else b"")


def parts(message):
    """Fields of a message by number; the last of each."""
    return dict(fields_of(message))


def seconds(text):
    """What JSON says of a Duration."""
    return float(text.removesuffix("s"))


class LimitsTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.host = self.start_host(self.write_config([], CONFIG))
        [line] = self.weir(self.host, "--json", "info")
        self.info = json.loads(line)

    def call(self, method, request):
        call = Call(self.host.unix, method, request, window=HUGE_WINDOW)
        self.addCleanup(call.close)
        return call

    def status(self, method, request):
        call = self.call(method, request)
        call.rest()
        return call.grpc_status

    def ended(self, request):
        """A stream that was read to its end. The one before it may have kept
        its place for a moment after it told of its own."""
        def read():
            call = self.call(SUBSCRIBE, request + STOP_AT_LATEST)
            first = call.message()
            call.rest()
            return call.grpc_status != RESOURCE_EXHAUSTED and (call, first)
        return harness.until(read, "there is a place")

    def subscribe(self, request):
        return self.ended(request)[0].grpc_status

    def hello(self, request):
        """What the host makes of a request: the fields of Hello."""
        return parts(parts(self.ended(request)[1])[4])

    def test_filters_hold_what_is_shown_and_no_more(self):
        shown = self.info["filters"]
        one = field(1, "a.b")  # EventFilter.types
        self.assertEqual(
            self.subscribe(field(2, one) * shown["max_filters"]), OK)
        self.assertEqual(
            self.subscribe(field(2, one) * (shown["max_filters"] + 1)),
            INVALID_ARGUMENT)
        regex_bytes = shown["max_regex_bytes"]
        for limit, make in (
                ("max_types", lambda i: field(1, f"a.b{i}")),
                ("max_sources", lambda i: field(2, f"plugins/p{i}")),
                ("max_subject_regexes", lambda i: field(3, f"^a{i}$")),
                ("max_json_regexes", lambda i: field(6, f"a{i}")),
                ("max_prefixes",
                 lambda i: field(7, f"10.{i // 256}.{i % 256}.0/24")),
                ("max_as_numbers",
                 lambda i: field(9, i + 1))):
            with self.subTest(limit=limit):
                most = shown[limit]
                self.assertEqual(self.subscribe(field(2, b"".join(
                    map(make, range(most))))), OK)
                self.assertEqual(self.subscribe(field(2, b"".join(
                    map(make, range(most + 1))))), INVALID_ARGUMENT)
        self.assertEqual(
            self.subscribe(field(2, field(3, "a" * regex_bytes))), OK)
        self.assertEqual(
            self.subscribe(field(2, field(3, "a" * (regex_bytes + 1)))),
            INVALID_ARGUMENT)
        self.assertEqual(int(shown["memory_bytes"]), 1 << 20)
        # Fits into the 8 MiB that are usual, and not into one.
        big = r"^(\pL|\pN){1,60}$"
        self.assertEqual(self.subscribe(field(2, field(3, big))),
                         INVALID_ARGUMENT)

    def test_streams_get_what_is_shown_and_no_more(self):
        shown = self.info["streams"]
        # Batch: max_events, max_bytes, max_delay, all in excess.
        hello = self.hello(field(6, field(1, 1 << 30) + field(2, 1 << 30) +
                                 field(3, duration(3600))))
        batch = parts(hello[7])
        self.assertEqual(batch[1], shown["max_batch_events"])
        self.assertEqual(batch[2], self.info["max_batch_bytes"])
        self.assertEqual(parts(batch[3])[1], seconds(shown["max_batch_delay"]))
        for asked, limit in ((duration(0, 1), "min_heartbeat_interval"),
                             (duration(86400), "max_heartbeat_interval")):
            interval = parts(self.hello(field(7, asked))[6])
            self.assertEqual(interval[1], seconds(shown[limit]), limit)
        tail = shown["max_tail"]
        self.assertEqual(self.subscribe(field(1, field(5, tail))), OK)
        self.assertEqual(self.subscribe(field(1, field(5, tail + 1))),
                         INVALID_ARGUMENT)
        self.assertEqual(shown["write_stall_timeout"], "42s")
        self.assertEqual(shown["max_concurrent_replays"], 4)

    def test_there_are_as_many_of_everything_as_is_shown(self):
        most = self.info["max_subscribers"]
        self.assertEqual(most, 3)
        calls = [self.call(SUBSCRIBE, b"") for _ in range(most)]
        for call in calls:
            self.assertIsNotNone(call.message())
        self.assertEqual(self.status(SUBSCRIBE, b""), RESOURCE_EXHAUSTED)
        calls[0].close()
        self.assertEqual(self.subscribe(b""), OK)

        most = self.info["max_subscriptions"]
        self.assertEqual(most, 2)
        for i in range(most):
            self.assertEqual(self.status(CREATE, field(1, f"s{i}")), OK)
        self.assertEqual(self.status(CREATE, field(1, "more")),
                         RESOURCE_EXHAUSTED)

        # HTTP/2 tells each client.
        self.assertEqual(calls[1].settings[3],
                         self.info["max_streams_per_connection"])
        self.assertEqual(calls[1].settings[3], 7)

    def test_requests_and_pages_are_as_large_as_is_shown(self):
        most = self.info["max_event_bytes"]
        event = field(5, "a.b")
        # Less the rest of an event, and what the log adds to it.
        self.assertEqual(self.status(PUBLISH, ACCEPTED + field(
            1, event + field(10, '"%s"' % ("x" * (most - 500))))), OK)
        self.assertEqual(self.status(PUBLISH, ACCEPTED + field(
            1, event + field(10, '"%s"' % ("x" * most)))), RESOURCE_EXHAUSTED)
        # What is longer than a request may be is not looked at.
        self.assertEqual(self.status(PUBLISH, ACCEPTED + field(
            2, "x" * self.info["max_request_bytes"])), RESOURCE_EXHAUSTED)
        self.assertEqual(self.status(PUBLISH, ACCEPTED + field(1, event) * 1001),
                         INVALID_ARGUMENT)
        self.assertEqual(self.info["publish_limit_per_second"], 2000)
        harness.until(
            lambda: self.status(PUBLISH, ACCEPTED + field(1, event) * 1000) ==
            RESOURCE_EXHAUSTED, "more than that a second is refused")
        # A page is made smaller, not refused.
        call = self.call(READ, field(1, field(4, b"")) + field(3, 10**9))
        events = [1 for number, _ in fields_of(call.message()) if number == 1]
        self.assertEqual(len(events), 1000)


if __name__ == "__main__":
    harness.main()
