"""What a plugin costs and does, field by field, in a child and in the host."""

import json
import os
import shutil

import harness

RIS = """
id: ris
ris_live:
  url: {url}
  read_timeout: 60s
backoff: {{initial: 20ms, max: 50ms}}
"""

MESSAGES = 3000
ISOLATIONS = ("child", "in_process")


class AccountingTest(harness.EndToEnd):

    def run_host(self, plugins, rate=0):
        """Runs a host with `plugins`, by name: a fixture and its YAML."""
        folder = self.dir / "plugins"
        folder.mkdir(exist_ok=True)
        os.chmod(folder, 0o755)
        for name, (fixture, yaml) in plugins.items():
            (folder / f"{name}.yaml").write_text(yaml)
            target = folder / f"{name}.so"
            shutil.copyfile(
                harness.runfile(f"tests/fixtures/{fixture}.so"), target)
            os.chmod(target, 0o644)
        sim = self.start_sim("--rate", str(rate), "--messages", str(MESSAGES),
                             "--at-end", "hold")
        return self.start_host(self.write_config([RIS.format(url=sim.url)]))

    def await_stats(self, host, name, good, what):
        def ask():
            stats = self.plugin_stats(host, name)
            return stats if stats and good(stats) else None
        stats = harness.until(ask, what)
        self.assert_books_balance(stats)
        return stats

    @staticmethod
    def n(stats, *path):
        for name in path:
            stats = stats.get(name, {})
        return float(stats) if stats != {} else 0.0

    def test_what_a_plugin_takes_and_says(self):
        for isolation in ISOLATIONS:
            with self.subTest(isolation):
                # 40 events and 40 lines a message are above both limits.
                host = self.run_host({"says": ("says", (
                    "settings: {policy: block, isolation: %s, "
                    "emit_limit_per_second: 2000, log_limit_per_second: 10}\n"
                    "config: {flood: 40}\n") % isolation)})
                # It wants the raw tap as well.
                stats = self.await_stats(
                    host, "says", lambda s:
                    self.n(s, "offered") == 2 * MESSAGES and
                    self.n(s, "handle", "count") == self.n(s, "enqueued"),
                    "it is done")
                self.assertGreater(self.n(stats, "cpu_seconds"), 0)
                self.assertGreater(self.n(stats, "messages_per_second"), 0)
                self.assertGreater(self.n(stats, "events_emitted"), 1000)
                self.assertGreater(
                    self.n(stats, "events_rejected", "rate"), 1000)
                self.assertGreaterEqual(self.n(stats, "log_lines"), 100)
                self.assertGreater(
                    self.n(stats, "log_lines_suppressed"), 1000)
                self.assertGreater(self.n(stats, "queue_high_water"), 0)
                self.assertEqual(self.n(stats, "queue_capacity"), 123)
                for which in ("queue_age", "handle"):
                    self.assertEqual(self.n(stats, which, "count"),
                                     self.n(stats, "processed_ok"), which)
                    for field in ("sum_ns", "max_ns"):
                        self.assertGreater(self.n(stats, which, field), 0)
                # A queue of 123 holds a stream of thousands up.
                self.assertGreater(
                    float(stats["blocked_time"].rstrip("s")), 0)
                if isolation == "child":
                    self.assertGreater(self.n(stats, "memory_bytes"), 1 << 20)
                else:
                    self.assertEqual(self.n(stats, "memory_bytes"), 0,
                                     "that is not known")
                # What is begun anew, and what is not.
                self.weir(host, "plugins", "reset-stats", "says", unix=True)
                after = self.plugin_stats(host, "says")
                self.assertIn("reset_time", after)
                self.assertEqual(self.n(after, "handle", "count"), 0)
                self.assertEqual(self.n(after, "queue_age", "count"), 0)
                self.assertEqual(self.n(after, "queue_high_water"), 0)
                for field in ("processed_ok", "offered", "events_emitted",
                              "log_lines", "log_lines_suppressed"):
                    self.assertGreaterEqual(self.n(after, field),
                                            self.n(stats, field), field)
                self.assertGreaterEqual(self.n(after, "cpu_seconds"),
                                        self.n(stats, "cpu_seconds"))
                self.assertEqual(host.stop(), 0)
                shutil.rmtree(self.dir / "state")

    def test_what_waits(self):
        for isolation in ISOLATIONS:
            with self.subTest(isolation):
                # Slow, so that there is still something to wait for.
                host = self.run_host({"waits": ("ok_c", (
                    "settings: {policy: drop_newest, isolation: %s}\n") %
                    isolation)}, rate=200)
                self.await_stats(host, "waits", lambda s: s, "it is there")
                self.weir(host, "plugins", "pause", "waits", unix=True)
                stats = self.await_stats(
                    host, "waits", lambda s: self.n(s, "queued") == 64 and
                    self.n(s, "dropped_full") > 0, "its queue is full")
                self.assertEqual(self.n(stats, "queue_length"), 64)
                self.assertGreater(self.n(stats, "queue_bytes"), 64 * 50)
                first = float(stats["oldest_queued"].rstrip("s"))
                self.await_stats(
                    host, "waits", lambda s: float(
                        s["oldest_queued"].rstrip("s")) > first,
                    "what waits grows older")
                self.assertEqual(host.stop(), 0)
                shutil.rmtree(self.dir / "state")

    def test_what_goes_wrong(self):
        for isolation in ISOLATIONS:
            with self.subTest(isolation):
                host = self.run_host({
                    # It would drop the message that it is to hang in.
                    "hangs": ("hang_spin", (
                        "settings: {policy: block, isolation: %s, "
                        "soft_deadline: 50ms, hard_deadline: 200ms}\n"
                        "config: {seq: 500}\n") % isolation),
                    "throws": ("throws", (
                        "settings: {policy: block, isolation: %s}\n") %
                        isolation)})
                hung = self.await_stats(
                    host, "hangs", lambda s: self.n(s, "hangs") == 1 and
                    self.n(s, "restarts") == 1, "it was ended")
                self.assertEqual(self.n(hung, "lost_in_crash"), 1)
                plugins = [json.loads(line) for line in self.weir(
                    host, "--json", "plugins", "list", unix=True)]
                hangs = [p for p in plugins if p["name"] == "plugins/hangs"][0]
                self.assertEqual(hangs["poison_count"], 1)
                self.assertNotIn("CONDITION_HUNG", hangs["conditions"])
                told = [e for e in self.events(
                    host, "--type", "weir.plugin.hung")]
                self.assertEqual(len(told), 1)
                crashed = json.loads(self.events(
                    host, "--type", "weir.plugin.crashed")[0]["json"])
                self.assertEqual(crashed["cause"], "hard deadline")
                self.assertEqual(crashed["message_sequence"], 500)
                # The thread that was given up goes on, and so does its time.
                if isolation == "in_process":
                    before = self.n(hung, "cpu_seconds")
                    self.await_stats(
                        host, "hangs",
                        lambda s: self.n(s, "cpu_seconds") > before + 0.2,
                        "it spins")
                self.await_stats(
                    host, "throws", lambda s: self.n(s, "processed_error") > 0
                    and self.n(s, "queued") == 0, "errors are counted")
                # Bounded, whoever hangs.
                self.assertEqual(host.stop(), 0)
                shutil.rmtree(self.dir / "state")


if __name__ == "__main__":
    harness.main()
