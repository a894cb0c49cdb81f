"""What handlers answer to nodes of steward and ctrl, and the methods that are
bundled: through a real nats-server and the real host, to peers that were written
from the description of their wire."""

import base64
import http.server
import json
import os
import pathlib
import signal
import threading

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
{processes}
    sending: {{min_retry_wait: 20ms{sending}}}
backoff: {{initial: 20ms, max: 50ms}}
staleness: 0s
"""

# The names in steward and in ctrl.
STEWARD = {"cli": "REQCliCommand", "cont": "REQCliCommandCont",
           "append": "REQToFileAppend", "file": "REQToFile",
           "console": "REQToConsole", "hello": "REQHello", "ping": "REQPing",
           "error": "REQErrorLog", "list": "REQOpProcessList",
           "start": "REQOpProcessStart", "stop": "REQOpProcessStop",
           "key": "REQPublicKey", "get": "REQHttpGet", "tail": "REQTailFile"}
CTRL = {"cli": "cliCommand", "cont": "cliCommandCont", "append": "fileAppend",
        "file": "file", "console": "console", "hello": "hello", "ping": "ping",
        "error": "errorLog", "list": "opProcessList",
        "start": "opProcessStart", "stop": "opProcessStop",
        "key": "publicKey", "get": "httpGet", "tail": "tailFile"}

# Of the seed 00, 01 .. 1f.
PUBLIC_KEY = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"

COMMAND = """
settings: {sandbox: none, isolation: %s, soft_deadline: 50s, hard_deadline: 60s}
config: {enabled: true, programs: [/bin/echo, /bin/sh]}
"""

FETCH = """
settings: {{sandbox: none, soft_deadline: 50s, hard_deadline: 60s}}
config: {{enabled: true, urls: ["http://127.0.0.1:{port}/open/"],
  files: ["{logs}/"]}}
"""


class Pages(http.server.BaseHTTPRequestHandler):
    """What is below /open/ is there, but for /open/away, which leads away."""

    def do_GET(self):
        self.server.asked.append(self.path)
        away = self.path == "/open/away"
        self.send_response(302 if away else
                           200 if self.path == "/open/page" else 404)
        if away:
            self.send_header("Location", "/secret")
        self.end_headers()
        self.wfile.write(b"" if away else b"the page")

    def log_message(self, *args):
        pass


def text(message):
    data = message["Data"]
    return "".join(data) if isinstance(data, list) else data.decode()


def receiver_subject(profile, method):
    kind = ".EventNACK" if profile in ("S0", "S1") else ""
    return f"node1.{method}{kind}"


class StewardMethodsTest(harness.EndToEnd, WithNatsServer):

    def start_node(self, profile, names, methods, acknowledge="received",
                   sending="", stopped=()):
        processes = "\n".join(
            f"      - {{method: {names[m]}, acknowledge: {acknowledge}"
            f"{', stopped: true' if m in stopped else ''}}}"
            for m in methods)
        host = self.start_host(self.write_config([NODE.format(
            port=self.port, profile=profile, processes=processes,
            sending=sending)]))
        self.await_state(host, "central", "STATE_CONNECTED")
        for plugin in (self.dir / "plugins").glob("*.so"):
            name = plugin.stem.replace("_", "-")
            harness.until(lambda n=name: "RUNNING" in json.dumps(
                self.listed_plugin(host, n)), f"{name} runs")
        return host

    def peer(self, profile, **kwargs):
        peer = steward_peer.Peer(self.port, profile, **kwargs)
        self.addCleanup(peer.close)
        return peer

    def receiver(self, profile, **kwargs):
        receiver = steward_receiver.Receiver(self.port, profile, **kwargs)
        self.addCleanup(receiver.close)
        return receiver

    def counters(self, host):
        found = self.source_stats(host, "central").get("counters", {})
        return {name: int(count) for name, count in found.items()}

    def test_a_command_is_answered_in_both_modes_and_each_profile(self):
        self.start_nats()
        for profile, names, isolation in (("S0", STEWARD, "child"),
                                          ("S1", STEWARD, "in_process"),
                                          ("S1", STEWARD, "child"),
                                          ("C1", CTRL, "child")):
            with self.subTest(profile + isolation):
                self.install_plugin("steward_command", COMMAND % isolation)
                host = self.start_node(profile, names, ["cli", "cont"])
                receiver = self.receiver(profile)
                peer = self.peer(profile)
                peer.send("central", names["cli"], MethodArgs=["echo", "hi"],
                          Data=["x"] if profile == "S0" else b"x",
                          ReplyMethod=names["console"],
                          ReplyMethodArgs=["a"], ACKTimeout=3,
                          ReplyACKTimeout=5, ReplyRetries=4, MethodTimeout=30,
                          Directory="d", FileName="f.log")
                harness.until(lambda r=receiver: len(r.got) == 1,
                              "the answer came")
                reply = receiver.got[0]
                self.assertEqual(receiver.heard[0][0],
                                 peer.subject("node1", names["console"]))
                want = {"ToNode": "node1", "FromNode": "central",
                        "Method": names["console"], "MethodArgs": ["a"],
                        "IsReply": True, "ACKTimeout": 5, "Retries": 4,
                        "Directory": "d", "FileName": "f.log"}
                self.assertEqual({k: reply[k] for k in want}, want)
                self.assertEqual(text(reply), "hi\n")
                request = dict(zip(steward_peer.FIELDS[profile],
                                   reply["PreviousMessage"]))
                self.assertEqual(request["Method"], names["cli"])
                self.assertEqual(request["ID"], 1)
                self.assertIsNone(request["Data"])
                # The second answer, which S0 does not know.
                peer.send("central", names["cli"],
                          MethodArgs=["sh", "-c", "echo why >&2; exit 3"],
                          ReplyMethod=names["console"], ReplyACKTimeout=5,
                          MethodTimeout=30, FileName="f.log")
                peer.send("central", names["cont"],
                          MethodArgs=["sh", "-c", "echo one; echo two"],
                          ReplyMethod=names["append"], ReplyACKTimeout=5,
                          MethodTimeout=30, FileName="g.log")
                wanted = [("f.log", ""), ("g.log", "one\n"), ("g.log", "two\n")]
                if profile != "S0":
                    wanted.insert(1, ("f.log.error", "why"))
                harness.until(lambda r=receiver, w=wanted:
                              len(r.got) == 1 + len(w), "all answers came")
                # In order for each subject, so for each method.
                got = sorted((m["FileName"], text(m)) for m in receiver.got[1:])
                for (name, want_text), (got_name, got_text) in zip(
                        sorted(wanted), got):
                    self.assertEqual(got_name, name)
                    if name.endswith(".error"):
                        self.assertIn("exit status 3", got_text)
                        self.assertIn(want_text, got_text)
                    else:
                        self.assertEqual(got_text, want_text)
                harness.until(lambda h=host: self.counters(h).get(
                    "outbox_waiting", 0) == 0, "all are acknowledged")
                self.assertEqual(host.stop(), 0)
                receiver.close()

    def pages(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_pages_and_lines_that_are_allowed_are_fetched(self):
        self.start_nats()
        pages = self.pages()
        site = f"http://127.0.0.1:{pages.server_port}"
        logs = self.dir / "logs"
        logs.mkdir()
        for profile, names in (("S0", STEWARD), ("S1", STEWARD), ("C1", CTRL)):
            with self.subTest(profile):
                self.install_plugin("steward_fetch", FETCH.format(
                    port=pages.server_port, logs=logs))
                host = self.start_node(profile, names, ["get", "tail"])
                receiver = self.receiver(profile)
                peer = self.peer(profile)
                pages.asked.clear()

                def ask(method, what, name, timeout=30, peer=peer,
                        names=names):
                    peer.send("central", names[method], MethodArgs=[what],
                              ReplyMethod=names["append"], ReplyACKTimeout=5,
                              MethodTimeout=timeout, FileName=name)

                def got(name, receiver=receiver):
                    return [text(m) for m in list(receiver.got)
                            if m["FileName"] == name]

                ask("get", site + "/open/page", "page")
                harness.until(lambda g=got: g("page"), "the page came")
                self.assertEqual(got("page"), ["the page"])
                ask("get", site + "/open/none", "none")
                ask("get", site + "/secret", "secret")
                ask("get", site + "/open/away", "away")
                ask("get", site + "/open/page", "again")
                harness.until(lambda g=got: g("again"), "the page came again")
                self.assertEqual(pages.asked, ["/open/page", "/open/none",
                                               "/open/away", "/open/page"])
                for name, why in (("none", "not 200, were 404"),
                                  ("secret", "none of those allowed"),
                                  ("away", "it is redirected to")):
                    self.assertEqual(got(name), [])
                    if profile != "S0":
                        harness.until(lambda n=name, g=got: g(n + ".error"),
                                      "why came")
                        self.assertIn(why, got(name + ".error")[0])

                log = logs / (profile + ".log")
                log.write_text("before\n")
                ask("tail", str(log), "tail", timeout=40)
                lines = []

                def add_line(log=log, lines=lines):
                    lines.append(f"line {len(lines)}\n")
                    with log.open("a") as file:
                        file.write(lines[-1])

                # Nobody tells when it has begun.
                harness.until(lambda a=add_line, g=got: a() or g("tail"),
                              "the first line came")
                log.rename(logs / (profile + ".log.1"))
                log.write_text("rotated\n")
                harness.until(lambda g=got: "rotated\n" in g("tail"),
                              "the next file is followed")
                begin = lines.index(got("tail")[0])
                self.assertEqual(got("tail"), lines[begin:] + ["rotated\n"])
                # It does not wait for the end of the tail, but as long as for
                # any message.
                last = profile == "C1"
                stopped = host.stop(signal.SIGTERM if last else signal.SIGKILL)
                self.assertEqual(stopped, 0 if last else -signal.SIGKILL)
                receiver.close()

    def test_pages_are_fetched_in_the_sandbox_of_the_net(self):
        self.start_nats()
        pages = self.pages()
        # By a name, which has to be looked up in there.
        site = f"http://localhost:{pages.server_port}/open/"
        self.install_plugin("steward_fetch", (
            "settings: {sandbox: net, soft_deadline: 50s, hard_deadline: 60s}\n"
            f'config: {{enabled: true, urls: ["{site}"], '
            "private_addresses: true}\n"))
        host = self.start_node("C1", CTRL, ["get"])
        receiver = self.receiver("C1")
        self.peer("C1").send(
            "central", "httpGet", MethodArgs=[site + "page"], MethodTimeout=30,
            ReplyMethod="fileAppend", ReplyACKTimeout=5, FileName="page")
        harness.until(lambda: receiver.got, "the page came")
        self.assertEqual([(m["FileName"], text(m)) for m in receiver.got],
                         [("page", "the page")])
        self.assertEqual(host.stop(), 0)

    def test_nobody_is_answered_who_wants_no_answer(self):
        self.start_nats()
        self.install_plugin("steward_command", COMMAND % "child")
        host = self.start_node("S1", STEWARD, ["cli"], acknowledge="done")
        receiver = self.receiver("S1")
        peer = self.peer("S1")
        acks = peer.acks("central", "REQCliCommand")
        for fields in ({"ReplyMethod": "REQNone"}, {"IsReply": True}):
            peer.send("central", "REQCliCommand", MethodArgs=["echo", "hi"],
                      ACKTimeout=60, MethodTimeout=30, **fields)
            self.assertEqual(acks.get(timeout=60), ("", b""))
        peer.send("central", "REQCliCommand", MethodArgs=["echo", "last"],
                  MethodTimeout=30, FileName="f")
        harness.until(lambda: receiver.data() == ["last\n"], "one is answered")
        self.assertEqual(host.stop(), 0)

    def test_what_is_done_has_answers_that_survive_the_host(self):
        self.start_nats()
        self.install_plugin("steward_command", COMMAND % "child")
        host = self.start_node("S1", STEWARD, ["cli"], acknowledge="done")
        peer = self.peer("S1")
        # Nobody receives the answers.
        for number in range(20):
            sent, ack = peer.deliver(
                "central", "REQCliCommand", ack_timeout=60, retries=0,
                MethodArgs=["echo", str(number)], ReplyMethod="REQToConsole",
                ReplyACKTimeout=1, ReplyRetries=1000, MethodTimeout=30)
            self.assertEqual(ack, ("", b""))
        host.stop(signal.SIGKILL)
        receiver = self.receiver("S1")
        host = self.start_node("S1", STEWARD, ["cli"], acknowledge="done")
        harness.until(lambda: len(set(receiver.data())) == 20,
                      "all answers came")
        seen = list(dict.fromkeys(receiver.data()))
        self.assertEqual(seen, [f"{n}\n" for n in range(20)])
        self.assertEqual(host.stop(), 0)

    def test_what_may_not_be_run_is_refused_and_told(self):
        self.start_nats()
        self.install_plugin("steward_command", COMMAND % "child")
        host = self.start_node("C1", CTRL, ["cli"])
        receiver = self.receiver("C1")
        peer = self.peer("C1")
        peer.send("central", "cliCommand", MethodArgs=["ls", "/"],
                  ReplyMethod="console", MethodTimeout=5, FileName="f")
        harness.until(lambda: receiver.got, "the refusal came")
        self.assertEqual(receiver.got[0]["FileName"], "f.error")
        self.assertIn('"ls" is none of the allowed programs',
                      receiver.data()[0])
        self.assertEqual(host.stop(), 0)

    def test_a_node_says_hello_to_its_central_node(self):
        server = self.start_nats()
        for profile, names, data in (("S0", STEWARD, "Hello from central\n"),
                                     ("S1", STEWARD, None),
                                     ("C1", CTRL, None)):
            with self.subTest(profile):
                receiver = self.receiver(profile)
                host = self.start_node(profile, names, ["file"], sending=(
                    ", central_node: node1, hello_interval: 1s"))
                harness.until(lambda r=receiver: len(r.got) >= 2,
                              "it says hello, and again")
                self.assertEqual(receiver.heard[0][0],
                                 receiver_subject(profile, names["hello"]))
                hello = receiver.got[0]
                self.assertEqual(
                    (hello["FromNode"], hello["Method"], hello["Directory"],
                     hello["FileName"], hello["ACKTimeout"], hello["Retries"]),
                    ("central", names["hello"], "hello-messages", "hello.log",
                     10, 1))
                self.assertEqual(
                    hello["Data"], None if data is None else [data])
                self.assertEqual(host.stop(), 0)
                receiver.close()
        host = self.start_node("S1", STEWARD, ["file"], sending=(
            ", central_node: node1, hello_interval: 1h"))
        server.stop(signal.SIGKILL)
        harness.until(lambda: self.source(host, "central").get("state") not in
                      ("STATE_CONNECTED", None), "the outage is seen")
        # A hello is worth nothing later: who is to hear it is there first.
        host.process.send_signal(signal.SIGSTOP)
        self.start_nats(self.port)
        receiver = self.receiver("S1")
        host.process.send_signal(signal.SIGCONT)
        harness.until(lambda: receiver.got, "it says hello once it is back")
        self.assertEqual(host.stop(), 0)

    def test_files_hellos_and_errors_are_written(self):
        self.start_nats()
        for profile, names in (("S0", STEWARD), ("S1", STEWARD), ("C1", CTRL)):
            with self.subTest(profile):
                self.install_plugin("steward_methods",
                                    "settings: {sandbox: files}\n")
                host = self.start_node(
                    profile, names, ["append", "file", "hello", "error",
                                     "console", "ping"], acknowledge="done")
                receiver = self.receiver(profile)
                peer = self.peer(profile)

                def send(method, data, peer=peer, names=names, **fields):
                    fields.setdefault("Directory", peer.profile)
                    fields.setdefault("FileName", "f.log")
                    data = [data] if peer.profile == "S0" else data.encode()
                    sent, ack = peer.deliver(
                        "central", names[method], ack_timeout=60, retries=0,
                        Data=data, **fields)
                    self.assertIsNotNone(ack)

                send("append", "one\n")
                send("append", "two\n")
                send("file", "three\n", FileName="g.log")
                send("error", "bad\n", Directory="errorLog",
                     FileName=profile)
                send("ping", "", ReplyMethod=names["console"],
                     ReplyACKTimeout=5)
                peer.send("central", names["hello"], ACKTimeout=10,
                          Data=["Hello"] if profile == "S0" else bytes(32),
                          Directory="hello-messages", FileName=profile)
                data = self.dir / "state/plugins/steward-methods/data"
                hello = data / "hello-messages/node1" / profile
                harness.until(hello.exists, "hello is written")
                self.assertRegex(hello.read_text(),
                                 r'^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}, '
                                 r'Received hello from "node1"\n$')
                folder = data / profile / "central"
                self.assertEqual((folder / "f.log").read_text(), "one\ntwo\n")
                self.assertEqual((folder / "g.log").read_text(), "three\n")
                self.assertEqual((data / "errorLog/central" / profile)
                                 .read_text(), "bad\n")
                harness.until(lambda r=receiver: len(r.got) == 1,
                              "the ping is answered")
                # A sender that asks for more is not told that it is done.
                outside = str(self.dir / "outside")
                os.makedirs(outside, exist_ok=True)
                for directory in (outside, "../outside",
                                  "../../../../outside"):
                    sent, ack = peer.deliver(
                        "central", names["file"], ack_timeout=0.3, retries=0,
                        Directory=directory, FileName="f")
                    self.assertIsNone(ack)
                self.assertEqual(os.listdir(outside), [])
                self.assertEqual(host.stop(), 0)
                receiver.close()

    def ask(self, peer, receiver, names, method, args=()):
        """What the node answers, as bytes."""
        before = len(receiver.got)
        peer.send("central", names[method], MethodArgs=list(args),
                  ReplyMethod=names["console"], ACKTimeout=3,
                  ReplyACKTimeout=5, MethodTimeout=30)
        harness.until(lambda: len(receiver.got) == before + 1,
                      f"an answer to {method}")
        data = receiver.got[-1]["Data"]
        return "".join(data).encode() if isinstance(data, list) else data

    def test_processes_are_listed_started_and_stopped_from_afar(self):
        self.start_nats()
        for profile, names, isolation in (("S0", STEWARD, "child"),
                                          ("S1", STEWARD, "in_process"),
                                          ("C1", CTRL, "child")):
            with self.subTest(profile):
                self.install_plugin(
                    "steward_methods",
                    f"settings: {{sandbox: files, isolation: {isolation}}}\n")
                host = self.start_node(
                    profile, names, ["list", "start", "stop", "ping", "cli"],
                    stopped=["ping", "cli"])
                receiver = self.receiver(profile)
                peer = self.peer(profile)

                def ask(method, *args, peer=peer, receiver=receiver,
                        names=names):
                    return self.ask(peer, receiver, names, method,
                                    args).decode()

                def listed(ask=ask):
                    lines = ask("list").splitlines()
                    for line in lines:
                        self.assertRegex(line, r"^\w{3} \w{3} [ \d]\d [\d:]{8} "
                                               r"\d{4}, id: \d+, name: \S+$")
                    return {line.split("name: ")[1] for line in lines}

                def name(method, peer=peer, names=names, profile=profile):
                    kind = "_subscriber" if profile in ("S0", "S1") else ""
                    return peer.subject("central", names[method]) + kind

                always = {name(m) for m in ("list", "start", "stop")}
                self.assertEqual(listed(), always)
                # Nobody takes it, so nobody acknowledges it.
                self.assertEqual(peer.deliver("central", names["ping"], 0.3,
                                              0), (1, None))
                self.assertRegex(
                    ask("start", names["ping"]),
                    r"^info: OpProcessStart: started id: \d+, subject: "
                    r"\{central %s\}: node: central\n$" % names["ping"])
                self.assertEqual(listed(), always | {name("ping")})
                self.assertEqual(self.ask(peer, receiver, names, "ping"), b"")
                self.assertRegex(
                    ask("stop", names["ping"], "central", "subscriber"),
                    r"^info: OpProcessStop: process stopped id: \d+, method: "
                    r"\{central %s\} on: central\n$" % names["ping"])
                self.assertEqual(listed(), always)
                self.assertEqual(peer.deliver("central", names["ping"], 0.3,
                                              0), (1, None))
                # What the originals die of, and what opens a method.
                for method, args in (("stop", []), ("stop", [names["ping"]]),
                                     ("start", []),
                                     ("stop", [names["hello"], "central",
                                               "subscriber"]),
                                     ("start", [names["hello"]]),
                                     ("start", [names["cli"] + ".x"]),
                                     ("start", ["subCopySrc.x"]),
                                     ("start", [">"])):
                    self.assertRegex(ask(method, *args), r"^error: \w+: .*\n$")
                self.assertEqual(listed(), always)
                self.assertEqual(host.stop(), 0)
                receiver.close()

    def test_a_node_tells_its_public_key(self):
        self.start_nats()
        for profile, names in (("S1", STEWARD), ("C1", CTRL)):
            with self.subTest(profile):
                self.install_plugin("steward_methods",
                                    "settings: {sandbox: files}\n")
                seed = self.dir / "seed"
                seed.write_bytes(base64.b64encode(
                    bytes(range(32)) + bytes.fromhex(PUBLIC_KEY)))
                seed.chmod(0o600)
                host = self.start_node(profile, names, ["key"],
                                       sending=f", signing_key_file: {seed}")
                receiver = self.receiver(profile)
                self.assertEqual(
                    self.ask(self.peer(profile), receiver, names, "key").hex(),
                    PUBLIC_KEY)
                self.assertEqual(host.stop(), 0)
                receiver.close()

    def threads(self, host):
        """Threads of the plugin, in the host and in its child. A loop has the
        name of the thread that began it."""
        found = 0
        pids = [str(host.process.pid)]
        while pids:
            for task in (pathlib.Path("/proc") / pids.pop() / "task").iterdir():
                try:
                    name = (task / "comm").read_text().strip()
                    children = (task / "children").read_text().split()
                except OSError:
                    continue  # It has ended meanwhile.
                found += name == "steward-methods"
                pids += children
        return found

    def test_a_node_is_silent_while_its_hellos_are_listened_for(self):
        self.start_nats()
        for isolation in ("in_process", "child"):
            with self.subTest(isolation):
                self.install_plugin(
                    "steward_methods",
                    f"settings: {{sandbox: files, isolation: {isolation}}}\n"
                    "config: {silent_after_seconds: 1}\n")
                host = self.start_node("S1", STEWARD, ["hello", "start", "stop"])
                receiver = self.receiver("S1")
                peer = self.peer("S1")

                def events(kind, host=host):
                    return [e for e in self.events(host)
                            if e["type"] == f"steward.node.{kind}"]

                # The log is that of both hosts.
                silent, back = len(events("silent")), len(events("back"))
                peer.send("central", "REQHello", Data=bytes(32), ACKTimeout=10,
                          Directory="hello-messages", FileName="hello.log")
                harness.until(lambda: len(events("silent")) == silent + 1,
                              "the node is silent")
                self.assertEqual(events("silent")[-1]["subject"], "node1")
                peer.send("central", "REQHello", Data=bytes(32), ACKTimeout=10,
                          Directory="hello-messages", FileName="hello.log")
                harness.until(lambda: len(events("back")) == back + 1,
                              "the node is back")
                # Its loop ends with the process, and with it what it tells.
                threads = self.threads(host)
                self.ask(peer, receiver, STEWARD, "stop",
                         ["REQHello", "central", "subscriber"])
                harness.until(lambda h=host, n=threads - 1:
                              self.threads(h) == n, "the loop has ended")
                self.ask(peer, receiver, STEWARD, "start", ["REQHello"])
                harness.until(lambda: len(events("silent")) == silent + 2,
                              "it is silent again")
                self.assertEqual(host.stop(), 0)
                receiver.close()


if __name__ == "__main__":
    harness.main()
