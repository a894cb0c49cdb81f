"""Every error that a client of the served methods can get, with its details,
asked for and decoded as a reflection client does it: one row for each reason."""

import base64
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess

import harness
from http2_client import Call
from protobuf_wire import field, fields_of

RIS = """
id: ris-live
ris_live:
  url: {url}
backoff: {{initial: 50ms, max: 200ms}}
"""

# The journal is not asked for, so that asking for it has an answer.
COMMON = """
broker: {mode: memory, publish_enabled: true}
"""
TIGHT = """
broker: {mode: memory, publish_enabled: true, ring_events: 300}
limits: {max_subscribers: 0, max_subscriptions: 0, publish_limit_per_second: 1}
"""

# In the journal, and little of it in memory.
DURABLE = """
broker: {publish_enabled: true}
"""

# Who stops to read is given up soon; what is published then fits no buffer.
STALL = """
broker: {publish_enabled: true, retention_bytes: 64MiB}
limits: {write_stall_timeout: 2s, publish_limit_per_second: 10000000}
"""
BULK_BYTES = 2000
BULK_BATCH = 400
BULK_BATCHES = 40

# Nobody is there: that it is configured is enough.
NATS = """
id: orders
nats: {servers: ["nats://127.0.0.1:1"], subjects: ["order.>"]}
"""

# Stops in a message, and is left alone there.
HANGS = """
settings: {policy: drop_oldest, soft_deadline: 50ms, hard_deadline: 60s}
config: {seq: 50}
"""

# As many checks of modules may wait: ModuleChecks::kMaxWaiting.
CHECKS = 16

# What cannot be asked for here, and why. Each reason of the API is in a row
# below or in this table.
ELSEWHERE = {
    "WRITE_STALLED": "comes without its details, which do not overtake what the "
                     "client does not read: check_stalled sees the code",
    "TOKEN_MISSING": "takes an address that is not loopback, which is refused "
                     "as long as there is no authentication by token: "
                     "access_test",
    "TOKEN_INVALID": "takes authentication by token, which is not served yet",
}


def decode(details):
    """The details of an error as buf shows them, by type, decoded."""
    decoded = {}
    for detail in details:
        text = detail["value"] + "=" * (-len(detail["value"]) % 4)
        fields = list(fields_of(base64.b64decode(text)))
        kind = detail["type"].rsplit(".", 1)[1]
        assert kind not in decoded, details
        if kind == "ErrorInfo":
            info = {"metadata": {}}
            for number, value in fields:
                if number == 3:
                    entry = dict(fields_of(value))
                    info["metadata"][entry[1].decode()] = \
                        entry.get(2, b"").decode()
                else:
                    info[{1: "reason", 2: "domain"}[number]] = value.decode()
            decoded[kind] = info
        elif kind == "BadRequest":
            decoded[kind] = [dict(fields_of(value))[1].decode()
                             for _, value in fields]
        else:
            decoded[kind] = fields
    return decoded


class ErrorsTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.buf = harness.buf()
        if self.buf is None:
            self.skipTest("no buf")

    def argv(self, host, method, body):
        # In a file: a request may be longer than an argument.
        self.requests = getattr(self, "requests", 0) + 1
        file = self.dir / f"request-{self.requests}"
        file.write_text(json.dumps(body))
        return [self.buf, "curl", "--http2-prior-knowledge", "--protocol",
                "grpc", "--reflect-protocol", "grpc-v1alpha", "--unix-socket",
                host.unix.removeprefix("unix://"), "-d", f"@{file}",
                f"http://localhost/weir.v1.{method}"]

    def environment(self):
        return {"HOME": str(self.dir), "PATH": "/usr/local/bin:/usr/bin:/bin"}

    def curl(self, host, method, body, tcp=False):
        argv = self.argv(host, method, body)
        if tcp:
            at = argv.index("--unix-socket")
            del argv[at:at + 2]
            argv[-1] = f"http://{host.address}/weir.v1.{method}"
        return subprocess.run(argv, capture_output=True, text=True,
                              timeout=harness.PATIENCE_S,
                              env=self.environment(), check=False)

    def call(self, host, method, body):
        done = self.curl(host, method, body)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout or "{}")

    def stream(self, host, method, body, line):
        """Starts a streaming call, and reads until a line with `line`."""
        program = self.start(self.argv(host, method, body),
                             env=self.environment())
        program.found = program.line_with(line)
        return program

    def ended(self, program):
        """The error that a streaming call ends with."""
        program.rest()
        return "\n".join(program.errors)

    def assert_error(self, stderr, code, reason, metadata, retry, fields):
        """`metadata` has the values to expect; None is any, but some."""
        error = json.loads(stderr)
        self.assertEqual(error["code"], code, stderr)
        details = decode(error["details"])
        self.assertEqual(details["ErrorInfo"]["reason"], reason, stderr)
        self.assertEqual(details["ErrorInfo"]["domain"], "weir.v1")
        found = details["ErrorInfo"]["metadata"]
        self.assertEqual(set(found), set(metadata), reason)
        for key, value in metadata.items():
            if value is not None:
                self.assertEqual(found[key], value, (reason, key))
        self.assertEqual("RetryInfo" in details, retry, reason)
        self.assertEqual(details.get("BadRequest", []), fields, reason)
        self.assertTrue(error["message"])
        self.rows.add(reason)

    def check(self, host, method, body, code, reason, metadata, retry=False,
              fields=(), tcp=False):
        with self.subTest(method=method, reason=reason):
            done = self.curl(host, method, body, tcp)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assert_error(done.stderr, code, reason, metadata, retry,
                              list(fields))

    def publish(self, host, n):
        self.call(host, "EventService/Publish", {
            "durability": "DURABILITY_ACCEPTED",
            "events": [{"type": "test.ping"}] * n})

    def test_every_reason_has_its_details(self):
        self.rows = set()
        sim = self.start_sim("--rate", "100")
        self.install_plugin("counts")
        host = self.start_host(
            self.write_config([RIS.format(url=sim.url)], COMMON))
        self.check_events(host)
        self.check_publish(host)
        self.check_subscriptions(host)
        self.check_plugins_and_sources(host)
        self.check_streams_that_end(host)
        host.stop()
        host = self.start_host(self.write_config([], TIGHT))
        self.check_limits(host)
        host.stop()
        host = self.start_host(self.write_config([]))
        self.check(host, "EventService/Publish",
                   {"events": [{"type": "test.ping"}]}, "failed_precondition",
                   "PUBLISH_DISABLED", {"state": "disabled"})
        host.stop()

        self.check_damaged_journal()
        self.check_stalled()
        self.check_hanging()
        self.check_flow_control()

        root = pathlib.Path(harness.runfile("proto/weir/v1/common.proto"))
        known = set(re.findall(r"ERROR_REASON_(\w+) = [1-9]", root.read_text()))
        self.assertEqual(self.rows & set(ELSEWHERE), set())
        self.assertEqual(known - self.rows - set(ELSEWHERE), set())
        self.assertEqual(self.rows | set(ELSEWHERE), known)

    def check_events(self, host):
        subscribe = "EventService/Subscribe"
        log = self.call(host, "EventService/GetLogInfo", {})
        fail = {"gapPolicy": "GAP_POLICY_FAIL"}
        for after_id in ("", "nonsense"):
            self.check(host, subscribe, {"start": {"afterId": after_id}},
                       "invalid_argument", "INVALID_REPLAY_ID",
                       {"field": "start.after_id", "value": after_id},
                       fields=["start.after_id"])
        self.check(host, subscribe,
                   {"filters": [{"subjectRegexes": ["ok", "("]}]},
                   "invalid_argument", "INVALID_FILTER_REGEX",
                   {"field": "filters[0].subject_regexes[1]", "pattern": "(",
                    "error": None},
                   fields=["filters[0].subject_regexes[1]"])
        self.check(host, subscribe, {"filters": [{}] * 17}, "invalid_argument",
                   "FILTER_TOO_LARGE", {"field": "filters", "limit": "16"},
                   fields=["filters"])
        self.check(host, "EventService/ReadEvents", {"pageSize": -1},
                   "invalid_argument", "INVALID_FIELD", {"field": "page_size"},
                   fields=["page_size"])
        self.check(host, subscribe, {"start": {"tail": 100001}},
                   "invalid_argument", "INVALID_FIELD",
                   {"field": "start.tail", "limit": "100000",
                    "value": "100001"}, fields=["start.tail"])
        self.check(host, subscribe, {"start": {"afterId": "aaaaaaaa-1"}, **fail},
                   "out_of_range", "REPLAY_EPOCH_MISMATCH",
                   {"cursor": "aaaaaaaa-1", "epoch": log["epoch"],
                    "earliest_id": None, "latest_id": None})
        future = f"{log['epoch']}-999999"
        self.check(host, subscribe, {"start": {"afterId": future}, **fail},
                   "out_of_range", "REPLAY_POSITION_IN_FUTURE",
                   {"cursor": future, "latest_id": None})

    def check_publish(self, host):
        publish = "EventService/Publish"
        self.check(host, publish, {"events": [{"type": "test.ping"}]},
                   "permission_denied", "ROLE_REQUIRED", {"role": "publisher"},
                   tcp=True)
        self.check(host, publish,
                   {"events": [{"type": "test.ping"}, {"type": "a", "seq": 4}]},
                   "invalid_argument", "EVENT_INVALID",
                   {"index": "1", "field": "seq"}, fields=["events[1].seq"])
        self.check(host, publish,
                   {"events": [{"type": "a", "json": f'"{"x" * 262144}"'}]},
                   "resource_exhausted", "EVENT_TOO_LARGE",
                   {"index": "0", "size": None, "limit": "262144"})
        self.check(host, publish, {"events": [{"type": "test.ping"}]},
                   "unavailable", "JOURNAL_UNAVAILABLE", {"detail": None})

    def check_subscriptions(self, host):
        service = "SubscriptionService/"
        name = "subscriptions/noc"
        self.check(host, service + "GetSubscription", {"name": name},
                   "not_found", "SUBSCRIPTION_NOT_FOUND", {"name": name})
        self.check(host, service + "UpdateSubscription",
                   {"subscription": {"name": name},
                    "updateMask": "ackCursor"}, "invalid_argument",
                   "INVALID_FIELD",
                   {"field": "update_mask", "value": "ack_cursor"},
                   fields=["update_mask"])
        create = {"subscriptionId": "noc", "start": {"earliest": {}}}
        self.call(host, service + "CreateSubscription", create)
        self.check(host, service + "CreateSubscription", create,
                   "already_exists", "SUBSCRIPTION_EXISTS", {"name": name})
        self.check(host, service + "DeleteSubscription",
                   {"name": name, "etag": '"1"'}, "aborted", "ETAG_MISMATCH",
                   {"name": name, "etag": None})
        self.check(host, service + "SeekSubscription", {"name": name},
                   "invalid_argument", "INVALID_FIELD", {"field": "start"},
                   fields=["start"])
        consumer = self.stream(host, service + "Consume",
                               {"name": name, "clientName": "one"}, '"leaseId"')
        lease = re.search(r'"leaseId": "([^"]+)"', consumer.found)[1]
        self.check(host, service + "Consume", {"name": name},
                   "failed_precondition", "SUBSCRIPTION_BUSY",
                   {"name": name, "attached_client": None, "since": None})
        log = self.call(host, "EventService/GetLogInfo", {})
        future = f"{log['epoch']}-999999"
        self.check(host, service + "Acknowledge",
                   {"name": name, "leaseId": lease, "cursor": future},
                   "failed_precondition", "ACK_BEYOND_DELIVERED",
                   {"name": name, "cursor": future, "delivered_cursor": None})
        self.check(host, service + "Acknowledge",
                   {"name": name, "leaseId": "L-1", "cursor": future},
                   "aborted", "LEASE_LOST", {"name": name})
        self.call(host, service + "SeekSubscription",
                  {"name": name, "start": {"latest": {}}})
        self.assert_error(self.ended(consumer), "aborted", "LEASE_LOST",
                          {"name": name}, False, [])
        consumer = self.stream(host, service + "Consume", {"name": name},
                               '"leaseId"')
        self.call(host, service + "DeleteSubscription", {"name": name})
        self.assert_error(self.ended(consumer), "not_found",
                          "SUBSCRIPTION_DELETED", {"name": name}, False, [])

    def check_plugins_and_sources(self, host):
        self.check(host, "SourceService/GetSource", {"name": "sources/none"},
                   "not_found", "SOURCE_NOT_FOUND", {"name": "sources/none"})
        self.call(host, "SourceService/PauseSource",
                  {"name": "sources/ris-live"})
        self.check(host, "SourceService/ReconnectSource",
                   {"name": "sources/ris-live"}, "failed_precondition",
                   "SOURCE_STATE",
                   {"source": "sources/ris-live", "state": "paused"})
        self.check(host, "StewardService/SendMessages",
                   {"source": "sources/none"}, "not_found", "SOURCE_NOT_FOUND",
                   {"name": "sources/none"})
        self.check(host, "StewardService/StopProcess",
                   {"source": "sources/none", "method": "REQPing"},
                   "not_found", "SOURCE_NOT_FOUND", {"name": "sources/none"})
        self.check(host, "PluginService/GetPlugin", {"name": "plugins/none"},
                   "not_found", "PLUGIN_NOT_FOUND", {"name": "plugins/none"})
        self.check(host, "PluginService/LoadPlugin", {"module": "counts.so"},
                   "already_exists", "PLUGIN_EXISTS", {"name": "plugins/counts"})
        for reason, code, method, body in [
                ("PLUGIN_MODULE_NOT_FOUND", "not_found", "LoadPlugin",
                 {"module": "none.so"}),
                ("PLUGIN_DIGEST_MISMATCH", "failed_precondition", "LoadPlugin",
                 {"module": "counts.so", "pluginId": "again",
                  "sha256": "0" * 64}),
                ("PLUGIN_NO_PREVIOUS", "failed_precondition", "RollbackPlugin",
                 {"name": "plugins/counts"}),
                ("PLUGIN_STATE", "failed_precondition", "ReleasePlugin",
                 {"name": "plugins/counts"})]:
            with self.subTest(reason=reason):
                self.check_any_metadata(host, "PluginService/" + method, body,
                                        code, reason)
        self.check(host, "PluginService/UpdatePluginConfig",
                   {"name": "plugins/counts",
                    "config": {"interval_messages": "many"}},
                   "invalid_argument", "PLUGIN_CONFIG_INVALID",
                   {"name": "plugins/counts", "detail": None},
                   fields=["config/interval_messages"])
        poison = "plugins/counts/poisonMessages/7"
        self.check(host, "PluginService/GetPoisonMessage", {"name": poison},
                   "not_found", "POISON_MESSAGE_NOT_FOUND", {"name": poison})
        for fixture, reason in [("cap_neg", "PLUGIN_INIT_FAILED"),
                                ("wrong_major", "PLUGIN_ABI_MISMATCH")]:
            # By another name than that of the slot which the file may have.
            self.put(f"tests/fixtures/{fixture}.so", fixture)
            for dry in (False, True):
                self.check(host, "PluginService/LoadPlugin",
                           {"module": f"{fixture}.so", "pluginId": "other",
                            "validateOnly": dry},
                           "failed_precondition", reason,
                           {"name": None, "detail": None})
        self.call(host, "PluginService/QuarantinePlugin",
                  {"name": "plugins/counts"})
        self.check_any_metadata(host, "PluginService/ReloadPlugin",
                                {"name": "plugins/counts"},
                                "failed_precondition", "PLUGIN_QUARANTINED")

    def check_any_metadata(self, host, method, body, code, reason):
        done = self.curl(host, method, body)
        details = decode(json.loads(done.stderr)["details"])
        found = details["ErrorInfo"]["metadata"]
        self.assertTrue(found, done.stderr)
        self.assert_error(done.stderr, code, reason, found, False,
                          details.get("BadRequest", []))

    def check_streams_that_end(self, host):
        slow = self.stream(
            host, "EventService/Subscribe",
            {"lagPolicy": "LAG_POLICY_DISCONNECT", "maxLagEvents": 1,
             "batch": {"maxDelay": "1s"}}, '"caughtUp"')
        self.publish(host, 1)
        self.publish(host, 1000)
        self.assert_error(self.ended(slow), "resource_exhausted",
                          "SLOW_CONSUMER", {"cursor": None, "lag_events": None},
                          True, [])
        drained = self.stream(host, "EventService/Subscribe", {}, '"caughtUp"')
        host.stop()
        self.assert_error(self.ended(drained), "unavailable", "SERVER_DRAINING",
                          {"cursor": None}, True, [])
        self.assertIn("SERVER_DRAINING", "\n".join(drained.lines))  # A notice.

    def check_damaged_journal(self):
        config = self.write_config([], DURABLE)
        host = self.start_host(config)
        self.call(host, "EventService/Publish",
                  {"events": [{"type": "test.ping"}] * 5})
        log = self.call(host, "EventService/GetLogInfo", {})
        self.assertEqual(host.stop(), 0)
        with sqlite3.connect(self.dir / "state/journal.db") as journal:
            changed = journal.execute(
                "UPDATE chunk SET body = substr(body, 2) WHERE first = "
                "(SELECT min(first) FROM chunk)").rowcount
        journal.close()
        self.assertEqual(changed, 1)
        host = self.start_host(config)
        self.check(host, "EventService/Subscribe",
                   {"start": {"earliest": {}}, "stopAtLatest": True,
                    "gapPolicy": "GAP_POLICY_FAIL"},
                   "data_loss", "JOURNAL_CORRUPT",
                   {"first_bad_id": f"{log['epoch']}-1", "last_bad_id": None})
        host.stop()

    def check_stalled(self):
        """Who does not read is told the code, if he reads again."""
        host = self.start_host(self.write_config([], STALL))
        stopped = self.stream(host, "EventService/Subscribe", {}, '"caughtUp"')
        # npm's buf starts the one that reads.
        reader = int(next(iter(self.children(stopped)), stopped.process.pid))
        self.addCleanup(self.end, reader)
        os.kill(reader, signal.SIGSTOP)
        event = field(5, "test.bulk") + field(10, f'"{"x" * BULK_BYTES}"')
        for _ in range(BULK_BATCHES):
            call = Call(host.unix, "weir.v1.EventService/Publish",
                        field(1, event) * BULK_BATCH + field(3, 1))
            self.addCleanup(call.close)
            call.rest()
            self.assertEqual(call.grpc_status, 0, call.grpc_message)
            call.close()
        harness.until(lambda: not self.stats(host).get("subscribers"),
                      "it is given up")
        os.kill(reader, signal.SIGCONT)
        error = json.loads(self.ended(stopped))
        self.assertEqual(error["code"], "unavailable", error)
        self.assertIn("has not read", error["message"])
        self.assertNotIn("details", error)
        host.stop()

    def check_hanging(self):
        """A message in work that takes too long, and checks that do."""
        sim = self.start_sim("--rate", "100")
        self.put("tests/fixtures/hang_spin.so", "hangs", HANGS)
        host = self.start_host(self.write_config([RIS.format(url=sim.url)]))
        harness.until(
            lambda: any("CONDITION_HUNG" in plugin.get("conditions", [])
                        for plugin in map(json.loads, self.weir(
                            host, "--json", "plugins", "list", unix=True))),
            "it hangs")
        self.check(host, "PluginService/ReloadPlugin",
                   {"name": "plugins/hangs", "drainTimeout": "0.1s"},
                   "deadline_exceeded", "DRAIN_TIMEOUT",
                   {"queued_messages": None}, retry=True)
        # One that takes long, as many as may wait for it, and one more.
        self.put("tests/fixtures/hang_in_ctor.so", "slow", "disabled: true\n")
        before = self.children(host)
        self.ask_check(host)
        harness.until(lambda: self.children(host) - before, "it is checked")
        for _ in range(CHECKS):
            self.ask_check(host)
        self.check(host, "PluginService/CheckPlugin", {"module": "other.so"},
                   "aborted", "PLUGIN_BUSY",
                   {"name": "other.so", "operation": "check"}, retry=True)
        host.stop(signal.SIGKILL)  # It would wait for the one that hangs.

    def ask_check(self, host):
        """Asks for a check, and does not wait for it."""
        call = Call(host.unix, "weir.v1.PluginService/CheckPlugin",
                    field(1, "slow.so"))
        self.addCleanup(call.close)

    def end(self, process):
        """Ends a process, if it has not ended yet."""
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def children(self, program):
        """The processes that a program has started."""
        threads = pathlib.Path(f"/proc/{program.process.pid}/task")
        return {child for path in threads.glob("*/children")
                for child in path.read_text().split()}

    def check_flow_control(self):
        config = self.write_config([NATS])
        for left in (self.dir / "plugins").iterdir():
            left.unlink()
        host = self.start_host(config)
        self.install_plugin("counts")
        self.check(host, "PluginService/LoadPlugin",
                   {"module": "counts.so", "pluginId": "waits",
                    "settings": {"policy": "QUEUE_POLICY_BLOCK"}},
                   "failed_precondition", "POLICY_NEEDS_FLOW_CONTROL",
                   {"name": "plugins/waits", "source": "sources/orders"})
        host.stop()

    def check_limits(self, host):
        self.publish(host, 999)
        self.check(host, "EventService/Publish",
                   {"durability": "DURABILITY_ACCEPTED",
                    "events": [{"type": "test.ping"}] * 1000},
                   "resource_exhausted", "RATE_LIMITED",
                   {"limit": "1", "scope": "server"}, retry=True)
        log = self.call(host, "EventService/GetLogInfo", {})
        first = f"{log['epoch']}-1"
        self.check(host, "EventService/Subscribe",
                   {"start": {"afterId": first},
                    "gapPolicy": "GAP_POLICY_FAIL"},
                   "out_of_range", "REPLAY_POSITION_EXPIRED",
                   {"cursor": first, "earliest_id": log["earliestId"],
                    "latest_id": log["latestId"]})
        self.check(host, "EventService/Subscribe", {}, "resource_exhausted",
                   "TOO_MANY_SUBSCRIBERS", {"limit": "0", "scope": "server"},
                   retry=True)
        self.check(host, "SubscriptionService/CreateSubscription",
                   {"subscriptionId": "noc"}, "resource_exhausted",
                   "TOO_MANY_SUBSCRIPTIONS", {"limit": "0", "scope": "server"},
                   retry=True)


if __name__ == "__main__":
    harness.main()
