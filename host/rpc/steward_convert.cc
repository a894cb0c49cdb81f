#include "host/rpc/steward_convert.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_join.h"
#include "host/rpc/proto_time.h"
#include "host/status/json_text.h"

namespace weir {
namespace {

using steward::Message;

template <typename Repeated>
std::optional<Message::Texts> Texts(const Repeated& repeated) {
  if (repeated.empty()) return std::nullopt;
  return Message::Texts(repeated.begin(), repeated.end());
}

template <typename Repeated>
void Append(const std::optional<Message::Texts>& texts, Repeated* repeated) {
  if (!texts.has_value()) return;
  for (const std::string& text : *texts) *repeated->Add() = ToUtf8(text);
}

v1::StewardProcessStatus::State ToProto(StewardProcessStatus::State state) {
  switch (state) {
    case StewardProcessStatus::State::kStarting:
      return v1::StewardProcessStatus::STATE_STARTING;
    case StewardProcessStatus::State::kRunning:
      return v1::StewardProcessStatus::STATE_RUNNING;
    case StewardProcessStatus::State::kStopped:
      return v1::StewardProcessStatus::STATE_STOPPED;
    case StewardProcessStatus::State::kEnded:
      return v1::StewardProcessStatus::STATE_ENDED;
  }
  return v1::StewardProcessStatus::STATE_UNSPECIFIED;
}

}  // namespace

Message FromProto(const v1::StewardMessage& proto) {
  Message message;
  message.to_node = proto.to_node();
  message.to_nodes = Texts(proto.to_nodes());
  message.jetstream_to_node = proto.jetstream_to_node();
  message.data = Texts(proto.data_texts());
  if (!proto.data().empty()) message.data.emplace(1, proto.data());
  message.method = proto.method();
  message.method_args = Texts(proto.method_args());
  message.reply_method = proto.reply_method();
  message.reply_method_args = Texts(proto.reply_method_args());
  message.is_reply = proto.is_reply();
  message.ack_timeout = proto.ack_timeout();
  message.retry_wait = proto.retry_wait();
  message.is_sub_published_msg = proto.is_sub_published_msg();
  message.retries = proto.retries();
  message.reply_ack_timeout = proto.reply_ack_timeout();
  message.reply_retries = proto.reply_retries();
  message.method_timeout = proto.method_timeout();
  message.reply_method_timeout = proto.reply_method_timeout();
  message.directory = proto.directory();
  message.file_name = proto.file_name();
  if (proto.has_previous_message()) {
    // That one is as it was: the outbox sets nothing in it.
    Message previous = FromProto(proto.previous_message());
    previous.id = proto.previous_message().id();
    previous.from_node = proto.previous_message().from_node();
    if (!proto.previous_message().arg_signature().empty()) {
      previous.arg_signature = proto.previous_message().arg_signature();
    }
    message.previous_message =
        std::make_shared<const Message>(std::move(previous));
  }
  message.relay_via_node = proto.relay_via_node();
  message.relay_original_via_node = proto.relay_original_via_node();
  message.relay_from_node = proto.relay_from_node();
  message.relay_to_node = proto.relay_to_node();
  message.relay_original_method = proto.relay_original_method();
  message.relay_reply_method = proto.relay_reply_method();
  if (!proto.schedule().empty()) {
    message.schedule.emplace(proto.schedule().begin(), proto.schedule().end());
  }
  message.use_detected_shell = proto.use_detected_shell();
  message.method_instructions = Texts(proto.method_instructions());
  message.reply_method_instructions = Texts(proto.reply_method_instructions());
  return message;
}

void ToProto(const Message& message, bool s0, v1::StewardMessage* proto) {
  proto->set_to_node(ToUtf8(message.to_node));
  Append(message.to_nodes, proto->mutable_to_nodes());
  proto->set_jetstream_to_node(ToUtf8(message.jetstream_to_node));
  proto->set_id(message.id);
  if (s0) {
    Append(message.data, proto->mutable_data_texts());
  } else if (message.data.has_value()) {
    proto->set_data(absl::StrJoin(*message.data, ""));
  }
  proto->set_method(ToUtf8(message.method));
  Append(message.method_args, proto->mutable_method_args());
  proto->set_arg_signature(message.arg_signature.value_or(""));
  proto->set_reply_method(ToUtf8(message.reply_method));
  Append(message.reply_method_args, proto->mutable_reply_method_args());
  proto->set_is_reply(message.is_reply);
  proto->set_from_node(ToUtf8(message.from_node));
  proto->set_ack_timeout(message.ack_timeout);
  proto->set_retry_wait(message.retry_wait);
  proto->set_is_sub_published_msg(message.is_sub_published_msg);
  proto->set_retries(message.retries);
  proto->set_reply_ack_timeout(message.reply_ack_timeout);
  proto->set_reply_retries(message.reply_retries);
  proto->set_method_timeout(message.method_timeout);
  proto->set_reply_method_timeout(message.reply_method_timeout);
  proto->set_directory(ToUtf8(message.directory));
  proto->set_file_name(ToUtf8(message.file_name));
  if (message.previous_message != nullptr) {
    ToProto(*message.previous_message, s0, proto->mutable_previous_message());
  }
  proto->set_relay_via_node(ToUtf8(message.relay_via_node));
  proto->set_relay_original_via_node(ToUtf8(message.relay_original_via_node));
  proto->set_relay_from_node(ToUtf8(message.relay_from_node));
  proto->set_relay_to_node(ToUtf8(message.relay_to_node));
  proto->set_relay_original_method(ToUtf8(message.relay_original_method));
  proto->set_relay_reply_method(ToUtf8(message.relay_reply_method));
  if (message.schedule.has_value()) {
    proto->mutable_schedule()->Add(message.schedule->begin(),
                                   message.schedule->end());
  }
  proto->set_use_detected_shell(message.use_detected_shell);
  Append(message.method_instructions, proto->mutable_method_instructions());
  Append(message.reply_method_instructions,
         proto->mutable_reply_method_instructions());
}

void ToProto(const UndeliveredMessage& message, bool s0,
             v1::UndeliveredMessage* proto) {
  proto->set_number(message.number);
  *proto->mutable_given_up_time() = ToProto(message.given_up);
  proto->set_reason(ToUtf8(message.reason));
  proto->set_subject(ToUtf8(message.subject));
  ToProto(message.message, s0, proto->mutable_message());
}

void ToProto(const StewardProcessStatus& process, absl::string_view source,
             v1::StewardProcessStatus* proto) {
  proto->set_source(std::string(source));
  proto->set_id(process.id);
  proto->set_method(ToUtf8(process.method));
  proto->set_subject(ToUtf8(process.subject));
  proto->set_name(ToUtf8(process.name));
  proto->set_state(ToProto(process.state));
  proto->set_why(ToUtf8(process.why));
  *proto->mutable_state_time() = ToProto(process.since);
  proto->set_configured(process.configured);
  proto->set_messages(process.messages);
  for (const std::string& sender : process.settings.allowed_senders) {
    proto->add_allowed_senders(ToUtf8(sender));
  }
  proto->set_require_signature(process.settings.require_signature);
  proto->set_stop_on_error(process.settings.stop_on_error);
  proto->set_acknowledge_done(process.settings.acknowledge_done);
}

}  // namespace weir
