"""Messages that the real host sends to nodes of steward and ctrl, through a real
nats-server, to a peer that was written from the description of their wire."""

import json
import signal
import subprocess

import harness
import steward_peer
import steward_receiver
from nats_server import WithNatsServer

NODE = """
id: central
nats:
  servers: ["nats://127.0.0.1:{port}"]
  steward:
    node: central
    profile: {profile}
    processes:
      - {{method: {method}}}
    sending:
      min_retry_wait: 20ms
{sending}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
"""


class StewardOutboxTest(harness.EndToEnd, WithNatsServer):

    def start_node(self, profile="S1", sending=""):
        method = "REQToFile" if profile in ("S0", "S1") else "file"
        indented = "".join(f"      {line}\n" for line in sending.splitlines())
        host = self.start_host(self.write_config([NODE.format(
            port=self.port, profile=profile, method=method,
            sending=indented)]))
        return host

    def receiver(self, profile="S1", **kwargs):
        receiver = steward_receiver.Receiver(self.port, profile, **kwargs)
        self.addCleanup(receiver.close)
        return receiver

    def send(self, host, text, *args, code=0):
        """Runs `weir nats send -`; returns what it says."""
        done = subprocess.run(
            [harness.runfile("cli/weir"), "--server", host.unix, "nats", "send",
             "-", *args], input=text, capture_output=True, text=True,
            timeout=harness.PATIENCE_S, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def counters(self, host):
        found = self.source_stats(host, "central").get("counters", {})
        return {name: int(count) for name, count in found.items()}

    def undelivered(self, host):
        return [json.loads(line) for line in self.weir(
            host, "--json", "nats", "undelivered", unix=True)]

    def test_nodes_of_each_profile_get_messages_and_send_some(self):
        self.start_nats()
        for profile, method, subject in (
                ("S0", "REQToFileAppend", "node1.REQToFileAppend.EventACK"),
                ("S1", "REQToFileAppend", "node1.REQToFileAppend.EventACK"),
                ("C1", "fileAppend", "node1.fileAppend")):
            with self.subTest(profile):
                receiver = self.receiver(profile)
                host = self.start_node(profile)
                data = "[hello, '!']" if profile == "S0" else "aGVsbG8h"
                said = self.send(host, f"""
- toNode: node1
  method: {method}
  methodArgs: [a, "1"]
  data: {data}
  ACKTimeout: 60
  retries: 2
  replyMethod: REQToConsole
  methodTimeout: 7
  directory: d
  fileName: f.log
  fromNode: forged
- {{"toNode": "node1", "method": "{method}", "ACKTimeout": 60}}
""")
                self.assertIn("2 messages taken by central", said)
                harness.until(lambda: len(receiver.got) == 2, "both come")
                first, second = receiver.got
                want = dict(ToNode="node1", Method=method,
                            MethodArgs=["a", "1"], FromNode="central", ID=1,
                            ACKTimeout=60, Retries=2, MethodTimeout=7,
                            ReplyMethod="REQToConsole", Directory="d",
                            FileName="f.log", IsReply=False,
                            PreviousMessage=None,
                            Data=["hello", "!"] if profile == "S0"
                            else b"hello!")
                self.assertEqual({f: first[f] for f in want}, want)
                self.assertEqual(second["ID"], 2)
                self.assertEqual(second["MethodTimeout"], 10)
                came, reply, headers = receiver.heard[0]
                self.assertEqual(came, subject)
                self.assertTrue(reply.startswith("_INBOX."), reply)
                self.assertNotEqual(receiver.heard[1][1], reply)
                self.assertIn("serial: cbor\r\n", headers)
                self.assertIn("cmp: z\r\n", headers)
                self.assertEqual("fromNode: central\r\n" in headers,
                                 profile != "S0")
                harness.until(lambda: self.counters(host).get(
                    "outbox_delivered") == 2, "both are acknowledged")
                # And the other way.
                peer = steward_peer.Peer(self.port, profile)
                sent, ack = peer.deliver(
                    "central", "REQToFile" if profile in ("S0", "S1")
                    else "file", ack_timeout=60, retries=0)
                self.assertEqual((sent, ack is None), (1, False))
                peer.close()
                self.assertEqual(host.stop(), 0)
                receiver.close()
                for file in (self.dir / "state").glob("outbox_*"):
                    file.unlink()

    def test_gzip_and_no_compression_are_sent_as_told(self):
        self.start_nats()
        for compression, header in (("gzip", "cmp: g\r\n"),
                                    ("none", "cmp: none\r\n")):
            receiver = self.receiver()
            host = self.start_node(sending=f"compression: {compression}")
            self.send(host, "{toNode: node1, method: REQToFile, data: aGk=, "
                            "ACKTimeout: 60}")
            harness.until(lambda: len(receiver.got) == 1, "it comes")
            self.assertEqual(receiver.data(), ["hi"])
            self.assertIn(header, receiver.heard[0][2])
            self.assertEqual(host.stop(), 0)
            receiver.close()

    def test_a_host_that_is_killed_sends_the_rest_in_order(self):
        self.start_nats()
        receiver = self.receiver()
        receiver.limit = 40
        host = self.start_node()
        self.send(host, json.dumps([
            {"toNode": "node1", "method": "REQToFileAppend", "ACKTimeout": 60,
             "retries": 3, "methodArgs": [str(n)]} for n in range(100)]))
        harness.until(lambda: len(receiver.got) == 41,
                      "one is not acknowledged")
        host.stop(signal.SIGKILL)
        receiver.limit = None
        host = self.start_node()
        harness.until(lambda: len(receiver.got) >= 100 and
                      not self.counters(host).get("outbox_waiting"),
                      "the rest comes")
        came = [int(m["MethodArgs"][0]) for m in receiver.got]
        # What was sent and not noted comes again; all is in order.
        self.assertEqual(came[:41], list(range(41)))
        again = came[41:]
        self.assertGreaterEqual(again[0], 39)
        self.assertEqual(again, list(range(again[0], 100)))
        self.assertEqual(host.stop(), 0)

    def test_what_is_given_up_is_an_event_and_can_be_sent_again(self):
        self.start_nats()
        host = self.start_node(sending="error_node: errorCentral")
        central = self.receiver(name="errorCentral")
        self.send(host, "{toNodes: [node1, node2], method: REQToFile, "
                        "ACKTimeout: 1, data: aGk=}")
        harness.until(lambda: len(self.undelivered(host)) == 2, "given up")
        for one in self.undelivered(host):
            self.assertIn("nobody subscribes", one["reason"])
            self.assertEqual(one["message"]["data"], "aGk=")
        told = [e for e in self.events(host)
                if e["type"] == "weir.steward.given_up"]
        self.assertEqual(sorted(e["subject"] for e in told),
                         ["node1", "node2"])
        self.assertEqual(told[0]["source"], "sources/central")
        harness.until(lambda: len(central.got) == 2, "they are errorLogs, too")
        self.assertEqual(central.got[0]["Method"], "REQErrorLog")
        self.assertIn("node: central, max retries reached", central.data()[0])
        self.assertEqual(central.got[0]["Directory"], "errorLog")
        # Over a kill, they are still there.
        host.stop(signal.SIGKILL)
        host = self.start_node()
        [first, second] = [one["number"] for one in self.undelivered(host)]
        receiver = self.receiver(name=told[0]["subject"])
        other = self.receiver(name=told[1]["subject"])
        said = self.weir(host, "nats", "resend", first, second, unix=True)
        self.assertEqual(said, ["2 messages wait to be sent again"])
        harness.until(lambda: len(receiver.got) + len(other.got) == 2,
                      "they come")
        self.assertEqual(self.undelivered(host), [])
        self.assertEqual(host.stop(), 0)

    def test_what_cannot_be_sent_is_refused_with_where_it_is_wrong(self):
        self.start_nats()
        host = self.start_node()
        said = self.send(host, "- toNode: a\n  metod: b\n", code=2)
        self.assertIn('-:2: "metod" is no field of a message', said)
        said = self.send(host, "- {toNode: a, method: b, retries: x}", code=2)
        self.assertIn('retries: "x" is no whole number', said)
        said = self.send(host, "- {toNode: a, method: b, schedule: [0, 0]}",
                         code=1)
        self.assertIn("messages[0].schedule", said)
        said = self.send(host, "- {toNode: 'a b', method: b}", code=1)
        self.assertIn("messages[0].toNode", said)
        said = self.send(host, "- {toNode: a, method: b}", "--source", "other",
                         code=1)
        self.assertIn("sources/central", said)
        self.send(host, "[]", code=1)
        self.assertEqual(self.counters(host).get("outbox_waiting"), None)
        self.assertEqual(host.stop(), 0)

    def test_a_node_of_weir_answers_another_by_its_header(self):
        self.start_nats()
        host = self.start_node()
        self.send(host, "- {toNode: central, method: REQNone, ACKTimeout: 60}\n"
                        "- {toNode: central, method: REQToFile, ACKTimeout: 60, "
                        "methodArgs: [x], fromNode: y}")
        harness.until(lambda: self.counters(host).get("outbox_delivered") == 1,
                      "the one that there is a process for is delivered")
        self.assertEqual(self.counters(host).get("acks_received"), 1)
        self.assertEqual(host.stop(), 0)

    def test_a_key_that_is_none_is_said_at_the_start(self):
        self.start_nats()
        key = self.dir / "private.key"
        key.write_text("nonsense")
        config = self.write_config([NODE.format(
            port=self.port, profile="S1", method="REQHello",
            sending=f"      signing_key_file: {key}\n")])
        done = subprocess.run(
            [harness.runfile("host/weir-host"), "--config", config],
            capture_output=True, text=True, timeout=harness.PATIENCE_S,
            check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"signing_key_file {key}: no base64", done.stderr)
        self.assertNotIn("nonsense", done.stderr)


if __name__ == "__main__":
    harness.main()
