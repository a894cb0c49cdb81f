"""The API as a client sees it whose gRPC shares nothing with ours: the example
client of the documentation, in Debian's Python, with modules that Debian's protoc
makes of the .proto files."""

import os
import pathlib
import signal
import subprocess

import harness

# Whose modules Debian installs; another in PATH does not have them.
PYTHON = "/usr/bin/python3"

RIS = """
id: ris-live
ris_live:
  url: {url}
"""


class PythonClientTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        if subprocess.run([PYTHON, "-c", "import grpc, google.protobuf"],
                          env={}, capture_output=True, check=False).returncode:
            print(f"SKIPPED: {PYTHON} has no grpc; tools/install brings "
                  "python3-grpcio and python3-protobuf")
            self.skipTest("no python3-grpcio")
        self.modules = self.dir / "modules"
        self.modules.mkdir()
        protos = sorted(map(str, pathlib.Path("proto/weir/v1").glob("*.proto")))
        subprocess.run(
            ["/usr/bin/protoc", "--proto_path=proto",
             f"--python_out={self.modules}", f"--grpc_out={self.modules}",
             "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", *protos],
            check=True)
        sim = self.start_sim("--rate", "3000")
        self.install_plugin("counts", "config: {interval_messages: 10}\n")
        self.host = self.start_host(
            self.write_config([RIS.format(url=sim.url)]))

    def client(self, *args, server=None):
        return self.start(
            [PYTHON, harness.runfile("docs/examples/python_client.py"),
             "--server", server or self.host.address, *args],
            env={"PYTHONPATH": str(self.modules), "HOME": str(self.dir),
                 "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]})

    def next_event(self, client):
        """The ID and the number of the next event."""
        line = client.next_line()
        self.assertIsNotNone(line, client.errors)
        event_id = line.split()[0]
        self.assertRegex(event_id, r"^[a-z0-9]+-\d+$", line)
        return event_id, int(event_id.split("-")[1])

    def test_it_lists_sources_with_what_becomes_of_them(self):
        self.await_state(self.host, "ris-live", "STATE_CONNECTED")
        lines = self.client("sources").rest()
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^sources/ris-live  ris_live  "
                                   r"STATE_CONNECTED  http://127\.0\.0\.1:")

    def test_it_shows_statistics_that_agree_with_our_own_client(self):
        harness.until(lambda: int(self.plugin_stats(self.host, "counts").get(
            "processed_ok", 0)) > 100, "counts has had messages")
        before = int(self.plugin_stats(self.host, "counts")["processed_ok"])
        source, plugin = self.client("stats").rest()
        after = int(self.plugin_stats(self.host, "counts")["processed_ok"])
        self.assertTrue(source.startswith("sources/ris-live  messages "), source)
        words = plugin.split()
        self.assertEqual(words[:2], ["plugins/counts", "processed"])
        self.assertTrue(before <= int(words[2]) <= after,
                        (before, plugin, after))

    def test_it_resumes_after_an_id_when_it_was_killed(self):
        seen, after = [], []
        for _ in range(5):
            client = self.client("watch", *after)
            for _ in range(40):
                event_id, seq = self.next_event(client)
                seen.append(seq)
            # More is on its way, and dies with the client.
            client.stop(signal.SIGKILL)
            after = ["--after", event_id]
        self.assertEqual(seen, list(range(1, 201)))

    def test_a_cursor_file_loses_no_event_to_a_kill_and_repeats_at_most_one(self):
        # So many that they come in large batches, and a kill meets the middle.
        harness.until(lambda: len(self.events(self.host)) >= 600, "a backlog")
        cursor = self.dir / "cursor"
        last = 0
        for _ in range(5):
            client = self.client("watch", "--cursor-file", cursor)
            _, first = self.next_event(client)
            self.assertIn(first, (max(last, 1), last + 1))
            seqs = [first] + [self.next_event(client)[1] for _ in range(40)]
            client.process.send_signal(signal.SIGKILL)
            while (line := client.next_line()) is not None:
                # The kill may have cut off the last line, even in its ID.
                if line.count("  ") >= 3:
                    seqs.append(int(line.split()[0].split("-")[1]))
            client.wait()
            self.assertEqual(seqs, list(range(first, first + len(seqs))))
            last = seqs[-1]

    def test_it_sees_every_event_once_when_it_is_started_again(self):
        seen = []
        for _ in range(3):
            client = self.client("watch", "--limit", "40", "--cursor-file",
                                 self.dir / "cursor")
            seen += [self.next_event(client)[1] for _ in range(40)]
            self.assertEqual(client.wait(), 0, client.errors)
        self.assertEqual(seen, list(range(1, 121)))

    def test_it_goes_on_by_itself_when_the_connection_is_cut(self):
        proxy = harness.Proxy(self.host.address)
        self.addCleanup(proxy.close)
        client = self.client("watch", server=proxy.address)
        seen = [self.next_event(client)[1] for _ in range(40)]
        proxy.cut()
        while proxy.connections < 2 or len(seen) < 200:
            seen.append(self.next_event(client)[1])
        self.assertEqual(seen, list(range(1, len(seen) + 1)))

    def test_what_stays_refused_ends_it_with_the_reason(self):
        client = self.client("watch", "--after", "nonsense")
        self.assertEqual(client.rest(), [])
        self.assertEqual(client.process.returncode, 1)
        self.assertIn("start.after_id", client.errors[-1])


if __name__ == "__main__":
    harness.main()
