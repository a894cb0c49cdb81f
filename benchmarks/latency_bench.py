"""How long is it from a line's write into the socket to the subscriber's reading of
its event: 10,000 lines a second, each of which is an event, through a host whose log
is in memory or in mode fast, to a subscriber that asks for no delay? CPU is the host's,
by line."""

import subprocess

import real_host

PER_SECOND = 10_000
SECONDS = 5


def measure(name, isolation="in_process", mode="memory"):
    with real_host.folder() as directory:
        probe = subprocess.Popen(
            [real_host.runfile("benchmarks/latency_probe"), str(PER_SECOND),
             str(SECONDS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            url = probe.stdout.readline().split()[-1]
            with real_host.host(directory, url, plugin="benchmarks/stamps.so",
                                settings="{isolation: %s}" % isolation,
                                more="broker: {mode: %s}\n" % mode) as host:
                def running():
                    """the plugin has handled the first line"""
                    return int(host.stats()["plugins"][0]["processed_ok"]) > 0
                real_host.until(running)
                begin = host.stats()["process"]["cpu_seconds"]
                probe.stdin.write(host.address + "\n")
                probe.stdin.flush()
                found = probe.stdout.readline()
                cpu_s = host.stats()["process"]["cpu_seconds"] - begin
        finally:
            probe.kill()
            probe.wait()
    if not found:
        raise SystemExit("latency_bench: the probe ended early")
    values = dict(value.split("=") for value in found.split())
    real_host.say(f"latency/{name}", item="line",
                  cpu_ns=round(cpu_s * 1e9 / (PER_SECOND * SECONDS)), **values)


def main():
    measure("in_process")
    measure("child", isolation="child")
    measure("fast", mode="fast")


if __name__ == "__main__":
    main()
