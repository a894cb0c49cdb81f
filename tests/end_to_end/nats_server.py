"""Debian's nats-server for an end-to-end test."""

import re

import harness


class WithNatsServer:
    """For a test that is a harness.EndToEnd, too."""

    def start_nats(self, port=-1):
        """nats-server on a loopback port that is free; sets self.port."""
        ports = self.dir / "ports"
        ports.mkdir(exist_ok=True)
        for old in ports.iterdir():
            old.unlink()
        server = self.start(["/usr/sbin/nats-server", "-a", "127.0.0.1", "-p",
                             str(port), "--ports_file_dir", ports])

        def listening():
            for path in ports.iterdir():
                found = re.search(r"nats://127\.0\.0\.1:(\d+)",
                                  path.read_text())
                if found:
                    self.port = int(found[1])
                    return True
            return False

        harness.until(listening, "nats-server listens")
        return server
