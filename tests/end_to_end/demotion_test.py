"""A plugin that takes the host down, in process, is named at the next start and
runs in a child from then on."""

import json
import shutil
import signal

import harness

RIS = """
id: ris
ris_live:
  url: {url}
  read_timeout: 60s
backoff: {{initial: 20ms, max: 50ms}}
"""


SEQ = 1000

# How each takes the host down, what the host ends with, and its cause as told.
DEADLY = {
    "abort_on_seq": (-signal.SIGABRT, "SIGABRT"),
    "div0": (-signal.SIGFPE, "SIGFPE"),
    "double_free": (-signal.SIGABRT, "SIGABRT"),
    "exit0": (0, "exit"),
    "exit_at_once": (3, "_exit"),
    "kill_self": (-signal.SIGKILL, "SIGKILL"),
    "segv_on_seq": (-signal.SIGSEGV, "SIGSEGV"),
    "stack_overflow": (-signal.SIGSEGV, "SIGSEGV"),
    "ud2": (-signal.SIGILL, "SIGILL"),
}


class DemotionTest(harness.EndToEnd):

    def configure(self):
        """A configuration with a source that has not sent anything yet."""
        sim = self.start_sim("--rate", "0", "--messages", "3000",
                             "--at-end", "hold")
        return self.write_config([RIS.format(url=sim.url)])

    def run_until_it_ends(self, fixture):
        """Runs a host until `fixture` has taken it down; returns its end."""
        self.put(f"tests/fixtures/{fixture}.so", "bad",
                 "settings: {isolation: in_process, policy: block}\n"
                 f"config: {{seq: {SEQ}}}\n")
        self.install_plugin("counts", "settings: {policy: block}\n")
        host = self.start([harness.runfile("host/weir-host"), "--config",
                           self.configure()])
        return host.wait()

    def assert_demoted(self, host, fixture, cause):
        bad = harness.until(
            lambda: (lambda p: p.get("state") != "STATE_LOADING" and p)(
                self.listed_plugin(host, "bad")), "it is loaded")
        self.assertIn("CONDITION_DEMOTED", bad["conditions"])
        self.assertEqual(bad["settings"]["isolation"], "ISOLATION_CHILD")
        self.assertRegex(bad["demotion"],
                         f"took the host down at .*: {cause} in message {SEQ} ")
        events = self.events(host, "--type", "weir.plugin.demoted")
        self.assertEqual(len(events), 1, fixture)
        details = json.loads(events[0]["json"])
        self.assertEqual(details["plugin"], "plugins/bad")
        self.assertEqual(details["sha256"], bad["sha256"])
        self.assertEqual(details["message_sequence"], SEQ)
        self.assertEqual(details["signal"], cause)
        self.assertTrue(any("it took the host down" in line
                            for line in host.errors))
        poison = [json.loads(line) for line in self.weir(
            host, "--json", "plugins", "poison", "list", "bad", unix=True)]
        self.assertEqual(int(poison[-1]["message_sequence"]), SEQ)
        return details

    def assert_costs_one_message(self, host):
        """It does as before, of what is sent once more."""
        bad = harness.until(
            lambda: (lambda s: int(s.get("processed_ok", 0)) > SEQ and s)(
                self.plugin_stats(host, "bad")), "it goes on")
        self.assertEqual(int(bad["crashes"]), 1)
        self.assertEqual(int(bad["lost_in_crash"]), 1)
        self.assert_books_balance(bad)
        harness.until(lambda: int(self.plugin_stats(host, "counts").get(
            "processed_ok", 0)) > SEQ, "so do the others")

    def test_whatever_takes_the_host_down_runs_in_a_child_at_the_next_start(self):
        for fixture, (end, cause) in DEADLY.items():
            with self.subTest(fixture):
                self.assertEqual(self.run_until_it_ends(fixture), end)
                host = self.start_host(self.configure())
                try:
                    self.assert_demoted(host, fixture, cause)
                    self.assert_costs_one_message(host)
                    self.assertEqual(host.stop(), 0)
                finally:
                    host.stop(signal.SIGKILL)
                    shutil.rmtree(self.dir / "state")

    def test_what_asks_its_own_thread_to_end_harms_nobody(self):
        self.put("tests/fixtures/raise_sigterm.so", "bad",
                 "settings: {isolation: in_process, policy: block}\n"
                 f"config: {{seq: {SEQ}}}\n")
        config = self.configure()
        host = self.start_host(config)
        harness.until(lambda: int(self.plugin_stats(host, "bad").get(
            "processed_ok", 0)) > SEQ, "it goes on")
        self.assertEqual(host.stop(), 0)
        host = self.start_host(config)
        harness.until(lambda: self.listed_plugin(host, "bad").get("state") ==
                      "STATE_RUNNING", "it is loaded")
        self.assertEqual(self.listed_plugin(host, "bad")["settings"]["isolation"],
                         "ISOLATION_IN_PROCESS")

    def test_a_demotion_lasts_until_there_is_other_code_or_a_release(self):
        self.assertEqual(self.run_until_it_ends("segv_on_seq"),
                         -signal.SIGSEGV)
        config = self.configure()
        host = self.start_host(config)
        details = self.assert_demoted(host, "segv_on_seq", "SIGSEGV")
        self.assertRegex(details["frames"][0],
                         r"^bad\.\d+\.so\+0x\w+ (Act|HandleMessage)")
        # It stays so over a restart, and is told once.
        self.assertEqual(host.stop(), 0)
        host = self.start_host(config)
        harness.until(lambda: "CONDITION_DEMOTED" in self.listed_plugin(
            host, "bad").get("conditions", []), "it still is")
        self.assertEqual(
            len(self.events(host, "--type", "weir.plugin.demoted")), 1)

        # An operator takes the word back; what runs is left alone.
        self.weir(host, "plugins", "release", "bad", unix=True)
        self.assertIn("CONDITION_DEMOTED", self.listed_plugin(host, "bad")["conditions"])
        # Other code has done nothing yet.
        self.put("tests/fixtures/ok_c.so", "bad")
        plugin = harness.until(
            lambda: (lambda p: p.get("settings", {}).get("isolation") ==
                     "ISOLATION_IN_PROCESS" and p)(self.listed_plugin(host, "bad")),
            "the new code is in process")
        self.assertNotIn("CONDITION_DEMOTED", plugin["conditions"])
        self.assertEqual(plugin.get("demotion", ""), "")


if __name__ == "__main__":
    harness.main()
