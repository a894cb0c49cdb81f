"""The frames of buffstreams, written down a second time.

Shares nothing with lib/frames: lengths by Python's own integers, one blocking
socket, header and payload read one after the other, as the original does it.
"""

import socket
import struct


def header_size(max_message_size):
    """Bytes of a header where messages have at most so many."""
    bits = len(bin(max_message_size or 4096)) - 2
    return -(-bits // 8) + 1


def encode(payload, max_message_size=0, padding=b"\0"):
    """One frame."""
    rest, number = len(payload) * 2, b""
    while rest >= 128:
        number += struct.pack("B", rest % 128 + 128)
        rest //= 128
    number += struct.pack("B", rest)
    return number.ljust(header_size(max_message_size), padding) + payload


def decode_length(header):
    """What a header says. ValueError if it does not end."""
    number = 0
    for place, byte in enumerate(header):
        number += (byte % 128) * 128**place
        if byte < 128:
            # Zig-zag: 0, -1, 1, -2, ...
            return number // 2 if number % 2 == 0 else -(number + 1) // 2
    raise ValueError(f"a length without an end: {header.hex()}")


# What ends a connection whose maximum is the default, and what it is called.
BAD_INPUTS = {
    "too_long": encode(b"x" * 4097),
    "negative": b"\1\0\0",
    "unterminated": b"\xff" * 3,
    "header_class": encode(b"hello\n", 255),
}


class Connection:
    """One end."""

    def __init__(self, sock, max_message_size=0):
        self.socket = sock
        self.socket.settimeout(60)
        self.max = max_message_size

    @classmethod
    def dial(cls, address, max_message_size=0):
        host, port = address.rsplit(":", 1)
        return cls(socket.create_connection((host, int(port)), 60),
                   max_message_size)

    def send(self, payload):
        self.socket.sendall(encode(payload, self.max))

    def receive(self):
        """A payload, or None at the end between two frames."""
        header = self._exactly(header_size(self.max))
        if header is None:
            return None
        payload = self._exactly(decode_length(header))
        if payload is None:
            raise EOFError("the end came behind a header")
        return payload

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                if data:
                    raise EOFError(f"{len(data)} bytes of {count}")
                return None
            data += piece
        return data

    def is_closed_after(self, data):
        """Sends, and returns whether the other end closes without an answer."""
        try:
            self.socket.sendall(data)
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()
