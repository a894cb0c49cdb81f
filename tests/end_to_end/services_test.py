"""What the host does for a plugin in a child: what it measures, keeps and knows
outlives the child, and what was flushed outlives the host."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3

import harness

RIS = """
id: ris
ris_live:
  url: {url}
  read_timeout: 60s
"""

MESSAGES = 40
# The raw tap as well.
ALL = 2 * MESSAGES


class ServicesTest(harness.EndToEnd):

    def run_host(self, does):
        folder = self.dir / "plugins"
        folder.mkdir(exist_ok=True)
        os.chmod(folder, 0o755)
        (folder / "serves.yaml").write_text(
            f"settings: {{policy: block}}\nconfig: {{does: {does}}}\n")
        shutil.copyfile(harness.runfile("tests/fixtures/serves.so"),
                        folder / "serves.so")
        os.chmod(folder / "serves.so", 0o644)
        sim = self.start_sim("--rate", "0", "--messages", str(MESSAGES),
                             "--at-end", "hold")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        self.await_processed(host, ALL)
        return host

    def serves(self, host):
        [line] = self.weir(host, "--json", "stats", "--plugin", "serves")
        return json.loads(line)

    def await_processed(self, host, n):
        return harness.until(
            lambda: int(self.serves(host).get("processed_ok", 0)) == n,
            f"{n} messages are handled")

    def measured(self, host):
        [counter] = [m["counter"] for m in self.serves(host)["metrics"]
                     if m["name"] == "weir_plugin_serves_messages_total"]
        return int(counter)

    def pid(self, host):
        [line] = self.weir(host, "--json", "plugins", "get", "serves")
        return int(json.loads(line).get("pid", 0))

    def test_what_a_plugin_measures_outlives_its_child(self):
        host = self.run_host("measures")
        # Once by one, once by ten.
        self.assertEqual(self.measured(host), 11 * ALL)
        before = self.pid(host)
        os.kill(before, signal.SIGKILL)
        harness.until(lambda: self.pid(host) not in (0, before),
                      "there is another child")
        self.assertEqual(self.measured(host), 11 * ALL)
        text = "\n".join(self.weir(host, "stats", "--plugin", "serves"))
        self.assertRegex(text, r"weir_plugin_serves_messages_total +how=well "
                               r"+880")

    def test_what_was_flushed_outlives_the_host(self):
        host = self.run_host("flushes")
        self.assertEqual(int(self.serves(host)["kv_changes"]), ALL)
        host.stop(signal.SIGKILL)
        with contextlib.closing(
                sqlite3.connect(self.dir / "state/plugin_kv.db")) as database:
            [(value,)] = database.execute(
                "SELECT value FROM kv WHERE plugin = 'serves' AND "
                "key = CAST('number' AS BLOB)").fetchall()
        self.assertGreaterEqual(int(value), MESSAGES)

    def test_a_reload_hands_over_what_a_plugin_knows(self):
        host = self.run_host("nothing")
        self.weir(host, "plugins", "reload", "serves", unix=True)
        loaded = self.events(host, "--type", "loaded")
        self.assertEqual([event["subject"] for event in loaded], [str(ALL)])
        self.weir(host, "plugins", "reload", "serves", "--cold", unix=True)
        self.assertEqual(len(self.events(host, "--type", "loaded")), 1)


if __name__ == "__main__":
    harness.main()
