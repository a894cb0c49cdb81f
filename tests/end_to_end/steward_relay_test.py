"""A node of S0 in the middle of a relay: the real host, through a real
nats-server, between two peers that were written from the description of the
wire."""

import harness
import steward_peer
import steward_receiver
from nats_server import WithNatsServer

NODE = """
id: via1
nats:
  servers: ["nats://127.0.0.1:{port}"]
  steward:
    node: via1
    profile: S0
    processes:
      - {{method: REQRelay, allowed_senders: [node1]}}
      - {{method: REQToFile}}
    sending: {{min_retry_wait: 20ms}}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
"""

RELAY = dict(RelayOriginalViaNode="via1", RelayFromNode="node1",
             RelayToNode="node3", RelayOriginalMethod="REQCliCommand",
             RelayReplyMethod="REQToConsole")


class Listener:
    """What comes to one subject; each is acknowledged as S0 does."""

    def __init__(self, test, subject):
        self._nats = steward_peer.Nats(test.port)
        test.addCleanup(self._nats.close)
        self._queue = self._nats.listen(subject)
        self._node = subject.split(".")[0]

    def next(self):
        _, reply, headers, data = self._queue.get(timeout=harness.PATIENCE_S)
        values, _ = steward_receiver.parse(
            steward_receiver.unpack(headers, data))
        message = dict(zip(steward_peer.FIELDS["S0"], values))
        self._nats.publish(
            reply, f"confirmed from: {self._node}: {message['ID']}".encode())
        return message, values


class StewardRelayTest(harness.EndToEnd, WithNatsServer):

    def setUp(self):
        super().setUp()
        self.start_nats()
        self.host = self.start_host(
            self.write_config([NODE.format(port=self.port)]))
        self.await_state(self.host, "via1", "STATE_CONNECTED")

    def peer(self, name):
        peer = steward_peer.Peer(self.port, "S0", name)
        self.addCleanup(peer.close)
        return peer

    def via(self):
        return self.source_stats(self.host, "via1")

    def test_it_passes_on_what_is_asked_and_the_answer_back(self):
        node1 = Listener(self, "node1.REQToConsole.EventACK")
        node3 = Listener(self, "node3.REQCliCommand.CommandACK")
        sender = self.peer("node1")
        acks = sender.acks("node3.via1", "REQRelay")
        sender.send("node3.via1", "REQRelay", Data=["some"],
                    MethodArgs=["hostname"], ReplyMethod="REQToFile",
                    ACKTimeout=60, Retries=1, MethodTimeout=10, **RELAY)
        asked, values = node3.next()
        want = dict(RELAY, ToNode="node3", FromNode="via1",
                    Method="REQCliCommand", MethodArgs=["hostname"],
                    Data=["some"], ReplyMethod="REQToFile", MethodTimeout=10)
        self.assertEqual({f: asked[f] for f in want}, want)
        self.assertEqual(acks.get(timeout=harness.PATIENCE_S)[1],
                         b"confirmed from: via1: 1")

        # As nodes answer: to who sent it, with the request without its data.
        values[steward_peer.FIELDS["S0"].index("Data")] = None
        answer = dict(Data=["node3\n"], IsReply=True, PreviousMessage=values,
                      ACKTimeout=60, Retries=1)
        self.peer("node3").send("via1", "REQToFile", **answer)
        back, _ = node1.next()
        want = dict(ToNode="node1", FromNode="via1", Method="REQToConsole",
                    Data=["node3\n"], IsReply=True)
        self.assertEqual({f: back[f] for f in want}, want)
        previous = dict(zip(steward_peer.FIELDS["S0"],
                            back["PreviousMessage"]))
        self.assertEqual(previous["RelayOriginalViaNode"], "")
        harness.until(
            lambda: self.via().get("messages_by_type", {}).get("REQToFile")
            == "1", "the node has its own copy")
        counters = self.via()["counters"]
        self.assertEqual(
            (counters["relayed"], counters["relayed_back"]), ("1", "1"))

    def test_what_is_no_relay_is_refused_with_a_word(self):
        sender = self.peer("node1")
        for fields in (dict(RELAY, RelayToNode=""),
                       dict(RELAY, RelayToNode="node4"),
                       dict(RELAY, RelayOriginalMethod="REQRelay"),
                       dict(RELAY, RelayOriginalMethod="no method")):
            sender.send("node3.via1", "REQRelay", ACKTimeout=1, **fields)
        self.peer("node2").send("node3.via1", "REQRelay", ACKTimeout=1, **RELAY)
        # For another node than its subject says.
        sender.send("node4.via1", "REQRelay", ACKTimeout=1,
                    subject="node3.via1.REQRelay.EventACK", **RELAY)
        harness.until(
            lambda: sum(int(n) for n in self.via().get(
                "skipped_by_reason", {}).values()) == 6, "all are counted")
        self.assertEqual(self.via()["skipped_by_reason"],
                         {"bad_relay": "4", "sender_not_allowed": "1",
                          "wrong_subject": "1"})
        self.assertNotIn("acks_received", self.via().get("counters", {}))


if __name__ == "__main__":
    harness.main()
