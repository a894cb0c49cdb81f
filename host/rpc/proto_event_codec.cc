#include "host/rpc/proto_event_codec.h"

#include <optional>
#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "host/pipeline/prefix_text.h"
#include "host/rpc/proto_time.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

// Field 1, length-delimited.
constexpr uint32_t kEventsTag = 1 << 3 | 2;

void AddExtras(const EventExtras& extras, v1::Event* out) {
  if (!extras.binary.empty()) out->set_binary(extras.binary);
  if (!extras.any_type_url.empty()) {
    out->mutable_proto()->set_type_url(extras.any_type_url);
    out->mutable_proto()->set_value(extras.any_value);
  }
  out->set_data_schema(extras.data_schema);
  out->set_traceparent(extras.traceparent);
  out->mutable_caused_by()->Add(extras.caused_by.begin(),
                                extras.caused_by.end());
}

// Reads tag and length. Returns the size of both and of what they frame; 0, and
// a length of 0, if `bytes` do not hold all of it.
size_t ReadFrame(absl::string_view bytes, uint32_t* length) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  *length = 0;
  if (in.ReadTag() != kEventsTag || !in.ReadVarint32(length)) return 0;
  const size_t size = static_cast<size_t>(in.CurrentPosition()) + *length;
  if (size <= bytes.size()) return size;
  *length = 0;
  return 0;
}

void AppendFrame(const v1::Event& event, std::string* out) {
  StringOutputStream stream(out);
  CodedOutputStream coded(&stream);
  coded.WriteTag(kEventsTag);
  coded.WriteVarint32(static_cast<uint32_t>(event.ByteSizeLong()));
  event.SerializeWithCachedSizes(&coded);
}

}  // namespace

void ToProto(const Event& event, v1::Event* out) {
  SetTime(event.event_time, [&] { return out->mutable_event_time(); });
  out->set_type(event.type);
  out->set_source(event.source);
  out->set_subject(event.subject);
  out->set_severity(static_cast<v1::Severity>(event.severity));
  for (const auto& [key, value] : event.labels) {
    (*out->mutable_labels())[key] = value;
  }
  if (!event.json.empty()) out->set_json(event.json);
  if (event.extras != nullptr) AddExtras(*event.extras, out);
  for (const weir_prefix& prefix : event.prefixes) {
    out->add_prefixes(PrefixText(prefix));
  }
  out->mutable_as_numbers()->Add(event.as_numbers.begin(),
                                 event.as_numbers.end());
}

void ProtoEventCodec::AppendFramed(const Event& event, absl::string_view id,
                                   uint64_t seq, absl::Time append_time,
                                   std::string* out) const {
  v1::Event proto;
  proto.set_id(id.data(), id.size());
  proto.set_seq(seq);
  *proto.mutable_append_time() = ToProto(append_time);
  ToProto(event, &proto);
  AppendFrame(proto, out);
}

void ProtoEventCodec::AppendHeadersOnly(absl::string_view framed,
                                        std::string* out) const {
  uint32_t length = 0;
  const size_t size = ReadFrame(framed, &length);
  v1::Event event;
  event.ParseFromArray(framed.data() + size - length, static_cast<int>(length));
  event.clear_data();
  event.clear_labels();
  event.clear_data_schema();
  event.clear_traceparent();
  event.clear_caused_by();
  AppendFrame(event, out);
}

size_t ProtoEventCodec::FrameSize(absl::string_view bytes) const {
  uint32_t length = 0;
  return ReadFrame(bytes, &length);
}

bool ProtoEventCodec::ReadFramed(absl::string_view framed, Event* event,
                                 uint64_t* seq, absl::Time* append_time) const {
  uint32_t length = 0;
  const size_t size = ReadFrame(framed, &length);
  v1::Event proto;
  if (size == 0 || size != framed.size() ||
      !proto.ParseFromArray(framed.data() + size - length,
                            static_cast<int>(length))) {
    return false;
  }
  *event = Event();
  *seq = proto.seq();
  *append_time = FromProto(proto.append_time());
  if (proto.has_event_time()) event->event_time = FromProto(proto.event_time());
  event->type = std::move(*proto.mutable_type());
  event->source = std::move(*proto.mutable_source());
  event->subject = std::move(*proto.mutable_subject());
  event->severity = static_cast<Severity>(proto.severity());
  event->labels.assign(proto.labels().begin(), proto.labels().end());
  event->json = std::move(*proto.mutable_json());
  for (const std::string& text : proto.prefixes()) {
    const std::optional<weir_prefix> prefix = ParsePrefix(text);
    if (!prefix.has_value()) return false;
    event->prefixes.push_back(*prefix);
  }
  event->as_numbers.assign(proto.as_numbers().begin(),
                           proto.as_numbers().end());
  return true;
}

}  // namespace weir
