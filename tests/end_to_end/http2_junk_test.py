"""Bytes on the port of the API that are no HTTP/2, or almost: whoever sends them
is cut off or answered with an error, and nobody else notices."""

import os
import random
import socket
import struct

import harness
from http2_client import Call
from protobuf_wire import field

CONNECTIONS = 250  # Of each kind.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0x0, 0x1, 0x4
KINDS = 12  # Of frames: two more than there are.
SUBSCRIBE = "weir.v1.EventService/Subscribe"
CONFIG = "logging: {stats_interval: 0s}\n"


def frame(kind, flags, stream, payload, length=None):
    length = len(payload) if length is None else length
    return (struct.pack(">I", length)[1:] + bytes([kind, flags]) +
            struct.pack(">I", stream) + payload)


def header(name, value):
    return b"\0" + b"".join(bytes([len(text)]) + text.encode()
                            for text in (name, value))


def call(request=b""):
    """The bytes of a call that is as it should be."""
    headers = b"".join(header(*pair) for pair in (
        (":method", "POST"), (":scheme", "http"), (":path", "/" + SUBSCRIBE),
        (":authority", "localhost"), ("te", "trailers"),
        ("content-type", "application/grpc")))
    return (PREFACE + frame(SETTINGS, 0, 0, b"") +
            frame(HEADERS, 4, 1, headers) +
            frame(DATA, 1, 1, b"\0" + struct.pack(">I", len(request)) + request))


def noise(rand):
    return rand.randbytes(rand.randrange(1, 3000))


def noise_after_the_preface(rand):
    return PREFACE + noise(rand)


def frames_of_noise(rand):
    sent = PREFACE + frame(SETTINGS, 0, 0, b"")
    for _ in range(rand.randrange(1, 20)):
        payload = rand.randbytes(rand.choice([0, 1, 4, 6, 8, 9, 200]))
        length = rand.choice([None, None, None, 0, 5, 0xffffff])
        sent += frame(rand.randrange(KINDS), rand.randrange(256),
                      rand.choice([0, 1, 2, 3, 0x7fffffff, 0xffffffff]),
                      payload, length)
    return sent


def noise_as_a_request(rand):
    return call(rand.randbytes(rand.randrange(1, 300)))


def calls_with_bits_flipped(rand):
    sent = bytearray(call(field(10, "somebody")))
    for _ in range(rand.randrange(1, 6)):
        sent[rand.randrange(len(sent))] ^= 1 << rand.randrange(8)
    return bytes(sent)


def calls_cut_short(rand):
    whole = call()
    return whole[:rand.randrange(len(whole))]


class Http2JunkTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.host = self.start_host(self.write_config([], CONFIG))
        name, port = self.host.address.rsplit(":", 1)
        self.target = (name, int(port))

    def send(self, junk):
        with socket.create_connection(self.target, timeout=60) as client:
            try:
                client.sendall(junk)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except ConnectionError:
                pass  # Cut off in the middle of it.

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.host.process.pid}/fd"))

    def test_costs_nobody_else_anything(self):
        rand = random.Random(int(os.environ.get("WEIR_JUNK_SEED", "1")))
        other = Call(self.host.address, SUBSCRIBE, field(10, "other"))
        self.assertIsNotNone(other.message())
        before = self.descriptors()
        for kind in (noise, noise_after_the_preface, frames_of_noise,
                     noise_as_a_request, calls_with_bits_flipped,
                     calls_cut_short):
            with self.subTest(kind.__name__):
                for _ in range(CONNECTIONS):
                    self.send(kind(rand))
                self.assertIsNone(self.host.process.poll())
        harness.until(lambda: self.descriptors() <= before + 2,
                      "connections are closed")
        harness.until(
            lambda: int(self.stats(self.host)["broker"]["subscribers"]) == 1,
            "only the other stream is left")
        self.assertFalse(other.ended)
        other.close()
        self.assertEqual(self.host.stop(), 0)


if __name__ == "__main__":
    harness.main()
