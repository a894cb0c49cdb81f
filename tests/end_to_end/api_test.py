"""The API as anybody with a reflection client sees it: buf curl lists,
describes, calls and streams."""

import base64
import json
import signal
import subprocess

import harness

RIS = """
id: ris-live
ris_live:
  url: {url}
backoff: {{initial: 50ms, max: 200ms}}
"""


class ApiTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.buf = harness.buf()
        if self.buf is None:
            self.skipTest("no buf")
        sim = self.start_sim("--rate", "2000")
        self.install_plugin("counts")
        self.install_plugin("origin_watch", """
config:
  watch:
    - {prefix: 192.0.2.0/24, origins: [64496]}
""")
        self.host = self.start_host(
            self.write_config([RIS.format(url=sim.url)]))

    def curl(self, method="", body="{}", *flags, ok=True):
        done = subprocess.run(
            [self.buf, "curl", "--http2-prior-knowledge", "--protocol", "grpc",
             "--reflect-protocol", "grpc-v1alpha", *flags, "-d", body,
             f"http://{self.host.address}/{method}"],
            capture_output=True, text=True, timeout=harness.PATIENCE_S,
            env={"HOME": str(self.dir), "PATH": "/usr/local/bin:/usr/bin:/bin"},
            check=False)
        if ok:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def assert_error(self, done, code, reason):
        """Checks an error's code and the reason in its details; returns its
        message. buf shows details as base64."""
        error = json.loads(done.stderr)
        self.assertEqual(error["code"], code)
        details = error["details"][0]
        self.assertEqual(details["type"], "google.rpc.ErrorInfo")
        value = details["value"] + "=" * (-len(details["value"]) % 4)
        decoded = base64.b64decode(value)
        self.assertIn(reason.encode(), decoded)
        self.assertIn(b"weir.v1", decoded)
        return error["message"]

    def documents(self, text):
        decoder, found = json.JSONDecoder(), []
        text = text.strip()
        while text:
            value, end = decoder.raw_decode(text)
            found.append(value)
            text = text[end:].strip()
        return found

    def test_reflection_lists_and_describes(self):
        def list_of(flag, target):
            done = subprocess.run(
                [self.buf, "curl", "--http2-prior-knowledge", "--protocol",
                 "grpc", "--reflect-protocol", "grpc-v1alpha", flag,
                 f"http://{self.host.address}{target}"],
                capture_output=True, text=True, timeout=harness.PATIENCE_S,
                env={"HOME": str(self.dir),
                     "PATH": "/usr/local/bin:/usr/bin:/bin"}, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.split()
        services = list_of("--list-services", "")
        for service in ("EventService", "PluginService", "SourceService",
                        "StatsService", "StewardService",
                        "SubscriptionService"):
            self.assertIn(f"weir.v1.{service}", services)
        self.assertIn("grpc.health.v1.Health", services)
        methods = list_of("--list-methods", "")
        self.assertIn("weir.v1.EventService/Subscribe", methods)
        self.assertIn("grpc.health.v1.Health/Check", methods)

    def test_health_answers(self):
        done = self.curl("grpc.health.v1.Health/Check",
                         '{"service":"weir.v1.EventService"}')
        self.assertEqual(json.loads(done.stdout), {"status": "SERVING"})

    def test_every_service_answers_a_call(self):
        info = json.loads(self.curl("weir.v1.StatsService/GetServerInfo").stdout)
        self.assertEqual(info["pluginAbiVersion"], 1)
        sources = json.loads(self.curl("weir.v1.SourceService/ListSources").stdout)
        self.assertEqual(sources["sources"][0]["name"], "sources/ris-live")
        plugins = json.loads(self.curl("weir.v1.PluginService/ListPlugins").stdout)
        self.assertEqual(
            {p["name"]: p["state"] for p in plugins["plugins"]},
            {"plugins/counts": "STATE_RUNNING",
             "plugins/origin-watch": "STATE_RUNNING"})
        log = json.loads(self.curl("weir.v1.EventService/GetLogInfo").stdout)
        self.assertTrue(log["epoch"])

    def test_streams_replay_and_resume_after_an_id(self):
        harness.until(lambda: len(self.events(self.host)) >= 3, "three events")
        done = self.curl("weir.v1.EventService/Subscribe",
                         '{"start":{"earliest":{}},"stopAtLatest":true,'
                         '"batch":{"maxEvents":1}}')
        messages = self.documents(done.stdout)
        self.assertIn("hello", messages[0])
        self.assertEqual([m["batchIndex"] for m in messages],
                         [str(i + 1) for i in range(len(messages))])
        events = [e for m in messages for e in m.get("events", [])]
        self.assertEqual([int(e["seq"]) for e in events],
                         list(range(1, len(events) + 1)))
        rest = self.documents(self.curl(
            "weir.v1.EventService/Subscribe",
            json.dumps({"start": {"afterId": events[1]["id"]},
                        "stopAtLatest": True})).stdout)
        again = [e for m in rest for e in m.get("events", [])]
        self.assertEqual(int(again[0]["seq"]), 3)

    def test_a_bad_replay_id_is_named_with_its_field(self):
        done = self.curl("weir.v1.EventService/Subscribe",
                         '{"start":{"afterId":"nonsense"}}', ok=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("start.after_id", self.assert_error(
            done, "invalid_argument", "INVALID_REPLAY_ID"))

    def test_a_bad_filter_is_named_with_its_field(self):
        done = self.curl("weir.v1.EventService/Subscribe",
                         '{"filters":[{"subjectRegexes":["ok","("]}]}', ok=False)
        self.assertIn("filters[0].subject_regexes[1]", self.assert_error(
            done, "invalid_argument", "INVALID_FILTER_REGEX"))

    def test_an_unknown_id_is_a_gap_and_then_the_log(self):
        harness.until(lambda: len(self.events(self.host)) >= 1, "an event")
        messages = self.documents(self.curl(
            "weir.v1.EventService/Subscribe",
            '{"start":{"afterId":"aaaaaaaa-4711"},"stopAtLatest":true}').stdout)
        gaps = [m["gap"] for m in messages if "gap" in m]
        self.assertEqual(gaps[0]["reason"], "REASON_EPOCH_CHANGED")
        events = [e for m in messages for e in m.get("events", [])]
        self.assertEqual(int(events[0]["seq"]), 1)

    def test_not_everybody_may_publish(self):
        done = self.curl("weir.v1.EventService/Publish", ok=False)
        self.assertIn("publisher", self.assert_error(
            done, "permission_denied", "ROLE_REQUIRED"))


class ResumeTest(harness.EndToEnd):

    def test_a_client_that_is_killed_sees_every_event_once_in_order(self):
        sim = self.start_sim("--rate", "3000")
        self.install_plugin("counts", "config: {interval_messages: 10}\n")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        cursor = self.dir / "cursor"
        seen = []
        for _ in range(6):
            watch = self.start(
                [harness.runfile("cli/weir"), "--server", host.address,
                 "--json", "watch", "--from", "earliest", "--limit", "40",
                 "--cursor-file", str(cursor)])
            for line in watch.rest():
                event = json.loads(line)
                self.assertNotIn("gap", event)
                if "seq" in event:
                    seen.append(int(event["seq"]))
        self.assertEqual(seen, list(range(1, len(seen) + 1)))
        self.assertGreaterEqual(len(seen), 240)

    def test_a_client_goes_on_by_itself_when_the_connection_is_cut(self):
        sim = self.start_sim("--rate", "3000")
        self.install_plugin("counts", "config: {interval_messages: 10}\n")
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        proxy = harness.Proxy(host.address)
        self.addCleanup(proxy.close)
        watch = self.start([harness.runfile("cli/weir"), "--server",
                            proxy.address, "--json", "watch", "--from",
                            "earliest"])
        seen = []
        for _ in range(4):
            for _ in range(50):
                event = json.loads(watch.next_line())
                self.assertNotIn("gap", event)
                if "seq" in event:
                    seen.append(int(event["seq"]))
            connections = proxy.connections
            proxy.cut()
            harness.until(lambda: proxy.connections > connections,
                          "the client comes back")
        watch.stop(signal.SIGINT)
        self.assertEqual(seen, list(range(1, len(seen) + 1)))
        self.assertEqual(proxy.connections, 5)


if __name__ == "__main__":
    harness.main()
