"""A node of a steward or ctrl network, as far as the tests need one: what it
sends, and how it waits for acknowledgements.

Written from the description of the wire and from nothing of weir's, so that the
two agree only if both are right. CBOR, zstd (frames of one raw block) and NATS are
spoken by hand.
"""

import queue
import socket
import struct
import threading

_RELAY = ["RelayViaNode", "RelayOriginalViaNode", "RelayFromNode", "RelayToNode",
          "RelayOriginalMethod", "RelayReplyMethod"]

# The order of a message's fields on the wire, by release.
_S1 = ["ToNode", "ToNodes", "ID", "Data", "Method", "MethodArgs", "ArgSignature",
       "ReplyMethod", "ReplyMethodArgs", "IsReply", "FromNode", "ACKTimeout",
       "RetryWait", "IsSubPublishedMsg", "Retries", "ReplyACKTimeout",
       "ReplyRetries", "MethodTimeout", "ReplyMethodTimeout", "Directory",
       "FileName", "PreviousMessage", "Schedule"]
_S0 = [f for f in _S1 if f not in ("ArgSignature", "RetryWait",
                                   "IsSubPublishedMsg", "Schedule")] + _RELAY
_C2 = _S1[:2] + ["JetstreamToNode"] + _S1[2:]
_C3 = _C2 + ["UseDetectedShell"]
_C4 = _C3 + ["MethodInstructions", "ReplyMethodInstructions"]
FIELDS = {"S0": _S0, "S1": _S1, "C1": _S1, "C2": _C2, "C3": _C3, "C4": _C4}
assert [len(FIELDS[p]) for p in ("S0", "S1", "C2", "C3", "C4")] == [
    25, 23, 24, 25, 27]

_INTS = {"ID", "ACKTimeout", "RetryWait", "Retries", "ReplyACKTimeout",
         "ReplyRetries", "MethodTimeout", "ReplyMethodTimeout"}
_BOOLS = {"IsReply", "IsSubPublishedMsg", "UseDetectedShell"}
_NULLS = {"ToNodes", "Data", "MethodArgs", "ArgSignature", "ReplyMethodArgs",
          "PreviousMessage", "Schedule", "MethodInstructions",
          "ReplyMethodInstructions"}


def _zero(field):
    if field in _INTS:
        return 0
    if field in _BOOLS:
        return False
    return None if field in _NULLS else ""


def _head(major, number):
    for bits, form in ((24, None), (1 << 8, ">B"), (1 << 16, ">H"),
                       (1 << 32, ">I"), (1 << 64, ">Q")):
        if number < bits:
            if form is None:
                return bytes([major << 5 | number])
            size = {">B": 24, ">H": 25, ">I": 26, ">Q": 27}[form]
            return bytes([major << 5 | size]) + struct.pack(form, number)
    raise ValueError(number)


def cbor(value):
    if value is None:
        return b"\xf6"
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(
            cbor(k) + cbor(v) for k, v in value.items())
    return _head(4, len(value)) + b"".join(cbor(v) for v in value)


def message(profile, **fields):
    """The CBOR array; `fields` by their names on the wire."""
    unknown = set(fields) - set(FIELDS[profile])
    assert not unknown, unknown
    return cbor([fields.get(f, _zero(f)) for f in FIELDS[profile]])


def zstd(data):
    """RFC 8878: a frame without a size, a window of 128 KiB and one raw block."""
    assert len(data) < 1 << 17
    block = len(data) << 3 | 1
    return b"\x28\xb5\x2f\xfd\x00\x38" + struct.pack("<I", block)[:3] + data


class Nats:
    """A connection to nats-server."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._lines = self._socket.makefile("rb")
        self._lines.readline()  # INFO
        self._send(b'CONNECT {"verbose":false,"headers":true,'
                   b'"no_responders":true}\r\n')
        self._pongs = queue.Queue()
        self._inboxes = {}
        self._listening = set()
        self._last = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _send(self, data):
        self._socket.sendall(data)

    def _read(self):
        try:
            while line := self._lines.readline():
                words = line.split()
                if words[0] == b"PING":
                    self._send(b"PONG\r\n")
                elif words[0] == b"PONG":
                    self._pongs.put(None)
                elif words[0] in (b"MSG", b"HMSG"):
                    size = int(words[-1])
                    data = self._lines.read(size + 2)[:-2]
                    headers = b""
                    if words[0] == b"HMSG":
                        head = int(words[-2])
                        headers, data = data[:head], data[head:]
                    inbox = int(words[2])
                    if inbox in self._listening:
                        reply = words[3] if len(words) > 4 + (
                            words[0] == b"HMSG") else b""
                        self._inboxes[inbox].put(
                            (words[1].decode(), reply.decode(),
                             headers.decode(), data))
                    else:
                        self._inboxes[inbox].put((headers.decode(), data))
        except (OSError, ValueError):
            pass  # Closed.

    def subscribe(self, subject, group=""):
        """A queue of (headers, data)."""
        self._last += 1
        self._inboxes[self._last] = queue.Queue()
        self._send(f"SUB {subject} {group} {self._last}\r\n".encode())
        self.flush()
        return self._inboxes[self._last]

    def listen(self, subject, group=""):
        """A queue of (subject, reply, headers, data)."""
        self._listening.add(self._last + 1)
        return self.subscribe(subject, group)

    def publish(self, subject, data, reply="", headers=()):
        if not headers:
            self._send(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data
                       + b"\r\n")
            return
        head = ("NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers)
                + "\r\n").encode()
        self._send(f"HPUB {subject} {reply} {len(head)} "
                   f"{len(head) + len(data)}\r\n".encode() + head + data
                   + b"\r\n")

    def flush(self):
        """Until the server has read all of it."""
        self._send(b"PING\r\n")
        self._pongs.get(timeout=60)

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The server was quicker.
        self._socket.close()
        self._reader.join()


# The kinds of the methods that the tests send; all others are of EventACK.
_KINDS = {("S0", "REQCliCommand"): "CommandACK",
          ("S0", "REQCliCommandCont"): "CommandACK",
          ("S0", "REQOpProcessList"): "CommandACK",
          ("S0", "REQOpProcessStart"): "CommandACK",
          ("S0", "REQOpProcessStop"): "CommandACK",
          ("S0", "REQHello"): "EventNACK",
          ("S1", "REQHello"): "EventNACK"}


class Peer:
    """A node of `profile` that sends."""

    def __init__(self, port, profile, name="node1", compression="z"):
        self.nats = Nats(port)
        self.profile = profile
        self.name = name
        self.compression = compression
        self.last_id = 0

    def subject(self, node, method):
        if self.profile in ("S0", "S1"):
            kind = _KINDS.get((self.profile, method), "EventACK")
            return f"{node}.{method}.{kind}"
        return f"{node}.{method}"

    def headers(self):
        if self.profile in ("C3", "C4"):
            return [("fromNode", self.name)]
        packed = [] if self.profile == "S0" and not self.compression else [
            ("cmp", self.compression or "none")]
        sender = [] if self.profile == "S0" else [("fromNode", self.name)]
        return sender + [("serial", "cbor")] + packed

    def encode(self, to, method, **fields):
        self.last_id += 1
        data = message(self.profile, ToNode=to, Method=method,
                       FromNode=self.name, ID=self.last_id, **fields)
        packed = self.compression == "z" or self.profile in ("C3", "C4")
        return zstd(data) if packed else data

    def send(self, to, method, reply=None, subject=None, headers=(), **fields):
        """Publishes once; to the constant reply subject, unless told another."""
        subject = subject or self.subject(to, method)
        self.nats.publish(subject, self.encode(to, method, **fields),
                          reply or subject + ".reply",
                          self.headers() + list(headers))
        self.nats.flush()

    def acks(self, to, method):
        """Where acknowledgements come, as a queue."""
        return self.nats.subscribe(self.subject(to, method) + ".reply")

    def deliver(self, to, method, ack_timeout, retries, **fields):
        """As nodes do from S1 on: sends until something comes to the reply
        subject, Retries + 1 times at most. Returns how often it was sent and what
        came, or None."""
        acks = self.acks(to, method)
        sent = 0
        while sent <= retries:
            self.send(to, method, ACKTimeout=max(1, int(ack_timeout)),
                      Retries=retries, **fields)
            sent += 1
            try:
                while True:
                    headers, data = acks.get(timeout=ack_timeout)
                    if "503" not in headers.split("\r\n")[0]:
                        return sent, (headers, data)
            except queue.Empty:
                pass
        return sent, None

    def close(self):
        self.nats.close()
