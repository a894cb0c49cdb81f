#ifndef WEIR_TESTS_FAKES_NATS_JETSTREAM_H_
#define WEIR_TESTS_FAKES_NATS_JETSTREAM_H_

#include <gtest/gtest.h>
#include <nats.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

// What a test does with JetStream from outside: by cnats' own calls.
class JetStream {
 public:
  explicit JetStream(const std::string& url) {
    EXPECT_EQ(natsConnection_ConnectTo(&connection_, url.c_str()), NATS_OK);
    EXPECT_EQ(natsConnection_JetStream(&js_, connection_, nullptr), NATS_OK);
  }
  ~JetStream() {
    jsCtx_Destroy(js_);
    natsConnection_Close(connection_);
    natsConnection_Destroy(connection_);
  }
  JetStream(const JetStream&) = delete;
  JetStream& operator=(const JetStream&) = delete;

  // With files as its store. `max_messages` beyond which it refuses; 0 is none.
  void AddStream(const std::string& name, const std::string& subject,
                 int64_t max_messages = 0, int32_t max_message_bytes = 0) {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = name.c_str();
    const char* subjects[] = {subject.c_str()};
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    if (max_messages > 0) config.MaxMsgs = max_messages;
    if (max_message_bytes > 0) config.MaxMsgSize = max_message_bytes;
    config.Discard = js_DiscardNew;
    EXPECT_EQ(js_AddStream(nullptr, js_, &config, nullptr, nullptr), NATS_OK);
  }
  void DeleteStream(const std::string& name) {
    EXPECT_EQ(js_DeleteStream(js_, name.c_str(), nullptr, nullptr), NATS_OK);
  }

  // Takes all messages out of it.
  void Purge(const std::string& name) {
    EXPECT_EQ(js_PurgeStream(js_, name.c_str(), nullptr, nullptr), NATS_OK);
  }

  void Publish(const std::string& subject, const std::string& data) {
    EXPECT_EQ(js_Publish(nullptr, js_, subject.c_str(), data.data(),
                         static_cast<int>(data.size()), nullptr, nullptr),
              NATS_OK);
  }
  // To any subject, and not through a stream.
  void Say(const std::string& subject, const std::string& data) {
    EXPECT_EQ(natsConnection_PublishString(connection_, subject.c_str(),
                                           data.c_str()),
              NATS_OK);
    EXPECT_EQ(natsConnection_Flush(connection_), NATS_OK);
  }

  struct Consumer {
    bool there = false;
    uint64_t acked = 0;  // All up to this of the stream are.
    uint64_t delivered = 0, to_come = 0;
    int64_t unacked = 0, redelivered = 0;
    int64_t requests = 0;  // For messages, that wait.
  };
  Consumer Look(const std::string& stream, const std::string& durable) {
    jsConsumerInfo* info = nullptr;
    Consumer consumer;
    if (js_GetConsumerInfo(&info, js_, stream.c_str(), durable.c_str(), nullptr,
                           nullptr) != NATS_OK) {
      return consumer;
    }
    consumer = {.there = true,
                .acked = info->AckFloor.Stream,
                .delivered = info->Delivered.Consumer,
                .to_come = info->NumPending,
                .unacked = info->NumAckPending,
                .redelivered = info->NumRedelivered,
                .requests = info->NumWaiting};
    jsConsumerInfo_Destroy(info);
    return consumer;
  }
  void AddConsumer(const std::string& stream, jsConsumerConfig* config) {
    EXPECT_EQ(
        js_AddConsumer(nullptr, js_, stream.c_str(), config, nullptr, nullptr),
        NATS_OK);
  }
  void DeleteConsumer(const std::string& stream, const std::string& durable) {
    EXPECT_EQ(js_DeleteConsumer(js_, stream.c_str(), durable.c_str(), nullptr,
                                nullptr),
              NATS_OK);
  }

  // All messages of a stream: their data and their header Nats-Msg-Id.
  struct Stored {
    std::string subject, id, data;
  };
  std::vector<Stored> Read(const std::string& stream) {
    std::vector<Stored> all;
    for (uint64_t sequence = 1;; ++sequence) {
      natsMsg* message = nullptr;
      if (js_GetMsg(&message, js_, stream.c_str(), sequence, nullptr,
                    nullptr) != NATS_OK) {
        return all;
      }
      const char* id = nullptr;
      natsMsgHeader_Get(message, "Nats-Msg-Id", &id);
      all.push_back({natsMsg_GetSubject(message), id == nullptr ? "" : id,
                     std::string(natsMsg_GetData(message),
                                 natsMsg_GetDataLength(message))});
      natsMsg_Destroy(message);
    }
  }

 private:
  natsConnection* connection_ = nullptr;
  jsCtx* js_ = nullptr;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_NATS_JETSTREAM_H_
