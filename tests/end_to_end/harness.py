"""Runs the real binaries for the end-to-end tests: by flags, configuration files
and signals, over loopback, on free ports, below a directory of the test's own.

Nothing here sleeps to wait for something: `until` asks again and again, and a
line that a program prints is waited for by reading it.
"""

import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

# Long enough for the sanitizers on a machine that does something else as well.
PATIENCE_S = 120

# What only a sanitizer's runtime prints. A program that runs on after a report,
# or dies of it while it is killed anyway, must fail its test all the same.
SANITIZER_REPORTS = ("Sanitizer", "runtime error:")


def runfile(path):
    """The file that Bazel built or brought for this test."""
    return os.path.abspath(path)


def sanitized(path):
    """Whether a program was built with a sanitizer of addresses or threads, which
    keeps freed memory."""
    data = pathlib.Path(runfile(path)).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def shared_data(name):
    """A recording that is not part of the project, or None with a printed reason."""
    root = os.environ.get("WEIR_SHARED_DATA", "")
    path = os.path.join(root, name)
    if root and os.path.exists(path):
        return path
    print(f"SKIPPED: {name} is not here (WEIR_SHARED_DATA={root!r}); "
          "set it to the folder with the recordings")
    return None


def buf():
    """The buf of npm, or None with a printed reason."""
    root = os.environ.get("WEIR_WORKSPACE", "")
    path = os.path.join(root, "node_modules/.bin/buf")
    if root and os.path.exists(path):
        return path
    print("SKIPPED: node_modules/.bin/buf is not here; tools/install brings it")
    return None


def until(ask, what):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + PATIENCE_S
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}; last answer {answer!r}")
        time.sleep(0.02)


class Program:
    """A program that runs, and the lines it prints."""

    def __init__(self, argv, **kwargs):
        self.lines = []
        self._queue = queue.Queue()
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", **kwargs)
        self.errors = []
        self._readers = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_err, daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read_out(self):
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def _read_err(self):
        for line in self.process.stderr:
            self.errors.append(line.rstrip("\n"))

    def next_line(self):
        """The next line of its standard output, or None at the end of it."""
        line = self._queue.get(timeout=PATIENCE_S)
        if line is not None:
            self.lines.append(line)
        return line

    def line_with(self, text):
        """Reads on until a line holds `text`, and returns that line."""
        while True:
            line = self.next_line()
            if line is None:
                raise AssertionError(
                    f"ended without a line with {text!r}: {self.lines} "
                    f"{self.errors}")
            if text in line:
                return line

    def rest(self):
        """All lines to the end, and waits for it."""
        while self.next_line() is not None:
            pass
        self.wait()
        return self.lines

    def ask(self, line):
        """Says a line to a program that was started with a pipe as `stdin`, and
        returns the line that it answers with."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.next_line()

    def wait(self):
        if self.process.stdin is not None:
            self.process.stdin.close()
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()


class Proxy:
    """Passes TCP connections on to `target`, can cut them all, and can stop to
    pass anything on without a word, as a cable does that is pulled."""

    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self.connections = 0
        self._lock = threading.Lock()
        self._open = []
        self._passes = threading.Event()
        self._passes.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            with self._lock:
                self.connections += 1
                self._open += [client, server]
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(a, b),
                                 daemon=True).start()

    def _pass(self, source, target):
        try:
            while data := source.recv(65536):
                self._passes.wait()
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def freeze(self):
        """Passes nothing on any more, and closes nothing, until `cut`."""
        self._passes.clear()

    def cut(self):
        """Cuts every connection there is; new ones are passed on again."""
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self._passes.set()

    def close(self):
        self._listener.close()
        self.cut()


class EndToEnd(unittest.TestCase):
    """A test with a directory, a simulator and a host of its own."""

    def setUp(self):
        # Short, because the path of a Unix socket has at most 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weir-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        os.chmod(self.dir, 0o755)
        if "TSAN_OPTIONS" in os.environ:
            # A host in which a handler hangs ends without its destructors. A
            # thread of gRPC may be done then, and nobody joins it.
            suppressions = self.dir / "tsan.supp"
            suppressions.write_text("thread:grpc_core::Thread::Thread\n")
            self.enterContext(unittest.mock.patch.dict(os.environ, {
                "TSAN_OPTIONS": os.environ["TSAN_OPTIONS"] +
                f":suppressions={suppressions}"}))

    def start(self, argv, **kwargs):
        program = Program([str(a) for a in argv], **kwargs)

        def stop_and_look():
            program.stop(signal.SIGKILL)
            self.assert_no_sanitizer_report(argv[0], program.errors)
        self.addCleanup(stop_and_look)
        return program

    def assert_no_sanitizer_report(self, program, errors):
        """Looks through the lines of a program's standard error."""
        for at, line in enumerate(errors):
            if any(report in line for report in SANITIZER_REPORTS):
                self.fail(f"{program}: " + "\n".join(errors[at:at + 200]))

    def start_sim(self, *args):
        """Starts weir-ris-sim; `url` of the result is where it listens."""
        sim = self.start([runfile("sim/weir-ris-sim"), "--port", "0", *args])
        sim.url = sim.line_with("listening on ").split()[-1]
        return sim

    def install_plugin(self, name, yaml=""):
        """Puts a bundled plugin, and its settings, into the plugin folder."""
        folder = self.dir / "plugins"
        folder.mkdir(exist_ok=True)
        os.chmod(folder, 0o755)
        target = folder / f"{name}.so"
        shutil.copyfile(runfile(f"plugins/{name}/{name}.so"), target)
        os.chmod(target, 0o644)
        if yaml:
            settings = folder / f"{name}.yaml"
            settings.write_text(yaml)
            os.chmod(settings, 0o644)

    def put(self, file, name, yaml=""):
        """Puts a shared object into the plugin folder in one step, as mv does,
        and before it its settings."""
        folder = self.dir / "plugins"
        folder.mkdir(exist_ok=True)
        os.chmod(folder, 0o755)
        if yaml:
            self.write_yaml(name, yaml)
        new = folder / f".{name}.new"
        shutil.copyfile(runfile(file), new)
        os.chmod(new, 0o644)
        new.rename(folder / f"{name}.so")

    def write_yaml(self, name, yaml):
        """Puts settings into the plugin folder in one step."""
        new = self.dir / "plugins" / f".{name}.yaml.new"
        new.write_text(yaml)
        os.chmod(new, 0o644)
        new.rename(self.dir / "plugins" / f"{name}.yaml")

    def write_config(self, sources, extra=""):
        """Writes a configuration with these sources, a list of YAML texts."""
        (self.dir / "state").mkdir(exist_ok=True)
        (self.dir / "plugins").mkdir(exist_ok=True)
        os.chmod(self.dir / "plugins", 0o755)
        text = f"state_dir: {self.dir}/state\n"
        text += f"listeners:\n  - tcp: 127.0.0.1:0\n  - unix: {self.dir}/s\n"
        text += f"plugins:\n  folders: [{self.dir}/plugins]\n"
        if sources:
            text += "sources:\n"
            for source in sources:
                lines = source.strip("\n").split("\n")
                text += "  - " + "\n    ".join(lines) + "\n"
        config = self.dir / "weir.yaml"
        config.write_text(text + extra)
        return config

    def assert_configurations_of(self, page, count):
        """Checks that a page has so many configurations, and each no faults."""
        text = pathlib.Path(runfile(page)).read_text()
        found = [part.split("```")[0] for part in text.split("```yaml\n")[1:]]
        self.assertEqual(len(found), count, page)
        for number, configuration in enumerate(found):
            config = self.dir / f"of_the_page_{number}.yaml"
            config.write_text(configuration)
            done = subprocess.run(
                [runfile("host/weir-host"), "--check", config],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def start_host(self, config):
        """Starts weir-host; `address` and `unix` of the result are its API."""
        host = self.start([runfile("host/weir-host"), "--config", config])
        addresses = host.line_with("serving on ").split("serving on ")[1].split()
        host.address, host.unix = addresses
        return host

    def weir(self, host, *args, unix=False):
        """Runs the client to its end; returns its lines."""
        done = subprocess.run(
            [runfile("cli/weir"), "--server",
             host.unix if unix else host.address, *args],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assert_no_sanitizer_report("cli/weir", done.stderr.splitlines())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def stats(self, host):
        """The statistics, as the client prints them for programs."""
        return json.loads("".join(self.weir(host, "--json", "stats")))

    def plugin_stats(self, host, name):
        for plugin in self.stats(host).get("plugins", []):
            if plugin["name"] == f"plugins/{name}":
                return plugin
        return {}

    def listed_plugin(self, host, name):
        """The line of `weir plugins list`; {} if it has none."""
        for line in self.weir(host, "--json", "plugins", "list", unix=True):
            plugin = json.loads(line)
            if plugin["name"] == f"plugins/{name}":
                return plugin
        return {}

    def source_stats(self, host, name):
        for source in self.stats(host).get("sources", []):
            if source["name"] == f"sources/{name}":
                return source
        return {}

    def source(self, host, name):
        """What becomes of a source's connection."""
        return json.loads("".join(
            self.weir(host, "--json", "sources", "get", name)))

    def await_state(self, host, name, state):
        until(lambda: self.source(host, name).get("state") == state,
              f"{name} is {state}")

    def final_totals(self, host):
        """Ends the host; returns what its `counts` says at the very end."""
        # Whoever watches is told before the host ends.
        watch = self.start([runfile("cli/weir"), "--server", host.address,
                            "--json", "watch", "--from", "earliest"])
        watch.line_with("weir.host.started")
        self.assertEqual(host.stop(), 0)
        line = watch.line_with('"final\\":true')
        return json.loads(json.loads(line)["json"])

    def events(self, host, *args):
        """Events of the log so far, oldest first."""
        lines = self.weir(host, "--json", "watch", "--from", "earliest",
                          "--stop-at-latest", *args)
        # Beside events there are gaps and the like.
        return [e for e in map(json.loads, lines) if "id" in e]

    def assert_books_balance(self, stats):
        def n(*names):
            return sum(int(stats.get(name, 0)) for name in names)
        self.assertEqual(
            n("offered"),
            n("not_wanted", "enqueued", "dropped_policy", "dropped_full",
              "dropped_not_running", "dropped_quarantined"), stats)
        self.assertEqual(
            n("enqueued"),
            n("processed_ok", "processed_error", "lost_in_crash",
              "discarded_on_unload", "queued", "in_flight"), stats)


def main():
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
