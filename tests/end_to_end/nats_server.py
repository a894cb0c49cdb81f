"""Debian's nats-server for an end-to-end test."""

import json
import re

import harness
import steward_peer


class WithNatsServer:
    """For a test that is a harness.EndToEnd, too."""

    def start_nats(self, port=-1, *more):
        """nats-server on a loopback port that is free; sets self.port. What its
        streams hold is there again when it is started again."""
        ports = self.dir / "ports"
        ports.mkdir(exist_ok=True)
        for old in ports.iterdir():
            old.unlink()
        server = self.start(["/usr/sbin/nats-server", "-a", "127.0.0.1", "-p",
                             str(port), "--ports_file_dir", ports,
                             "-sd", self.dir / "streams", *more])

        def listening():
            for path in ports.iterdir():
                found = re.search(r"://127\.0\.0\.1:(\d+)",
                                  path.read_text())
                if found:
                    self.port = int(found[1])
                    return True
            return False

        harness.until(listening, "nats-server listens")
        return server


class JetStream:
    """Streams of a server, from outside: requests and answers of its API."""

    def __init__(self, port):
        self._nats = steward_peer.Nats(port)
        self.close = self._nats.close
        self._last = 0

    def _inbox(self):
        self._last += 1
        inbox = f"_INBOX.test{self._last}"
        return inbox, self._nats.subscribe(inbox)

    def ask(self, what, request=None):
        inbox, answers = self._inbox()
        data = b"" if request is None else json.dumps(request).encode()
        self._nats.publish("$JS.API." + what, data, inbox)
        return json.loads(answers.get(timeout=60)[1])

    def add_stream(self, name, subject, **more):
        answer = self.ask(f"STREAM.CREATE.{name}",
                          {"name": name, "subjects": [subject], **more})
        assert "error" not in answer, answer

    def publish(self, subject, messages):
        """Returns when the stream has all of them."""
        inbox, answers = self._inbox()
        for message in messages:
            self._nats.publish(subject, message, inbox)
        for _ in messages:
            answer = json.loads(answers.get(timeout=60)[1])
            assert "error" not in answer, answer

    def consumer(self, stream, durable):
        return self.ask(f"CONSUMER.INFO.{stream}.{durable}")

    def is_done(self, stream, durable):
        """Whether all of the stream is acknowledged."""
        found = self.consumer(stream, durable)
        return found.get("num_pending") == 0 and found["num_ack_pending"] == 0

    def stored(self, stream):
        """How many messages a stream has."""
        return self.ask(f"STREAM.INFO.{stream}")["state"]["messages"]

    def message(self, stream, sequence):
        """What `STREAM.MSG.GET` says of one."""
        return self.ask(f"STREAM.MSG.GET.{stream}", {"seq": sequence})["message"]
