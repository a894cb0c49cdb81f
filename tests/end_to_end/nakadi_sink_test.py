"""Events of the real host, published to a Nakadi server that is down, full or
of another opinion, by a host that is killed on the way."""

import json
import signal
import subprocess

import harness
from event_publisher import WithEvents
from nakadi_server import NakadiServer

CONFIG = """
broker: {{publish_enabled: true}}
logging: {{stats_interval: 0s}}
sinks:
  - id: findings
    filters: [{{types: ["test.*"{types}]}}]
    from_earliest: true
    retry: {{initial: 20ms, max: 100ms}}
    nakadi: {{url: "{url}", event_type: net.finding, batch_limit: 20}}
"""

TYPE = "net.finding"


class NakadiSinkTest(harness.EndToEnd, WithEvents):

    def setUp(self):
        super().setUp()
        self.start_nakadi()

    def start_nakadi(self, port=0):
        self.nakadi = NakadiServer(self, port)
        self.nakadi.call("_control/event_type",
                         {"name": TYPE, "partitions": 1})
        self.nakadi.call("_control/require_metadata", {"name": TYPE})

    def start_sink(self, types=""):
        self.host = self.start_host(self.write_config(
            [], CONFIG.format(url=self.nakadi.url, types=types)))

    def stored(self):
        return self.nakadi.call("_control/published",
                         {"event_type": TYPE, "partition": "0"})

    def await_stored(self, subjects):
        """Waits until the server has these, and returns all it has."""
        wanted = {str(s) for s in subjects}

        def there():
            stored = self.stored()
            return wanted <= {e["subject"] for e in stored} and stored
        return harness.until(there, f"{len(wanted)} events are stored")

    def sink_stats(self):
        [stats] = self.stats(self.host)["sinks"]
        return stats

    def await_stats(self, asked, what):
        harness.until(lambda: asked(self.sink_stats()), what)
        return self.sink_stats()

    def test_what_passes_the_filters_is_published_in_order(self):
        self.start_sink()
        self.publish(250)
        stored = self.await_stored(range(1, 251))
        self.assertEqual([e["data"]["n"] for e in stored],
                         list(range(1, 251)))
        self.assertEqual(len({e["metadata"]["eid"] for e in stored}), 250)
        self.assertEqual({e["type"] for e in stored}, {"test.ping"})
        events = self.events(self.host, "--type", "test.ping")
        self.assertEqual([e["id"] for e in stored], [e["id"] for e in events])
        stats = self.await_stats(
            lambda s: s.get("delivered_events") == "250", "all are counted")
        self.assertEqual(stats["name"], "sinks/findings")
        self.assertEqual(stats["rejected_events"], "0")
        [line] = [line for line in self.weir(self.host, "stats")
                  if line.startswith("findings ")]
        self.assertEqual(line.split()[1], "250")

        self.assertEqual(self.host.stop(), 0)
        self.start_sink()
        self.publish(1)
        stored = self.await_stored([251])
        self.assertEqual(len(stored), 251)

    def die_with(self, count):
        """Publishes so many events, of which none is delivered before the host
        is killed and started again."""
        before = self.nakadi.call("_control/seen")["publishes"]
        self.nakadi.fault("publish", "hang")
        self.publish(count)
        harness.until(
            lambda: self.nakadi.call("_control/seen")["publishes"] > before,
            "it publishes")
        self.host.stop(signal.SIGKILL)
        self.start_sink()

    def test_a_killed_host_loses_nothing(self):
        self.start_sink()
        for _ in range(4):
            # In every round it dies with some delivered and some not.
            self.publish(20)
            self.await_stored([self.published])
            self.die_with(80)
        stored = self.await_stored(range(1, 401))
        first = list(dict.fromkeys(e["subject"] for e in stored))
        self.assertEqual(first, [str(n) for n in range(1, 401)])
        eids = {}
        for event in stored:
            self.assertEqual(eids.setdefault(event["id"],
                                             event["metadata"]["eid"]),
                             event["metadata"]["eid"])
        self.assertEqual(len(set(eids.values())), 400)
        # At most what one call delivered comes again after each kill.
        self.assertLessEqual(len(stored), 400 + 4 * 20)

    def test_a_killed_host_loses_nothing_of_what_failed_alone(self):
        self.nakadi.fault("publish", "fail_some", body="0,2")
        self.nakadi.fault("publish", "hang")
        self.start_sink()
        self.publish(5)
        harness.until(
            lambda: self.nakadi.call("_control/seen")["publishes"] >= 2,
            "it publishes again")
        self.assertEqual([e["subject"] for e in self.stored()],
                         ["2", "4", "5"])
        self.host.stop(signal.SIGKILL)
        self.start_sink()
        stored = self.await_stored(range(1, 6))
        self.assertLessEqual(len(stored), 3 + 5)

    def test_only_what_failed_is_published_again(self):
        self.nakadi.fault("publish", "fail_some", body="1,3")
        self.nakadi.fault("publish", "answer", status=503, body="<html>")
        self.nakadi.fault("publish", "lose_answer")
        self.start_sink()
        self.publish(5)
        stats = self.await_stats(lambda s: s.get("delivered_events") == "5",
                                 "all are delivered")
        self.assertGreaterEqual(int(stats["failed_attempts"]), 2)
        self.assertEqual(stats["rejected_events"], "0")
        subjects = [e["subject"] for e in self.stored()]
        # The others once, and these again if their answer was lost.
        self.assertEqual(subjects[:5], ["1", "3", "5", "2", "4"])
        self.assertLessEqual(set(subjects[5:]), {"2", "4"})

    def test_a_refused_event_is_told_of(self):
        self.start_sink(types=', "weir.sink.rejected"')
        self.nakadi.fault("publish", "answer", status=422, body=json.dumps(
            [{"publishing_status": "failed", "step": "validating", "eid": "",
              "detail": "#/data: extraneous key [n]"}]))
        self.publish(1)
        stats = self.await_stats(
            lambda s: s.get("rejected_events") == "1", "it is given up")
        self.assertIn("extraneous key [n]", stats["last_error"])
        [told] = harness.until(
            lambda: self.events(self.host, "--type", "weir.sink.rejected"),
            "it is told of")
        self.assertEqual(told["source"], "sinks/findings")
        [refused] = self.events(self.host, "--type", "test.ping")
        self.assertEqual(told["subject"], refused["id"])
        self.assertEqual(json.loads(told["json"])["count"], 1)
        # And that is published, too.
        harness.until(lambda: [e["id"] for e in self.stored()] == [told["id"]],
                      "what is told is published")

    def test_a_server_that_was_down_gets_everything(self):
        self.start_sink()
        self.publish(30)
        self.await_stored(range(1, 31))
        self.nakadi.program.stop(signal.SIGKILL)
        self.publish(70)
        stats = self.await_stats(
            lambda s: int(s.get("failed_attempts", 0)) >= 2, "it tries")
        self.assertEqual(stats["delivered_events"], "30")
        self.assertIn("event-types/net.finding/events: Failed to connect",
                      stats["last_error"])
        self.start_nakadi(self.nakadi.port)
        stored = self.await_stored(range(31, 101))
        self.assertEqual([e["data"]["n"] for e in stored],
                         list(range(31, 101)))

    def test_a_filter_that_is_none_is_refused_with_its_place(self):
        config = self.write_config([], CONFIG.format(
            url=self.nakadi.url, types="").replace(
                'types: ["test.*"]', 'subject_regexes: ["a", "("]'))
        done = subprocess.run(
            [harness.runfile("host/weir-host"), "--config", config],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("sinks[0]: filters[0].subject_regexes[1]: ", done.stderr)

    def test_the_page_has_a_configuration_that_works(self):
        self.assert_configurations_of("docs/sinks/nakadi.md", 1)


if __name__ == "__main__":
    harness.main()
