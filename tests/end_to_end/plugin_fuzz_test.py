"""weir plugin fuzz: what a plugin comes to harm by is found, made small, written
down, and does the same again."""

import json
import re
import signal
import subprocess

import harness


class PluginFuzzTest(harness.EndToEnd):

    def fixture(self, name):
        return harness.runfile(f"tests/fixtures/{name}.so")

    def run_weir(self, *args):
        return subprocess.run(
            [harness.runfile("cli/weir"), *[str(a) for a in args]],
            capture_output=True, text=True, timeout=harness.PATIENCE_S,
            check=False)

    def fuzz(self, name, *args, config="", runs=2000):
        """What was found, the summary, and the exit status."""
        if config:
            path = self.dir / "config.json"
            path.write_text(config)
            args = ("--config", path, *args)
        done = self.run_weir("--json", "plugin", "fuzz", self.fixture(name),
                             "--runs", runs, "--seed", 7, "--out", self.dir,
                             *args)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(lines, done.stderr)
        summary = lines.pop()["summary"]
        return [line["found"] for line in lines], summary, done.returncode

    def test_finds_the_one_byte_that_a_plugin_dies_of(self):
        [found], summary, code = self.fuzz("crash_on_byte")
        self.assertEqual(code, 1)
        self.assertEqual((found["cause"], found["messages"],
                          found["reproduced"]), ("SIGABRT", 1, True))
        self.assertIn(f"input {found['input']} ", found["message"])
        self.assertEqual(summary["runs"] , 2000)
        self.assertGreater(summary["again"], 0)
        # As small as it can be.
        [line] = open(found["file"], encoding="ascii")
        poison = json.loads(line)
        self.assertEqual((poison["payload"], poison["fields"]), ("/w==", []))
        check = self.run_weir("plugin", "check", self.fixture("crash_on_byte"),
                              "--include", "^replay", "--replay", found["file"])
        self.assertEqual(check.returncode, 1)
        self.assertIn("SIGABRT at crash_on_byte.so+0x", check.stdout)
        good = self.run_weir("plugin", "check", self.fixture("ok_c"),
                             "--include", "^replay", "--replay", found["file"])
        self.assertEqual(good.returncode, 0)

    def test_tries_the_same_with_the_same_seed(self):
        first = self.fuzz("crash_on_byte")[0]
        self.assertEqual(self.fuzz("crash_on_byte")[0], first)
        other = self.run_weir("--json", "plugin", "fuzz",
                              self.fixture("crash_on_byte"), "--runs", 2000,
                              "--seed", 8, "--out", self.dir)
        self.assertNotEqual(
            json.loads(other.stdout.splitlines()[0])["found"]["input"],
            first[0]["input"])

    def test_writes_what_came_before_if_it_takes_that(self):
        [found], _, _ = self.fuzz("crash_on_byte", config='{"do": "second"}')
        self.assertTrue(found["reproduced"])
        self.assertGreater(found["messages"], 1)
        with open(found["file"], encoding="ascii") as file:
            self.assertEqual(len(file.readlines()), found["messages"])

    def test_ends_what_hangs_and_catches_what_is_thrown(self):
        [found], _, _ = self.fuzz("crash_on_byte", "--timeout", "300ms",
                                  config='{"do": "hang"}', runs=100)
        self.assertEqual(found["cause"], "hangs")
        self.assertRegex(found["message"],
                         r"not done after 300ms at crash_on_byte\.so\+0x")
        [found], _, _ = self.fuzz("throws_int", runs=300)
        self.assertEqual(found["cause"], "exception")
        self.assertIn("handle_message threw", found["message"])

    def test_finds_nothing_where_there_is_nothing(self):
        recording = self.dir / "recording.jsonl"
        recording.write_text(json.dumps({"type": "ris_message", "data": {
            "timestamp": 1767225599.5, "peer": "192.0.2.1",
            "peer_asn": "64496", "id": "1", "host": "rrc01.ripe.net",
            "type": "KEEPALIVE"}}) + "\n")
        for args in ((), ("--from", recording)):
            found, summary, code = self.fuzz("ok_state", *args)
            self.assertEqual((found, code), ([], 0))
            self.assertEqual((summary["found"], summary["runs"],
                              summary["seed"]), (0, 2000, "7"))
        counts = self.run_weir("plugin", "fuzz", "--runs", 2000, "--seed", 1,
                               harness.runfile("plugins/counts/counts.so"))
        self.assertEqual(counts.stdout, "counts.so: 2,000 inputs, 0 came to an "
                                        "error, 0 to harm; --seed 1\n")

    def test_an_interrupt_ends_it(self):
        with subprocess.Popen(
                [harness.runfile("cli/weir"), "plugin", "fuzz",
                 self.fixture("hang_spin"), "--timeout", "1h"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True) as fuzz:
            def child_of(pid):
                children = f"/proc/{pid}/task/{pid}/children"
                with open(children, encoding="ascii") as file:
                    return file.read().split()
            runner = harness.until(lambda: child_of(fuzz.pid),
                                   "the runner is there")
            harness.until(lambda: child_of(runner[0]), "and has a child")
            fuzz.send_signal(signal.SIGINT)
            self.assertEqual(fuzz.wait(harness.PATIENCE_S), 130)

    def test_says_what_to_do_when_it_cannot_begin(self):
        good = self.fixture("ok_c")
        for args, complaint in (
                ((self.dir / "nowhere.so",), "nowhere.so: No such file"),
                ((good, "--from", self.dir / "none"), "No such file"),
                ((good, "--out", self.dir / "none"), "is no directory"),
                ((good, "--runs", "0"), "--runs"),
                ((good, "--seconds", "many"), "--seconds"),
                ((self.fixture("wants_none"),), "it wants no message"),
                ((self.fixture("program"),), "weir plugin check")):
            with self.subTest(complaint):
                done = self.run_weir("plugin", "fuzz", *args)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(complaint, done.stderr)

    def test_a_person_reads_what_was_found_and_where_it_lies(self):
        done = self.run_weir("plugin", "fuzz", self.fixture("crash_on_byte"),
                             "--runs", 500, "--seed", 7, "--out", self.dir)
        lines = done.stdout.splitlines()
        self.assertTrue(re.match(r"found  SIGABRT at crash_on_byte\.so", lines[0]))
        self.assertRegex(lines[1], r"crash_on_byte-\d+\.json: 1 message$")
        self.assertRegex(lines[2], r"^crash_on_byte\.so: 500 inputs, .* 1 to "
                                   r"harm; --seed 7$")


if __name__ == "__main__":
    harness.main()
