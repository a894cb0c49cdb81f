"""A Nakadi subscription through the real host, killed and cut on the way."""

import json
import shutil
import signal
import subprocess
import threading

import harness
from nakadi_server import NakadiServer

NAKADI = """
id: orders
nakadi:
  url: {url}
  owning_application: pump
  event_types: [shop.order]
  read_from: begin
  batch_limit: 5
  flush_timeout: 1s
  commit_timeout: 5s
  max_uncommitted_events: 60
  {more}
backoff: {{initial: 5ms, max: 50ms}}
"""

RECORDER = """
settings: {{policy: block, sandbox: none}}
config: {{directory: {directory}, prefix: nakadi, flush_seconds: 0}}
"""

PARTITIONS = 4


class NakadiTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.records = self.dir / "records"
        self.records.mkdir()
        self.nakadi = NakadiServer(self)
        self.nakadi.call("_control/event_type",
                         {"name": "shop.order", "partitions": PARTITIONS})
        self.published = [0] * PARTITIONS
        self.install_plugin("recorder", RECORDER.format(directory=self.records))

    def publish(self, count):
        events = []
        for i in range(count):
            partition = i % PARTITIONS
            number = self.published[partition]
            self.published[partition] += 1
            events.append({"metadata": {
                "partition": str(partition), "eid": f"{partition}-{number}",
                "occurred_at": "2026-11-21T04:00:00Z"}, "n": number})
        self.nakadi.call("event-types/shop.order/events", events)

    def seen(self):
        """What the server has of the one subscription there is."""
        everything = self.nakadi.call("_control/seen")
        mine = list(everything["subscriptions"].values())
        return {**everything, **(mine[0] if mine else {"committed": {}})}

    def committed(self):
        committed = self.seen()["committed"]
        return [committed.get(f"shop.order/{p}", 0) for p in range(PARTITIONS)]

    def await_all_committed(self):
        harness.until(lambda: self.committed() == self.published,
                      f"all of {self.published} is committed")

    def recorded(self):
        """The numbers that were handled, by partition, in their order."""
        numbers = [[] for _ in range(PARTITIONS)]
        for path in sorted(self.records.iterdir()):
            if path.name.endswith(".idx"):
                continue
            # What a killed host was about to write may be cut.
            done = subprocess.run(["zstd", "-dc", path], check=False,
                                  capture_output=True)
            for line in done.stdout.decode().split("\n"):
                if not line.endswith("}"):
                    continue
                batch = json.loads(line)
                partition = int(batch["cursor"]["partition"])
                events = [event["n"] for event in batch["events"]]
                self.assertEqual(events, list(range(
                    events[0], events[0] + len(events))))
                numbers[partition] += events
        return numbers

    def assert_nothing_lost(self):
        for partition, numbers in enumerate(self.recorded()):
            self.assertEqual(sorted(set(numbers)),
                             list(range(self.published[partition])))

    def start_nakadi_host(self, more=""):
        return self.start_host(self.write_config(
            [NAKADI.format(url=self.nakadi.url, more=more)]))

    def config_of_another(self):
        """That of a second host on this machine: a folder more for each."""
        folder = self.dir / "plugins2"
        shutil.copytree(self.dir / "plugins", folder)
        recorder = folder / "recorder.yaml"
        recorder.write_text(recorder.read_text().replace(
            "prefix: nakadi", "prefix: other"))
        (self.dir / "state2").mkdir()
        text = (self.dir / "weir.yaml").read_text()
        for name in ("plugins]", "state\n", "s\n"):
            text = text.replace(f"{self.dir}/{name}",
                                f"{self.dir}/{name[:-1]}2{name[-1]}")
        config = self.dir / "other.yaml"
        config.write_text(text)
        return config

    def test_what_handlers_are_done_with_is_committed(self):
        self.publish(1000)
        host = self.start_nakadi_host()
        self.await_all_committed()
        self.assert_nothing_lost()
        self.assertEqual(sum(map(len, self.recorded())), 1000)

        stats = self.source_stats(host, "orders")
        self.assertEqual(int(stats["messages"]), 1000)
        self.assertEqual(stats["messages_by_type"], {"shop.order": "1000"})
        self.assertEqual(int(stats["counters"]["events"]), 1000)
        harness.until(lambda: int(self.source_stats(host, "orders")["counters"][
            "committed_events"]) == 1000, "all is committed")
        self.assertEqual(
            int(self.source_stats(host, "orders").get("commit_errors", 0)), 0)
        source = self.source(host, "orders")
        self.assertEqual(source["kind"], "nakadi")
        self.assertEqual(source["decoder"], "nakadi")
        self.assertTrue(source["details"]["stream_id"])
        for partition in range(PARTITIONS):
            self.assertIn(f"shop.order/{partition}=001-0001-",
                          source["committed_position"])
        shown = "\n".join(self.weir(host, "sources", "get", "orders"))
        self.assertIn(source["details"]["stream_id"], shown)
        self.assertEqual(host.stop(), 0)

    def test_every_commit_strategy_comes_to_the_same(self):
        for more in ("commit_every_events: 20", "commit_interval: 50ms",
                     "gzip: false"):
            self.publish(200)
            host = self.start_nakadi_host(more)
            self.await_all_committed()
            self.assertEqual(host.stop(), 0)
        self.assert_nothing_lost()
        self.assertEqual(sum(map(len, self.recorded())), 600)

    def test_the_rest_is_committed_at_the_end(self):
        self.publish(20)
        host = self.start_nakadi_host("commit_interval: 600s")
        harness.until(lambda: sum(map(len, self.recorded())) == 20,
                      "all is handled")
        self.assertEqual(host.stop(), 0)
        self.assertEqual(self.committed(), self.published)

    def test_nothing_is_lost_when_the_host_is_killed(self):
        kills = 4
        done = threading.Event()

        def publish():
            while not done.wait(0.002):
                self.publish(8)
        self.publish(100)
        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            for kill in range(kills):
                before = sum(self.committed())
                host = self.start_nakadi_host()
                harness.until(lambda: sum(self.committed()) > before + 100,
                              f"life {kill} commits")
                host.stop(signal.SIGKILL)
                committed = self.committed()
                # Nothing was committed that was not handled.
                for partition, numbers in enumerate(self.recorded()):
                    self.assertTrue(set(range(committed[partition]))
                                    <= set(numbers))
        finally:
            done.set()
            publisher.join()
        host = self.start_nakadi_host()
        self.await_all_committed()
        self.assertEqual(host.stop(), 0)
        self.assert_nothing_lost()
        duplicates = (sum(map(len, self.recorded())) - sum(self.published))
        self.assertLessEqual(duplicates, kills * 60)
        self.assertLessEqual(self.seen()["most_uncommitted"], 60)

    def test_a_stream_that_ends_or_breaks_goes_on(self):
        for what in ("fin", "reset", "end"):
            self.nakadi.fault("stream", what, after_bytes=3000)
        for status in (503, 500):
            self.nakadi.fault("commit", "answer", status=status, body="")
        self.publish(400)
        host = self.start_nakadi_host()
        self.await_all_committed()
        self.assert_nothing_lost()
        counters = self.source_stats(host, "orders")["counters"]
        self.assertEqual(int(counters["streams_lost_connection_lost"]), 2)
        self.assertEqual(int(counters["streams_ended_end_of_stream"]), 1)
        gaps = [json.loads(e["json"]) for e in self.events(host)
                if e["type"] == "weir.source.gap"]
        self.assertTrue(gaps)
        self.assertFalse(any(gap["data_lost"] for gap in gaps))

    def test_what_waiting_does_not_cure_is_said_and_not_tried_again(self):
        self.nakadi.fault(
            "opening", "answer", status=403,
            body='{"detail":"Application or event type is blocked"}')
        host = self.start_nakadi_host()
        self.await_state(host, "orders", "STATE_FAILED")
        error = self.source(host, "orders")["last_error"]
        self.assertEqual(error["kind"], "auth")
        self.assertEqual(error["status"], 403)
        self.assertIn("Application or event type is blocked", error["message"])
        self.assertIn("fake-flow-id", error["message"])
        self.weir(host, "sources", "reconnect", "orders", unix=True)
        self.await_state(host, "orders", "STATE_CONNECTED")

    def test_the_page_has_a_configuration_that_works(self):
        self.assert_configurations_of("docs/sources/nakadi.md", 1)

    def test_two_hosts_share_a_subscription(self):
        self.publish(200)
        host = self.start_nakadi_host()
        self.await_all_committed()
        other = self.start_host(self.config_of_another())
        self.await_state(other, "orders", "STATE_CONNECTED")
        self.publish(200)
        self.await_all_committed()
        harness.until(lambda: int(self.source_stats(other, "orders").get(
            "messages", 0)) > 0, "the other gets its part")
        self.assert_nothing_lost()
        self.assertEqual(host.stop(), 0)
        self.publish(100)
        self.await_all_committed()
        self.assert_nothing_lost()


if __name__ == "__main__":
    harness.main()
