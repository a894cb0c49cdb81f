"""Messages of steward and ctrl nodes through a real nats-server and the real host,
from a peer that was written from the description of their wire."""

import json
import pathlib
import subprocess

import harness
import steward_peer
from nats_server import WithNatsServer

WATCHER = """
id: network
nats:
  servers: ["nats://127.0.0.1:{port}"]
  subjects: ["central.>"]
decoder: {{format: steward{extra}}}
backoff: {{initial: 20ms, max: 50ms}}
"""

# From running nodes of S1 and S0, with `-serialization cbor -compression z`.
CAPTURED = {
    "central.REQCliCommand.EventACK":
        "28b52ffd0400990500976763656e7472616cf603f66d524551436c69436f6d6d616e6483"
        "6462617368622d6378236563686f2068656c6c6f2066726f6d2024484f53544e414d455f"
        "583b2065786974203058404f6ef5d07937e1d0bc511e304d3d692388764ca27d3d1a74e2"
        "a8131801a774770438254f88862b2d463b6cf28b92be57eec18f2f974cc44814f83157c6"
        "6e2b096c524551546f436f6e736f6c65f6f4656e6f6465310300f4020401050062643166"
        "66312e6c6f67f6f64f805363",
    "central.REQCliCommand.CommandACK":
        "28b52ffd040001030098196763656e7472616cf600f66d524551436c69436f6d6d616e64"
        "836462617368622d636f6563686f2068656c6c6f2d736565646c524551546f436f6e736f"
        "6c65f6f4656e6f6465310302040105006264316666312e6c6f67f660606060606043204"
        "176",
}


class StewardTest(harness.EndToEnd, WithNatsServer):

    def peer(self, profile, **kwargs):
        peer = steward_peer.Peer(self.port, profile, **kwargs)
        self.addCleanup(peer.close)
        return peer

    def by_type(self, host, source="network"):
        found = self.source_stats(host, source).get("messages_by_type", {})
        return {name: int(count) for name, count in found.items()}

    def skipped(self, host, source="network"):
        found = self.source_stats(host, source).get("skipped_by_reason", {})
        return {name: int(count) for name, count in found.items()}

    def test_a_watcher_sees_what_nodes_of_every_release_send(self):
        self.start_nats()
        self.install_plugin("counts")
        host = self.start_host(self.write_config(
            [WATCHER.format(port=self.port, extra="")]))
        self.await_state(host, "network", "STATE_CONNECTED")
        self.assertEqual(self.source(host, "network")["decoder"], "steward")
        for profile in ("S0", "S1", "C1", "C2", "C3", "C4"):
            for compression in ("z", ""):
                peer = self.peer(profile, compression=compression)
                method = "REQHello" if profile in ("S0", "S1") else "hello"
                data = ["hi"] if profile == "S0" else b"hi\xff"
                peer.send("central", method, Data=data, ACKTimeout=1)
        nats = steward_peer.Nats(self.port)
        self.addCleanup(nats.close)
        for subject, data in CAPTURED.items():
            nats.publish(subject, bytes.fromhex(data), subject + ".reply",
                         [("serial", "cbor"), ("cmp", "z")])
        want = {"REQHello": 4, "hello": 8, "REQCliCommand": 2}
        harness.until(lambda: self.by_type(host) == want, f"{want} came")
        self.assertEqual(self.skipped(host), {})
        self.assertEqual(host.stop(), 0)

    def test_what_is_refused_is_counted_by_its_reason_and_told(self):
        self.start_nats()
        host = self.start_host(self.write_config(
            [WATCHER.format(port=self.port, extra=", steward_profile: S1")]))
        self.await_state(host, "network", "STATE_CONNECTED")
        peer = self.peer("S1")
        hello = peer.encode("central", "REQHello")
        for subject, data in (
                ("central.REQHello.EventNACK", b"\x1a\xff\x81\x03"),
                ("central.REQHello.EventNACK", b"garbage"),
                ("central.REQHello.EventNACK", hello[:-1]),
                ("central.REQHello.EventNACK", steward_peer.zstd(b"\xf6")),
                ("central.REQHello.EventNACK", steward_peer.cbor([None] * 26)),
                ("central.REQHello.EventNACK",
                 steward_peer.message("C4", ToNode="central", Method="hello")),
                ("central.REQCliCommand.EventACK", hello),
                ("central.REQHello.EventNACK", peer.encode(
                    "central", "REQHello", Schedule=[0, 0])),
                ("central.REQHello.EventNACK", hello)):
            peer.nats.publish(subject, data)
        harness.until(lambda: self.by_type(host) == {"REQHello": 1},
                      "the good one came")
        self.assertEqual(self.skipped(host), {
            "gob": 1, "bad_cbor": 2, "bad_compression": 1, "unknown_layout": 1,
            "other_profile": 1, "wrong_subject": 1, "bad_schedule": 1})
        self.assertEqual(
            int(self.source_stats(host, "network")["parse_errors"]), 8)
        told = [e for e in self.events(host) if e["type"] ==
                "weir.source.error"]
        self.assertTrue(told)
        self.assertEqual(told[0]["subject"], "network")
        self.assertIn("central.REQHello.EventNACK",
                      json.dumps(told[0]).replace("\\", ""))
        self.assertEqual(host.stop(), 0)

    def test_the_page_has_configurations_that_work(self):
        page = pathlib.Path(harness.runfile("docs/sources/nats.md")).read_text()
        found = [part.split("```")[0] for part in page.split("```yaml\n")[1:]]
        self.assertGreaterEqual(len(found), 2)
        for number, text in enumerate(found):
            config = self.dir / f"of_the_page_{number}.yaml"
            config.write_text(text)
            done = subprocess.run(
                [harness.runfile("host/weir-host"), "--check", config],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
