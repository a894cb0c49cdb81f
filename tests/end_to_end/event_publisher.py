"""A test that puts events into its host's log by EventService.Publish."""

from http2_client import Call
from protobuf_wire import field

# What one call may carry.
MOST = 500


class WithEvents:
    """For an EndToEnd test with a `host`."""

    published = 0

    def publish(self, count, padding=0):
        """Publishes events whose subjects are their numbers, from 1."""
        more = ', "p": "%s"' % ("x" * padding) if padding else ""
        while count > 0:
            some, request = min(count, MOST), b""
            count -= some
            for _ in range(some):
                self.published += 1
                request += field(1, field(5, "test.ping") +
                                 field(7, str(self.published)) +
                                 field(10, '{"n": %d%s}' % (
                                     self.published, more)))
            call = Call(self.host.unix, "weir.v1.EventService/Publish",
                        request + field(3, 1))
            self.addCleanup(call.close)
            call.rest()
            self.assertEqual(call.grpc_status, 0, call.grpc_message)
