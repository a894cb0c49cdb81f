"""What is recorded is what was served, byte for byte, and plays to the same."""

import json
import signal
import subprocess

import harness

RIS = """
id: ris-live
ris_live:
  url: {url}
backoff: {{initial: 50ms, max: 200ms}}
"""

REPLAY = """
id: replay
replay_file:
  path: {path}
  speed: {speed}
  {more}
"""

RECORDER = """
settings: {{policy: block, sandbox: {sandbox}}}
config: {{directory: {directory}, {more}}}
"""

# Lines that no decoder likes; the raw tap takes them as they are.
ODD_LINES = [
    b"garbage",
    b'{"type":"ris_message","data":{"timestamp":',
    b'{"type":"ris_error","data":{"message":"no"}}',
    b'{"type":"ris_message","data":{"type":"NEW","host":"rrc00"}}',
    b' {  "type" : "pong" , "data" : null }  ',
    b'\xff\xfe \x00 \\u0000 \xc3\xa9',
]


def make_line(number, begin=1700000000, rate=1000):
    """One update of RIS Live, different from all others."""
    peer = number % 7
    return json.dumps({"type": "ris_message", "data": {
        "timestamp": round(begin + number / rate, 3),
        "peer": f"192.0.2.{peer + 1}", "peer_asn": str(64500 + peer),
        "id": f"192.0.2.{peer + 1}-{number:x}",
        "host": f"rrc{number % 3:02d}.ripe.net", "type": "UPDATE",
        "path": [64500 + peer, 64496 + number % 11],
        "announcements": [{"next_hop": f"192.0.2.{peer + 1}", "prefixes":
                           [f"198.51.{number % 256}.0/24"]}],
        "withdrawals": ["2001:db8::/32"] if number % 5 == 0 else [],
    }}, separators=(",", ":")).encode()


def make_lines(count, **kwargs):
    """So many lines, an odd one now and then."""
    lines = [make_line(i, **kwargs) for i in range(count)]
    for i, odd in enumerate(ODD_LINES):
        lines[(i + 1) * count // (len(ODD_LINES) + 2)] = odd
    return lines


class RecorderTest(harness.EndToEnd):

    def write_config(self, sources, extra=""):
        """The same, with an event log that begins anew with each host, so that
        what it holds is of this one alone."""
        return super().write_config(sources,
                                    extra + "broker: {mode: memory}\n")

    def write_recording(self, lines):
        path = self.dir / "served.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path

    def install_recorder(self, name, more="prefix: ris", sandbox="none"):
        """Installs the plugin, recording into a new folder of that name."""
        folder = self.dir / name
        folder.mkdir(exist_ok=True)
        self.install_plugin("recorder", RECORDER.format(
            directory=folder, more=more, sandbox=sandbox))
        return folder

    def handled(self, host, count):
        """Waits until the recorder and counts have handled what they get."""
        for name in ("recorder", "counts"):
            harness.until(
                lambda name=name: self.is_done(host, name, count),
                f"{name} handles {count} messages")
            stats = self.plugin_stats(host, name)
            self.assert_books_balance(stats)
            self.assertEqual(int(stats.get("processed_error", 0)), 0)

    def is_done(self, host, name, count):
        stats = self.plugin_stats(host, name)
        if name == "recorder":
            return int(stats.get("processed_ok", 0)) >= count
        # What is no message does not come to it.
        return (int(stats.get("offered", 0)) > 0 and
                int(stats.get("queued", 0)) + int(stats.get("in_flight", 0))
                == 0)

    def totals(self, host):
        """Stops the host; returns the last summary of counts, and the events."""
        watch = self.start([harness.runfile("cli/weir"), "--server",
                            host.address, "--json", "watch", "--from",
                            "earliest"])
        watch.line_with("weir.host.started")
        self.assertEqual(host.stop(), 0)
        # The client would wait for the host to come back, so it is stopped, too,
        # once both have had their last word.
        events, kinds = [], set()
        while not {"counts.summary", "recorder.file"} <= kinds:
            events.append(json.loads(watch.next_line()))
            if ('"final":true' in events[-1].get("json", "") or
                    events[-1].get("type") == "recorder.file"):
                kinds.add(events[-1]["type"])
        watch.stop(signal.SIGINT)
        events = [json.loads(line) for line in watch.rest()]
        finals = [json.loads(e["json"]) for e in events
                  if e.get("type") == "counts.summary"]
        finals = [f for f in finals if f["final"]]
        self.assertEqual(len(finals), 1, events)
        return finals[0], events

    def recorded(self, folder):
        """What the finished recordings of a folder unpack to, one after the
        other."""
        self.assertEqual(list(folder.glob("*.part")), [])
        files = sorted(folder.glob("*.jsonl.zst"))
        done = subprocess.run(["zstd", "-dcq", *map(str, files)], check=True,
                              capture_output=True, timeout=harness.PATIENCE_S)
        return done.stdout

    def replay(self, path, folder_name, count, speed=0, more=""):
        """Plays a file to counts and a recorder; returns the totals of the
        first, and what the second wrote."""
        folder = self.install_recorder(folder_name)
        host = self.start_host(self.write_config(
            [REPLAY.format(path=path, speed=speed, more=more)]))
        self.handled(host, count)
        return self.totals(host)[0], self.recorded(folder)

    def test_a_recording_is_what_was_served_and_plays_to_the_same(self):
        lines = make_lines(20000)
        served = self.write_recording(lines)
        sim = self.start_sim("--at-end", "hold", "--recording", str(served),
                             "--speed", "max")
        self.install_plugin("counts", "settings: {policy: block}\n")
        folder = self.install_recorder("first", "max_bytes: 1000000")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        self.handled(host, len(lines))
        totals, events = self.totals(host)
        self.assertEqual(self.recorded(folder), served.read_bytes())

        files = sorted(folder.glob("*.jsonl.zst"))
        self.assertGreater(len(files), 3)
        told = [json.loads(e["json"]) for e in events
                if e.get("type") == "recorder.file"]
        self.assertEqual([f["path"] for f in told], [str(f) for f in files])
        self.assertEqual(sum(f["messages"] for f in told), len(lines))
        self.assertEqual(sum(f["bytes"] for f in told), served.stat().st_size)

        # Frames of zstd one after the other are a file of zstd.
        whole = self.dir / "whole.jsonl.zst"
        whole.write_bytes(b"".join(f.read_bytes() for f in files))
        totals_again, again = self.replay(whole, "second", len(lines))
        self.assertEqual(again, served.read_bytes())
        self.assertEqual(totals_again, totals)
        self.assertGreater(totals["messages"], 19990)

    def test_what_the_server_puts_between_is_recorded_too(self):
        lines = [make_line(i) for i in range(2000)]
        served = self.write_recording(lines)
        sim = self.start_sim("--at-end", "hold", "--recording", str(served),
                             "--speed", "max", "--fault", "500:garbage")
        self.install_plugin("counts", "settings: {policy: block}\n")
        folder = self.install_recorder("r")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        self.handled(host, len(lines) + 1)
        source = self.source_stats(host, "ris-live")
        self.assertEqual(int(source["parse_errors"]), 1)
        self.totals(host)
        got = self.recorded(folder).splitlines()
        self.assertEqual(got[:500] + got[501:], lines)
        self.assertNotIn(got[500], lines)

    def test_a_sandbox_lets_it_write_to_its_data_directory(self):
        lines = make_lines(2000)
        served = self.write_recording(lines)
        sim = self.start_sim("--at-end", "hold", "--recording", str(served),
                             "--speed", "max")
        self.install_plugin("counts", "settings: {policy: block}\n")
        data = self.dir / "state" / "plugins" / "recorder" / "data"
        self.install_plugin("recorder", RECORDER.format(
            directory=data, more="max_bytes: 100000", sandbox="files"))
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        self.handled(host, len(lines))
        self.totals(host)
        self.assertEqual(self.recorded(data), served.read_bytes())

    def test_it_is_refused_where_its_sandbox_does_not_let_it_write(self):
        self.install_recorder("elsewhere", sandbox="strict")
        host = self.start_host(self.write_config([]))
        plugin = json.loads("".join(
            self.weir(host, "--json", "plugins", "get", "recorder")))
        features = json.loads("".join(
            self.weir(host, "--json", "info"))).get("features", [])
        if not any("landlock" in feature for feature in features):
            print(f"SKIPPED: this host has no Landlock: {features}")
            return
        self.assertEqual(plugin["state"], "STATE_FAILED")
        self.assertIn("cannot be written", plugin["error"])
        self.assertIn("with `files`", plugin["error"])

    def test_a_replay_begins_at_a_time(self):
        # A line a second from 2023-11-14T22:13:20Z on.
        lines = make_lines(1000, rate=1)
        served = self.write_recording(lines)
        want = [line for number, line in enumerate(lines)
                if line in ODD_LINES or number >= 640]
        self.install_plugin("counts", "settings: {policy: block}\n")
        _, got = self.replay(served, "r", len(want),
                             more="start_time: 2023-11-14T23:24:00+01:00")
        self.assertEqual(got.splitlines(), want)

    def test_a_replay_that_was_killed_goes_on_and_skips_nothing(self):
        # 20 seconds of lines, so that the kill is in the middle of them.
        lines = make_lines(20000)
        served = self.write_recording(lines)
        whole = served.read_bytes()
        # Every message is written before it is handled, so that what is
        # missing in the files would have been skipped.
        self.install_plugin("counts", "settings: {policy: block}\n")
        folder = self.install_recorder("r", "flush_seconds: 0")
        host = self.start_host(self.write_config(
            [REPLAY.format(path=served, speed=1, more="resume: true")]))
        offset_file = self.dir / "state" / "replay.offset"
        harness.until(offset_file.exists, "an offset is stored")
        host.stop(signal.SIGKILL)
        offset = json.loads(offset_file.read_text())["offset"]
        self.assertGreater(offset, 0)
        self.assertLess(offset, len(whole))

        host = self.start_host(self.write_config(
            [REPLAY.format(path=served, speed=0, more="resume: true")]))
        rest = whole[offset:]
        self.handled(host, rest.count(b"\n"))
        self.totals(host)
        self.assertEqual(list(folder.glob("*.part")), [])
        first, second = sorted(folder.glob("*.jsonl.zst"))
        before, after = [
            subprocess.run(["zstd", "-dcq", str(path)], check=True,
                           capture_output=True).stdout
            for path in (first, second)]
        # It goes on exactly where the file says, and whatever the file says is
        # done was done.
        self.assertEqual(after, rest)
        self.assertTrue(whole.startswith(before))
        self.assertGreaterEqual(len(before), offset)


if __name__ == "__main__":
    harness.main()
