"""lib/frames by TLS, against Python's."""

import os
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

import buffstreams
import certificates

_PEER = os.environ.get("FRAMES_PEER") or os.path.join(
    os.environ["TEST_SRCDIR"], "weir", "tests/lib/frames/frames-peer")

_VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
_MAX = 1 << 20
_PAYLOADS = [b"a", b"", b"hello" * 20, b"x" * 16383, b"y" * 16384,
             b"z" * 100000, bytes(range(256)) * 4096]


class Program:
    """frames-peer."""

    def __init__(self, test, *args, **settings):
        self.process = subprocess.Popen(
            [_PEER, *map(str, args)] +
            [f"{name}={value}" for name, value in settings.items()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.kill)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def log(self):
        return self.process.stderr.readline().rstrip("\n")

    def end(self, payloads=()):
        """Gives it the last. Returns what it said that was not read, and its
        log."""
        out, log = self.process.communicate(
            "".join(payload.hex() + "\n" for payload in payloads), timeout=60)
        return out.split("\n")[:-1], log


class TlsTest(unittest.TestCase):

    def setUp(self):
        # Certificates of elsewhere must not help.
        self.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.ours = certificates.Authority(self.folder, "ours")
        self.others = certificates.Authority(self.folder, "others")

    # ------------------------------------------------------------- listening

    def listen(self, **more):
        cert, key = self.ours.sign("listener")
        self.files = (cert, key)
        listener = Program(self, "listen", _MAX, cert=cert, key=key, **more)
        self.address = listener.line()
        return listener

    def dial(self, context):
        host, port = self.address.rsplit(":", 1)
        raw = socket.create_connection((host, int(port)), 60)
        self.addCleanup(raw.close)
        secured = context.wrap_socket(raw, server_hostname=host)
        self.addCleanup(secured.close)
        return buffstreams.Connection(secured, _MAX)

    def assert_echoes(self, listener, peer, payloads):
        for payload in payloads:
            peer.send(payload)
            self.assertEqual(listener.line(), "message " + payload.hex())
            self.assertEqual(peer.receive(), payload)

    def assert_ended(self, listener, closed, log):
        out, said = listener.end()
        self.assertEqual([line for line in out if line.startswith("closed")],
                         closed)
        self.assertIn(log, said)

    def refused(self, context):
        """Whether the listener closes before it answers."""
        try:
            peer = self.dial(context)
            peer.send(b"hello")
            return peer.receive() is None
        except (ssl.SSLError, ConnectionError):
            return True

    def test_the_listener_takes_what_comes_and_answers(self):
        for version in _VERSIONS:
            with self.subTest(version):
                self.setUp()
                listener = self.listen()
                peer = self.dial(certificates.client(self.ours,
                                                     version=version))
                self.assert_echoes(listener, peer, _PAYLOADS)
                # All at a time, and then all answers: more than the kernel
                # holds of them. Python's TLS is for one thread at a time.
                many = _PAYLOADS[:-1] * 6
                sender = threading.Thread(
                    target=lambda: [peer.send(p) for p in many])
                sender.start()
                for payload in many:
                    self.assertEqual(listener.line(),
                                     "message " + payload.hex())
                sender.join()
                for payload in many:
                    self.assertEqual(peer.receive(), payload)
                peer.socket.unwrap()
                peer.close()
                self.assert_ended(listener, ["closed peer_closed 1"], "")

    def test_frames_that_come_a_byte_a_record(self):
        listener = self.listen()
        peer = self.dial(certificates.client(self.ours))
        for byte in buffstreams.encode(b"slowly", _MAX):
            peer.socket.sendall(bytes([byte]))
        self.assertEqual(listener.line(), "message " + b"slowly".hex())

    def test_peers_show_a_certificate_where_they_must(self):
        for version in _VERSIONS:
            with self.subTest(version):
                self.setUp()
                listener = self.listen(ca=self.ours.ca)
                good = certificates.client(
                    self.ours, self.ours.sign("peer"), version)
                first = self.dial(good)
                self.assert_echoes(listener, first, [b"one"])
                self.assertTrue(self.refused(
                    certificates.client(self.ours, version=version)))
                self.assertIn("peer did not return a certificate",
                              listener.log())
                self.assertTrue(self.refused(certificates.client(
                    self.ours, self.others.sign("peer"), version)))
                self.assertIn("the peer's certificate is refused: ",
                              listener.log())
                self.assert_echoes(listener, first, [b"still there"])
                first.close()
                self.assert_ended(
                    listener, ["closed peer_closed 1", "closed tls 2"], "")

    def test_a_peer_that_does_not_speak_tls_is_closed_and_counted(self):
        listener = self.listen()
        for said in [buffstreams.encode(b"hello", _MAX), b"GET / HTTP/1.1\r\n\r\n",
                     b"\x16\x03\x01\xff\xff\x01" + b"x" * 100, b"\xff" * 1000]:
            host, port = self.address.rsplit(":", 1)
            peer = buffstreams.Connection(
                socket.create_connection((host, int(port))))
            peer.socket.sendall(said)
            try:
                # An alert of TLS at most.
                while peer.socket.recv(1000):
                    pass
            except ConnectionError:
                pass
            peer.close()
            self.assertIn(": closed: tls: TLS: ", listener.log())
        # Who looks whether somebody is there is no failure.
        socket.create_connection((host, int(port))).close()
        good = self.dial(certificates.client(self.ours))
        self.assert_echoes(listener, good, [b"one"])
        good.close()
        self.assert_ended(listener, ["closed peer_closed 2", "closed tls 4"], "")

    def test_a_handshake_that_takes_too_long_is_ended(self):
        listener = self.listen(frame_timeout="200ms")
        host, port = self.address.rsplit(":", 1)
        silent = socket.create_connection((host, int(port)), 60)
        slow = socket.create_connection((host, int(port)), 60)
        slow.sendall(b"\x16\x03")
        for peer in [silent, slow]:
            self.assertEqual(peer.recv(1), b"")
            peer.close()
        self.assert_ended(listener, ["closed tls 2"],
                          "tls: TLS: the handshake took too long")

    def test_a_record_that_does_not_come_to_its_end_is_ended(self):
        listener = self.listen(frame_timeout="300ms")
        ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = certificates.client(self.ours)
        tls = context.wrap_bio(theirs, ours, server_hostname="localhost")
        host, port = self.address.rsplit(":", 1)
        peer = socket.create_connection((host, int(port)), 60)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                peer.sendall(ours.read())
                theirs.write(peer.recv(65536))
        peer.sendall(ours.read())
        tls.write(buffstreams.encode(b"one", _MAX))
        peer.sendall(ours.read())
        self.assertEqual(listener.line(), "message " + b"one".hex())
        tls.write(buffstreams.encode(b"two", _MAX))
        peer.sendall(ours.read()[:-1])
        # The answer to the first, tickets, and then the end.
        while peer.recv(65536):
            pass
        peer.close()
        self.assert_ended(listener, ["closed frame_timeout 1"], "frame_timeout")

    def test_a_certificate_is_renewed_for_the_next_connection(self):
        listener = self.listen()
        context = certificates.client(self.ours)
        before = self.dial(context)
        old = before.socket.getpeercert()["serialNumber"]
        by = self.ours.sign("renewed")
        certificates.replace(self.files, by)
        self.assertNotEqual(
            self.dial(context).socket.getpeercert()["serialNumber"], old)
        self.assert_echoes(listener, before, [b"goes on"])
        # What is no certificate is said, and the last that was one stays.
        new = self.dial(context).socket.getpeercert()["serialNumber"]
        with open(self.files[0], "w", encoding="utf-8") as file:
            file.write("junk")
        self.assertEqual(
            self.dial(context).socket.getpeercert()["serialNumber"], new)
        said = listener.log()
        self.assertIn(self.files[0] + ": no certificate can be read: ", said)
        self.assertIn("connections go on with what it was before", said)
        certificates.replace(self.files, self.ours.sign("third"))
        third = self.dial(context).socket.getpeercert()["serialNumber"]
        self.assertNotIn(third, [old, new])
        self.assertIn("good again", listener.log())

    def test_a_wrong_file_is_named_with_the_cure(self):
        cert, key = self.ours.sign("listener")
        other_key = self.ours.sign("other")[1]
        junk = os.path.join(self.folder, "junk")
        with open(junk, "w", encoding="utf-8") as file:
            file.write("junk")
        missing = os.path.join(self.folder, "missing")
        for settings, named, cure in [
                ({"cert": missing, "key": key}, missing, "cert_file must be"),
                ({"cert": junk, "key": key}, junk, "cert_file must be"),
                ({"cert": cert, "key": missing}, missing, "key_file must be"),
                ({"cert": cert, "key": other_key}, other_key,
                 "belong to cert_file"),
                ({"cert": cert, "key": key, "ca": junk}, junk,
                 "ca_file must be")]:
            with self.subTest(settings):
                _, log = Program(self, "listen", _MAX, **settings).end()
                self.assertIn(named + ": ", log)
                self.assertIn(cure, log)

    # --------------------------------------------------------------- writing

    def serve(self, context, use):
        """Accepts one connection and gives it to `use`."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        outcome = []

        def run():
            raw, _ = server.accept()
            raw.settimeout(60)
            try:
                secured = context.wrap_socket(raw, server_side=True)
                outcome.append(use(buffstreams.Connection(secured, _MAX)))
                secured.close()
            except (OSError, EOFError) as error:
                outcome.append(error)
            raw.close()

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return f"127.0.0.1:{server.getsockname()[1]}", thread, outcome

    def echo(self, peer):
        received = []
        while (payload := peer.receive()) is not None:
            received.append(payload)
            peer.send(payload)
        return received

    def test_the_writer_sends_and_takes_answers(self):
        for version in _VERSIONS:
            with self.subTest(version):
                self.setUp()
                address, thread, outcome = self.serve(certificates.server(
                    self.ours.sign("server"), self.ours, version), self.echo)
                cert, key = self.ours.sign("writer")
                writer = Program(self, "write", address, _MAX, ca=self.ours.ca,
                                 cert=cert, key=key)
                many = _PAYLOADS * 3
                out, log = writer.end(many)
                thread.join()
                self.assertEqual(outcome, [many], log)
                self.assertEqual(
                    [line for line in out if line.startswith("wrote")],
                    [f"wrote {len(payload) + 4}" for payload in many])
                self.assertEqual(
                    [line for line in out if line.startswith("reply")],
                    ["reply " + payload.hex() for payload in many])

    def assert_does_not_dial(self, context, why, **settings):
        address, thread, outcome = self.serve(context, self.echo)
        writer = Program(self, "write", address, _MAX, **settings)
        out, log = writer.end()
        self.assertEqual(out, [])
        self.assertIn(f'"{address}": cannot connect: TLS: ', log)
        self.assertIn(why, log)
        thread.join()
        self.assertIsInstance(outcome[0], Exception)

    def test_a_writer_whom_the_peer_refuses_sends_nothing(self):
        for version in _VERSIONS:
            with self.subTest(version):
                self.setUp()
                context = certificates.server(self.ours.sign("server"),
                                              self.ours, version)
                # By 1.2 OpenSSL has no words for a certificate that is missing.
                self.assert_does_not_dial(
                    context, "alert certificate required"
                    if version == ssl.TLSVersion.TLSv1_3
                    else "alert handshake failure", ca=self.ours.ca)
                cert, key = self.others.sign("writer")
                self.assert_does_not_dial(context, "alert unknown ca",
                                          ca=self.ours.ca, cert=cert, key=key)

    def test_a_peer_whom_the_writer_does_not_trust_gets_nothing(self):
        self.assert_does_not_dial(
            certificates.server(self.others.sign("server")),
            "the peer's certificate is refused: ", ca=self.ours.ca)
        self.assert_does_not_dial(
            certificates.server(self.ours.sign("elsewhere", "DNS:elsewhere")),
            "the peer's certificate is refused: IP address mismatch",
            ca=self.ours.ca)
        self.assert_does_not_dial(
            certificates.server(self.ours.sign("server")),
            "the peer's certificate is refused: hostname mismatch",
            ca=self.ours.ca, name="elsewhere")

    def test_a_name_may_be_said(self):
        address, thread, outcome = self.serve(certificates.server(
            self.ours.sign("elsewhere", "DNS:elsewhere")), self.echo)
        writer = Program(self, "write", address, _MAX, ca=self.ours.ca,
                         name="elsewhere")
        writer.end([b"one"])
        thread.join()
        self.assertEqual(outcome, [[b"one"]])

    def test_a_writer_by_tls_to_one_that_does_not_speak_it(self):
        listener = Program(self, "listen", _MAX)
        address = listener.line()
        _, log = Program(self, "write", address, _MAX, ca=self.ours.ca).end()
        self.assertIn(f'"{address}": cannot connect: TLS: ', log)
        # It has taken no part of the handshake for a message.
        out, said = listener.end()
        self.assertEqual(out, ["closed tls 1"])
        self.assertIn("speaks TLS, which is not spoken here", said)


if __name__ == "__main__":
    unittest.main()
