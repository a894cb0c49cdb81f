"""What does a message cost from the socket to the end of its handler: a host
that reads a recording over HTTP as fast as it can, into the plugin `counts`,
which loses nothing (policy `block`)? Beside it, in the same run, on the same
file, a program that works as the one that weir grew from.

CPU is user and system time of all threads of the process, libcurl's reading
included; the sender's is not. Each is the least of a few runs.
"""

import json
import subprocess
import time

import real_host

WINDOWS = 5
WINDOW_S = 3
REFERENCE_RUNS = 3
REFERENCE_MESSAGES = 400_000


def counts(stats):
    """Messages handled so far, and whether none was lost."""
    plugin = next(p for p in stats["plugins"] if p["name"] == "plugins/counts")
    lost = sum(int(plugin.get(f"dropped_{why}", 0)) for why in
               ("policy", "full", "not_running", "quarantined"))
    return int(plugin.get("processed_ok", 0)), lost


def measure_host(directory, url):
    """The cheapest window of some: CPU and wall seconds a message."""
    best = None
    with real_host.host(directory, url) as host:
        def warm():
            """the host handles messages"""
            return counts(host.stats())[0] > 300_000
        real_host.until(warm)
        for _ in range(WINDOWS):
            begin, begin_s = host.stats(), time.monotonic()
            time.sleep(WINDOW_S)
            end, end_s = host.stats(), time.monotonic()
            messages = counts(end)[0] - counts(begin)[0]
            cpu_s = (end["process"]["cpu_seconds"] -
                     begin["process"]["cpu_seconds"])
            found = (cpu_s / messages, (end_s - begin_s) / messages)
            best = min(best, found) if best else found
        if counts(end)[1] > 0:
            raise SystemExit("ingest_bench: messages were lost; the policy "
                             "`block` must not lose any")
    return best


def measure_reference(url):
    best = None
    for _ in range(REFERENCE_RUNS):
        done = subprocess.run(
            [real_host.runfile("benchmarks/ingest_reference"),
             real_host.stream(url), str(REFERENCE_MESSAGES)],
            capture_output=True, text=True, check=True)
        run = json.loads(done.stdout)
        found = (run["cpu_seconds"] / run["messages"],
                 run["wall_seconds"] / run["messages"])
        best = min(best, found) if best else found
    return best


def main():
    with real_host.folder() as directory:
        recording = real_host.recording(directory)
        with real_host.sim("--recording", recording, "--speed", "max",
                           "--loops", "0") as url:
            ours = measure_host(directory, url)
            theirs = measure_reference(url)
    for name, found in (("ingest/weir", ours), ("ingest/reference", theirs)):
        real_host.say(name, item="message", cpu_ns=round(found[0] * 1e9),
                      wall_ns=round(found[1] * 1e9),
                      per_second=round(1 / found[1]))
    real_host.say("ingest/ratio", item="times",
                  value=f"{theirs[0] / ours[0]:.1f}")


if __name__ == "__main__":
    main()
