// A crowd of subscribers of one host, and who publishes for them, in one
// program that costs less than the host does:
//
//   crowd --server=unix:PATH [--streams=100] [--types=100] [--connections=4]
//
// It does what it is told, a line at a time, and answers each with a line of
// JSON that has "faults", what should not be:
//
//   attach           begins a stream for every reader that has none
//   detach           ends all streams
//   publish N        publishes N events, and waits until they are on disk
//   rate N           publishes N a second from now on; 0 stops that
//   churn N          from now on, N readers a second leave and come back
//   settle           waits until everybody has seen everything that was
//                    published; for at most two minutes
//   fresh            lets a reader come that wants what is new, publishes an
//                    event for it, and waits until it has it
//   audit            compares what the host counts for each stream with what
//   its
//                    reader saw
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "host/sync/mutex.h"
#include "tests/end_to_end/crowd_publisher.h"
#include "tests/end_to_end/crowd_reader.h"
#include "weir/v1/stats.grpc.pb.h"

namespace weir {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(2);
constexpr absl::Duration kLook = absl::Milliseconds(10);

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // All come back as soon as they can: that is the herd.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

uint64_t SeqOf(const std::string& id) {
  uint64_t seq = 0;
  const size_t at = id.rfind('-');
  return at != std::string::npos && absl::SimpleAtoi(id.substr(at + 1), &seq)
             ? seq
             : 0;
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Without what JSON would have to escape.
std::string Plain(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\"", "'"}, {"\\", "/"}, {"\n", " "}});
}

struct Options {
  std::string server;
  int streams = 100, types = 100, connections = 4;
};

class Crowd {
 public:
  using Answer = std::map<std::string, std::string>;  // Values are JSON.

  explicit Crowd(const Options& options)
      : options_(options),
        control_(MakeChannel(options.server)),
        publisher_(control_, options.types) {
    for (int i = 0; i < options.connections; ++i) {
      channels_.push_back(MakeChannel(options.server));
    }
    for (int i = 0; i < options.streams; ++i) {
      readers_.push_back(std::make_unique<CrowdReader>(
          absl::StrCat("crowd.", i % options.types),
          absl::StrCat("crowd-", i)));
    }
  }
  ~Crowd() { Churn(0); }

  void Attach() {
    for (size_t i = 0; i < readers_.size(); ++i) {
      readers_[i]->Attach(channels_[i % channels_.size()]);
    }
  }

  void Detach() {
    for (const auto& reader : readers_) reader->Detach();
    for (const auto& reader : readers_) {
      while (reader->state().attached) absl::SleepFor(kLook);
    }
  }

  CrowdPublisher& publisher() { return publisher_; }

  // Readers leave and come back in a thread of their own; there is none for 0.
  void Churn(int per_second) {
    {
      MutexLock lock(&mu_);
      stopped_ = true;
      stop_.NotifyAll();
    }
    if (churn_.joinable()) churn_.join();
    if (per_second == 0) return;
    {
      MutexLock lock(&mu_);
      stopped_ = false;
    }
    churn_ = std::thread([this, per_second] { RunChurn(per_second); });
  }

  // Who lost its stream comes back, until all have seen everything.
  void Settle(Answer* answer) {
    const absl::Time begin = absl::Now();
    const std::vector<uint64_t> published = publisher_.published();
    std::string missing;
    do {
      absl::SleepFor(kLook);
      if (!churn_.joinable()) Attach();
      missing = WhatIsMissing(published);
    } while (!missing.empty() && absl::Now() < begin + kPatience);
    if (!missing.empty()) faults_.push_back(missing);
    (*answer)["ms"] =
        absl::StrCat(absl::ToInt64Milliseconds(absl::Now() - begin));
    AddTotals(answer);
  }

  void Fresh(Answer* answer) {
    const std::string type = absl::StrCat("fresh.", ++n_fresh_);
    CrowdReader reader(type, "fresh");
    reader.Attach(control_, /*latest=*/true);
    // What it wants is what comes after it is there.
    while (!reader.state().caught_up) absl::SleepFor(absl::Milliseconds(1));
    publisher_.PublishOne(type);
    while (reader.state().last == 0) absl::SleepFor(absl::Milliseconds(1));
    const int behind = static_cast<int>(std::count_if(
        readers_.begin(), readers_.end(),
        [](const auto& other) { return !other->state().caught_up; }));
    (*answer)["behind"] = absl::StrCat(behind);
    (*answer)["us"] = absl::StrCat(reader.TakeLatencies().front());
    for (std::string& fault : reader.faults()) {
      faults_.push_back(std::move(fault));
    }
  }

  void Audit(Answer* answer) {
    v1::GetStatsRequest request;
    v1::Stats stats;
    grpc::ClientContext context;
    const grpc::Status status = v1::StatsService::NewStub(control_)->GetStats(
        &context, request, &stats);
    if (!status.ok()) {
      faults_.push_back(absl::StrCat("GetStats: ", status.error_message()));
      return;
    }
    std::map<std::string, const v1::SubscriberStats*> by_id;
    for (const v1::SubscriberStats& stream : stats.subscribers()) {
      by_id[stream.stream_id()] = &stream;
    }
    if (by_id.size() != readers_.size()) {
      faults_.push_back(
          absl::StrCat(by_id.size(), " streams, not ", readers_.size()));
    }
    for (const auto& reader : readers_) AuditOne(reader->state(), by_id);
    (*answer)["threads"] = absl::StrCat(stats.process().threads());
    (*answer)["fds"] = absl::StrCat(stats.process().open_fds());
    (*answer)["rss"] = absl::StrCat(stats.process().rss_bytes());
    (*answer)["cpu_s"] = absl::StrCat(stats.process().cpu_seconds());
    (*answer)["own_cpu_s"] = absl::StrCat(CpuSeconds());
    (*answer)["filter_classes"] = absl::StrCat(stats.broker().filter_classes());
    (*answer)["gaps_sent"] = absl::StrCat(stats.broker().gaps_sent());
    (*answer)["replays_most"] = absl::StrCat(stats.journal().replays_most());
    (*answer)["replay_reads"] = absl::StrCat(stats.journal().replay_reads());
  }

  // What went wrong since the last call.
  std::vector<std::string> TakeFaults() {
    std::vector<std::string> all = std::exchange(faults_, {});
    for (const auto& reader : readers_) {
      const std::vector<std::string> some = reader->faults();
      all.insert(all.end(), some.begin(), some.end());
    }
    const std::vector<std::string> some = publisher_.faults();
    all.insert(all.end(), some.begin(), some.end());
    if (all.size() > 20) all.resize(20);
    return all;
  }

 private:
  void RunChurn(int per_second) {
    std::mt19937 random(1);
    const absl::Duration pause = absl::Seconds(1) / per_second;
    absl::Time next = absl::Now();
    MutexLock lock(&mu_);
    while (!stopped_) {
      const size_t i = random() % readers_.size();
      readers_[i]->Detach();
      while (readers_[i]->state().attached) stop_.WaitFor(&mu_, kLook / 10);
      readers_[i]->Attach(channels_[i % channels_.size()]);
      next += pause;
      if (next > absl::Now()) stop_.WaitFor(&mu_, next - absl::Now());
    }
  }

  std::string WhatIsMissing(const std::vector<uint64_t>& published) const {
    for (size_t i = 0; i < readers_.size(); ++i) {
      const uint64_t want = published[i % published.size()];
      const CrowdReader::State state = readers_[i]->state();
      if (state.last < want || !state.caught_up) {
        return absl::StrCat("crowd-", i, " has seen ", state.last, " of ", want,
                            state.attached ? "" : ", and has no stream");
      }
    }
    return "";
  }

  void AddTotals(Answer* answer) {
    uint64_t events = 0, streams = 0, broken = 0;
    std::vector<uint32_t> all;
    for (const auto& reader : readers_) {
      const CrowdReader::State state = reader->state();
      events += state.last;
      streams += state.streams;
      broken += state.broken;
      const std::vector<uint32_t> some = reader->TakeLatencies();
      all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    (*answer)["events"] = absl::StrCat(events);
    (*answer)["streams"] = absl::StrCat(streams);
    (*answer)["broken"] = absl::StrCat(broken);
    if (all.empty()) return;
    (*answer)["p50_us"] = absl::StrCat(all[all.size() / 2]);
    (*answer)["p99_us"] = absl::StrCat(all[all.size() - 1 - all.size() / 100]);
  }

  void AuditOne(
      const CrowdReader::State& reader,
      const std::map<std::string, const v1::SubscriberStats*>& by_id) {
    const auto at = by_id.find(reader.stream_id);
    if (at == by_id.end()) {
      faults_.push_back(absl::StrCat("no stream ", reader.stream_id));
      return;
    }
    const v1::SubscriberStats& stream = *at->second;
    const uint64_t range =
        SeqOf(stream.cursor()) - SeqOf(stream.start_cursor());
    const uint64_t told = stream.delivered_events() + stream.filtered_events() +
                          stream.missed_events();
    if (told != range || stream.delivered_events() != reader.delivered ||
        stream.start_cursor() != reader.start_cursor || stream.gaps() != 0) {
      faults_.push_back(absl::StrCat("the reader saw ", reader.delivered,
                                     " from ", reader.start_cursor, "; ",
                                     stream.ShortDebugString()));
    }
  }

  const Options options_;
  const std::shared_ptr<grpc::Channel> control_;
  CrowdPublisher publisher_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<CrowdReader>> readers_;
  int n_fresh_ = 0;
  std::vector<std::string> faults_;

  Mutex mu_;
  CondVar stop_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread churn_;
};

// Returns false for what it does not know.
bool Obey(const std::string& what, uint64_t number, Crowd& crowd,
          Crowd::Answer* answer) {
  if (what == "attach") {
    crowd.Attach();
  } else if (what == "detach") {
    crowd.Detach();
  } else if (what == "publish") {
    crowd.publisher().Publish(number);
  } else if (what == "rate") {
    crowd.publisher().SetRate(number);
  } else if (what == "churn") {
    crowd.Churn(static_cast<int>(number));
  } else if (what == "settle") {
    crowd.Settle(answer);
  } else if (what == "fresh") {
    crowd.Fresh(answer);
  } else if (what == "audit") {
    crowd.Audit(answer);
  } else {
    return false;
  }
  return true;
}

std::string ToJson(const Crowd::Answer& answer,
                   const std::vector<std::string>& faults) {
  std::string json = "{";
  for (const auto& [key, value] : answer) {
    absl::StrAppend(&json, "\"", key, "\":", value, ",");
  }
  return absl::StrCat(
      json, "\"faults\":[",
      absl::StrJoin(faults, ",",
                    [](std::string* out, const std::string& fault) {
                      absl::StrAppend(out, "\"", Plain(fault), "\"");
                    }),
      "]}");
}

int Main(int argc, char** argv) {
  CLI::App app("crowd: many subscribers of one host");
  Options options;
  app.add_option("--server", options.server, "as gRPC writes it")->required();
  app.add_option("--streams", options.streams);
  app.add_option("--types", options.types);
  app.add_option("--connections", options.connections);
  CLI11_PARSE(app, argc, argv);
  Crowd crowd(options);
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    uint64_t number = 0;
    if (words.size() > 1 && !absl::SimpleAtoi(words[1], &number)) return 2;
    Crowd::Answer answer;
    if (!Obey(words[0], number, crowd, &answer)) return 2;
    std::cout << ToJson(answer, crowd.TakeFaults()) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) { return weir::Main(argc, argv); }
