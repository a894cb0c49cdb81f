#include "host/rpc/proto_event_codec.h"

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
  CodedInputStream in(reinterpret_cast<const uint8_t*>(framed.data()),
                      static_cast<int>(framed.size()));
  uint32_t length = 0;
  in.ReadTag();
  in.ReadVarint32(&length);
  v1::Event event;
  const auto limit = in.PushLimit(static_cast<int>(length));
  event.ParseFromCodedStream(&in);
  in.PopLimit(limit);
  event.clear_data();
  event.clear_labels();
  event.clear_data_schema();
  event.clear_traceparent();
  event.clear_caused_by();
  AppendFrame(event, out);
}

}  // namespace weir
