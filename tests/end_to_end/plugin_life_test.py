"""What becomes of plugins that crash, hang, change, come and go, while the host
and the other plugins run on."""

import json
import pathlib
import signal
import subprocess

import harness

RIS = """
id: ris
ris_live:
  url: {url}
  read_timeout: 60s
backoff: {{initial: 20ms, max: 50ms}}
"""

MESSAGES = 3000
# What a fixture gets, which wants the raw tap as well.
WITH_RAW = 2 * MESSAGES


class PluginLifeTest(harness.EndToEnd):

    def await_plugin(self, host, name, **want):
        return harness.until(
            lambda: (lambda p: all(p.get(k) == v for k, v in want.items())
                     and p)(self.listed_plugin(host, name)),
            f"{name} has {want}: {self.listed_plugin(host, name)}")

    def run_host(self, *sim_args):
        sim = self.start_sim("--rate", "0", "--messages", str(MESSAGES),
                             "--at-end", "hold", *sim_args)
        return self.start_host(self.write_config([RIS.format(url=sim.url)]))

    def await_all(self, host, name, offered):
        """Waits until the slot has dealt with all messages; returns its books."""
        def done():
            books = self.plugin_stats(host, name)
            return (int(books.get("offered", 0)) == offered and
                    int(books.get("queued", 0)) == 0 and
                    int(books.get("in_flight", 0)) == 0 and books)
        books = harness.until(done, f"{name} is done with {offered} messages")
        self.assert_books_balance(books)
        return books

    def replay(self, host, name, *args):
        """What becomes of a poison message; the exit code says so, too."""
        done = subprocess.run(
            [harness.runfile("cli/weir"), "--server", host.unix, "--json",
             "plugins", "poison", "replay", name, *args],
            capture_output=True, text=True, timeout=harness.PATIENCE_S,
            check=False)
        result = json.loads(done.stdout)
        self.assertEqual(done.returncode == 0,
                         result["outcome"] == "OUTCOME_OK", done.stderr)
        return result

    def test_a_crash_costs_one_message_and_the_rest_goes_to_the_next(self):
        self.put("tests/fixtures/segv_on_seq.so", "segv_on_seq",
                 "settings: {policy: block}\nconfig: {seq: 1000}\n")
        self.install_plugin("counts", "settings: {policy: block}\n")
        host = self.run_host()
        books = self.await_all(host, "segv-on-seq", WITH_RAW)
        self.assertEqual(int(books["lost_in_crash"]), 1)
        self.assertEqual(int(books["crashes"]), 1)
        self.assertEqual(int(books["restarts"]), 1)
        self.assertEqual(int(books["processed_ok"]), int(books["enqueued"]) - 1)
        crashed = self.events(host, "--type", "weir.plugin.crashed")
        self.assertEqual(len(crashed), 1)
        details = json.loads(crashed[0]["json"])
        self.assertEqual(details["cause"], "SIGSEGV")
        self.assertEqual(details["message_sequence"], 1000)
        self.assertRegex(details["frames"][0], r"segv_on_seq|segv-on-seq")
        # What it died of is kept, also when the host is not stopped but killed.
        harness.until(lambda: self.listed_plugin(host, "segv-on-seq")
                      .get("poison_count") == 1, "the message is kept")
        # The other never noticed.
        counts = self.await_all(host, "counts", MESSAGES)
        self.assertEqual(int(counts["processed_ok"]), int(counts["enqueued"]))
        host.stop(signal.SIGKILL)
        host = self.start_host(self.dir / "weir.yaml")
        self.assertEqual(self.listed_plugin(host, "segv-on-seq")["poison_count"], 1)
        poisons = self.weir(host, "--json", "plugins", "poison", "list",
                            "segv-on-seq", unix=True)
        self.assertEqual(len(poisons), 1)
        poison = json.loads(poisons[0])
        self.assertEqual(poison["fingerprint"], details["fingerprint"])
        self.assertEqual(int(poison["message_sequence"]), 1000)
        self.assertEqual(poison["source"], "sources/ris")
        self.assertEqual(poison["cause"], "SIGSEGV")
        self.assertRegex(poison["frames"][0], r" (Act|HandleMessage)(\.cold)?\+0x")
        short = poison["name"].replace("plugins/", "").replace(
            "poisonMessages/", "")
        payload = self.dir / "payload"
        self.weir(host, "plugins", "poison", "get", short, "--payload-file",
                  str(payload), unix=True)
        # As received: a line of RIS Live.
        self.assertEqual(json.loads(payload.read_bytes())["type"],
                         "ris_message")
        self.assertEqual(payload.stat().st_size, int(poison["payload_bytes"]))
        # The same code dies of it again, alone; other code does not.
        before = self.listed_plugin(host, "segv-on-seq")
        again = self.replay(host, short)
        self.assertEqual(again["outcome"], "OUTCOME_CRASHED")
        self.assertEqual(again["detail"], "SIGSEGV")
        self.put("tests/fixtures/ok_c.so", "fixed")
        fixed = self.replay(host, short, "--module", "fixed.so")
        self.assertEqual(fixed["outcome"], "OUTCOME_OK")
        after = self.listed_plugin(host, "segv-on-seq")
        self.assertEqual(after["pid"], before["pid"], "never the running one")
        self.assertEqual(after["poison_count"], 1)

    def test_the_message_of_a_crash_is_given_once_more_if_settings_say_so(self):
        self.put("tests/fixtures/tells_flags.so", "tells",
                 "settings: {policy: block, redeliver_once: true}\n"
                 "config: {dies_at: 1000}\n")
        host = self.run_host()
        books = self.await_all(host, "tells", MESSAGES)
        self.assertEqual(int(books["crashes"]), 1)
        self.assertEqual(int(books["redelivered"]), 1)
        self.assertEqual(int(books.get("lost_in_crash", 0)), 0)
        self.assertEqual(int(books["processed_ok"]), int(books["enqueued"]))
        seconds = [e for e in self.events(host, "--type", "flags")
                   if e["subject"] == "1000"]
        self.assertEqual([e["json"] for e in seconds], ["0", "1"])

    def test_a_handler_that_only_fails_is_ended_and_tried_again(self):
        self.put("tests/fixtures/tells_flags.so", "tells",
                 "settings: {policy: block, max_consecutive_errors: 10, "
                 "max_crashes: 2}\nconfig: {fails_from: 1000}\n")
        host = self.run_host()
        self.await_plugin(host, "tells", state="STATE_QUARANTINED")
        self.assertIn("10 consecutive errors",
                      self.listed_plugin(host, "tells")["error"])
        books = self.plugin_stats(host, "tells")
        self.assert_books_balance(books)
        # Three instances of ten errors each, to the message.
        self.assertEqual(int(books["processed_error"]), 30)
        self.assertEqual(int(books.get("crashes", 0)), 0)
        self.assertEqual(int(books.get("lost_in_crash", 0)), 0)

    def test_what_crashes_always_is_quarantined_until_another_build_comes(self):
        self.put("tests/fixtures/ctor_aborts.so", "bad",
                 "settings: {max_crashes: 2}\n")
        host = self.run_host()
        bad = self.await_plugin(host, "bad", state="STATE_QUARANTINED")
        self.assertIn("crashes in 10 min", bad["error"])
        host.stop(signal.SIGKILL)
        host = self.start_host(self.dir / "weir.yaml")
        self.await_plugin(host, "bad", state="STATE_QUARANTINED")
        self.put("tests/fixtures/ok_c.so", "bad")
        self.await_plugin(host, "bad", state="STATE_RUNNING")

    def test_what_hangs_is_killed_and_started_again(self):
        self.put("tests/fixtures/hang_spin.so", "hang_spin",
                 "settings: {policy: block, soft_deadline: 50ms, "
                 "hard_deadline: 200ms}\nconfig: {seq: 500}\n")
        host = self.run_host()
        books = self.await_all(host, "hang-spin", WITH_RAW)
        self.assertEqual(int(books["lost_in_crash"]), 1)
        self.assertEqual(int(books["hangs"]), 1)
        crashed = self.events(host, "--type", "weir.plugin.crashed")
        self.assertEqual(json.loads(crashed[0]["json"])["cause"],
                         "hard deadline")

    def test_a_file_dropped_in_runs_is_upgraded_and_stays_when_it_goes(self):
        host = self.run_host()
        self.assertEqual(self.listed_plugin(host, "fresh"), {})
        self.put("tests/fixtures/ok_c.so", "fresh")
        first = self.await_plugin(host, "fresh", state="STATE_RUNNING")
        self.assertGreater(first["pid"], 0)
        self.put("plugins/counts/counts.so", "fresh")
        second = harness.until(
            lambda: (lambda p: p.get("sha256") != first["sha256"] and p)(
                self.listed_plugin(host, "fresh")), "the new code runs")
        self.assertEqual(second["previous_sha256"], first["sha256"])
        self.assertIn("CONDITION_ON_PROBATION", second["conditions"])
        # No plugin at all is refused, and what runs goes on.
        (self.dir / "plugins/fresh.so").write_text("half a plugi")
        harness.until(lambda: "CONDITION_FILE_CHANGED" in self.listed_plugin(
            host, "fresh").get("conditions", []), "it is noticed")
        self.assertEqual(self.listed_plugin(host, "fresh")["sha256"],
                         second["sha256"])
        rolled = self.weir(host, "plugins", "rollback", "fresh", unix=True)
        self.assertIn("running", rolled[0])
        self.assertEqual(self.listed_plugin(host, "fresh")["sha256"],
                         first["sha256"])
        (self.dir / "plugins/fresh.so").unlink()
        harness.until(lambda: "CONDITION_FILE_MISSING" in self.listed_plugin(
            host, "fresh").get("conditions", []), "it is missed")
        self.assertEqual(self.listed_plugin(host, "fresh")["state"], "STATE_RUNNING")

    def test_what_an_operator_decided_survives_a_killed_host(self):
        self.install_plugin("counts")
        self.install_plugin("origin_watch", """
config:
  watch:
    - {prefix: 192.0.2.0/24, origins: [64496]}
""")
        host = self.run_host()
        self.weir(host, "plugins", "pause", "counts", "--reason", "later",
                  unix=True)
        self.weir(host, "plugins", "unload", "origin-watch", unix=True)
        host.stop(signal.SIGKILL)
        host = self.start_host(self.dir / "weir.yaml")
        self.await_plugin(host, "counts", state="STATE_PAUSED")
        self.await_plugin(host, "origin-watch", state="STATE_STOPPED")
        self.weir(host, "plugins", "resume", "counts", unix=True)
        self.weir(host, "plugins", "load", "origin_watch.so", unix=True)
        self.await_plugin(host, "counts", state="STATE_RUNNING")
        self.await_plugin(host, "origin-watch", state="STATE_RUNNING")

    def test_no_child_survives_a_killed_host(self):
        self.install_plugin("counts")
        host = self.run_host()
        pid = self.await_plugin(host, "counts", state="STATE_RUNNING")["pid"]
        self.assertTrue(pathlib.Path(f"/proc/{pid}").exists())
        host.stop(signal.SIGKILL)

        def gone():
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                return True
            return stat.rsplit(")", 1)[1].split()[0] == "Z"
        harness.until(gone, f"process {pid} is gone")


if __name__ == "__main__":
    harness.main()
