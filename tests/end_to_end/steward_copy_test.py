"""Files that go from node to node: through a real nats-server and the real host, to a
peer that was written from the description of the protocol, and between two nodes of
the host."""

import hashlib
import json
import os

import harness
import steward_peer
import steward_receiver
from nats_server import WithNatsServer

NODE = """
id: {name}
nats:
  servers: ["nats://127.0.0.1:{port}"]
  steward:
    node: {name}
    profile: {profile}
    processes:
      - {{method: {src}, acknowledge: done}}
      - {{method: {dst}, acknowledge: done}}
    sending: {{min_retry_wait: 20ms}}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
"""

PLUGIN = """
settings: {{sandbox: none, isolation: {isolation}}}
config:
  source_directories: [{source}]
  destination_directory: {destination}
  retries: 20
  ack_timeout_seconds: 2
"""

READY, DATA, SRC_DONE, RESEND_LAST, DST_DONE = range(1, 6)
UUID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


class Names:
    """Of a family of programs."""

    def __init__(self, profile):
        steward = profile == "S1"
        self.src = "REQCopySrc" if steward else "copySrc"
        self.dst = "REQCopyDst" if steward else "copyDst"
        self.sub_src = "REQSUBCopySrc." if steward else "subCopySrc."
        self.sub_dst = "REQSUBCopyDst." if steward else "subCopyDst."
        self.none = "REQNone" if steward else "none"
        self.console = "REQToConsole" if steward else "console"


def part(status, data=None, number=0):
    digest = hashlib.sha256(data).digest() if data is not None else bytes(32)
    return steward_peer.cbor({"CopyStatus": status, "CopyData": data,
                              "ChunkNumber": number, "Hash": digest})


class StewardCopyTest(harness.EndToEnd, WithNatsServer):

    def start_nodes(self, profile, isolation, nodes=("central",)):
        names = Names(profile)
        self.give = self.dir / "give"
        self.take = self.dir / "take"
        for folder in (self.give, self.take):
            folder.mkdir(exist_ok=True)
        self.install_plugin("steward_copy", PLUGIN.format(
            isolation=isolation, source=self.give, destination=self.take))
        host = self.start_host(self.write_config([
            NODE.format(name=name, port=self.port, profile=profile,
                        src=names.src, dst=names.dst) for name in nodes]))
        for name in nodes:
            self.await_state(host, name, "STATE_CONNECTED")
        harness.until(lambda: "RUNNING" in json.dumps(
            self.listed_plugin(host, "steward-copy")), "steward-copy runs")
        self.peer = steward_peer.Peer(self.port, profile)
        self.addCleanup(self.peer.close)
        self.receiver = steward_receiver.Receiver(self.port, profile)
        self.addCleanup(self.receiver.close)
        self.seen = 0
        return host, names

    def next(self):
        """The next message that the peer gets, and its data, if that is a map."""
        harness.until(lambda: len(self.receiver.got) > self.seen,
                      "a message came")
        message = self.receiver.got[self.seen]
        self.seen += 1
        data = message["Data"]
        if data and data[0] >> 5 == 5:
            data, rest = steward_receiver.parse(data)
            self.assertEqual(rest, b"")
        return message, data

    def say(self, method, data, names):
        sent, ack = self.peer.deliver(
            "central", method, ack_timeout=2, retries=20, Data=data,
            ReplyMethod=names.none, IsSubPublishedMsg=True)
        self.assertIsNotNone(ack, f"{method} is acknowledged")

    def ask(self, names, args, to="central"):
        self.peer.send(to, names.src, MethodArgs=args, ACKTimeout=10,
                       ReplyMethod=names.console, ReplyACKTimeout=5,
                       MethodTimeout=60, Directory="d", FileName="f.log")

    def events(self, host, kind):
        return [e for e in super().events(host) if e["type"] == kind]

    def test_a_peer_is_sent_a_file(self):
        self.start_nats()
        for profile, isolation in (("S1", "in_process"), ("C1", "child")):
            with self.subTest(profile):
                host, names = self.start_nodes(profile, isolation)
                want = os.urandom(25_000)
                path = self.give / "f"
                path.write_bytes(want)
                path.chmod(0o640)
                self.ask(names, [str(path), "node1", "/some/where/g", "10000",
                                 "60", "750"])
                order = None
                answered = False
                while order is None or not answered:
                    message, data = self.next()
                    if message["Method"] == names.dst:
                        order = data
                        self.assertEqual(message["ReplyMethod"], names.none)
                    else:
                        answered = True
                        self.assertEqual(message["Method"], names.console)
                        self.assertIn(b"info: succesfully initiated", data)
                self.assertEqual(
                    list(order),
                    ["UUID", "SrcMethod", "SrcNode", "DstMethod", "DstNode",
                     "SrcFilePath", "DstDir", "DstFile", "SplitChunkSize",
                     "MaxTotalCopyTime", "FileMode", "FolderPermission"])
                self.assertEqual(
                    {**order, "UUID": "u"},
                    {"UUID": "u", "SrcMethod": names.sub_src + order["UUID"],
                     "SrcNode": "central",
                     "DstMethod": names.sub_dst + order["UUID"],
                     "DstNode": "node1", "SrcFilePath": str(path),
                     "DstDir": "/some/where", "DstFile": "g",
                     "SplitChunkSize": 10000, "MaxTotalCopyTime": 60,
                     "FileMode": 0o640, "FolderPermission": 0o750})
                got = b""
                status = READY
                while True:
                    self.say(order["SrcMethod"], part(status), names)
                    message, data = self.next()
                    self.assertEqual(message["Method"], order["DstMethod"])
                    self.assertTrue(message["IsSubPublishedMsg"])
                    self.assertEqual(list(data), ["CopyStatus", "CopyData",
                                                  "ChunkNumber", "Hash"])
                    self.assertEqual(hashlib.sha256(data["CopyData"]).digest(),
                                     data["Hash"])
                    if data["CopyStatus"] == SRC_DONE:
                        break
                    self.assertEqual(data["CopyStatus"], DATA)
                    # The first one is asked for again.
                    if status == READY and data["ChunkNumber"] == 1:
                        status = RESEND_LAST
                        continue
                    status = READY
                    got += data["CopyData"]
                self.assertEqual(got, want)
                self.say(order["SrcMethod"], part(DST_DONE), names)
                message, data = self.next()
                self.assertEqual(message["FileName"], "f.log.copyreply")
                self.assertEqual(data, f"copyDstDone,{path},/some/where/g".encode())
                # It listens no more.
                sent, ack = self.peer.deliver(
                    "central", order["SrcMethod"], ack_timeout=0.3, retries=0,
                    Data=part(READY))
                self.assertIsNone(ack)
                # What it may not read is not sent, and who asked is told.
                self.ask(names, ["/etc/passwd", "node1", "/tmp/g"])
                message, data = self.next()
                self.assertIn(b"source_directories", data)
                self.assertEqual(message["FileName"], "f.log.copyerror")
                self.assertEqual(host.stop(), 0)
                self.receiver.close()

    def test_a_peer_sends_a_file(self):
        self.start_nats()
        for profile, isolation in (("S1", "child"), ("C1", "in_process")):
            with self.subTest(profile):
                host, names = self.start_nodes(profile, isolation)
                order = {"UUID": UUID, "SrcMethod": names.sub_src + UUID,
                         "SrcNode": "node1", "DstMethod": names.sub_dst + UUID,
                         "DstNode": "central", "SrcFilePath": "/from/f",
                         "DstDir": f"{self.take}/new", "DstFile": profile,
                         "SplitChunkSize": 10000, "MaxTotalCopyTime": 60,
                         "FileMode": 0o640, "FolderPermission": 0o755}
                for wrong in ({"DstDir": "/etc"}, {"DstFile": "../f"},
                              {"SrcNode": "other"}, {"UUID": "../x"},
                              {"DstMethod": "cliCommand"}):
                    self.peer.send("central", names.dst, ACKTimeout=1,
                                   Data=steward_peer.cbor({**order, **wrong}),
                                   ReplyMethod=names.console, ReplyACKTimeout=5,
                                   FileName="f")
                    self.assertIn(b"error: ", self.next()[1])
                sent, ack = self.peer.deliver(
                    "central", names.dst, ack_timeout=10, retries=3,
                    Data=steward_peer.cbor(order), ReplyMethod=names.none)
                self.assertIsNotNone(ack)
                message, data = self.next()
                self.assertEqual(message["Method"], names.sub_src + UUID)
                self.assertEqual(data["CopyStatus"], READY)
                self.assertIsNone(data["CopyData"])
                # Nobody else can say anything to the copy.
                other = steward_peer.Peer(self.port, profile, name="other")
                self.addCleanup(other.close)
                other.send("central", order["DstMethod"], ACKTimeout=1,
                           Data=part(DATA, b"evil", 1))
                want = os.urandom(25_000)
                chunks = [want[i:i + 10_000] for i in range(0, 25_000, 10_000)]
                number = 0
                for i, chunk in enumerate(chunks):
                    number += 1
                    if i == 1:  # It does not arrive as it was sent.
                        bad = part(DATA, chunk, number).replace(
                            chunk, bytes(len(chunk)))
                        self.say(order["DstMethod"], bad, names)
                        self.assertEqual(self.next()[1]["CopyStatus"],
                                         RESEND_LAST)
                        number += 1
                    self.say(order["DstMethod"], part(DATA, chunk, number),
                             names)
                    self.assertEqual(self.next()[1]["CopyStatus"], READY)
                path = self.take / "new" / profile
                self.assertFalse(path.exists(), "not before it is whole")
                self.say(order["DstMethod"], part(SRC_DONE, b"", number + 1),
                         names)
                self.assertEqual(self.next()[1]["CopyStatus"], DST_DONE)
                self.assertEqual(path.read_bytes(), want)
                self.assertEqual(path.stat().st_mode & 0o7777, 0o640)
                self.assertEqual(
                    [p.name for p in sorted((self.take / "new").iterdir())
                     if p.name.startswith(".")], [])
                self.assertEqual(host.stop(), 0)
                self.receiver.close()

    def test_two_nodes_of_ours_copy_a_large_file(self):
        self.start_nats()
        host, names = self.start_nodes("C1", "child", ("central", "ship1"))
        want = os.urandom(3_000_000)
        (self.give / "f").write_bytes(want)
        self.ask(names, [str(self.give / "f"), "ship1", "deep/g", "400000"])
        while self.next()[0]["FileName"] != "f.log.copyreply":
            pass
        self.assertEqual((self.take / "deep/g").read_bytes(), want)
        harness.until(lambda: len(self.events(host, "steward.copy.done")) == 2,
                      "both ends tell it")
        self.assertEqual(self.events(host, "steward.copy.failed"), [])
        self.assertEqual(host.stop(), 0)


if __name__ == "__main__":
    harness.main()
