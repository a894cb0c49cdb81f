"""A node of a steward or ctrl network that receives, as far as the tests need
one. Written, as steward_peer.py, from the description of the wire."""

import queue
import struct
import subprocess
import threading
import zlib

import steward_peer


def parse(data):
    """What one item of CBOR says, and what follows it."""
    major, low = data[0] >> 5, data[0] & 31
    data = data[1:]
    if major == 7:
        return {20: False, 21: True, 22: None}[low], data
    number = low
    if low >= 24:
        form = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}[low]
        size = struct.calcsize(form)
        number, data = struct.unpack(form, data[:size])[0], data[size:]
    if major == 0:
        return number, data
    if major == 1:
        return -1 - number, data
    if major in (2, 3):
        text = data[:number]
        assert len(text) == number, "cut off"
        return (text if major == 2 else text.decode()), data[number:]
    if major == 5:
        pairs = {}
        for _ in range(number):
            key, data = parse(data)
            pairs[key], data = parse(data)
        return pairs, data
    assert major == 4, major
    items = []
    for _ in range(number):
        item, data = parse(data)
        items.append(item)
    return items, data


def unpack(headers, data):
    """Out of its compression, as the header says."""
    if "cmp: z\r\n" in headers:
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True,
                              check=True).stdout
    if "cmp: g\r\n" in headers:
        return zlib.decompress(data, 31)
    return data


class Receiver:
    """A node of `profile` that gets messages of all methods."""

    def __init__(self, port, profile, name="node1", answers=True):
        self.nats = steward_peer.Nats(port)
        self.profile = profile
        self.name = name
        self.answers = answers
        self.got = []     # Messages, by the names of their fields.
        self.heard = []   # And how they came: (subject, reply, headers).
        self.limit = None  # No more than so many are answered.
        self._queue = self.nats.listen(f"{name}.>", "")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                item = self._queue.get(timeout=1)
            except queue.Empty:
                if not self.nats._reader.is_alive():
                    return
                continue
            if item is None:
                return
            subject, reply, headers, data = item
            if subject.endswith(".reply"):
                continue
            values, rest = parse(unpack(headers, data))
            fields = steward_peer.FIELDS[self.profile]
            assert not rest and len(values) == len(fields), values
            message = dict(zip(fields, values))
            self.heard.append((subject, reply, headers))
            self.got.append(message)
            if self.limit is not None and len(self.got) > self.limit:
                continue
            asked = (message["ACKTimeout"] >= 1 if self.profile != "S0"
                     else not subject.endswith("NACK"))
            if self.answers and asked:
                text = (f"confirmed from: {self.name}: {message['ID']}"
                        if self.profile == "S0" else "")
                try:
                    self.nats.publish(reply, text.encode())
                except OSError:
                    return  # Closed meanwhile.

    def data(self):
        """The data of what came, as text."""
        return ["".join(m["Data"]) if self.profile == "S0"
                else (m["Data"] or b"").decode() for m in self.got]

    def close(self):
        self._queue.put(None)
        self._thread.join()
        self.nats.close()
