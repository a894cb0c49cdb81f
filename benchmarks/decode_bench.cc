// What does it cost to make a message of a RIS Live line, beside a program that
// parses each line into maps and strings?
#include <benchmark/benchmark.h>
#include <simdjson.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "benchmarks/json_tree.h"
#include "host/decode/decoder.h"
#include "host/decode/ris_live_decoder.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "tests/support/shared_data.h"

namespace weir {
namespace {

// Lines of today's format with the lengths and the share of IPv6 that the
// stream has, for whom has no recording.
std::vector<std::string> MadeUpLines() {
  std::vector<std::string> lines;
  for (int i = 0; i < 10000; ++i) {
    const bool v6 = i % 5 == 0;
    const std::string prefix =
        v6 ? absl::StrCat("2001:db8:", absl::Hex(i), "::/48")
           : absl::StrCat("198.", i % 256, ".", i / 256, ".0/24");
    lines.push_back(absl::StrCat(
        R"({"type":"ris_message","data":{"timestamp":)", 1789019601 + i / 4000,
        R"(.670,"peer":")", v6 ? "2001:db8::1" : "192.0.2.1",
        R"(","peer_asn":"64496","id":"192.0.2.1-01a089e0bb060006",)",
        R"("host":"rrc01.ripe.net","type":"UPDATE","path":[64496,64497,)",
        64500 + i % 11, R"(,64511],"community":[[64496,100],[64496,2000]],)",
        R"("origin":"IGP","announcements":[{"next_hop":")",
        v6 ? "2001:db8::1,fe80::1" : "192.0.2.1", R"(","prefixes":[")", prefix,
        R"("]}],"withdrawals":[],"raw":")", std::string(200 + i % 100, 'F'),
        R"("}})"));
  }
  return lines;
}

// The recording that WEIR_RECORDING names (JSON lines, packed if ".zst"), else
// that beside the project if the benchmark runs in its folder, else made up.
const std::vector<std::string>& Lines() {
  static const auto* const lines = [] {
    const char* const named = std::getenv("WEIR_RECORDING");
    const std::string path =
        named != nullptr
            ? named
            : SharedData("rislive/updates-dev.jsonl.zst", "WORKSPACE");
    auto* result = new std::vector<std::string>(ReadLines(path));
    if (result->empty()) *result = MadeUpLines();
    std::printf("%zu lines, %s\n", result->size(),
                path.empty() ? "made up" : path.c_str());
    return result;
  }();
  return *lines;
}

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

// Runs `pass` over all lines again and again, and says what a message costs.
template <typename Pass>
void Measure(benchmark::State& state, Pass pass) {
  const std::vector<std::string>& lines = Lines();
  size_t bytes = 0;
  for (const std::string& line : lines) bytes += line.size();
  const double begin = CpuSeconds();
  for (auto _ : state) pass(lines);
  const auto messages = static_cast<double>(state.iterations() * lines.size());
  state.SetItemsProcessed(static_cast<int64_t>(messages));
  state.SetBytesProcessed(static_cast<int64_t>(bytes * state.iterations()));
  state.counters["cpu_ns/message"] = (CpuSeconds() - begin) / messages * 1e9;
}

// In batches of 64 lines, about what one read of a socket brings.
void DecodeRisLive(benchmark::State& state) {
  NameTable types;
  InternWellKnownTypes(types);
  SlabPool pool;
  MessageWriter writer(pool);
  RisLiveDecoder decoder(types);
  Measure(state, [&](const std::vector<std::string>& lines) {
    size_t in_batch = 0;
    writer.Begin(Receipt());
    for (const std::string& line : lines) {
      if (++in_batch == 64) {
        in_batch = 0;
        benchmark::DoNotOptimize(writer.Finish());
        writer.Begin(Receipt());
      }
      benchmark::DoNotOptimize(decoder.Decode(line, writer));
    }
    benchmark::DoNotOptimize(writer.Finish());
  });
}
BENCHMARK(DecodeRisLive)->Unit(benchmark::kMillisecond);

// What a program does that unmarshals each line into a general structure. Its
// parser is as fast as ours; what it makes of it is what costs.
void ParseIntoMapsAndStrings(benchmark::State& state) {
  simdjson::dom::parser parser;
  Measure(state, [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      simdjson::dom::element root;
      if (parser.parse(line).get(root)) continue;
      benchmark::DoNotOptimize(JsonTree::Of(root));
    }
  });
}
BENCHMARK(ParseIntoMapsAndStrings)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir
