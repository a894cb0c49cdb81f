"""The API as a reflection client gets it, held to what it was: answers and
errors of the documented calls are compared with golden/contract.txt, and what
reflection serves with the descriptors that are kept.

After a change that is meant:

    bazel run //tests/end_to_end:contract_test --run_under=\\
      "env WEIR_WORKSPACE=$PWD WEIR_GOLDEN=$PWD/tests/end_to_end/golden/contract.txt"

and read what has changed: within weir.v1 nothing may go away.
"""

import json
import os
import pathlib
import re

import errors_test
import harness
import http2_client
from protobuf_wire import field, fields_of

CONFIG = """
broker: {publish_enabled: true}
logging: {stats_interval: 0s}
"""

RIS = """
id: ris-live
ris_live:
  url: {url}
backoff: {{initial: 50ms, max: 200ms}}
"""

GOLDEN = "tests/end_to_end/golden/contract.txt"
KEPT = "proto/weir.v1.binpb"

PING = {"type": "test.ping", "source": "publishers/me", "subject": "hello",
        "severity": "SEVERITY_NOTICE", "json": "{\"n\":1}",
        "labels": {"site": "ams"}, "prefixes": ["192.0.2.0/24"],
        "asNumbers": [64496]}
PINGS = {"filters": [{"types": ["test.*"]}], "stopAtLatest": True}
EARLIEST = {"start": {"earliest": {}}}

# In this order: (method, request). EPOCH in a request is the log's.
CALLS = [
    ("EventService/Publish",
     {"events": [PING, {"type": "test.pong"}],
      "requestId": "4b7f3f0e-2d0a-4a55-9b0e-2f1f3f8f1a11"}),
    ("EventService/GetLogInfo", {}),
    ("EventService/Subscribe", {**EARLIEST, **PINGS}),
    ("EventService/Subscribe",
     {**EARLIEST, **PINGS, "headersOnly": True,
      "batch": {"maxEvents": 1, "maxDelay": "0s"}}),
    ("EventService/Subscribe",
     {"start": {"afterId": "aaaaaaaa-3"}, **PINGS}),
    ("EventService/Subscribe",
     {"start": {"afterId": "aaaaaaaa-3"}, "gapPolicy": "GAP_POLICY_FAIL"}),
    ("EventService/Subscribe", {"start": {"afterId": ""}}),
    ("EventService/Subscribe",
     {**EARLIEST, "stopAtLatest": True, "filters": [
         {"types": ["test.*"], "prefixes": ["192.0.2.0/25"],
          "prefixMatch": "PREFIX_MATCH_LESS_SPECIFIC",
          "minSeverity": "SEVERITY_NOTICE"}]}),
    ("EventService/Subscribe", {"filters": [{"subjectRegexes": ["("]},
                                            {"prefixes": ["192.0.2.0/33"]}]}),
    ("EventService/ReadEvents",
     {**EARLIEST, "pageSize": 1, "filters": [{"types": ["test.*"]}]}),
    ("EventService/Publish", {"events": [{"type": "weir.mine"}]}),
    ("StatsService/GetServerInfo", {}),
    ("StatsService/GetStats", {"readMask": "broker,journal,rpc"}),
    ("StatsService/GetStats", {"readMask": "nonsense"}),
    ("SubscriptionService/CreateSubscription",
     {"subscriptionId": "noc", **EARLIEST,
      "subscription": {"filters": [{"types": ["test.*"]}],
                       "maxUnackedEvents": "5000", "idleTtl": "604800s"}}),
    ("SubscriptionService/CreateSubscription", {"subscriptionId": "noc"}),
    ("SubscriptionService/GetSubscription", {"name": "subscriptions/noc"}),
    ("SubscriptionService/ListSubscriptions", {"pageSize": 20}),
    ("SubscriptionService/UpdateSubscription",
     {"subscription": {"name": "subscriptions/noc",
                       "maxUnackedEvents": "20000"},
      "updateMask": "maxUnackedEvents"}),
    ("SubscriptionService/Acknowledge",
     {"name": "subscriptions/noc", "cursor": "EPOCH-1", "leaseId": "L-1"}),
    ("SubscriptionService/SeekSubscription",
     {"name": "subscriptions/noc", "start": {"latest": {}}}),
    ("SubscriptionService/DeleteSubscription", {"name": "subscriptions/noc"}),
    ("SubscriptionService/DeleteSubscription",
     {"name": "subscriptions/noc", "allowMissing": True}),
    ("SubscriptionService/GetSubscription", {"name": "subscriptions/noc"}),
    ("SourceService/ListSources", {}),
    ("SourceService/PauseSource",
     {"name": "sources/ris-live", "reason": "maintenance"}),
    ("SourceService/ReconnectSource", {"name": "sources/ris-live"}),
    ("SourceService/GetSource", {"name": "sources/none"}),
    ("StewardService/SendMessages",
     {"messages": [{"toNode": "node1", "method": "REQHello",
                    "ACKTimeout": "10", "data": "aGk="}]}),
    ("StewardService/ListUndelivered", {"source": "sources/none"}),
    ("StewardService/ResendUndelivered", {"numbers": ["1"]}),
    ("PluginService/ListPlugins", {}),
    ("PluginService/PausePlugin", {"name": "plugins/counts"}),
    ("PluginService/RollbackPlugin", {"name": "plugins/counts"}),
    ("PluginService/ListPoisonMessages", {"parent": "plugins/-"}),
    ("PluginService/UnloadPlugin",
     {"name": "plugins/counts", "drainTimeout": "5s"}),
    ("PluginService/GetPlugin", {"name": "plugins/none"}),
]

# Values of these keys differ from run to run and are not the contract; that
# they are there is.
MEASURED = {
    "subscriptionId", "streamId", "leaseId", "serverTime", "serverVersion",
    "startTime", "createTime", "updateTime", "appendTime", "eventTime", "time",
    "expireTime", "lastAckTime", "earliestTime", "latestTime", "loadTime",
    "snapshotTime", "nodeId", "version", "gitRevision", "features", "etag",
    "journalBytes", "nextPageToken", "sha256", "pid", "path", "url", "peer", "abiMinor",
}


def normal(value, epoch, key=""):
    """A value of an answer, without what differs from run to run."""
    if isinstance(value, dict):
        return {k: normal(v, epoch, k) for k, v in value.items()}
    if isinstance(value, list) and key not in MEASURED:
        return [normal(v, epoch, key) for v in value]
    if key in MEASURED:
        return "..."
    if isinstance(value, str):
        # Events of the host stand between: how many, depends.
        value = re.sub(rf"\b{epoch}-\d+", "EPOCH-N", value)
        value = value.replace(epoch, "EPOCH")
        value = re.sub(r"\b(127\.0\.0\.1|unix):[^ \"]*", "ADDRESS", value)
        value = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", value)
    return value


# What these say depends on what has happened: that they answer is held.
ANSWERED = {"StatsService/GetStats", "SourceService/ListSources",
            "SourceService/PauseSource", "PluginService/ListPlugins",
            "PluginService/PausePlugin", "PluginService/UnloadPlugin"}
# Where the log began and ends, and how much is in it.
POSITIONS = {"seq", "eventCount", "backlogEvents"}


class ContractTest(errors_test.ErrorsTest):

    # The calls of the base class are not this test's.
    test_every_reason_has_its_details = None

    def start_all(self):
        sim = self.start_sim("--rate", "0", "--messages", "40", "--at-end",
                             "hold")
        self.install_plugin("counts", "settings: {policy: block}\n")
        host = self.start_host(
            self.write_config([RIS.format(url=sim.url)], CONFIG))
        self.await_state(host, "ris-live", "STATE_CONNECTED")
        harness.until(
            lambda: int(self.plugin_stats(host, "counts").get(
                "processed_ok", 0)) > 0, "something was handled")
        return host

    def documents(self, text):
        decoder, found = json.JSONDecoder(), []
        text = text.strip()
        while text:
            value, end = decoder.raw_decode(text)
            found.append(value)
            text = text[end:].strip()
        return found

    def describe(self, host, method, body, epoch):
        """What a call did, as the golden file has it."""
        body = json.loads(json.dumps(body).replace("EPOCH", epoch))
        done = self.curl(host, method, body)
        if done.returncode == 0:
            answers = [normal(answer, epoch)
                       for answer in self.documents(done.stdout)]
            if method in ANSWERED:
                answers = ["answered"]
        else:
            error = json.loads(done.stderr)
            details = errors_test.decode(error["details"])
            details = {kind: ("..." if kind == "RetryInfo" else detail)
                       for kind, detail in details.items()}
            answers = [normal({"error": error["code"],
                               "message": error["message"], **details}, epoch)]
        lines = [f"== {method} {json.dumps(body)}".replace(epoch, "EPOCH")]
        for answer in answers:
            text = json.dumps(answer, indent=1, sort_keys=True)
            for key in POSITIONS:
                text = re.sub(rf'"{key}": "\d+"', f'"{key}": "N"', text)
            lines.append(text)
        return "\n".join(lines) + "\n"

    def test_answers_and_errors_are_what_they_were(self):
        host = self.start_all()
        epoch = self.call(host, "EventService/GetLogInfo", {})["epoch"]
        found = "\n".join(self.describe(host, method, body, epoch)
                          for method, body in CALLS)
        where = os.environ.get("WEIR_GOLDEN")
        if where:
            pathlib.Path(where).write_text(found)
        self.maxDiff = None
        self.assertEqual(
            found, pathlib.Path(harness.runfile(GOLDEN)).read_text())

    def reflected(self, host, request, answer):
        """What reflection answers: the bytes of field `answer`."""
        call = http2_client.Call(
            host.unix,
            "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request)
        self.addCleanup(call.close)
        return dict(fields_of(call.message()))[answer]

    def test_reflection_serves_the_descriptors_that_are_kept(self):
        host = self.start_host(self.write_config([]))
        services = [dict(fields_of(service))[1].decode() for _, service in
                    fields_of(self.reflected(host, field(7, "*"), 6))]
        self.assertEqual(sorted(services), [
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            "weir.v1.EventService", "weir.v1.PluginService",
            "weir.v1.SourceService", "weir.v1.StatsService",
            "weir.v1.StewardService", "weir.v1.SubscriptionService"])
        kept = {}
        for _, file in fields_of(
                pathlib.Path(harness.runfile(KEPT)).read_bytes()):
            name = dict(fields_of(file))[1].decode()
            if name.startswith("weir/"):
                kept[name] = file
        self.assertGreater(len(kept), 5)
        for name, file in kept.items():
            if name == "weir/v1/config.proto":
                continue  # Not of the API: reflection need not have it.
            with self.subTest(file=name):
                # With what it imports.
                answer = self.reflected(host, field(3, name), 4)
                [served] = [f for _, f in fields_of(answer)
                            if dict(fields_of(f))[1].decode() == name]
                self.assertEqual(canonical(served, FILE),
                                 canonical(file, FILE))


# Which fields of a descriptor are descriptors themselves. What is left out:
# options of buf's own (8042), where things stand in the source (9) and names that
# follow from others (10 of a field).
ENUM = {2: {}}
FIELD = {"without": {10}}
MESSAGE = {2: FIELD, 4: ENUM, 8: {}}
MESSAGE[3] = MESSAGE
FILE = {4: MESSAGE, 5: ENUM, 6: {2: {}}, "without": {9, 8042}}


def canonical(data, kind):
    without = kind.get("without", ())
    return sorted(
        ((number, canonical(value, kind[number]) if number in kind else value)
         for number, value in fields_of(data) if number not in without),
        key=lambda part: part[0])


if __name__ == "__main__":
    harness.main()
