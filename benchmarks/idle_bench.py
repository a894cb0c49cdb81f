"""What does a host cost that has nothing to do: one source that is connected
and silent, one plugin, no stream?"""

import time

import real_host

WINDOW_S = 10


def main():
    with real_host.folder() as directory, real_host.sim(
            "--scenario", "--messages", "1", "--at-end", "hold") as url:
        with real_host.host(directory, url) as host:
            def connected():
                """the host has the first message"""
                return int(host.stats()["sources"][0].get("messages", 0)) == 1
            real_host.until(connected)
            begin, begin_s = host.stats(), time.monotonic()
            time.sleep(WINDOW_S)
            end, end_s = host.stats(), time.monotonic()
    cpu_s = end["process"]["cpu_seconds"] - begin["process"]["cpu_seconds"]
    real_host.say(
        "idle/host", item="core",
        percent=f"{100 * cpu_s / (end_s - begin_s):.2f}",
        rss_mib=f"{int(end['process']['rss_bytes']) / (1 << 20):.1f}",
        threads=end["process"]["threads"])


if __name__ == "__main__":
    main()
