// Makes the journal that golden_journal_test opens, and what it must say:
//
//   bazel run //tests/component:make_golden_journal -- DIRECTORY/NAME
//
// writes DIRECTORY/NAME.db and DIRECTORY/NAME.jsonl. What is committed once is
// never made again: it is a journal that this version has written, and every
// later one must read. A new format gets a file of its own.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/control/stream_options.h"
#include "host/control/subscriptions.h"
#include "host/pipeline/event.h"
#include "tests/component/journal_replay.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/short_temp_dir.h"

namespace {

// An event of each kind of payload, in turn.
weir::Event MakeEvent(int i) {
  weir::Event event;
  event.type = i % 3 == 0 ? "hijack.origin" : "counts.total";
  event.source = "plugins/golden";
  event.subject = absl::StrCat("192.0.2.", i, "/32");
  event.severity = i % 4 == 0 ? weir::Severity::kError : weir::Severity::kInfo;
  event.labels = {{"number", absl::StrCat(i)}};
  if (i % 2 == 0) event.event_time = absl::FromUnixMillis(1789019601670 + i);
  event.prefixes.push_back({4, 24, WEIR_NO_NEXT_HOP, {192, 0, 2}});
  event.prefixes.push_back({6, 32, WEIR_NO_NEXT_HOP, {0x20, 0x01, 0x0d, 0xb8}});
  event.as_numbers = {64496, 4200000000u + static_cast<uint32_t>(i)};
  auto extras = std::make_shared<weir::EventExtras>();
  switch (i % 5) {
    case 0:
      extras->binary = std::string("\0\xff\n", 3);
      extras->data_schema = "https://example.net/schema";
      break;
    case 1:
      extras->traceparent =
          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      extras->caused_by = {"7k2mq9xv-1"};
      event.json = R"({"text":"ümläut | \"quoted\""})";
      break;
    default:
      event.json = absl::StrCat(R"({"n":)", i, "}");
  }
  event.extras = std::move(extras);
  return event;
}

void Publish(weir::JournaledHost& host, weir::FakeClock& clock, int from,
             int to) {
  for (int i = from; i <= to; ++i) {
    clock.Advance(absl::Milliseconds(250));
    if (!host.broker().Publish(MakeEvent(i)).ok()) std::abort();
  }
  host.log().Step();
}

void Make(const std::string& path) {
  weir::FakeClock clock;
  clock.Advance(absl::FromUnixSeconds(1789019600) - absl::UnixEpoch());
  {
    const weir::ShortTempDir first_life;
    const std::string before = absl::StrCat(first_life.path(), "/journal.db");
    weir::JournaledHost host(before, "boot-1", clock);
    if (!host.status().ok()) {
      std::fprintf(stderr, "%s\n", host.status().ToString().c_str());
      std::exit(1);
    }
    Publish(host, clock, 1, 1);
    Publish(host, clock, 2, 12);
    weir::Subscription settings;
    settings.display_name = "golden";
    settings.filters.emplace_back().types = {"hijack.*"};
    settings.labels = {{"team", "noc"}};
    weir::StartPosition start;
    start.kind = weir::StartPosition::Kind::kAfterId;
    start.after_id = "7k2mq9xv-5";
    if (!host.subscriptions()
             .Create("noc", settings, start, "", /*validate_only=*/false)
             .ok()) {
      std::abort();
    }
    host.log().Step();
    Publish(host, clock, 13, 30);
    // What is on the disk when the machine goes down.
    for (const char* const part : {"", "-wal", "-intact"}) {
      std::filesystem::copy_file(before + part, path + part);
    }
  }
  // It goes on behind a hole, up to what was reserved.
  weir::JournaledHost host(path, "boot-2", clock);
  Publish(host, clock, 31, 31);
  Publish(host, clock, 32, 40);
  std::ofstream lines(path.substr(0, path.size() - 3) + ".jsonl");
  for (const std::string& line : host.Replay("7k2mq9xv-0")) {
    lines << line << "\n";
  }
  host.broker().Close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  const std::string path = absl::StrCat(argv[1], ".db");
  if (std::filesystem::exists(path)) {
    std::fprintf(stderr, "%s is there already\n", path.c_str());
    return 1;
  }
  Make(path);
  for (const char* const rest : {"-intact", "-lock"}) {
    std::filesystem::remove(path + rest);
  }
  return 0;
}
