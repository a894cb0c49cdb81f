"""The simulator's hijacks, as the plugin finds them and `weir watch` shows
them."""

import ipaddress
import json

import harness

RIS = """
id: ris-live
ris_live:
  url: {url}
"""

WATCH = """
config:
  watch:
    - {prefix: 192.0.2.0/24, origins: [64496]}
    - {prefix: 198.51.100.0/24, origins: [64497]}
    - {prefix: 203.0.113.0/24, origins: [64498]}
    - {prefix: "2001:db8:1000::/36", origins: [64499]}
    - {prefix: "2001:db8:2000::/36", origins: [65536]}
"""


class HijackTest(harness.EndToEnd):

    def test_weir_watch_shows_the_hijack(self):
        sim = self.start_sim("--rate", "1000")
        self.install_plugin("origin_watch", WATCH)
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        watch = self.start([harness.runfile("cli/weir"), "--server",
                            host.address, "watch", "--from", "earliest",
                            "--type", "hijack.*"])
        line = watch.line_with("hijack.origin")
        self.assertIn("192.0.2.0/24", line)
        self.assertIn("expected AS64496", line)
        self.assertIn("hijack.subprefix", watch.line_with("hijack.subprefix"))

    def test_every_incident_of_the_truth_is_found_and_nothing_else(self):
        truth = self.dir / "truth.jsonl"
        messages = 18000
        sim = self.start_sim("--rate", "0", "--messages", str(messages),
                             "--truth", str(truth), "--at-end", "hold")
        self.install_plugin("origin_watch",
                            WATCH + "settings: {policy: block}\n")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        harness.until(
            lambda: int(self.plugin_stats(host, "origin-watch").get(
                "offered", 0)) >= messages,
            "all messages are offered")
        harness.until(
            lambda: int(self.plugin_stats(host, "origin-watch").get(
                "queued", 0)) == 0, "all are handled")
        found = set()
        for event in self.events(host, "--type", "hijack.origin", "--type",
                                 "hijack.subprefix"):
            details = json.loads(event["json"])
            found.add((event["type"], event["subject"], details["origin"]))
        wanted = set()
        for line in truth.read_text().splitlines():
            incident = json.loads(line)
            if incident["kind"] in ("hijack.origin", "hijack.subprefix"):
                prefix = ipaddress.ip_network(incident["prefix"])
                if incident["kind"] == "hijack.subprefix":
                    _, prefix = prefix.subnets()  # The upper half.
                wanted.add((incident["kind"], str(prefix),
                            incident["offending_origin"]))
        self.assertGreaterEqual(len(wanted), 5)
        self.assertEqual(found, wanted)


if __name__ == "__main__":
    harness.main()
