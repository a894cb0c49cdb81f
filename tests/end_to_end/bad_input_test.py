"""What is wrong is named, with its place and its cure, and nothing else is
lost."""

import json
import os
import shutil
import signal

import harness

RIS = """
id: ris-live
ris_live:
  url: {url}
backoff: {{initial: 50ms, max: 200ms}}
"""


class BadConfigurationTest(harness.EndToEnd):

    def refuse(self, text):
        config = self.dir / "weir.yaml"
        config.write_text(text)
        host = self.start([harness.runfile("host/weir-host"), "--config",
                           config])
        self.assertEqual(host.wait(), 1)
        return "\n".join(host.errors)

    def test_all_faults_are_listed_with_their_places(self):
        said = self.refuse("""
state_dir: /tmp
sources:
  - id: Bad_Id
    ris_live: {url: "ftp://example.net/"}
  - id: ok
    ris_live: {read_timeout: 10 parsecs}
lisenters: []
""")
        for place in ("weir.yaml:4: sources[0].id", "sources[0].ris_live.url",
                      "weir.yaml:7: sources[1].ris_live.read_timeout",
                      "lisenters", "did you mean \"listeners\""):
            self.assertIn(place, said)

    def test_check_says_yes_or_no(self):
        config = self.write_config([])
        good = self.start([harness.runfile("host/weir-host"), "--check", config])
        self.assertEqual(good.wait(), 0)
        config.write_text("nothing: 1\n")
        bad = self.start([harness.runfile("host/weir-host"), "--check", config])
        self.assertEqual(bad.wait(), 1)

    def test_what_print_config_prints_is_a_configuration(self):
        config = self.write_config([RIS.format(url="http://127.0.0.1:1/")])
        first = self.start([harness.runfile("host/weir-host"), "--config",
                            config, "--print-config"])
        lines = first.rest()
        config.write_text("\n".join(lines) + "\n")
        again = self.start([harness.runfile("host/weir-host"), "--config",
                            config, "--print-config"])
        self.assertEqual(again.rest(), lines)

    def test_a_port_in_use_is_an_error(self):
        first = self.start_host(self.write_config([]))
        (self.dir / "other").mkdir()
        said = self.refuse(f"state_dir: {self.dir}/other\n"
                           f"listeners: [{{tcp: \"{first.address}\"}}]\n")
        self.assertIn(f"address in use: {first.address}", said)

    def test_a_state_directory_in_use_is_an_error(self):
        self.start_host(self.write_config([]))
        said = self.refuse(f"state_dir: {self.dir}/state\n"
                           "listeners: [{tcp: '127.0.0.1:0'}]\n")
        self.assertIn("another process has it open", said)
        self.assertIn("state_dir of its own", said)

    def test_a_state_directory_that_is_not_there_is_named(self):
        said = self.refuse("state_dir: /nonexistent/weir\n")
        self.assertIn("/nonexistent/weir", said)
        self.assertIn("make the directory", said)


class BadPluginTest(harness.EndToEnd):

    def test_the_host_runs_on_whatever_lies_in_the_folder(self):
        sim = self.start_sim("--rate", "2000")
        config = self.write_config([RIS.format(url=sim.url)])
        self.install_plugin("counts")
        folder = self.dir / "plugins"
        (folder / "text.so").write_text("this is no plugin\n")
        (folder / "empty.so").write_text("")
        whole = (folder / "counts.so").read_bytes()
        (folder / "half.so").write_bytes(whole[:len(whole) // 2])
        (folder / "folder.so").mkdir()
        os.symlink("loop.so", folder / "loop.so")
        os.mkfifo(folder / "pipe.so")
        self.install_plugin("origin_watch", "config: {watch: 5}\n")
        for name in ("cap_0", "cap_neg", "wrong_major", "extra_exports"):
            shutil.copyfile(harness.runfile(f"tests/fixtures/{name}.so"),
                            folder / f"{name}.so")
            os.chmod(folder / f"{name}.so", 0o644)
        host = self.start_host(config)
        plugins = {line.split()[0]: line
                   for line in self.weir(host, "plugins") if line.strip()}
        self.assertIn("running", plugins["counts"])
        for name in ("text", "empty", "half"):
            self.assertIn("invalid", plugins[name], plugins)
        # Each refusal names what was wrong.
        said = {p["name"]: p.get("error", "") for p in
                map(json.loads, self.weir(host, "--json", "plugins"))}
        self.assertIn("queue capacity 0", said["plugins/cap-0"])
        self.assertIn("queue capacity -", said["plugins/cap-neg"])
        self.assertIn("weir_plugin_entry_v2", said["plugins/wrong-major"])
        self.assertIn("elf.exports", said["plugins/extra-exports"])
        harness.until(lambda: int(self.plugin_stats(host, "counts").get(
            "processed_ok", 0)) > 100, "counts goes on")
        events = self.events(host, "--type", "weir.plugin.state")
        said = {(e["subject"], e["severity"]) for e in events}
        self.assertTrue(any(s[0].endswith("text") for s in said), said)
        self.assertEqual(host.stop(), 0)


class BadLineTest(harness.EndToEnd):

    def test_a_bad_line_costs_itself_and_nothing_else(self):
        sim = self.start_sim("--rate", "0", "--messages", "3000", "--at-end",
                             "hold", "--fault", "100:garbage", "--fault",
                             "200:long-line", "--fault", "300:unknown-type")
        self.install_plugin("counts", "settings: {policy: block}\n")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        # The unknown type is one message more.
        harness.until(lambda: int(self.plugin_stats(host, "counts").get(
            "processed_ok", 0)) >= 3001, "all messages are handled")
        source = self.source_stats(host, "ris-live")
        self.assertEqual(int(source["messages"]), 3001)
        self.assertEqual(int(source["parse_errors"]), 1)
        self.assertEqual(int(source["unknown_types"]), 1)
        skipped = source["skipped_by_reason"]
        self.assertEqual(int(skipped["too_long"]), 1)
        self.assertEqual(int(skipped["parse_error"]), 1)
        self.assertEqual(int(skipped["not_a_message"]), 1)
        self.assertEqual(int(source.get("reconnects", 0)), 0)


class StopTest(harness.EndToEnd):

    def test_a_signal_ends_it_and_a_second_start_works(self):
        sim = self.start_sim("--rate", "2000")
        self.install_plugin("counts")
        config = self.write_config([RIS.format(url=sim.url)])
        for how in (signal.SIGTERM, signal.SIGINT):
            host = self.start_host(config)
            self.assertEqual(host.stop(how), 0)
        host = self.start_host(config)
        host.stop(signal.SIGKILL)
        self.start_host(config)  # Its socket was stale.


if __name__ == "__main__":
    harness.main()
