"""weir plugin check on plugins that are good, and on those that are not: which
checks fail for each, and that nothing is left of any of them."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import harness

# What misbehaves.so does, and the checks that fail and warn for it.
MISBEHAVIOUR = {
    "nothing": ((), ()),
    "refuse": (("load.create",), ()),
    "need-small-host": (("abi.larger-host",), ()),
    "match-prefix": (("abi.unknown-extension",), ()),
    "huge-capacity": ((), ("capacity.range",)),
    "change-capacity": ((), ("capacity.stable",)),
    "want-nothing": ((), ("wants.any",)),
    "want-at-random": ((), ("wants.pure",)),
    "want-too-much": (("wants.answers",), ()),
    "keep-message": (("message.lifetime",), ()),
    "overread": (("message.plain",), ()),
    "overflow-on-empty": (("message.empty", "message.fields",
                           "message.truncated", "message.events"), ()),
    "know-all-keys": (("message.unknown-fields",), ()),
    "know-all-types": (("message.types",), ()),
    "know-the-size": (("message.growth",), ()),
    "never-twice": (("message.redelivered",), ()),
    "bad-json": (("message.events",), ()),
    "batch-differs": (("message.batch",), ()),
    "batch-says-nothing": ((), ("message.batch",)),
    "leak-memory": (("load.leak", "unload.cycles"), ()),
    "leak-file": (("load.leak", "thread.files", "unload.cycles"), ()),
    "leave-thread": (("load.leak", "thread.threads", "unload.cycles"),
                     ()),
    "leave-process": (("thread.processes",), ()),
    "print": ((), ("thread.output",)),
    "chdir": (("thread.cwd",), ()),
    "setenv": (("thread.environment",), ()),
    "setlocale": (("thread.locale",), ()),
    "umask": (("thread.umask",), ()),
    "signal": (("thread.signals",), ()),
    "round": (("thread.rounding",), ()),
    "insist-on-emit": (("fault.emit-again", "fault.emit-refused",
                        "fault.emit-sometimes"), ()),
    "count-on-clock": (("fault.clock",), ()),
    "need-emit": (("fault.bare-host",), ()),
    "ignore-lack-of-memory": (("fault.allocation",), ()),
    "state-null": (("state.round-trip",), ()),
    "state-deaf": (("state.round-trip",), ()),
    "state-any": (("state.foreign",), ()),
    "state-trusting": (("state.damaged",), ()),
    "state-half": (("state.write",), ()),
    "state-forgetful": ((), ("state.same",)),
}

# Other fixtures: the configuration, what fails, what warns, and a part of what
# is said of the first that fails.
FIXTURES = {
    "cap_0": ("", ("capacity.range",), (), "queue_capacity is 0"),
    "cap_neg": ("", ("capacity.range",), (), "queue_capacity is -5"),
    "ctor_aborts": ("", ("load.dlopen",), (), "SIGABRT at ctor_aborts.so+0x"),
    "ctor_prints": ("", (), ("load.quiet", "thread.output"), ""),
    "extra_exports": ("", ("elf.exports",), (), "leaked_helper"),
    "missing_entry": ("", ("elf.exports", "abi.table"), (), "does not export"),
    "no_note": ("", ("elf.note",), (), "has no weir note"),
    "wrong_major": ("", ("elf.exports", "elf.note", "abi.table"), (),
                    "this host speaks v1"),
    "program": ("", ("elf.type",), (), "a program"),
    "segv_on_seq": ('{"seq": 3}', ("message.plain",), (),
                    "SIGSEGV of the address 0x10 at segv_on_seq.so+0x"),
    "abort_on_seq": ('{"seq": 3}', ("message.plain",), (), "SIGABRT"),
    "exit_at_once": ('{"seq": 3}', ("message.plain",), (),
                     "ends its process with status 3"),
    "exit0": ('{"seq": 3}', ("message.plain",), (),
              "ends its process with status 0"),
    "stack_overflow": ('{"seq": 3}', ("message.plain",), (), "SIGSEGV"),
    "writes_message": ('{"seq": 3}', ("message.read-only",), (),
                       "it writes into the message"),
    "needs_self": ("", ("abi.early-extension",), (), "a null pointer"),
    "says": ("", ("message.events",), (), "not declared"),
    "throws": ("", ("abi.major", "abi.exceptions", "wants.answers"),
               ("message.plain", "load.bad-config"), "returns a table"),
    "short_table": ("", ("abi.table",), (), "8 bytes"),
    "null_members": ("", ("abi.table",), (), "handle_message is null"),
    "textrel": ("", ("elf.textrel",), (), "-fPIC"),
    "ie_tls": ("", ("elf.tls",), (), "initial-exec"),
    "never_unloads": ("", (), ("elf.nodelete", "unload.unmapped"), ""),
    "tls_nontrivial": ("", (), (), ""),
    "undefined_symbol": ("", ("load.dlopen",), (),
                         "undefined_symbol.so: undefined symbol: nowhere"),
    "keeps_pointer": ("", ("message.lifetime",), (), "whose call has returned"),
    "leak_fd": ("", ("load.leak", "thread.files", "unload.cycles"), (),
                "descriptors"),
    # Whose libraries are not made for it.
    "broken_schema": ("", ("config.schema",), (), "arrai"),
    "takes_config": ('{"threshold": 101, "token": 5}', ("config.values",), (),
                     "/threshold: 101 is above the maximum 100; /token: "),
    "uses_protobuf": ("", ("fault.allocation",), ("elf.needed",),
                      "while allocation "),
    "records": ("", ("load.create",), (), "--config FILE"),
}

# Passed over where there is no state.
STATE_CHECKS = {"state.damaged", "state.foreign", "state.round-trip",
                "state.same", "state.write"}

# Without these, which look at the time.
NOT_TIMED = ("--exclude", r"^(perf\.|load\.time)")


def processes_called(name):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if stat.read_text().strip() == name[:15]:
                found.append(stat.parent.name)
        except OSError:
            pass
    return found


class PluginCheckTest(harness.EndToEnd):

    def check(self, file, *args, config="", code=None):
        """The findings by id, and the summary."""
        if config:
            path = self.dir / "config.json"
            path.write_text(config)
            args = ("--config", path, *args)
        done = self.run_check("--json", file, *args)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(lines, done.stderr)
        summary = lines.pop()["summary"]
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout)
        return {line["check"]: line for line in lines}, summary

    def told(self, found):
        """What was found, but for what passed."""
        return [f'{line["level"]} {line["check"]}: {line["message"]}'
                for line in found.values() if line["level"] != "pass"]

    def run_check(self, *args):
        return subprocess.run(
            [harness.runfile("cli/weir"), "plugin", "check",
             *[str(a) for a in args]],
            capture_output=True, text=True, timeout=harness.PATIENCE_S,
            check=False)

    def with_level(self, found, level):
        return {id for id, line in found.items() if line["level"] == level}

    def fixture(self, name):
        return harness.runfile(f"tests/fixtures/{name}.so")

    def test_finds_nothing_wrong_with_good_plugins(self):
        (self.dir / "recordings").mkdir()
        recordings = json.dumps({"directory": str(self.dir / "recordings")})
        for name, config in (("counts", ""), ("origin_watch", ""),
                             ("recorder", recordings)):
            with self.subTest(name):
                found, summary = self.check(
                    harness.runfile(f"plugins/{name}/{name}.so"), *NOT_TIMED,
                    config=config)
                self.assertEqual(self.with_level(found, "fail"), set(), self.told(found))
                self.assertTrue(summary["loadable"])
        found, summary = self.check(self.fixture("ok_c"), *NOT_TIMED, code=0)
        self.assertEqual(self.with_level(found, "warn"), set())
        self.assertEqual(self.with_level(found, "skip"),
                         {"message.batch"} | STATE_CHECKS)
        self.assertEqual(summary["pass"],
                         len(found) - len(self.with_level(found, "skip")))
        self.assertEqual((summary["name"], summary["version"],
                          summary["abi_version"]), ("fixture", "1.0.0", 1))
        found, _ = self.check(self.fixture("ok_state"), *NOT_TIMED, code=0)
        self.assertEqual(self.with_level(found, "warn"), set())
        self.assertEqual(self.with_level(found, "skip"), {"message.batch"})
        found, _ = self.check(self.fixture("serves"), "--include=^fault.al",
                              code=0)
        self.assertRegex(found["fault.allocation"]["message"],
                         "[1-9][0-9]* of [0-9]+ allocations failed")

    def test_tells_each_misbehaviour_from_the_others(self):
        # The code of a thread that is left is unmapped under it: it dies of that
        # if it is still about to end.
        by_chance = {"leave-thread": {"unload.fresh"}}
        for does, (fails, warns) in MISBEHAVIOUR.items():
            with self.subTest(does):
                found, _ = self.check(
                    self.fixture("misbehaves"), *NOT_TIMED,
                    config=json.dumps({"does": does}),
                    code=1 if fails else 0)
                self.assertEqual(
                    self.with_level(found, "fail") - by_chance.get(does, set()),
                    set(fails), self.told(found))
                self.assertEqual(self.with_level(found, "warn"), set(warns),
                                 self.told(found))
        self.assertEqual(processes_called("weir-left-over"), [])

    def test_tells_what_is_wrong_with_each_fixture(self):
        for name, (config, fails, warns, says) in FIXTURES.items():
            with self.subTest(name):
                found, _ = self.check(self.fixture(name), *NOT_TIMED,
                                      config=config, code=1 if fails else 0)
                self.assertEqual(self.with_level(found, "fail"), set(fails),
                                 self.told(found))
                self.assertEqual(self.with_level(found, "warn"), set(warns),
                                 self.told(found))
                if fails:
                    self.assertIn(says, found[fails[0]]["message"])

    def test_says_what_the_host_would_refuse(self):
        for name, loadable in (("cap_0", False), ("extra_exports", False),
                               ("says", True), ("ctor_prints", True)):
            with self.subTest(name):
                _, summary = self.check(self.fixture(name), *NOT_TIMED)
                self.assertEqual(summary["loadable"], loadable)

    def test_ends_what_hangs(self):
        for name, config, check, doing in (
                ("hang_in_ctor", "", "load.dlopen", "in dlopen"),
                ("hang_in_create", "", "load.create", "in create"),
                ("hang_in_destroy", "", "load.destroy", "in destroy"),
                ("hang_spin", '{"seq": 3}', "message.plain",
                 "in handle_message")):
            with self.subTest(name):
                # Long enough for what does not hang.
                found, _ = self.check(self.fixture(name), "--timeout", "5s",
                                      *NOT_TIMED, config=config, code=1)
                self.assertEqual(self.with_level(found, "fail"), {check})
                message = found[check]["message"]
                self.assertIn("not done after 5s", message)
                self.assertIn(f"at {name}.so+0x", message)
                self.assertIn(doing, message)
        self.assertEqual(processes_called("weir-plugin-run"), [])

    def test_an_interrupt_leaves_nothing_behind(self):
        check = self.start([harness.runfile("cli/weir"), "--json", "plugin",
                            "check", self.fixture("hang_in_create")])
        # The one before the one that hangs.
        check.line_with('"abi.version"')
        check.process.send_signal(signal.SIGINT)
        self.assertEqual(check.wait(), 130)
        harness.until(lambda: not processes_called("weir-plugin-run"),
                      "the runner and its children are gone")

    def test_takes_whatever_lies_there(self):
        whole = pathlib.Path(self.fixture("ok_c")).read_bytes()
        files = {
            "empty.so": (b"", "file.size"),
            "text.so": (b"#!/bin/sh\n", "elf.header"),
            "cut.so": (whole[:len(whole) // 2], "elf.bounds"),
            "arm.so": (whole[:18] + b"\xb7\x00" + whole[20:], "elf.header"),
            "Upper.so": (whole, None),
        }
        for name, (content, fails) in files.items():
            with self.subTest(name):
                path = self.dir / name
                path.write_bytes(content)
                path.chmod(0o644)
                found, _ = self.check(path, *NOT_TIMED)
                self.assertEqual(self.with_level(found, "fail"),
                                 {fails} if fails else set())
        self.assertEqual(found["file.name"]["level"], "warn")
        os.mkfifo(self.dir / "pipe.so")
        (self.dir / "folder.so").mkdir()
        (self.dir / "writable.so").write_bytes(whole)
        (self.dir / "writable.so").chmod(0o666)
        for name, fails in (("pipe.so", "file.type"),
                            ("folder.so", "file.type"),
                            ("writable.so", "file.mode")):
            with self.subTest(name):
                found, _ = self.check(self.dir / name, *NOT_TIMED, code=1)
                self.assertEqual(self.with_level(found, "fail"), {fails})

    def test_survives_a_file_cut_anywhere(self):
        whole = pathlib.Path(self.fixture("ok_c")).read_bytes()
        path = self.dir / "cut.so"
        for cut in range(1, len(whole), len(whole) // 7):
            path.write_bytes(whole[:cut])
            path.chmod(0o644)
            found, summary = self.check(path, "--include", "^(file|elf|load)",
                                        *NOT_TIMED, code=1)
            self.assertFalse(summary["loadable"], cut)
            self.assertEqual(found["load.dlopen"]["level"], "skip", cut)

    def test_runs_the_checks_that_are_asked_for(self):
        found, _ = self.check(self.fixture("ok_c"), "--include", "^elf",
                              "--include", "file.size", "--exclude", "note$")
        self.assertIn("elf.textrel", found)
        self.assertIn("file.size", found)
        self.assertNotIn("elf.note", found)
        self.assertNotIn("load.create", found)

    def test_replays_a_recording_and_finds_the_message_of_a_crash(self):
        lines = [json.dumps({"type": "ris_message", "data": {
            "timestamp": 1767225599.5, "peer": "192.0.2.1",
            "peer_asn": "64496", "id": str(i), "host": "rrc01.ripe.net",
            "type": "KEEPALIVE"}}) for i in range(5)]
        recording = self.dir / "recording.jsonl"
        recording.write_text("\n".join(lines) + "\n")
        only = ("--include", "^replay", "--replay", recording)
        found, _ = self.check(self.fixture("ok_c"), *only, code=0)
        self.assertEqual(found["replay.messages"]["figures"]["messages"], 10)
        # Each line is one message, and once more the raw one.
        found, _ = self.check(self.fixture("segv_on_seq"), *only, code=1,
                              config='{"seq": 5}')
        self.assertIn("in handle_message of line 3, of type KEEPALIVE",
                      found["replay.messages"]["message"])
        found, _ = self.check(self.fixture("throws_int"), *only)
        self.assertEqual(self.with_level(found, "fail"), {"replay.messages"})
        # Nobody who has no messages to replay hears of it.
        found, _ = self.check(self.fixture("ok_c"), *NOT_TIMED)
        self.assertNotIn("replay.messages", found)

    def test_usage_errors_say_what_to_do(self):
        good = self.fixture("ok_c")
        bad = self.dir / "bad.json"
        bad.write_text("[1]")
        for args, complaint in (
                ((self.dir / "nowhere.so",), "nowhere.so: No such file"),
                ((good, "--include", "("), "is no regular expression"),
                ((good, "--include", "zzz"), "no check matches"),
                ((good, "--config", bad), "one JSON object"),
                ((good, "--config", self.dir / "none"), "cannot be read"),
                ((good, "--timeout", "soon"), "is no duration"),
                ((good, "--replay", self.dir / "none"), "No such file"),
                ((good, "--replay", bad), "there is no message in"),
                ((good, "--in-process", "elf"), "is no check"),
                ((), "file is required")):
            with self.subTest(complaint):
                done = self.run_check(*args)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(complaint, done.stderr)

    def test_a_person_reads_one_line_for_each_check_and_one_for_all(self):
        done = self.run_check(self.fixture("says"), "--include",
                              "^message.(events|plain)$", "--fix-hints")
        lines = done.stdout.splitlines()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(lines[0], r"^pass  message\.plain +10 messages$")
        self.assertRegex(lines[1], r'^fail  message\.events +emits .*"undecl')
        self.assertIn("plugin_guide.md", lines[2])
        self.assertEqual(
            lines[3], "says.so: 1 passed, 0 warnings, 1 failed, 0 skipped")

    def test_one_check_runs_in_process_for_a_debugger(self):
        done = self.run_check(self.fixture("ok_c"), "--in-process",
                              "message.plain")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["level"], "pass")
        (self.dir / "c").write_text('{"seq": 3}')
        done = self.run_check(self.fixture("segv_on_seq"), "--config",
                              self.dir / "c", "--in-process", "message.plain")
        # The signal itself, as a debugger wants to see it.
        self.assertEqual(done.returncode, -signal.SIGSEGV)

    def test_says_that_there_is_no_runner(self):
        alone = self.dir / "weir"
        shutil.copyfile(harness.runfile("cli/weir"), alone)
        alone.chmod(0o755)
        done = subprocess.run([alone, "plugin", "check", self.fixture("ok_c")],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("weir-plugin-runner: No such file", done.stderr)
        self.assertIn("install it beside weir", done.stderr)


if __name__ == "__main__":
    harness.main()
