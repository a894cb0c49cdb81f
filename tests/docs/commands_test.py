"""Executes the commands of the documentation, as they stand there.

The convention, which a reader hardly sees: what is behind the language of a
fenced block says what a test does with it.

    ```sh test            executed in bash, all blocks of a page in one shell, in
                          a directory that looks like the root of a built tree
    ```text output        what the block before printed, in order: "..." is any
                          text, spaces are any number of spaces, other lines may
                          stand in between
    ```yaml file=X        written to the file X
    ```cpp from=Y         stands in the tree's file Y, line by line
    ```sh bazel           every label is a target that this test depends on

Values that differ from machine to machine are environment variables that the
page itself sets, `export WEIR_SERVER=${WEIR_SERVER:-127.0.0.1:50051}`, and that
this test may set before.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import harness

PAGES = ("README.md", "docs/plugin_guide.md", "docs/events.md",
         "docs/operations.md", "docs/testing.md")
# Pages in which every block of commands must be executed.
EXECUTED_WHOLLY = ("docs/plugin_guide.md", "docs/events.md")


# Runs `buf`, or `call` of docs/events.md, which does; not the line that makes it.
RUNS_BUF = re.compile(r"^\(?(buf|call) ", re.MULTILINE)


class Block:
    """A fenced block of a page."""

    def __init__(self, page, line, info, text):
        self.place = f"{page}:{line}"
        self.words = info.split()
        self.text = text

    def says(self, word):
        return word in self.words[1:]

    def value(self, key):
        for word in self.words[1:]:
            if word.startswith(key + "="):
                return word[len(key) + 1:]
        return None


def blocks_of(page):
    blocks, begin, lines = [], None, []
    for number, line in enumerate(
            pathlib.Path(page).read_text().split("\n"), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif begin is None:
            begin, info, lines = number, line[3:], []
        else:
            blocks.append(Block(page, begin, info, "\n".join(lines) + "\n"))
            begin = None
    assert begin is None, f"{page}:{begin}: this block does not end"
    return blocks


def pattern_of(line):
    """A regular expression for what an output line of a page shows."""
    parts = [re.escape(part) for part in re.split(r"(\.\.\.|\s+)", line.strip())]
    text = "".join(
        ".*" if part == re.escape("...") else
        r"\s+" if re.fullmatch(r"(\\\s)+", part) else part for part in parts)
    # "name ... value" is also what stands side by side.
    return re.compile(text.replace(r"\s+.*\s+", r"\s+(.*\s+)?"))


def missing_line(shown, output):
    """The first line of `shown` that `output` does not have in this order."""
    rest = iter(output.splitlines())
    for line in filter(str.strip, shown.splitlines()):
        pattern = pattern_of(line)
        if not any(pattern.search(got) for got in rest):
            return line
    return None


class Shell:
    """One bash for all blocks of a page, as a reader has one terminal."""

    def __init__(self, directory, environment):
        self._dir = directory / "blocks"
        self._dir.mkdir()
        self._count = 0
        self._bash = subprocess.Popen(
            ["bash"], cwd=directory / "tree", env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self._bash.stdin.write("set -eo pipefail\n")

    def run(self, text):
        """Runs the block; returns what it printed and whether all went well."""
        self._count += 1
        script = self._dir / str(self._count)
        output = self._dir / f"{self._count}.out"
        script.write_text(text)
        # A failure ends the shell, and with it its standard output.
        self._bash.stdin.write(f". {script} >{output} 2>&1 </dev/null\n"
                               "echo done\n")
        self._bash.stdin.flush()
        fine = self._bash.stdout.readline() == "done\n"
        return output.read_text(errors="replace"), fine

    def close(self):
        try:
            os.killpg(self._bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._bash.communicate()


class CommandsTest(harness.EndToEnd):
    """A directory that looks like the root of a built tree, and its pages."""

    def setUp(self):
        super().setUp()
        self.tree = self.dir / "tree"
        self.tree.mkdir()
        for name in ("api", "docs", "plugins", "proto"):
            (self.tree / name).symlink_to(harness.runfile(name))
        (self.tree / "bazel").symlink_to(harness.runfile("bazel"))
        (self.tree / "tools").symlink_to(harness.runfile("tools"))
        (self.tree / "bazel-bin").symlink_to(os.getcwd())
        root = os.environ.get("WEIR_WORKSPACE", "")
        if harness.buf():
            (self.tree / "node_modules").symlink_to(
                os.path.join(root, "node_modules"))

    def environment(self, **more):
        return {"HOME": str(self.dir), "TZ": "UTC", "TMPDIR": str(self.dir),
                "PATH": "/usr/local/bin:/usr/bin:/bin", **more}

    def run_page(self, page, **environment):
        shell = Shell(self.dir, self.environment(**environment))
        self.addCleanup(shell.close)
        output, place, executed = "", None, 0
        for block in blocks_of(page):
            if path := block.value("file"):
                target = self.tree / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text)
            elif block.says("test"):
                if RUNS_BUF.search(block.text) and not harness.buf():
                    print(f"SKIPPED: {block.place}: no buf; tools/install "
                          "brings it, and WEIR_WORKSPACE says where it is")
                    output, place = None, block.place
                    continue
                output, fine = shell.run(block.text)
                place = block.place
                log = self.tree / "try/host.log"
                self.assertTrue(
                    fine, f"{place} ended with an error:\n{block.text}\n"
                    f"{output}\n{log.read_text() if log.exists() else ''}")
                executed += 1
            elif block.says("output") and output is not None:
                missing = missing_line(block.text, output)
                self.assertIsNone(
                    missing, f"{block.place}: not printed by {place}:\n"
                    f"{missing}\nwhich printed:\n{output}")
        return executed

    def start_scenario(self):
        """A host as tools/run starts it: the simulator and both plugins."""
        sim = self.start_sim("--rate", "2000")
        self.install_plugin("counts")
        self.install_plugin(
            "origin_watch",
            pathlib.Path("plugins/origin_watch/example.yaml").read_text())
        host = self.start_host(self.write_config(
            [f"id: ris-live\nris_live:\n  url: {sim.url}\n"]))
        harness.until(
            lambda: len(self.events(host, "--type", "hijack.*")) >= 8,
            "the scenario has had its hijacks")
        return host

    def test_the_plugin_guide_leads_to_a_running_plugin(self):
        self.assertGreater(self.run_page("docs/plugin_guide.md"), 5)

    def test_what_the_events_page_shows_is_so(self):
        host = self.start_scenario()
        self.assertGreater(
            self.run_page("docs/events.md", WEIR_SERVER=host.address),
            5 if harness.buf() else 1)

    def test_what_the_operations_page_shows_is_so(self):
        host = self.start_scenario()
        self.assertGreater(
            self.run_page("docs/operations.md", WEIR_SERVER=host.unix), 2)


class NodeClientTest(harness.EndToEnd):
    """docs/examples/watch.mjs, in a tree that has the npm packages."""

    def setUp(self):
        super().setUp()
        root = os.environ.get("WEIR_WORKSPACE", "")
        modules = os.path.join(root, "node_modules")
        self.node = shutil.which("node")
        if not (root and self.node and
                os.path.exists(os.path.join(modules, "@grpc/grpc-js"))):
            print("SKIPPED: no node, or no node_modules/@grpc/grpc-js; "
                  "tools/install --dev brings them")
            self.skipTest("no node client")
        # A copy, since node looks for packages where a link leads to.
        examples = self.dir / "docs/examples"
        examples.mkdir(parents=True)
        shutil.copy("docs/examples/watch.mjs", examples)
        (self.dir / "node_modules").symlink_to(modules)
        (self.dir / "proto").symlink_to(harness.runfile("proto"))
        sim = self.start_sim("--rate", "3000")
        self.install_plugin("counts", "config: {interval_messages: 10}\n")
        self.host = self.start_host(self.write_config(
            [f"id: ris-live\nris_live:\n  url: {sim.url}\n"]))

    def watch(self, server, *args):
        return self.start([self.node, self.dir / "docs/examples/watch.mjs",
                           "--server", server, *args])

    def next_seq(self, watch):
        line = watch.next_line()
        self.assertIsNotNone(line, watch.errors)
        return int(line.split()[0].split("-")[1])

    def test_it_sees_every_event_once_when_it_is_started_again(self):
        seen = []
        for _ in range(3):
            watch = self.watch(self.host.address, "--limit", "40",
                               "--cursor-file", self.dir / "cursor")
            seen += [self.next_seq(watch) for _ in range(40)]
            self.assertEqual(watch.wait(), 0)
        self.assertEqual(seen, list(range(1, 121)))

    def test_it_goes_on_by_itself_when_the_connection_is_cut(self):
        proxy = harness.Proxy(self.host.address)
        self.addCleanup(proxy.close)
        watch = self.watch(proxy.address)
        seen = [self.next_seq(watch) for _ in range(40)]
        proxy.cut()
        while proxy.connections < 2 or len(seen) < 200:
            seen.append(self.next_seq(watch))
        self.assertEqual(seen, list(range(1, len(seen) + 1)))


class PagesTest(harness.EndToEnd):
    """What can be said of pages without running anything."""

    def test_every_command_is_executed_where_all_must_be(self):
        for page in EXECUTED_WHOLLY:
            for block in blocks_of(page):
                if block.words[:1] != ["sh"]:
                    continue
                with self.subTest(block.place):
                    self.assertTrue(block.says("test") or block.says("bazel"))

    def test_what_is_quoted_from_a_file_is_in_it(self):
        quoted = 0
        for page in PAGES:
            for block in blocks_of(page):
                path = block.value("from")
                if path is None:
                    continue
                quoted += 1
                with self.subTest(block.place):
                    self.assertIn(block.text.strip("\n"),
                                  pathlib.Path(path).read_text())
        self.assertGreater(quoted, 2)

    def test_every_bazel_label_is_a_target(self):
        labels = 0
        for page in PAGES:
            for block in blocks_of(page):
                if not block.says("bazel"):
                    continue
                for label in re.findall(r"//\S+", block.text):
                    labels += 1
                    package, _, name = label[2:].partition(":")
                    with self.subTest(f"{block.place}: {label}"):
                        self.assertTrue(os.path.exists(
                            os.path.join(package, name)), label)
        self.assertGreater(labels, 0)

    def test_what_the_host_says_of_itself_is_explained(self):
        # What its program text holds, so that no new one is forgotten.
        program = pathlib.Path(harness.runfile("host/weir-host")).read_bytes()
        for page, pattern in (
                ("docs/operations.md", rb"(?<=\0)(weir\.[a-z]+\.[a-z]+)(?=\0)"),
                ("docs/plugin_guide.md", rb"(?<=\0)(elf\.[a-z]+)(?=\0)")):
            text = pathlib.Path(page).read_text()
            names = {name.decode() for name in re.findall(pattern, program)}
            self.assertGreater(len(names), 2)
            for name in names:
                with self.subTest(page, name=name):
                    self.assertIn(f"`{name}`", text)

    def test_the_unit_starts_the_host_as_systemd_does(self):
        unit = pathlib.Path("docs/examples/weir-host.service").read_text()
        self.assertIn("Type=notify", unit)
        start = re.search(r"^ExecStart=(\S+) --config (\S+)$", unit, re.M)
        self.assertEqual(os.path.basename(start[1]), "weir-host")
        self.assertEqual(start[2], "/etc/weir/weir.yaml")

    def test_the_host_finds_no_fault_in_the_example_configuration(self):
        host = self.start([harness.runfile("host/weir-host"), "--check",
                           "docs/examples/weir.yaml"])
        self.assertEqual(host.wait(), 0, host.errors)


if __name__ == "__main__":
    harness.main()
