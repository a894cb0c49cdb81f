"""The steps of tools/soak that are about the event log, at full scale."""

import json
import pathlib
import random
import signal
import subprocess
import time

import crowd_test
import harness

ROOT = pathlib.Path(__file__).resolve().parent.parent

STREAMS = 1000
TYPES = 100
PER_SECOND = 1000
CHURN = STREAMS // 10
RELOAD_S = 10
CONNECTIONS = 10
# What the herd has to catch up with: all of it is below the ring.
BACKLOG = 200_000
KILLS = 1000
# Of each kind, in one run of the test: a minute.
HISTORIES = 500
# The same through a connection, which takes longer.
CONNECTED_HISTORIES = 200


class _Stage(crowd_test.CrowdTest):
    """A stage as for a test, without one."""

    def __init__(self):
        super().__init__("setUp")
        self.setUp()

    def crowd(self, host):
        return crowd_test.Crowd(self, host, STREAMS, TYPES, CONNECTIONS)


def _show(what, answer):
    answer = {key: value for key, value in answer.items() if key != "faults"}
    print(f"{what}: {json.dumps(answer)}", flush=True)


def crowd(minutes, _seed):
    """1,000 streams with 100 filters, of which a tenth leave and come back each
    second, a thousand events a second, and a plugin that is reloaded."""
    stage = _Stage()
    try:
        sim = stage.start_sim("--rate", "200")
        stage.install_plugin("counts", "config: {interval_messages: 50}\n")
        host = stage.start_host(stage.write_config(
            [crowd_test.RIS.format(url=sim.url)], crowd_test.EXTRA))
        readers = stage.crowd(host)
        readers.ask("attach")
        readers.ask("publish 1000")
        readers.ask("settle")
        before = readers.ask("audit")
        readers.ask(f"rate {PER_SECOND}")
        readers.ask(f"churn {CHURN}")
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            time.sleep(RELOAD_S)
            stage.weir(host, "plugins", "reload", "counts", unix=True)
            _show("crowd", readers.ask("settle"))
        readers.ask("rate 0")
        readers.ask("churn 0")
        _show("crowd", readers.ask("settle"))
        after = readers.ask("audit")
        _show("crowd", after)
        stage.assertEqual(after["gaps_sent"], 0)
        for what in ("threads", "fds"):
            stage.assertLessEqual(abs(after[what] - before[what]),
                                  crowd_test.SLACK, what)
        stage.assertLess(after["rss"], 1.5 * before["rss"] + (64 << 20))
        stage.assertEqual(host.stop(), 0)
    finally:
        stage.doCleanups()


def herd(_minutes, _seed):
    """1,000 clients that all resume at once after the host was killed."""
    stage = _Stage()
    try:
        config = stage.write_config([], crowd_test.EXTRA)
        host = stage.start_host(config)
        readers = stage.crowd(host)
        readers.ask("attach")
        readers.ask("publish 1000")
        readers.ask("settle")
        readers.ask("detach")
        readers.ask(f"publish {BACKLOG}")
        host.stop(signal.SIGKILL)
        host = stage.start_host(config)
        readers.ask("attach")
        fresh = readers.ask("fresh")
        _show("herd, one that is new", fresh)
        # It had its event while most of the others had theirs to read.
        stage.assertGreater(fresh["behind"], 0)
        _show("herd, all", readers.ask("settle"))
        after = readers.ask("audit")
        _show("herd", after)
        stage.assertEqual(after["gaps_sent"], 0)
        stage.assertGreaterEqual(after["replays_most"], 1)
        stage.assertLessEqual(after["replays_most"], 4)
        stage.assertEqual(host.stop(), 0)
    finally:
        stage.doCleanups()


def _test(*argv):
    subprocess.run(["bazel", "test", "--noshow_progress", "--nocache_test_results",
                    "--ui_event_filters=-info", "--test_output=errors",
                    "--test_timeout=36000", *argv], cwd=ROOT, check=True)


def kill(_minutes, seed):
    """kill -9, a thousand times, under clients with cursors."""
    _test("//tests/end_to_end:kill_test",
          f"--test_env=WEIR_KILL_CYCLES={KILLS}",
          f"--test_env=WEIR_KILL_SEED={seed}")


def model(minutes, _seed):
    """Histories that nobody has played before, against the list of what
    happened, in the process and through a connection. What goes wrong is printed
    with the command that repeats it."""
    seed = random.SystemRandom().randrange(1 << 40)
    end = time.monotonic() + minutes * 60
    while True:
        print(f"model: {HISTORIES} histories from seed {seed} on", flush=True)
        _test("//tests/host/broker:broker_model_test",
              f"--test_env=WEIR_MODEL_SEED={seed}",
              f"--test_env=WEIR_MODEL_SEEDS={HISTORIES}")
        _test("//tests/component:client_model_test",
              f"--test_env=WEIR_MODEL_SEED={seed}",
              f"--test_env=WEIR_MODEL_SEEDS={CONNECTED_HISTORIES}")
        seed += HISTORIES
        if time.monotonic() > end:
            return


STEPS = {"crowd": crowd, "herd": herd, "kill": kill, "model": model}
TARGETS = ["//tests/end_to_end:crowd", "//runner:weir-plugin-runner"]
