"""Many subscribers at once: each sees its part of the log, whole, once and in
order, whatever the others do; the host counts the same; nothing grows."""

import json
import signal
import subprocess
import sys

import harness

# Most of the log is below the ring, so that who comes back reads the journal.
EXTRA = """
broker: {publish_enabled: true, ring_events: 1000, max_concurrent_replays: 4}
limits: {publish_limit_per_second: 100000000}
logging: {stats_interval: 0s}
"""

RIS = """
id: ris-live
ris_live:
  url: {url}
"""

STREAMS = 100
SLACK = 4  # Threads and descriptors that come and go with calls.


class Crowd:
    """The program crowd. What it finds wrong fails the test."""

    def __init__(self, test, host, streams, types, connections=4):
        self._test = test
        self._program = test.start(
            [harness.runfile("tests/end_to_end/crowd"), "--server",
             host.unix.replace("unix://", "unix:"), "--streams", str(streams),
             "--types", str(types), "--connections", str(connections)],
            stdin=subprocess.PIPE)

    def ask(self, line):
        answer = self._program.ask(line)
        self._test.assertIsNotNone(answer, self._program.errors)
        answer = json.loads(answer)
        self._test.assertEqual(answer["faults"], [], line)
        return answer


class CrowdTest(harness.EndToEnd):

    def test_each_of_many_sees_its_part_while_others_come_and_go(self):
        sim = self.start_sim("--rate", "200")
        self.install_plugin("counts", "config: {interval_messages: 50}\n")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)],
                                                 EXTRA))
        crowd = Crowd(self, host, STREAMS, STREAMS)
        crowd.ask("attach")
        crowd.ask("publish 1000")
        crowd.ask("settle")
        before = crowd.ask("audit")
        self.assertEqual(before["filter_classes"], STREAMS)
        crowd.ask("rate 1000")
        crowd.ask("churn 10")
        while True:
            self.weir(host, "plugins", "reload", "counts", unix=True)
            seen = crowd.ask("settle")
            if seen["events"] >= 6000 and seen["streams"] >= STREAMS * 3 // 2:
                break
        crowd.ask("rate 0")
        crowd.ask("churn 0")
        end = crowd.ask("settle")
        # Who came back saw nothing twice, and nothing less.
        self.assertEqual(end["broken"], 0)
        after = crowd.ask("audit")
        self.assertEqual(after["gaps_sent"], 0)
        for what in ("threads", "fds"):
            self.assertLessEqual(abs(after[what] - before[what]), SLACK, what)
        self.assertEqual(after["filter_classes"], STREAMS)
        print(f"{end}\n{after}", file=sys.stderr)

    def test_all_come_back_at_once_to_a_host_that_was_killed(self):
        config = self.write_config([], EXTRA)
        host = self.start_host(config)
        crowd = Crowd(self, host, STREAMS, 10)
        crowd.ask("attach")
        crowd.ask("publish 1000")
        crowd.ask("settle")
        # Once from where they were ...
        host.stop(signal.SIGKILL)
        host = self.start_host(config)
        self.assertEqual(crowd.ask("settle")["broken"], STREAMS)
        # ... and once with much to catch up with.
        crowd.ask("detach")
        crowd.ask("publish 20000")
        host.stop(signal.SIGKILL)
        host = self.start_host(config)
        crowd.ask("attach")
        # Somebody who wants what is new does not wait for them.
        fresh = crowd.ask("fresh")
        end = crowd.ask("settle")
        after = crowd.ask("audit")
        self.assertEqual(after["gaps_sent"], 0)
        self.assertGreater(after["replay_reads"], 0)
        # It is not a hundred readers that go to the disk.
        self.assertGreaterEqual(after["replays_most"], 1)
        self.assertLessEqual(after["replays_most"], 4)
        self.assertEqual(end["events"], STREAMS * 2100)
        print(f"{fresh}\n{end}\n{after}", file=sys.stderr)


if __name__ == "__main__":
    harness.main()
