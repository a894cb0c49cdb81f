"""Several sources at once, and what their operator can do to each."""

import subprocess

import harness

RIS = """
id: {name}
ris_live:
  url: {url}
  client: {name}
  read_timeout: 60s
  {more}
backoff: {{initial: 20ms, max: 50ms}}
"""


class SourcesTest(harness.EndToEnd):

    def ris(self, name, sim, more=""):
        return RIS.format(name=name, url=sim.url, more=more)

    def await_messages(self, host, name, count):
        harness.until(lambda: int(self.source_stats(host, name).get(
            "messages", 0)) == count, f"{name} brings {count} messages")

    def test_each_has_its_own_statistics_and_handlers_choose_among_them(self):
        first = self.start_sim("--rate", "0", "--messages", "3000", "--at-end",
                               "hold", "--fault", "1000:garbage")
        second = self.start_sim("--rate", "0", "--messages", "5000", "--at-end",
                                "hold", "--fault", "1000:eof")
        self.install_plugin("counts", "settings: {policy: block}\n"
                                      "sources: [a]\n")
        self.install_plugin("origin_watch", """
settings: {policy: block}
config:
  watch:
    - {prefix: 192.0.2.0/24, origins: [64496]}
""")
        host = self.start_host(self.write_config(
            [self.ris("a", first), self.ris("b", second)]))
        self.await_messages(host, "a", 3000)
        self.await_messages(host, "b", 5000)
        a, b = self.source_stats(host, "a"), self.source_stats(host, "b")
        self.assertEqual(int(a["parse_errors"]), 1)
        self.assertEqual(int(b.get("parse_errors", 0)), 0)
        self.assertEqual(int(a.get("reconnects", 0)), 0)
        self.assertEqual(int(b["reconnects"]), 1)

        harness.until(lambda: int(self.plugin_stats(host, "origin-watch").get(
            "offered", 0)) == 8000, "origin-watch is offered both")
        counts = self.plugin_stats(host, "counts")
        self.assert_books_balance(counts)
        self.assertEqual(int(counts["offered"]), 3000)
        self.assertEqual(self.final_totals(host)["messages"], 3000)

    def test_the_subscription_is_the_servers(self):
        # At the end of its stream each is refused, and so at rest.
        end = ["--fault", "3000:http-404"]
        sim = self.start_sim("--rate", "0", "--messages", "3000", *end, *end)
        self.install_plugin("counts", "settings: {policy: block}\n")
        host = self.start_host(self.write_config([
            self.ris("all", sim),
            self.ris("some", sim, "subscribe: {host: rrc01}")]))
        self.await_state(host, "all", "STATE_FAILED")
        self.await_state(host, "some", "STATE_FAILED")
        self.assertEqual(self.seen(host, "all"), 3000)
        some = self.seen(host, "some")
        # Both streams are the same but for the filter: what came of rrc01 in one
        # came in the other, and nothing else did.
        collectors = self.final_totals(host)["collectors"]
        self.assertGreater(len(collectors), 1)
        mine = collectors.pop("rrc01.ripe.net")["messages"]
        self.assertEqual(mine, 2 * some)
        self.assertEqual(some + sum(c["messages"] for c in collectors.values()),
                         3000)

    def seen(self, host, name):
        return int(self.source_stats(host, name).get("messages", 0))

    def test_an_operator_pauses_resumes_and_reconnects_one_of_them(self):
        sim = self.start_sim("--rate", "1000")
        host = self.start_host(self.write_config(
            [self.ris("a", sim), self.ris("b", sim)]))
        harness.until(lambda: self.seen(host, "a") > 0, "a brings messages")
        harness.until(lambda: self.seen(host, "b") > 0, "b brings messages")

        self.weir(host, "sources", "pause", "a", "--reason", "a test", unix=True)
        self.assertEqual(self.source(host, "a")["state"], "STATE_PAUSED")
        harness.until(lambda: not self.source(host, "a").get("connections"),
                      "a hangs up")
        paused, other = self.seen(host, "a"), self.seen(host, "b")
        harness.until(lambda: self.seen(host, "b") > other + 500, "b goes on")
        self.assertEqual(self.seen(host, "a"), paused)

        self.weir(host, "sources", "resume", "a", unix=True)
        harness.until(lambda: self.seen(host, "a") > paused, "a goes on")
        self.weir(host, "sources", "reconnect", "a", unix=True)
        harness.until(lambda: int(self.source_stats(host, "a").get(
            "reconnects", 0)) == 2, "a is connected anew")
        self.assertEqual(int(self.source_stats(host, "b").get(
            "reconnects", 0)), 0)
        reasons = [e["json"] for e in self.events(
            host, "--type", "weir.source.gap", "--source", "sources/a")]
        self.assertIn("paused: a test", reasons[0])

    def test_loopback_may_look_but_not_touch(self):
        sim = self.start_sim("--rate", "1000")
        host = self.start_host(self.write_config([self.ris("a", sim)]))
        self.await_state(host, "a", "STATE_CONNECTED")
        for what in ("pause", "resume", "reconnect"):
            done = subprocess.run(
                [harness.runfile("cli/weir"), "--server", host.address,
                 "sources", what, "a"], capture_output=True, text=True,
                timeout=harness.PATIENCE_S, check=False)
            self.assertNotEqual(done.returncode, 0, what)
            self.assertIn("PERMISSION_DENIED", done.stderr)
        self.assertEqual(self.source(host, "a")["state"], "STATE_CONNECTED")


if __name__ == "__main__":
    harness.main()
