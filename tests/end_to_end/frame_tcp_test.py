"""Length-prefixed frames of another implementation through the real host."""

import socket
import ssl
import threading

import buffstreams
import certificates
import harness

FRAMES = """
id: meters
frame_tcp:
  listen: "127.0.0.1:0, 127.0.0.1:0"
decoder: {{opaque_type: METER}}
{more}
"""


# Frames of 1000 bytes: more than a queue of 8192 and the kernel's buffers hold.
MANY = 60000


class FrameTcpTest(harness.EndToEnd):

    def frames(self, more=""):
        return FRAMES.format(more=more)

    def addresses(self, host):
        """What the source listens on."""
        self.await_state(host, "meters", "STATE_CONNECTED")
        return self.source(host, "meters")["details"]["listening"].split(",")

    def by_type(self, host):
        found = self.source_stats(host, "meters").get("messages_by_type", {})
        return {name: int(count) for name, count in found.items()}

    def counters(self, host):
        found = self.source_stats(host, "meters").get("counters", {})
        return {name: int(count) for name, count in found.items()}

    def await_messages(self, host, count):
        harness.until(lambda: self.by_type(host) == {"METER": count},
                      f"{count} messages came")

    def test_frames_become_messages_of_the_configured_type(self):
        self.install_plugin("counts")
        host = self.start_host(self.write_config([self.frames()]))
        first, second = self.addresses(host)
        one = buffstreams.Connection.dial(first)
        two = buffstreams.Connection.dial(second)
        for payload in [b"a", b"", b"\0\xff" * 2048, b"x" * 63, b"x" * 64]:
            one.send(payload)
            two.send(payload)
        self.await_messages(host, 8)
        stats = self.source_stats(host, "meters")
        self.assertEqual(int(stats["bytes"]), 2 * (1 + 4096 + 63 + 64))
        self.assertEqual(int(stats["skipped_by_reason"]["empty"]), 2)
        source = self.source(host, "meters")
        self.assertEqual(source["kind"], "frame_tcp")
        self.assertEqual(source["connections"], 2)
        self.assertTrue(source["flow_control"])
        peers = [text for name, text in source["details"].items()
                 if name.startswith("peer.")]
        self.assertEqual(len(peers), 2)
        self.assertIn("4 frames", peers[0])

        # Each kind of bad input ends its own connection.
        for bad in buffstreams.BAD_INPUTS.values():
            peer = buffstreams.Connection.dial(first)
            self.assertTrue(peer.is_closed_after(bad))
            peer.close()
        one.send(b"still here")
        self.await_messages(host, 9)
        one.socket.sendall(b"\x0a\0\0he")
        one.close()
        two.close()
        want = {"closed.too_long": 1, "closed.negative": 1,
                "closed.unterminated": 1, "closed.header_class": 1,
                "closed.truncated_body": 1, "closed.peer_closed": 1,
                "accepted": 6}
        harness.until(
            lambda: want.items() <= self.counters(host).items(), want)
        self.assertEqual(self.source(host, "meters").get("state"),
                         "STATE_CONNECTED")
        self.assertEqual(host.stop(), 0)

    def send_many(self, peer):
        """Sends more than queue and kernel hold, in a thread that ends then."""
        frames = buffstreams.encode(b"x" * 1000) * 100
        sender = threading.Thread(target=lambda: [
            peer.socket.sendall(frames) for _ in range(MANY // 100)])
        peer.socket.settimeout(harness.PATIENCE_S)
        sender.start()
        return sender

    def test_a_handler_that_blocks_holds_a_peer_up_and_nothing_is_lost(self):
        # It hangs in one message until it is ended, and goes on with the next.
        self.put("tests/fixtures/hang_spin.so", "hangs", (
            "settings: {policy: block, soft_deadline: 1s, hard_deadline: 8s}\n"
            "config: {seq: 500}\n"))
        host = self.start_host(self.write_config([self.frames()]))
        address = self.addresses(host)[0]
        harness.until(lambda: self.plugin_stats(host, "hangs"),
                      "it is there")
        peer = buffstreams.Connection.dial(address)
        quiet = buffstreams.Connection.dial(address)
        sender = self.send_many(peer)
        harness.until(lambda: self.source(host, "meters").get("blocked"),
                      "the source is held up")
        # One that sends less than the kernel keeps does not notice.
        quiet.send(b"quiet")
        self.assertTrue(sender.is_alive(), "nothing holds the peer up")
        sender.join()
        self.await_messages(host, MANY + 1)
        # It is offered each message, and its payload as it came, too.
        harness.until(lambda: int(self.plugin_stats(host, "hangs")[
            "processed_ok"]) == 2 * (MANY + 1) - 1, "all were handled but one")
        stats = self.plugin_stats(host, "hangs")
        self.assertEqual(int(stats["lost_in_crash"]), 1)
        self.assert_books_balance(stats)
        peer.close()
        quiet.close()

    def test_who_sends_little_is_heard_while_one_that_sends_much_is_held_up(
            self):
        self.put("tests/fixtures/slow_1ms.so", "slow",
                 "settings: {policy: block, capacity: 16}\n")
        host = self.start_host(self.write_config([self.frames()]))
        address = self.addresses(host)[0]
        harness.until(lambda: self.plugin_stats(host, "slow"), "it is there")
        much = buffstreams.Connection.dial(address)
        much.socket.settimeout(None)
        frames = buffstreams.encode(b"x" * 4000) * 100
        # At a message each millisecond that is more than five minutes' worth.
        rest = [frames] * 4000

        def flood():
            try:
                while rest:
                    much.socket.sendall(rest.pop())
            except OSError:
                pass

        sender = threading.Thread(target=flood)
        sender.start()
        harness.until(lambda: self.source(host, "meters").get("blocked"),
                      "the source is held up")
        little = [buffstreams.Connection.dial(address) for _ in range(5)]
        heard = [f"{one.socket.getsockname()[0]}:{one.socket.getsockname()[1]} "
                 for one in little]
        for count in range(1, 4):
            for one in little:
                one.send(b"little")

            def all_are_heard(count=count):
                peers = self.source(host, "meters")["details"].values()
                return all(any(peer.startswith(name) and
                               f": {count} frames" in peer for peer in peers)
                           for name in heard)

            harness.until(all_are_heard, f"each is heard {count} times")
        self.assertTrue(rest, "nothing holds the other one up")
        much.socket.shutdown(socket.SHUT_RDWR)
        sender.join()
        for one in [much, *little]:
            one.close()

    def dial_tls(self, address, context):
        host, port = address.rsplit(":", 1)
        return buffstreams.Connection(context.wrap_socket(
            socket.create_connection((host, int(port)), 60),
            server_hostname=host))

    def test_peers_that_show_certificates(self):
        ours = certificates.Authority(self.dir, "ours")
        others = certificates.Authority(self.dir, "others")
        cert, key = ours.sign("host")
        config = self.frames().replace(
            'listen: "127.0.0.1:0, 127.0.0.1:0"',
            'listen: "127.0.0.1:0"\n  frame_timeout: 300ms\n  tls: {cert_file: '
            f'"{cert}", key_file: "{key}", ca_file: "{ours.ca}"}}')
        host = self.start_host(self.write_config([config]))
        [address] = self.addresses(host)
        good = certificates.client(ours, ours.sign("peer"))
        peer = self.dial_tls(address, good)
        peer.send(b"one")
        self.await_messages(host, 1)
        for bad in [certificates.client(ours),
                    certificates.client(ours, others.sign("peer"))]:
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                refused = self.dial_tls(address, bad)
                refused.send(b"no")
                refused.receive()
        plain = buffstreams.Connection.dial(address)
        plain.is_closed_after(buffstreams.encode(b"in the clear"))
        plain.close()
        # Says nothing, for longer than a frame may take.
        slow = buffstreams.Connection.dial(address)
        self.assertTrue(slow.is_closed_after(b""))
        slow.close()
        harness.until(lambda: self.counters(host).get("closed.tls") == 4,
                      "all are counted")
        self.assertIn("TLS: ", self.source(host, "meters")["details"][
            "last_tls_failure"])
        certificates.replace((cert, key), ours.sign("renewed"))
        renewed = self.dial_tls(address, good)
        self.assertNotEqual(renewed.socket.getpeercert()["serialNumber"],
                            peer.socket.getpeercert()["serialNumber"])
        renewed.send(b"two")
        peer.send(b"three")
        self.await_messages(host, 3)
        for one in [peer, renewed]:
            one.close()

    def test_a_peer_that_is_connected_to_by_tls(self):
        ours = certificates.Authority(self.dir, "ours")
        context = certificates.server(ours.sign("peer"), ours)
        cert, key = ours.sign("host")
        with socket.create_server(("127.0.0.1", 0)) as server:
            config = self.frames().replace(
                'listen: "127.0.0.1:0, 127.0.0.1:0"',
                'connect: "127.0.0.1:%d"\n  tls: {cert_file: "%s", key_file: '
                '"%s", ca_file: "%s"}' % (server.getsockname()[1], cert, key,
                                          ours.ca))
            config += "backoff: {initial: 20ms, max: 50ms}\n"
            host = self.start_host(self.write_config([config]))
            for count in [1, 2]:
                peer = buffstreams.Connection(context.wrap_socket(
                    server.accept()[0], server_side=True))
                peer.send(b"hello")
                self.await_messages(host, count)
                peer.close()

    def test_peers_of_a_source_that_is_paused_wait(self):
        host = self.start_host(self.write_config([self.frames()]))
        peer = buffstreams.Connection.dial(self.addresses(host)[0])
        peer.send(b"before")
        self.await_messages(host, 1)
        self.weir(host, "sources", "pause", "meters", unix=True)
        self.await_state(host, "meters", "STATE_PAUSED")
        sender = self.send_many(peer)
        self.weir(host, "sources", "resume", "meters", unix=True)
        sender.join()
        self.await_messages(host, MANY + 1)
        peer.close()

    def test_a_peer_that_is_connected_to(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            config = self.frames().replace(
                'listen: "127.0.0.1:0, 127.0.0.1:0"',
                'connect: "127.0.0.1:%d"' % server.getsockname()[1])
            config += "backoff: {initial: 20ms, max: 50ms}\n"
            host = self.start_host(self.write_config([config]))
            for count in [1, 2]:
                peer = buffstreams.Connection(server.accept()[0])
                peer.send(b"hello")
                self.await_messages(host, count)
                peer.close()

    def test_the_page_has_a_configuration_that_works(self):
        self.assert_configurations_of("docs/sources/frame_tcp.md", 2)


if __name__ == "__main__":
    harness.main()
