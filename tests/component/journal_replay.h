#ifndef WEIR_TESTS_COMPONENT_JOURNAL_REPLAY_H_
#define WEIR_TESTS_COMPONENT_JOURNAL_REPLAY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "host/broker/broker.h"
#include "host/broker/journaled_log.h"
#include "host/broker/subscription_store.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/rpc/proto_event_codec.h"
#include "host/rpc/proto_subscription_codec.h"
#include "tests/fakes/fake_clock.h"
#include "weir/v1/event.pb.h"

namespace weir {

// A broker over a journal as weir-host has one, with the real codecs, but
// without threads and on a clock of the test's.
class JournaledHost {
 public:
  // Opens, or makes, the journal at `path`. status() says whether that worked;
  // if not, nothing else may be called.
  JournaledHost(const std::string& path, const std::string& boot_id,
                const FakeClock& clock) {
    JournaledLogOptions options;
    options.journal.path = path;
    options.journal.boot_id = boot_id;
    options.journal.new_epoch = "7k2mq9xv";
    options.retention = {};
    options.replay.threads = 0;
    auto log = JournaledLog::Open(options, codec_, clock);
    status_ = log.status();
    if (!log.ok()) return;
    log_ = log->get();
    broker_ = std::make_unique<Broker>(BrokerOptions(), *std::move(log), codec_,
                                       clock);
    subscriptions_ = std::make_unique<SubscriptionStore>(
        *broker_, clock, SubscriptionStore::kDefaultMaxSubscriptions,
        SubscriptionStore::Storage{log_, &subscription_codec_});
  }

  const absl::Status& status() const { return status_; }
  Broker& broker() { return *broker_; }
  JournaledLog& log() { return *log_; }
  SubscriptionStore& subscriptions() { return *subscriptions_; }

  // What is said to whoever reads from `after` on, a line for each event and
  // each gap: the event as JSON.
  std::vector<std::string> Replay(const std::string& after) {
    StreamOptions options;
    options.start.kind = StartPosition::Kind::kAfterId;
    options.start.after_id = after;
    auto stream = broker_->Open(std::move(options), [] {});
    if (!stream.ok()) return {stream.status().ToString()};
    std::vector<std::string> lines;
    StreamItem item;
    while (true) {
      if (!(*stream)->Next(&item)) {
        if (log_->ReadOne()) continue;
        return lines;
      }
      (*stream)->OnWritten(1);
      if (item.kind == StreamItem::Kind::kGap) {
        lines.push_back(absl::StrCat(
            "gap of reason ", static_cast<int>(item.gap.reason), " after ",
            item.gap.after_id, ": ", item.gap.missing, " are missing"));
      }
      for (const SharedBytes& piece : item.pieces) AddEvents(piece, &lines);
    }
  }

 private:
  static void AddEvents(const SharedBytes& piece,
                        std::vector<std::string>* lines) {
    v1::SubscribeResponse response;
    if (!response.ParseFromArray(piece.bytes.data(),
                                 static_cast<int>(piece.bytes.size()))) {
      lines->push_back("these are no events");
    }
    for (const v1::Event& event : response.events()) {
      std::string& line = lines->emplace_back();
      if (!google::protobuf::util::MessageToJsonString(event, &line).ok()) {
        line = "this is no event";
      }
    }
  }

  absl::Status status_;
  const ProtoEventCodec codec_;
  const ProtoSubscriptionCodec subscription_codec_;
  JournaledLog* log_ = nullptr;  // The broker's.
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<SubscriptionStore> subscriptions_;
};

}  // namespace weir

#endif  // WEIR_TESTS_COMPONENT_JOURNAL_REPLAY_H_
