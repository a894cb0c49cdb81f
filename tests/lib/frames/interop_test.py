"""lib/frames against the format as another language has it."""

import os
import socket
import subprocess
import threading
import unittest

import buffstreams

_PEER = os.path.join(os.environ["TEST_SRCDIR"], "weir",
                     "tests/lib/frames/frames-peer")

# Of each class of headers, and at its ends.
_MAXIMUMS = [0, 1, 255, 256, 4096, 65535, 65536, 16777215, 16777216]


def payloads(max_message_size):
    """Payloads of all lengths at which something could go wrong."""
    most = max_message_size or 4096
    lengths = {0, 1, 5, 63, 64, 110, 127, 128, 8191, 8192, most - 1, most}
    return [(b"%d " % n * n)[:n] for n in sorted(lengths)
            if n <= min(most, 300000)]


class Program:
    """frames-peer."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [_PEER, *map(str, args)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def give(self, payload):
        self.process.stdin.write(payload.hex() + "\n")
        self.process.stdin.flush()

    def end(self):
        """Its status and what it said that was not read."""
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest.split("\n")[:-1]


class InteropTest(unittest.TestCase):

    def test_the_other_implementation_writes_the_vectors(self):
        self.assertEqual(buffstreams.encode(b"hello").hex(),
                         "0a000068656c6c6f")
        self.assertEqual(buffstreams.encode(b"x" * 110, 2048)[:3].hex(),
                         "dc0100")
        self.assertEqual(buffstreams.encode(b"x" * 8192, 65536)[:4].hex(),
                         "80800100")
        self.assertEqual(buffstreams.decode_length(b"\1\0\0"), -1)

    def test_the_listener_takes_what_it_sends_and_answers(self):
        for most in _MAXIMUMS:
            with self.subTest(most):
                listener = Program("listen", most)
                peer = buffstreams.Connection.dial(listener.line(), most)
                for payload in payloads(most):
                    peer.send(payload)
                    self.assertEqual(listener.line(),
                                     "message " + payload.hex())
                    self.assertEqual(peer.receive(), payload)
                # All at a time, while the answers are read.
                sender = threading.Thread(target=lambda: [
                    peer.send(payload) for payload in payloads(most)])
                sender.start()
                for payload in payloads(most):
                    self.assertEqual(listener.line(),
                                     "message " + payload.hex())
                    self.assertEqual(peer.receive(), payload)
                sender.join()
                peer.socket.shutdown(socket.SHUT_WR)
                self.assertIsNone(peer.receive())
                peer.close()
                self.assertEqual(listener.end(),
                                 (0, ["closed peer_closed 1"]))

    def test_the_listener_takes_any_padding(self):
        listener = Program("listen", 65536)
        peer = buffstreams.Connection.dial(listener.line(), 65536)
        peer.socket.sendall(buffstreams.encode(b"odd", 65536, b"\x7f"))
        self.assertEqual(peer.receive(), b"odd")
        peer.close()
        listener.end()

    def test_the_listener_closes_only_who_sends_what_it_must_not(self):
        listener = Program("listen", 4096)
        address = listener.line()
        good = buffstreams.Connection.dial(address)
        for bad in buffstreams.BAD_INPUTS.values():
            peer = buffstreams.Connection.dial(address)
            self.assertTrue(peer.is_closed_after(bad))
            peer.close()
            good.send(b"good")
            self.assertEqual(good.receive(), b"good")
        good.close()
        status, said = listener.end()
        self.assertEqual(status, 0)
        for reason in buffstreams.BAD_INPUTS:
            self.assertIn(f"closed {reason} 1", said)

    def test_the_writer_sends_what_it_takes_and_takes_answers(self):
        for most in _MAXIMUMS:
            with self.subTest(most), socket.create_server(
                ("127.0.0.1", 0)) as server:
                writer = Program("write", "127.0.0.1:%d" %
                                 server.getsockname()[1], most)
                peer = buffstreams.Connection(server.accept()[0], most)
                for payload in payloads(most):
                    writer.give(payload)
                    self.assertEqual(peer.receive(), payload)
                    size = len(payload) + buffstreams.header_size(most)
                    self.assertEqual(writer.line(), f"wrote {size}")
                    peer.send(payload)
                    self.assertEqual(writer.line(), "reply " + payload.hex())
                if most <= 65536:
                    writer.give(b"x" * ((most or 4096) + 1))
                    self.assertIn("nothing was sent", writer.line())
                writer.give(b"")
                self.assertEqual(peer.receive(), b"")
                writer.process.stdin.close()
                writer.process.stdin = None
                self.assertIsNone(peer.receive())
                peer.close()
                self.assertEqual(writer.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
