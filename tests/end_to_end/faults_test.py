"""Whatever goes wrong with a source's connection, the host says exactly what did,
and loses nothing but that.

Every run ends alike: after its last message the simulator ends the stream and
answers the next request with 404, which makes the source FAILED. So all numbers
stand still when they are looked at."""

import collections
import json
import shutil

import harness

MESSAGES = 4000
PLACE = 1000  # Where in the stream the faults are.

RIS = """
id: ris-live
ris_live:
  url: {url}
  client: end-to-end
  read_timeout: {read_timeout}
  connect_timeout: {connect_timeout}
backoff: {{initial: 20ms, max: 50ms}}
"""

HUNG_UP = "the server ended the stream"


class Row:
    """Faults, and what they add to a run without any: `stats` to the source's
    statistics, `skipped` to skipped_by_reason, `types` and `announced_v4` to what
    the plugin counts; `gaps` are the reasons of outages that end again, and
    `errors` the texts of events of errors that it goes on after."""

    def __init__(self, why, faults, stats=None, skipped=None, types=None,
                 announced_v4=0, gaps=(), errors=(), read_timeout="60s",
                 connect_timeout="60s"):
        self.why = why
        self.faults = faults
        self.stats = collections.Counter(stats or {})
        self.skipped = collections.Counter(skipped or {})
        self.types = collections.Counter(types or {})
        self.announced_v4 = announced_v4
        self.gaps = list(gaps)
        self.errors = list(errors)
        self.read_timeout = read_timeout
        self.connect_timeout = connect_timeout


ROWS = [
    Row("no fault at all", []),
    Row("a clean end is called again, like any other", ["eof"],
        {"reconnects": 1}, gaps=[HUNG_UP]),
    Row("half a line is never taken for one", ["cut-mid-line"],
        {"reconnects": 1}, {"partial": 1},
        gaps=["transfer closed with outstanding read data remaining"]),
    Row("silence ends by the read timeout", ["stall"],
        {"reconnects": 1}, gaps=["read timeout: no byte within 1s"],
        read_timeout="1s"),
    Row("a bad line costs itself", ["garbage"],
        {"parse_errors": 1}, {"parse_error": 1}),
    Row("an unknown type is delivered, an unknown wrapper is not",
        ["unknown-type"], {"unknown_types": 1, "messages": 1},
        {"not_a_message": 1}, {"FUTURE": 1}),
    Row("a line of 3 MiB costs itself", ["long-line"], {}, {"too_long": 1}),
    Row("what the server complains of is told",
        ["ris-error"], {"upstream_errors": 1, "reconnects": 1},
        {"not_a_message": 1}, gaps=[HUNG_UP],
        errors=["Closing connection after being behind"]),
    Row("status 500 is tried again", ["eof", "http-500", "http-500"],
        {"reconnects": 1, "connect_failures": 2}, gaps=[HUNG_UP]),
    Row("a redirect is followed", ["eof", "redirect"],
        {"reconnects": 1}, gaps=[HUNG_UP]),
    Row("an answer may be late", ["eof", "slow-headers:1"],
        {"reconnects": 1}, gaps=[HUNG_UP]),
    Row("an answer that is too late is not waited for",
        ["eof", "slow-headers:86400"],
        {"reconnects": 1, "connect_failures": 1}, gaps=[HUNG_UP],
        connect_timeout="1s"),
    Row("a packed stream is unpacked", ["eof", "gzip"],
        {"reconnects": 1}, gaps=[HUNG_UP]),
    Row("the wire format of 2019 says the same", ["old-format"]),
    Row("a table transfer comes through whole", ["burst:5000"],
        {"messages": 5000}, types={"UPDATE": 5000}, announced_v4=20000),
]


def all_at_once():
    """The rows one after the other in one stream: their faults and their sums.

    Late answers are told from too late ones by the timeout, so only the former
    are there."""
    total = Row("all of them in one stream", [], read_timeout="2s",
                connect_timeout="60s")
    for place, row in enumerate(ROWS):
        if row.connect_timeout != total.connect_timeout:
            continue
        total.faults += [f"{100 * (place + 1)}:{f}" for f in row.faults]
        total.stats += row.stats
        total.skipped += row.skipped
        total.types += row.types
        total.announced_v4 += row.announced_v4
        total.gaps += [g.replace("1s", "2s") for g in row.gaps]
        total.errors += row.errors
    return total


class FaultsTest(harness.EndToEnd):

    def run_row(self, row):
        """Runs `row` to its end; returns the host."""
        # The event log of the row before is not part of this one.
        shutil.rmtree(self.dir / "state", ignore_errors=True)
        self.truth = self.dir / "truth.jsonl"
        faults = []
        for fault in row.faults:
            at_place = fault if fault[0].isdigit() else f"{PLACE}:{fault}"
            faults += ["--fault", at_place]
        sim = self.start_sim("--rate", "0", "--messages", str(MESSAGES),
                             "--truth", str(self.truth), *faults, "--fault",
                             f"{MESSAGES}:http-404")
        self.install_plugin("counts", "settings: {policy: block}\n")
        host = self.start_host(self.write_config([RIS.format(
            url=sim.url, read_timeout=row.read_timeout,
            connect_timeout=row.connect_timeout)]))
        self.await_state(host, "ris-live", "STATE_FAILED")
        return host

    def assert_as_predicted(self, row, host):
        messages = MESSAGES + row.stats["messages"]
        harness.until(lambda: int(self.plugin_stats(host, "counts").get(
            "processed_ok", 0)) >= messages, f"{messages} messages are handled")
        harness.until(lambda: int(self.source_stats(host, "ris-live").get(
            "open_batches", 0)) == 0, "the last batch is complete")
        plugin = self.plugin_stats(host, "counts")
        self.assert_books_balance(plugin)
        self.assertEqual(int(plugin["offered"]), messages)
        self.assertEqual(int(plugin["processed_ok"]), messages)

        # The 404 at the end is an outage and an attempt that failed.
        want = collections.Counter(row.stats)
        want.update(messages=MESSAGES, connect_failures=1,
                    outages=len(row.gaps) + 1)
        source = self.source_stats(host, "ris-live")
        got = {key: int(source.get(key, 0)) for key in (
            "messages", "parse_errors", "unknown_types", "upstream_errors",
            "reconnects", "connect_failures", "outages",
            "incomplete_batches")}
        self.assertEqual(got, {key: want[key] for key in got})
        skipped = {key: int(count) for key, count in
                   source.get("skipped_by_reason", {}).items()}
        self.assertEqual(skipped, dict(row.skipped))

        self.assert_events(row, host)
        self.assert_totals(row, self.final_totals(host))

    def assert_events(self, row, host):
        # A state is there before the event that tells of it.
        harness.until(lambda: any('"gave_up":true' in e["json"] for e in
                                  self.events(host, "--type",
                                              "weir.source.error")),
                      "the host says that it gave up")
        events = self.events(host, "--type", "weir.source.*")
        gaps = [json.loads(e["json"]) for e in events
                if e["type"] == "weir.source.gap"]
        reasons = []
        for reason in row.gaps:
            reasons += [reason, reason]  # It begins, and it ends.
        reasons.append(HUNG_UP)
        self.assertEqual(len(gaps), len(reasons), gaps)
        for i, (gap, reason) in enumerate(zip(gaps, reasons)):
            self.assertIn(reason, gap["reason"])
            self.assertTrue(gap["data_lost"])
            self.assertEqual(gap["end"] is None, i % 2 == 0, gap)
            if i % 2 == 1:
                self.assertEqual(gap["begin"], gaps[i - 1]["begin"])
                self.assertGreaterEqual(gap["end"], gap["begin"])
        errors = [json.loads(e["json"]) for e in events
                  if e["type"] == "weir.source.error"]
        self.assertEqual(len(errors), len(row.errors) + 1, errors)
        for error, text in zip(errors, row.errors):
            self.assertIn(text, error["message"])
            self.assertFalse(error["gave_up"])
        self.assertTrue(errors[-1]["gave_up"])
        self.assertEqual(errors[-1]["status"], 404)
        self.assertEqual({e["source"] for e in events}, {"sources/ris-live"})

    def assert_totals(self, row, totals):
        lines = self.truth.read_text().splitlines()
        summary = json.loads(lines[-1])
        self.assertEqual(summary["kind"], "summary")
        types = collections.Counter(summary["types"])
        types.update(row.types)
        self.assertEqual(totals["types"], dict(+types))
        summary["announced"]["v4"] += row.announced_v4
        for what in ("announced", "withdrawn"):
            for family in ("v4", "v6"):
                self.assertEqual(totals[f"{what}_{family}"],
                                 summary[what][family], (what, family))

    def test_each_fault_costs_what_it_must_and_no_more(self):
        for row in ROWS:
            with self.subTest(row.why):
                self.assert_as_predicted(row, self.run_row(row))

    def test_all_faults_in_one_stream_add_up(self):
        row = all_at_once()
        self.assert_as_predicted(row, self.run_row(row))

    def test_status_404_is_final_until_an_operator_says_otherwise(self):
        row = Row("the url is wrong, and then it is right", ["eof", "http-404"])
        host = self.run_row(row)
        source = self.source_stats(host, "ris-live")
        self.assertEqual(int(source["messages"]), PLACE)
        self.assertEqual(int(source["connect_failures"]), 1)
        status = self.source(host, "ris-live")
        self.assertEqual(status["last_error"]["status"], 404)
        self.assertIn("check the url", status["last_error"]["message"])

        self.weir(host, "sources", "reconnect", "ris-live", unix=True)
        harness.until(lambda: int(self.source_stats(host, "ris-live").get(
            "messages", 0)) == MESSAGES, "the rest of the messages come")
        self.await_state(host, "ris-live", "STATE_FAILED")  # By the last 404.
        source = self.source_stats(host, "ris-live")
        self.assertEqual(int(source["reconnects"]), 1)
        self.assertEqual(int(source["outages"]), 2)


if __name__ == "__main__":
    harness.main()
