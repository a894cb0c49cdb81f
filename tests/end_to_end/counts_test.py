"""What the plugin counts is what was sent, to the message."""

import json

import harness

RIS = """
id: ris-live
ris_live:
  url: {url}
backoff: {{initial: 50ms, max: 200ms}}
"""

# What a correct decoder finds in updates-dev.jsonl.zst.
DEV_TOTALS = {
    "messages": 188155,
    "types": {"UPDATE": 187747, "KEEPALIVE": 353, "STATE": 55},
    "announced_v4": 360559,
    "announced_v6": 51688,
    "withdrawn_v4": 27764,
    "withdrawn_v6": 4070,
}


class CountsTest(harness.EndToEnd):

    def run_counts(self, sim_args, messages):
        """Runs a simulator into `counts`; returns the plugin's last totals."""
        sim = self.start_sim("--at-end", "hold", *sim_args)
        self.install_plugin("counts", "settings: {policy: block}\n")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        done = harness.until(
            lambda: int(self.plugin_stats(host, "counts").get(
                "processed_ok", 0)) >= messages,
            f"counts handles {messages} messages")
        self.assertTrue(done)
        stats = self.plugin_stats(host, "counts")
        self.assert_books_balance(stats)
        self.assertEqual(int(stats["offered"]), messages)
        self.assertEqual(int(stats["processed_ok"]), messages)
        source = self.source_stats(host, "ris-live")
        self.assertEqual(int(source["messages"]), messages)
        self.assertEqual(int(source.get("parse_errors", 0)), 0)
        return self.final_totals(host)

    def test_the_recording_comes_out_exactly(self):
        recording = harness.shared_data("rislive/updates-dev.jsonl.zst")
        if recording is None:
            self.skipTest("no recording")
        totals = self.run_counts(
            ["--recording", recording, "--speed", "max"], 188155)
        for key, want in DEV_TOTALS.items():
            self.assertEqual(totals[key], want, key)

    def test_the_scenario_comes_out_as_its_truth_says(self):
        truth = self.dir / "truth.jsonl"
        totals = self.run_counts(
            ["--scenario", "--seed", "7", "--rate", "0", "--messages", "20000",
             "--truth", str(truth)], 20000)
        lines = [json.loads(line) for line in truth.read_text().splitlines()]
        summary = lines[-1]
        self.assertEqual(summary["kind"], "summary")
        self.assertEqual(totals["types"], summary["types"])
        for what in ("announced", "withdrawn"):
            for family in ("v4", "v6"):
                self.assertEqual(totals[f"{what}_{family}"],
                                 summary[what][family], (what, family))


if __name__ == "__main__":
    harness.main()
