"""How a plugin comes to its configuration: from its file, from an operator, over
a crash of the host, and back."""

import json
import os
import shutil
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


class PluginConfigTest(harness.EndToEnd):

    def run_host(self):
        sim = self.start_sim("--rate", "0", "--messages", str(MESSAGES),
                             "--at-end", "hold")
        return self.start_host(self.write_config([RIS.format(url=sim.url)]))

    def plugin(self, host, name):
        return json.loads("".join(
            self.weir(host, "--json", "plugins", "get", name)))

    def await_plugin(self, host, name, **want):
        def look():
            plugin = self.listed_plugin(host, name)
            found = all(plugin.get(k) == v for k, v in want.items())
            return found and plugin
        return harness.until(look, f"{name} has {want}")

    def configure(self, host, name, *args):
        return self.weir(host, "plugins", "configure", name, *args, unix=True)

    def refused(self, host, *args):
        """What the client says of a command that must not work."""
        done = subprocess.run(
            [harness.runfile("cli/weir"), "--server", host.unix, *args],
            capture_output=True, text=True, timeout=harness.PATIENCE_S,
            check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr

    def told(self, host):
        """The configurations that the plugin said it had, and when."""
        return [(e["subject"], json.loads(e["json"]))
                for e in self.events(host, "--type", "configured")
                if e["subject"] != "message"]

    def test_a_live_change_reaches_the_instance_and_loses_no_message(self):
        for isolation in ("child", "in_process"):
            name = f"cfg_{isolation}"
            self.put("tests/fixtures/takes_config.so", name,
                     f"settings: {{policy: block, isolation: {isolation}}}\n"
                     "config: {threshold: 20}\n")
        host = self.run_host()
        for name in ("cfg-child", "cfg-in-process"):
            before = self.await_plugin(host, name, state="STATE_RUNNING")
            self.assertEqual(before["config"], {"threshold": 20, "then": ""})
            for threshold in range(21, 31):
                self.configure(host, name, "--set", f"threshold={threshold}")
            after = self.plugin(host, name)
            self.assertEqual(after["config"], {"threshold": 30, "then": ""})
            self.assertEqual(after["config_revision"], "11")
            self.assertEqual(after["generation"], before["generation"])
            self.assertEqual(after.get("pid"), before.get("pid"))

            def done(name=name):
                books = self.plugin_stats(host, name)
                return (int(books["processed_ok"]) == int(books["enqueued"]) and
                        int(books["offered"]) >= MESSAGES and books)
            books = harness.until(done, f"{name} is done")
            self.assert_books_balance(books)
            self.assertEqual(int(books.get("lost_in_crash", 0)), 0)
            self.assertEqual(int(books.get("dropped_full", 0)), 0)
        self.assertEqual(
            [c["threshold"] for w, c in self.told(host) if w == "reconfigured"],
            2 * list(range(21, 31)))

    def test_all_faults_are_told_at_once_and_what_runs_goes_on(self):
        self.put("tests/fixtures/takes_config.so", "cfg")
        host = self.run_host()
        self.await_plugin(host, "cfg", state="STATE_RUNNING")
        said = self.refused(host, "plugins", "configure", "cfg", "--set",
                            "threshold=101", "--set", "colour=red",
                            "--set-json", "token=[1]")
        for fault in ("/threshold: 101 is above the maximum 100",
                      "/colour: no such setting; there are then, threshold, "
                      "token",
                      "/token: is an array, must be of type string"):
            self.assertIn(fault, said)
        said = self.refused(host, "plugins", "configure", "cfg", "--setting",
                            "capacity=9999999", "--setting",
                            "soft_deadline=1h")
        self.assertIn("settings.capacity", said)
        # What only the plugin knows.
        said = self.refused(host, "plugins", "configure", "cfg", "--set",
                            "then=throw")
        self.assertIn("not this one", said)
        self.configure(host, "cfg", "--set", "threshold=5", "--validate-only")
        plugin = self.plugin(host, "cfg")
        self.assertEqual(plugin["config"], {"threshold": 10, "then": ""})
        self.assertEqual(plugin["config_revision"], "1")
        self.assertEqual(plugin["state"], "STATE_RUNNING")
        # And from a file.
        self.write_yaml("cfg", "config: {threshold: 102}\n")
        harness.until(lambda: "CONDITION_FILE_CHANGED" in self.plugin(
            host, "cfg").get("conditions", []), "the file is refused")
        self.assertEqual(self.plugin(host, "cfg")["config"]["threshold"], 10)

    def test_what_was_set_survives_a_killed_host_until_the_file_changes(self):
        self.put("tests/fixtures/takes_config.so", "cfg",
                 "config: {threshold: 20}\n")
        host = self.run_host()
        self.await_plugin(host, "cfg", state="STATE_RUNNING")
        self.configure(host, "cfg", "--set", "threshold=30", "--set",
                       "token=hush", "--setting", "capacity=77", "--setting",
                       "policy=drop_oldest")
        for how in (signal.SIGKILL, signal.SIGTERM):
            host.stop(how)
            host = self.start_host(self.dir / "weir.yaml")
            plugin = self.await_plugin(host, "cfg", state="STATE_RUNNING")
            self.assertEqual(plugin["config"], {
                "threshold": 30, "then": "", "token": "***"})
            self.assertEqual(plugin["config_revision"], "2")
            self.assertEqual(plugin["effective_capacity"], 77)
            self.assertEqual(plugin["settings"]["policy"],
                             "QUEUE_POLICY_DROP_OLDEST")
            self.assertEqual(self.told(host)[-1],
                             ("created", {"threshold": 30, "then": "",
                                          "token": "hush"}))
        # The log knows no secret.
        self.assertNotIn("hush", "\n".join(host.errors))
        self.assertNotIn("hush", self.weir(host, "plugins", "get", "cfg"))
        # A comment is no change; another value is, and only of its own part.
        self.write_yaml("cfg", "# Nothing else.\nconfig: {threshold: 20}\n")
        self.write_yaml("cfg", "config: {threshold: 40}\n")
        harness.until(lambda: self.plugin(host, "cfg")["config"] == {
            "threshold": 40, "then": ""}, "the file holds")
        self.assertEqual(self.plugin(host, "cfg")["effective_capacity"], 77)
        self.write_yaml("cfg", "config: {threshold: 40}\n"
                        "settings: {capacity: 55, policy: block}\n")
        harness.until(lambda: self.plugin(host, "cfg")["effective_capacity"]
                      == 55, "its settings, too")
        self.assertEqual(self.plugin(host, "cfg")["generation"],
                         plugin["generation"])
        mode = os.stat(self.dir / "state/plugins.db").st_mode & 0o777
        self.assertEqual(mode, 0o600)

    def test_a_plugin_that_dies_of_a_configuration_comes_back_as_it_was(self):
        self.put("tests/fixtures/takes_config.so", "cfg",
                 "config: {threshold: 20}\n")
        host = self.run_host()
        self.await_plugin(host, "cfg", state="STATE_RUNNING")
        said = self.refused(host, "plugins", "configure", "cfg", "--set",
                            "then=abort")
        self.assertIn("SIGABRT", said)
        plugin = self.await_plugin(host, "cfg", state="STATE_RUNNING")
        self.assertEqual(plugin["config"], {"threshold": 20, "then": ""})
        self.assertEqual(plugin["restart_count"], 1)
        # One that takes it only at its creation gets a new instance.
        self.configure(host, "cfg", "--set", "then=restart")
        again = self.plugin(host, "cfg")
        self.assertEqual(again["config"]["then"], "restart")
        self.assertNotEqual(again["pid"], plugin["pid"])
        # And one whose constructor throws at it keeps the old.
        said = self.refused(host, "plugins", "configure", "cfg", "--set",
                            "threshold=99")
        self.assertIn("99 is not for me", said)
        self.assertEqual(self.plugin(host, "cfg")["pid"], again["pid"])

    def test_a_rollback_brings_code_and_configuration_back(self):
        self.put("tests/fixtures/takes_config.so", "cfg",
                 "config: {threshold: 20}\n")
        host = self.run_host()
        self.await_plugin(host, "cfg", state="STATE_RUNNING")
        self.configure(host, "cfg", "--set", "threshold=30")
        self.weir(host, "plugins", "rollback", "cfg", unix=True)
        self.assertEqual(self.plugin(host, "cfg")["config"]["threshold"], 20)
        self.assertIn("PLUGIN_NO_PREVIOUS",
                      self.refused(host, "plugins", "rollback", "cfg"))
        first = self.plugin(host, "cfg")["sha256"]
        config = self.dir / "config.json"
        config.write_text('{"interval_seconds": 3}')
        shutil.copyfile(harness.runfile("plugins/counts/counts.so"),
                        self.dir / "plugins/other.so")
        os.chmod(self.dir / "plugins/other.so", 0o644)
        self.weir(host, "plugins", "upgrade", "cfg", "--module", "other.so",
                  "--config", str(config), unix=True)
        plugin = self.plugin(host, "cfg")
        self.assertEqual(plugin["config"]["interval_seconds"], 3)
        self.weir(host, "plugins", "rollback", "cfg", unix=True)
        plugin = self.plugin(host, "cfg")
        self.assertEqual(plugin["sha256"], first)
        self.assertEqual(plugin["config"]["threshold"], 20)

    def test_a_plugin_is_loaded_with_what_the_request_says(self):
        host = self.run_host()
        self.put("tests/fixtures/takes_config.so", "cfg")
        self.await_plugin(host, "cfg", state="STATE_RUNNING")
        self.weir(host, "plugins", "unload", "cfg", unix=True)
        self.assertIn("threshold: -1 is below the minimum 0", self.refused(
            host, "plugins", "load", "cfg.so", "--set", "threshold=-1"))
        self.weir(host, "plugins", "load", "cfg.so", "--set", "threshold=7",
                  "--setting", "capacity=33", unix=True)
        plugin = self.plugin(host, "cfg")
        self.assertEqual(plugin["config"]["threshold"], 7)
        self.assertEqual(plugin["effective_capacity"], 33)
        self.assertIn('"threshold"',
                      "".join(self.weir(host, "plugins", "schema", "cfg")))
        self.configure(host, "cfg", "--reset")
        plugin = self.plugin(host, "cfg")
        self.assertEqual(plugin["config"]["threshold"], 10)
        self.assertEqual(plugin["effective_capacity"], 8192)

    def test_a_broken_schema_makes_the_module_invalid(self):
        self.put("tests/fixtures/broken_schema.so", "broken")
        self.put("tests/fixtures/needs_self.so", "old")
        host = self.run_host()
        broken = self.await_plugin(host, "broken", state="STATE_INVALID")
        self.assertIn('config.schema: /properties/peers/type: "arrai" is none '
                      "of array", broken["error"])
        self.await_plugin(host, "old", state="STATE_RUNNING")


if __name__ == "__main__":
    harness.main()
