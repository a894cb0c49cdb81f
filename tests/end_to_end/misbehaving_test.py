"""A folder with every plugin that misbehaves, and with what is no plugin: the
host starts, answers and stops, and nothing of them is left."""

import json
import os
import pathlib
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

# Deadlines that let what hangs, hang again and again while the test looks.
SETTINGS = """
settings: {policy: drop_newest, soft_deadline: 50ms, hard_deadline: 300ms,
           create_deadline: 2s, max_crashes: 2, drain_timeout: 1s}
config: {seq: 5}
"""

# In the host only what does not end it; demotion_test has those that do.
DEADLY = {"abort_on_seq", "div0", "double_free", "exit0", "exit_at_once",
          "kill_self", "segv_on_seq", "stack_overflow", "ud2"}
# In the host nothing keeps these from what they do, which may be anything: to it,
# to whoever started it, or to the machine.
NOT_CONTAINED = {"alloc_huge", "emit_after_destroy", "fork_bomb",
                 "keeps_pointer", "kills_parent", "leak_fd", "leak_memory",
                 "leak_thread", "ptrace_parent", "uaf", "writes_message",
                 "writes_ring_words"}
# In the host, as their state comes to be there.
IN_PROCESS = {
    "STATE_RUNNING": [
        "cap-1", "cap-changes", "cap-max64", "emit-invalid-json",
        "hang-in-destroy", "never-unloads", "ok", "ok-batch", "ok-c", "ok-state",
        "opens-file", "opens-socket", "raise-sigterm", "reads-env-secret",
        "slow-1ms", "slow-init", "static-regex", "throws-int",
        "throws-in-destroy", "tls-nontrivial", "truncates-memfd",
        "unique-symbols", "wants-none", "wants-random"],
    "STATE_INVALID": [
        "ctor-aborts", "hang-in-ctor", "future-minor", "missing-entry", "textrel",
        "ie-tls",
        "undefined-symbol", "uses-protobuf", "uses-same-proto",
        "wrong-major"],
    "STATE_FAILED": ["cap-0", "cap-neg", "throws", "throws-in-create",
                     "throws-in-capacity"],
}
ABANDONED = ["hang-spin", "hang-sleep", "hang-mutex"]

MESSAGES = 2000
ANSWERS = 15

# Work, whatever the others do.
WELL = ["ok", "ok-batch", "ok-c", "ok-state", "long-table", "tls-nontrivial",
        "uses-same-proto"]
INVALID = ["empty", "folder", "loop", "pipe", "text", "writable", "program",
           "missing-entry", "wrong-major", "textrel", "ie-tls"]


class MisbehavingTest(harness.EndToEnd):

    def features(self):
        host = self.start_host(self.write_config([]))
        info = json.loads("".join(self.weir(host, "--json", "info")))
        host.stop()
        return info.get("features", [])

    def fill_folder(self, settings, without=()):
        """Puts everything there; returns the ids of all slots."""
        folder = self.dir / "plugins"
        folder.mkdir(exist_ok=True)
        os.chmod(folder, 0o755)
        fixtures = pathlib.Path(harness.runfile("tests/fixtures"))
        for fixture in sorted(fixtures.glob("*.so")):
            if fixture.stem in without:
                continue
            shutil.copyfile(fixture, folder / fixture.name)
            (folder / f"{fixture.stem}.yaml").write_text(settings)
        (folder / "text.so").write_text("not a plugin")
        (folder / "empty.so").touch()
        (folder / "folder.so").mkdir()
        os.mkfifo(folder / "pipe.so")
        (folder / "loop.so").symlink_to("loop.so")
        shutil.copyfile(fixtures / "ok_c.so", folder / "writable.so")
        for entry in folder.iterdir():
            if not entry.is_symlink():
                os.chmod(entry, 0o755 if entry.is_dir() else 0o644)
        os.chmod(folder / "writable.so", 0o666)
        ids = {entry.stem.replace("_", "-") for entry in folder.glob("*.so")}
        # These are no names of plugins.
        (folder / ".hidden.so").write_text("hidden")
        (folder / "ok.so.bak").write_text("old")
        return ids

    def plugins(self, host):
        lines = self.weir(host, "--json", "plugins", "list")
        return {p["name"].removeprefix("plugins/"): p
                for p in map(json.loads, lines)}

    def await_quiet(self, host, ids):
        """Waits until each has come to what it comes to."""
        def quiet():
            states = {i: p["state"] for i, p in self.plugins(host).items()}
            loading = [i for i in ids
                       if states.get(i, "STATE_LOADING") == "STATE_LOADING"]
            return not loading and states
        return harness.until(quiet, "nothing is loading any more")

    def test_the_host_starts_answers_and_stops_whatever_is_in_its_folder(self):
        features = self.features()
        if "sandbox.seccomp" not in features:
            print(f"SKIPPED: some of them need a fence, and there are {features}")
            return
        ids = self.fill_folder(SETTINGS)
        self.assertGreater(len(ids), 80)
        sim = self.start_sim("--rate", "1000", "--messages", str(MESSAGES),
                             "--at-end", "hold")
        config = self.write_config([RIS.format(url=sim.url)])
        host = self.start_host(config)

        answers = 0
        for _ in range(ANSWERS):
            # One that is not loaded yet may not be there yet.
            self.assertLessEqual(set(self.plugins(host)), ids)
            for plugin in self.stats(host)["plugins"]:
                self.assert_books_balance(plugin)
            answers += 1
        self.assertEqual(answers, ANSWERS)

        states = self.await_quiet(host, ids)
        self.assertEqual(set(states), ids)
        for name in WELL:
            self.assertEqual(states[name], "STATE_RUNNING", name)
            harness.until(
                lambda name=name: int(self.plugin_stats(host, name).get(
                    "processed_ok", 0)) >= MESSAGES, f"{name} gets on")
        for name in INVALID:
            self.assertEqual(states[name], "STATE_INVALID", name)
            self.assertIn(f"{name.replace('-', '_')}.so: ",
                          self.plugins(host)[name]["error"])
        self.assertEqual(
            [e for e in self.events(host, "--type", "weir.books.mismatch")], [])
        self.assertEqual(host.stop(), 0)

        # And whatever way it ends, no child of its lives on.
        host = self.start_host(config)
        self.await_quiet(host, ids)
        pids = [p["pid"] for p in self.plugins(host).values() if p.get("pid")]
        self.assertGreater(len(pids), 20)
        host.stop(signal.SIGKILL)
        for pid in pids:
            harness.until(lambda pid=pid: self.is_gone(pid), f"{pid} is gone")

    def test_in_the_host_what_does_not_end_it_costs_only_its_own_messages(self):
        ids = self.fill_folder(
            SETTINGS.replace("settings: {", "settings: {isolation: in_process, "),
            DEADLY | NOT_CONTAINED)
        self.assertGreater(len(ids), 60)
        sim = self.start_sim("--rate", "1000", "--messages", str(MESSAGES),
                             "--at-end", "hold")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))

        # Each gets up to its message in the end, and the host answers meanwhile.
        for name in ABANDONED:
            stats = harness.until(
                lambda name=name: (lambda s: int(s.get(
                    "lost_in_crash", 0)) == 1 and s)(
                        self.plugin_stats(host, name)), f"{name} is given up")
            self.assertEqual(int(stats["hangs"]), 1, name)
            self.assert_books_balance(stats)
        self.await_quiet(host, ids)
        plugins = self.plugins(host)
        self.assertEqual(set(plugins), ids)
        self.maxDiff = None
        self.assertEqual(
            {name: plugins[name]["state"]
             for names in IN_PROCESS.values() for name in names},
            {name: state for state, names in IN_PROCESS.items()
             for name in names})
        for name in IN_PROCESS["STATE_RUNNING"]:
            if name not in WELL + ["throws-int", "static-regex"]:
                continue
            harness.until(
                lambda name=name: int((s := self.plugin_stats(host, name)).get(
                    "processed_ok", 0)) + int(s.get("processed_error", 0))
                >= MESSAGES, f"{name} gets on")
        for name in IN_PROCESS["STATE_RUNNING"]:
            self.assertEqual(plugins[name]["settings"]["isolation"],
                             "ISOLATION_IN_PROCESS")
        for name in ("unique-symbols", "never-unloads"):
            self.assertIn("CONDITION_PINNED_LIBRARY",
                          plugins[name]["conditions"], name)
        for plugin in self.stats(host)["plugins"]:
            self.assert_books_balance(plugin)
        self.assertEqual(
            self.events(host, "--type", "weir.books.mismatch"), [])
        # Bounded, though some of them never return.
        self.assertEqual(host.stop(), 0)

    @staticmethod
    def is_gone(pid):
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
        return stat.rsplit(")", 1)[1].split()[0] == "Z"


if __name__ == "__main__":
    harness.main()
