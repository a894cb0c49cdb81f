"""A gRPC client that misbehaves on purpose: HTTP/2 by hand, over a socket that
the test reads when it likes, with windows that the test opens as it likes.

No library lets a caller do this. It makes one call per connection, and knows of
HTTP/2 and protobuf what that takes.
"""

import socket
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = \
    0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x8
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
STREAM = 1
DEFAULT_WINDOW = 65535
HUGE_WINDOW = 2**31 - 1


def _literal(name, value):
    """A header, as HPACK has it without its tables and without Huffman."""
    return b"\x00" + b"".join(
        bytes([len(text)]) + text.encode() for text in (name, value))


class Call:
    """One call of `method`, "weir.v1.EventService/Subscribe", at an address as
    weir-host prints it. `window` is how many bytes the server may send of the
    answer before `allow` allows more."""

    def __init__(self, address, method, request, window=DEFAULT_WINDOW,
                 receive_buffer=None):
        if address.startswith("unix://"):
            self.socket = socket.socket(socket.AF_UNIX)
            target = address.removeprefix("unix://")
        else:
            self.socket = socket.socket(socket.AF_INET)
            host, port = address.rsplit(":", 1)
            target = (host, int(port))
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   receive_buffer)
        self.socket.settimeout(120)
        self.socket.connect(target)
        self.settings = {}  # The server's, by number.
        self.grpc_status = None
        self.grpc_message = ""
        self.ended = False
        self._in = b""
        self._data = b""
        # What the server lets this side send.
        self._allowed = {0: DEFAULT_WINDOW, STREAM: DEFAULT_WINDOW}
        headers = b"".join([
            _literal(":method", "POST"), _literal(":scheme", "http"),
            _literal(":path", "/" + method), _literal(":authority", "localhost"),
            _literal("te", "trailers"),
            _literal("content-type", "application/grpc")])
        body = b"\0" + struct.pack(">I", len(request)) + request
        self.socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
            # SETTINGS_INITIAL_WINDOW_SIZE.
            self._frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window)))
        if window > DEFAULT_WINDOW:
            self._allow(0, window - DEFAULT_WINDOW)
        self.socket.sendall(self._frame(HEADERS, END_HEADERS, STREAM, headers))
        # The largest frame that every server takes is 16 KiB.
        pieces = [body[at:at + 16384] for at in range(0, len(body), 16384)]
        for piece in pieces[:-1]:
            self._send(piece, 0)
        self._send(pieces[-1], END_STREAM)

    @staticmethod
    def _frame(kind, flags, stream, payload=b""):
        return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
                struct.pack(">I", stream) + payload)

    def _send(self, piece, flags):
        while min(self._allowed.values()) < len(piece) and not self.ended:
            self._take(*self._next_frame())
        if self.ended:
            return  # The server has heard enough.
        for stream in self._allowed:
            self._allowed[stream] -= len(piece)
        self.socket.sendall(self._frame(DATA, flags, STREAM, piece))

    def _allow(self, stream, size):
        self.socket.sendall(self._frame(WINDOW_UPDATE, 0, stream,
                                        struct.pack(">I", size)))

    def allow(self, size):
        """Lets the server send `size` bytes more."""
        self._allow(0, size)
        self._allow(STREAM, size)

    def _read(self, size):
        while len(self._in) < size:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the server closed the connection")
            self._in += data
        data, self._in = self._in[:size], self._in[size:]
        return data

    def _next_frame(self):
        head = self._read(9)
        size = int.from_bytes(head[:3], "big")
        return (head[3], head[4], int.from_bytes(head[5:], "big"),
                self._read(size))

    def _take(self, kind, flags, stream, payload):
        if kind == DATA:
            self._data += payload
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                number, value = struct.unpack_from(">HI", payload, at)
                self.settings[number] = value
                if number == 4:
                    self._allowed[STREAM] += value - DEFAULT_WINDOW
            self.socket.sendall(self._frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(self._frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._allowed[stream] += struct.unpack(">I", payload)[0]
        elif kind == HEADERS and flags & END_STREAM:
            # gRPC's C++ writes these two as they are, without Huffman.
            for name in (b"grpc-status", b"grpc-message"):
                _, found, rest = payload.partition(name)
                if not found:
                    continue
                value = rest[1:1 + rest[0]].decode()
                if name == b"grpc-status":
                    self.grpc_status = int(value)
                else:
                    self.grpc_message = value
            self.ended = True
        elif kind in (RST_STREAM, GOAWAY):
            self.ended = True

    def message(self):
        """The next message of the answer; None at its end."""
        while True:
            if len(self._data) >= 5:
                size = struct.unpack_from(">I", self._data, 1)[0]
                if len(self._data) >= 5 + size:
                    message = self._data[5:5 + size]
                    self._data = self._data[5 + size:]
                    return message
            if self.ended:
                return None
            self._take(*self._next_frame())

    def rest(self):
        """Reads to the end; returns the messages that were whole."""
        messages = []
        while (message := self.message()) is not None:
            messages.append(message)
        return messages

    def close(self):
        self.socket.close()
