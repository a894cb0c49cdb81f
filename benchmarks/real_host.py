"""Runs the real weir-host and weir-ris-sim for the benchmarks that measure them,
on loopback, on free ports, below a directory that goes away afterwards."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

RECORDING = "rislive/updates-dev.jsonl.zst"


def say(name, **values):
    """Prints a row as tools/bench reads it."""
    print(f"{name}: " + " ".join(f"{k}={v}" for k, v in values.items()),
          flush=True)


def runfile(path):
    """What Bazel built for this benchmark, beside the program that runs."""
    return str(pathlib.Path(sys.argv[0]).absolute().parent.parent / path)


@contextlib.contextmanager
def running(argv, ready):
    """Runs a program; gives it and the line it prints when it is ready."""
    program = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        for line in program.stdout:
            if ready in line:
                break
        else:
            raise SystemExit(f"{argv[0]}: ended before it was ready")
        yield program, line
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def sim(*args):
    """Runs weir-ris-sim; gives its URL."""
    with running([runfile("sim/weir-ris-sim"), "--port", "0", *args],
                 "listening on ") as (_, line):
        yield line.split()[-1]


def stream(url):
    """What a client asks for that does not make the rest of the URL itself."""
    return url + "?format=json"


def recording(directory):
    """The recording that WEIR_RECORDING names, or the one below
    WEIR_SHARED_DATA; else 100,000 messages of the simulator's scenario."""
    named = os.environ.get("WEIR_RECORDING")
    if named:
        return named
    shared = os.path.join(os.environ.get("WEIR_SHARED_DATA", ""), RECORDING)
    if os.path.exists(shared):
        return shared
    made_up = directory / "scenario.jsonl"
    with sim("--scenario", "--seed", "1", "--rate", "0",
             "--messages", "100000") as url:
        with urllib.request.urlopen(stream(url)) as answer, open(made_up, "wb") as file:
            shutil.copyfileobj(answer, file)
    return str(made_up)


class Host:
    """A weir-host with one plugin."""

    def __init__(self, process, address):
        self.process = process
        self.address = address

    def stats(self):
        done = subprocess.run(
            [runfile("cli/weir"), "--server", self.address, "--json", "stats"],
            capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


@contextlib.contextmanager
def host(directory, url, plugin="plugins/counts/counts.so",
         settings="{policy: block, isolation: in_process}", more=""):
    """Runs weir-host on the stream at `url`, None for no source, with one plugin.
    `counts` takes every message; in process, so that what is measured is all in
    one. `more` is added to the configuration."""
    plugins = directory / "plugins"
    for path in (plugins, directory / "state"):
        path.mkdir()
        path.chmod(0o755)
    name = pathlib.Path(plugin).stem
    shutil.copyfile(runfile(plugin), plugins / f"{name}.so")
    (plugins / f"{name}.yaml").write_text(f"settings: {settings}\n")
    for path in plugins.iterdir():
        path.chmod(0o644)
    config = directory / "weir.yaml"
    text = (f"state_dir: {directory}/state\n"
            "listeners:\n  - tcp: 127.0.0.1:0\n"
            f"plugins:\n  folders: [{plugins}]\n" + more)
    if url:
        text += f"sources:\n  - id: ris-live\n    ris_live:\n      url: {url}\n"
    config.write_text(text)
    with running([runfile("host/weir-host"), "--config", config],
                 "serving on ") as (process, line):
        yield Host(process, line.split("serving on ")[1].split()[0].strip(","))


def until(ask, seconds=60):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    raise SystemExit("never became true: " + ask.__doc__)
