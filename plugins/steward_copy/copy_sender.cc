#include "plugins/steward_copy/copy_sender.h"

#include <openssl/evp.h>

#include <utility>

#include "plugins/support/json_text.h"

namespace weir {
namespace {

std::string Base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

bool IsSteward(std::string_view method) { return method.starts_with("REQ"); }

void Texts(const std::vector<std::string>& texts, JsonText* json) {
  json->Begin('[');
  for (const std::string& text : texts) json->Text(text);
  json->End(']');
}

std::vector<std::string> Copy(const steward::Strings& strings) {
  std::vector<std::string> copy;
  for (size_t i = 0; i < strings.size(); ++i) copy.emplace_back(strings[i]);
  return copy;
}

}  // namespace

std::string NoneLike(std::string_view method) {
  return IsSteward(method) ? "REQNone" : "none";
}

CopyRequester::CopyRequester(const steward::View& message, std::string own_node)
    : node(std::move(own_node)),
      from(message.from_node()),
      method(message.method()),
      directory(message.directory()),
      file_name(message.file_name()),
      reply_method(message.reply_method()),
      args(Copy(message.args())),
      reply_args(Copy(message.reply_args())),
      id(message.id()) {
  if (reply_method.empty()) {
    reply_method = IsSteward(method) ? "REQToFileAppend" : "fileAppend";
  }
  answerable = !message.is_reply() && !from.empty() && reply_method != "none" &&
               reply_method != "REQNone";
}

std::string CopySender::Send(std::string_view source, std::string_view to,
                             std::string_view method,
                             std::string_view cbor) const {
  JsonText json;
  json.Begin('{').Key("toNode").Text(to).Key("method").Text(method);
  json.Key("replyMethod").Text(NoneLike(method));
  json.Key("data").Text(Base64(cbor));
  json.Key("isSubPublishedMsg").Bool(true);
  json.Key("ACKTimeout").Number(static_cast<uint64_t>(ack_timeout_));
  json.Key("retries").Number(static_cast<uint64_t>(retries_)).End('}');
  const auto sent = nodes_.Send(source, json.text());
  return sent.ok() ? "" : sent.why;
}

std::string CopySender::Answer(std::string_view source, const CopyRequester& to,
                               std::string_view suffix,
                               std::string_view text) const {
  if (!to.answerable) return "";
  const std::string file_name = to.file_name + std::string(suffix);
  JsonText json;
  json.Begin('{').Key("toNode").Text(to.from);
  json.Key("method").Text(to.reply_method);
  json.Key("methodArgs");
  Texts(to.reply_args, &json);
  json.Key("data").Text(Base64(text)).Key("isReply").Bool(true);
  json.Key("directory").Text(to.directory);
  json.Key("fileName").Text(file_name);
  json.Key("ACKTimeout").Number(static_cast<uint64_t>(ack_timeout_));
  json.Key("retries").Number(static_cast<uint64_t>(retries_));
  json.Key("PreviousMessage").Begin('{');
  json.Key("toNode").Text(to.node).Key("fromNode").Text(to.from);
  json.Key("method").Text(to.method).Key("methodArgs");
  Texts(to.args, &json);
  json.Key("directory").Text(to.directory);
  json.Key("fileName").Text(file_name).End('}').End('}');
  const auto sent = nodes_.Send(source, json.text());
  return sent.ok() ? "" : sent.why;
}

}  // namespace weir
