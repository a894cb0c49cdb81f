"""Messages of steward and ctrl nodes through a real nats-server and the real host,
from a peer that was written from the description of their wire."""

import json
import signal

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

NODE = """
id: central
nats:
  servers: ["nats://127.0.0.1:{port}"]
  steward:
    node: central
    profile: {profile}
    processes:
      - {{method: REQCliCommand{cli}}}
      - {{method: REQHello}}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
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

    def start_node(self, profile="S1", cli="", handler="isolation: child"):
        self.put("tests/fixtures/handles_steward.so", "handles_steward",
                 "settings: {sandbox: files, " + handler + "}\n")
        host = self.start_host(self.write_config(
            [NODE.format(port=self.port, profile=profile, cli=cli)]))
        self.await_state(host, "central", "STATE_CONNECTED")
        harness.until(lambda: "RUNNING" in json.dumps(self.listed_plugin(
            host, "handles-steward")), "the handler runs")
        return host

    def counters(self, host):
        found = self.source_stats(host, "central").get("counters", {})
        return {name: int(count) for name, count in found.items()}

    def acks(self, host):
        return {name: count for name, count in self.counters(host).items()
                if name.startswith("acks_")}

    def commanded(self, host):
        return [e["labels"] for e in self.events(host)
                if e["type"] == "commanded"]

    def command(self, peer, *arguments, wait=harness.PATIENCE_S, **fields):
        return peer.deliver("central", "REQCliCommand", ack_timeout=wait,
                            retries=2, MethodArgs=list(arguments), **fields)

    def test_a_node_acknowledges_commands_and_hands_them_to_their_handler(self):
        self.start_nats()
        for done, profile in enumerate(("S0", "S1", "C1")):
            host = self.start_node(profile)
            peer = self.peer(profile)
            data = ["da", "ta"] if profile == "S0" else b"data"
            sent, ack = peer.deliver(
                "central", "REQCliCommand", ack_timeout=60, retries=0,
                MethodArgs=["bash", "-c", "echo hi"], Data=data,
                ReplyMethod="REQToConsole")
            self.assertEqual(sent, 1)
            self.assertEqual(ack, ("", b"confirmed from: central: 1"
                                   if profile == "S0" else b""))
            harness.until(lambda: len(self.commanded(host)) > done, "it is done")
            self.assertEqual(self.commanded(host)[done], {
                "profile": "S0" if profile == "S0" else "S1",
                "arguments": "bash|-c|echo hi", "data": "data", "id": "1",
                "reply": "REQToConsole"})
            self.assertEqual(host.stop(), 0)

    def test_a_nodes_profile_decides_its_subjects_and_not_whose_messages(self):
        self.start_nats()
        done = 0
        for profile, subject in (("S1", "central.REQCliCommand.EventACK"),
                                 ("C1", "central.REQCliCommand")):
            host = self.start_node(profile, cli=", acknowledge: done")
            for sender in ("S0", "S1", "C4"):
                peer = self.peer(sender)
                acks = peer.nats.subscribe(subject + ".reply")
                peer.send("central", "REQCliCommand", subject=subject,
                          MethodArgs=["ok"], ACKTimeout=60)
                acks.get(timeout=60)
                done += 1
                harness.until(lambda: len(self.commanded(host)) == done,
                              f"a message of {sender} by {subject} is done")
                self.assertEqual(self.commanded(host)[-1]["profile"], sender)
            self.assertEqual(self.skipped(host, "central"), {})
            self.assertEqual(host.stop(), 0)

    def test_done_is_said_when_the_handler_is_done_and_not_if_it_failed(self):
        self.start_nats()
        for isolation in ("child", "in_process"):
            host = self.start_node(cli=", acknowledge: done",
                                   handler=f"isolation: {isolation}")
            peer = self.peer("S1")
            acks = peer.acks("central", "REQCliCommand")
            peer.send("central", "REQCliCommand", MethodArgs=["wait"],
                      ACKTimeout=60)
            harness.until(lambda: self.by_type(host, "central") == {"REQCliCommand": 1},
                          "it came")
            self.assertTrue(acks.empty())
            go = self.dir / "state/plugins/handles-steward/data/wait"
            go.touch()
            self.assertEqual(acks.get(timeout=60), ("", b""))
            go.unlink()
            # A sender of the original programs sends again, and gives up.
            sent, ack = self.command(peer, "fail", wait=0.3)
            self.assertEqual((sent, ack), (3, None))
            harness.until(lambda: self.acks(host) ==
                          {"acks_done": 1, "acks_withheld": 3},
                          "all are told or not")
            # One of ours asks what became of it.
            inbox = peer.nats.subscribe("_INBOX.1")
            for argument, word, reason in (("ok", "done", b""),
                                           ("fail", "failed",
                                            b"a handler failed")):
                peer.send("central", "REQCliCommand", reply="_INBOX.1",
                          headers=[("weir-ack", "done")], MethodArgs=[argument])
                headers, data = inbox.get(timeout=60)
                self.assertIn(f"weir-ack: {word}\r\n", headers)
                self.assertEqual(data, reason)
            if isolation == "child":
                peer.send("central", "REQCliCommand", reply="_INBOX.1",
                          headers=[("weir-ack", "done")], MethodArgs=["die"])
                headers, data = inbox.get(timeout=60)
                self.assertIn("weir-ack: failed\r\n", headers)
                self.assertIn(b"died of it", data)
            # Nobody handles it, and nobody is told that it is done.
            peer.send("central", "REQHello", reply="_INBOX.1",
                      headers=[("weir-ack", "done")])
            headers, data = inbox.get(timeout=60)
            self.assertIn("weir-ack: failed\r\n", headers)
            self.assertIn(b"no handler", data)
            self.assertEqual(host.stop(), 0)

    def test_a_process_ends_on_an_error_if_told_to_until_it_is_reconnected(self):
        self.start_nats()
        host = self.start_node(cli=", on_error: stop")
        peer = self.peer("S1")
        sent, ack = self.command(peer, "fail")
        self.assertEqual((sent, ack), (1, ("", b"")))
        subject = "central.REQCliCommand.EventACK"
        harness.until(lambda: self.source(host, "central").get("details", {})
                      .get(f"process {subject}", "").startswith("ended"),
                      "the process has ended")
        told = [e for e in self.events(host)
                if e["type"] == "weir.source.error"]
        self.assertIn(f"process {subject} has ended: a handler failed",
                      json.loads(told[0]["json"])["message"])
        sent, ack = self.command(peer, "ok", wait=0.3)
        self.assertEqual((sent, ack), (3, None))
        # The others go on.
        peer.send("central", "REQHello", ACKTimeout=1)
        harness.until(lambda: self.by_type(host, "central").get("REQHello") == 1,
                      "the other process goes on")
        self.weir(host, "sources", "reconnect", "central", unix=True)
        harness.until(lambda: self.command(peer, "ok", wait=1)[1] is not None,
                      "the process is there again")
        self.assertEqual(host.stop(), 0)

    def test_a_peer_whose_broker_is_killed_delivers_by_sending_again(self):
        server = self.start_nats()
        host = self.start_node(cli=", acknowledge: done")
        peer = self.peer("S1")
        self.assertEqual(self.command(peer, "one")[1], ("", b""))
        # In the hands of the handler when the broker dies.
        peer.send("central", "REQCliCommand", MethodArgs=["wait"], ACKTimeout=1)
        harness.until(lambda: self.by_type(host, "central") == {"REQCliCommand": 2},
                      "it came")
        server.stop(signal.SIGKILL)
        harness.until(lambda: self.source(host, "central").get("state") not in
                      ("STATE_CONNECTED", None), "the outage is seen")
        self.start_nats(self.port)
        self.await_state(host, "central", "STATE_CONNECTED")
        again = self.peer("S1")
        acks = again.acks("central", "REQCliCommand")
        (self.dir / "state/plugins/handles-steward/data/wait").touch()
        harness.until(lambda: self.counters(host).get("acks_late") == 1,
                      "what was done late is not acknowledged")
        self.assertTrue(acks.empty())
        self.assertEqual(self.command(again, "wait")[1], ("", b""))
        harness.until(lambda: [c["arguments"] for c in self.commanded(host)] ==
                      ["one", "wait", "wait"], "all of it is done")
        self.assertEqual(host.stop(), 0)

    def test_a_node_takes_only_whom_and_what_it_is_told_to(self):
        self.start_nats()
        keys = self.dir / "publickeys.txt"
        keys.write_text('{"Keys":{"node1":'
                        '"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}}')
        self.put("tests/fixtures/handles_steward.so", "handles_steward")
        node = NODE.format(port=self.port, profile="S1", cli=", "
                           "require_signature: true, "
                           "allowed_senders: [node1, node2]")
        host = self.start_host(self.write_config([node.replace(
            "profile:", f"keys_file: {keys}\n    profile:")]))
        self.await_state(host, "central", "STATE_CONNECTED")
        signature = bytes.fromhex(
            "6006aa1278ca8a082c5fb4652d93f8ef654efd0c52865b1bc154898be867bc5781"
            "e3b585f4e2476616a2a1f0d2a89eb5b6c076c5989af58cc11d057e6a49c106")
        signed = ["bash", "-c", "echo hi"]
        peer = self.peer("S1")
        for arguments, name in ((["bash", "-c", "echo ho"], "node1"),
                                (signed, "node2"), (signed, "node3")):
            peer.name = name
            peer.send("central", "REQCliCommand", MethodArgs=arguments,
                      ArgSignature=signature, ACKTimeout=1)
        peer.name = "node1"
        subject = peer.subject("central", "REQHello")
        peer.send("central", "REQCliCommand", subject=subject,
                  MethodArgs=signed, ArgSignature=signature, ACKTimeout=1)
        peer.send("node2", "REQHello", subject=subject, ACKTimeout=1)
        self.assertEqual(
            self.command(peer, *signed, ArgSignature=signature), (1, ("", b"")))
        self.assertEqual(self.skipped(host, "central"), {
            "bad_signature": 2, "sender_not_allowed": 1, "wrong_subject": 2})
        harness.until(lambda: len(self.commanded(host)) == 1, "one is done")
        self.assertEqual(host.stop(), 0)

    def test_the_page_has_configurations_that_work(self):
        self.assert_configurations_of("docs/sources/nats.md", 4)


if __name__ == "__main__":
    harness.main()
