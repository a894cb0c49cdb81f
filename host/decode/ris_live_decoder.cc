#include "host/decode/ris_live_decoder.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/decode/ip_text.h"
#include "host/decode/message_key.h"
#include "host/decode/text_scan.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(MessageWriter::kPadding >= simdjson::SIMDJSON_PADDING,
              "simdjson reads that far behind a payload");

// Reads a string. What it returns is part of the line if it has no escapes,
// else it lies in the parser, valid until its next line. Returns whether it is
// one.
bool ReadString(ondemand::value& value, absl::string_view* text) {
  const std::string_view token = value.raw_json_token();
  if (token.empty() || token[0] != '"') return false;
  const size_t close = token.rfind('"');
  if (close > 0 && std::memchr(token.data() + 1, '\\', close - 1) == nullptr) {
    *text = {token.data() + 1, close - 1};
    return true;
  }
  std::string_view unescaped;
  if (value.get_string().get(unescaped)) return false;
  *text = {unescaped.data(), unescaped.size()};
  return true;
}

const char* StringField(unsigned key, ondemand::value& value,
                        FieldWriter& fields) {
  absl::string_view text;
  if (!ReadString(value, &text)) return "not a string";
  fields.String(key, text);
  return nullptr;
}

const char* UintField(unsigned key, uint64_t max, ondemand::value& value,
                      FieldWriter& fields) {
  uint64_t number;
  if (!ReadUint(value, max, &number)) {
    return max == 0xff     ? "not a number of 0-255"
           : max == 0xffff ? "not a number of 0-65535"
                           : "not a number of 0-4294967295";
  }
  fields.Uint(key, number);
  return nullptr;
}

const char* ReadTimestamp(ondemand::value& value, int64_t* ts_ns) {
  const std::string_view token = value.raw_json_token();
  const char* at = ScanTimestamp(token.data(), ts_ns);
  const char* const end = token.data() + token.size();
  if (at != nullptr) at = std::find_if_not(at, end, absl::ascii_isspace);
  return at == end ? nullptr : "not seconds since 1970, up to 9223372035";
}

// "207841"; 207841, too.
const char* ReadPeerAsn(ondemand::value& value, FieldWriter& fields) {
  constexpr const char* kProblem = "not an AS number of 0-4294967295";
  absl::string_view text;
  if (!ReadString(value, &text)) {
    return UintField(WEIR_FIELD_BGP_PEER_ASN, 0xffffffff, value, fields);
  }
  uint64_t asn = 0;
  if (text.empty() || text.size() > 10) return kProblem;
  for (const char c : text) {
    if (!absl::ascii_isdigit(c)) return kProblem;
    asn = asn * 10 + static_cast<uint64_t>(c - '0');
  }
  if (asn > 0xffffffff) return kProblem;
  fields.Uint(WEIR_FIELD_BGP_PEER_ASN, asn);
  return nullptr;
}

const char* ReadPeer(ondemand::value& value, FieldWriter& fields) {
  absl::string_view text;
  weir_address address;
  if (!ReadString(value, &text) || !ParseAddress(text, &address)) {
    return "not an IP address";
  }
  fields.Array(WEIR_FIELD_BGP_PEER, WEIR_KIND_ADDRESS, &address, 1);
  return nullptr;
}

const char* ReadOrigin(ondemand::value& value, FieldWriter& fields) {
  absl::string_view text;
  if (!ReadString(value, &text)) return "not a string";
  uint64_t origin = 0;
  for (const char* name : {"IGP", "EGP", "INCOMPLETE"}) {
    if (absl::EqualsIgnoreCase(text, name)) {
      fields.Uint(WEIR_FIELD_BGP_ORIGIN, origin);
      return nullptr;
    }
    ++origin;
  }
  return "none of IGP, EGP and INCOMPLETE";
}

// An object, as it stands.
const char* ReadCapabilities(ondemand::value& value, FieldWriter& fields) {
  ondemand::object object;
  std::string_view json;
  if (value.get_object().get(object) || object.raw_json().get(json)) {
    return "not an object";
  }
  // What follows the object up to the next token belongs to nobody.
  fields.String(WEIR_FIELD_BGP_CAPABILITIES,
                absl::string_view(json.data(), json.rfind('}') + 1));
  return nullptr;
}

// Copies `text` to `repaired`, with padding; each byte b that is not part of a
// UTF-8 character becomes the character U+00b.
void Repair(absl::string_view text, std::string* repaired) {
  repaired->clear();
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t bytes = lead < 0x80    ? 1
                         : lead >= 0xf0 ? 4
                         : lead >= 0xe0 ? 3
                                        : 2;
    if (i + bytes <= text.size() &&
        simdjson::validate_utf8(text.data() + i, bytes)) {
      repaired->append(text.data() + i, bytes);
      i += bytes;
    } else {
      repaired->push_back(static_cast<char>(0xc0 | lead >> 6));
      repaired->push_back(static_cast<char>(0x80 | (lead & 0x3f)));
      ++i;
    }
  }
}

Decoded ParseError(absl::string_view what) {
  return {.verdict = Decoded::Verdict::kParseError, .text = std::string(what)};
}

// Gives the room back: the line is not the JSON that it should be.
Decoded Refuse(simdjson::error_code error, MessageWriter& writer) {
  writer.Abandon();
  if (error == simdjson::EMPTY) return {.verdict = Decoded::Verdict::kEmpty};
  return ParseError(absl::StrCat("JSON: ", simdjson::error_message(error)));
}

// What the server says in `data`, an object with a message, or whatever else.
Decoded UpstreamError(ondemand::value& data) {
  Decoded decoded = {.verdict = Decoded::Verdict::kUpstreamError};
  ondemand::object object;
  std::string_view message;
  if (!data.get_object().get(object) &&
      !object["message"].get_string().get(message)) {
    decoded.text = std::string(message);
  }
  if (decoded.text.empty()) decoded.text = "an error without a message";
  return decoded;
}

}  // namespace

Decoded RisLiveDecoder::Decode(absl::string_view payload,
                               MessageWriter& writer) {
  if (payload.size() > kMaxPayloadBytes) {
    return ParseError(absl::StrCat("payload of ", payload.size(),
                                   " bytes; the limit is ", kMaxPayloadBytes));
  }
  const MessageWriter::Room room = writer.Reserve(
      payload, FieldWriter::kMaxFields, MaxExtraBytes(payload.size()));
  const absl::string_view text = room.message->payload();
  FieldWriter fields(room);
  RisLiveHead head;
  if (plain_.Read(text, fields, &head)) return Commit(head, fields, writer);
  ondemand::document document;
  const auto error = parser_
                         .iterate(text.data(), text.size(),
                                  text.size() + MessageWriter::kPadding)
                         .get(document);
  if (error == simdjson::UTF8_ERROR) {
    writer.Abandon();
    return DecodeRepaired(payload, writer);
  }
  return error == simdjson::SUCCESS ? DecodeDocument(document, room, writer)
                                    : Refuse(error, writer);
}

Decoded RisLiveDecoder::DecodeRepaired(absl::string_view payload,
                                       MessageWriter& writer) {
  Repair(payload, &repaired_);
  const size_t bytes = repaired_.size();
  repaired_.resize(bytes + MessageWriter::kPadding);
  const MessageWriter::Room room =
      writer.Reserve(payload, FieldWriter::kMaxFields, MaxExtraBytes(bytes));
  ondemand::document document;
  const auto error =
      parser_.iterate(repaired_.data(), bytes, repaired_.size()).get(document);
  return error == simdjson::SUCCESS ? DecodeDocument(document, room, writer)
                                    : Refuse(error, writer);
}

Decoded RisLiveDecoder::DecodeDocument(ondemand::document& document,
                                       const MessageWriter::Room& room,
                                       MessageWriter& writer) {
  ondemand::object envelope;
  if (const auto error = document.get_object().get(envelope)) {
    return Refuse(error, writer);
  }
  std::string_view type;
  if (const auto error =
          envelope.find_field_unordered("type").get_string().get(type)) {
    return Refuse(error, writer);
  }
  if (type != "ris_message" && type != "ris_error") {
    writer.Abandon();
    return {.verdict = Decoded::Verdict::kNotAMessage};
  }
  ondemand::value value;
  if (const auto error = envelope.find_field_unordered("data").get(value)) {
    return Refuse(error, writer);
  }
  if (type == "ris_error") {
    writer.Abandon();
    return UpstreamError(value);
  }
  ondemand::object data;
  if (const auto error = value.get_object().get(data)) {
    return Refuse(error, writer);
  }
  FieldWriter fields(room);
  RisLiveHead head;
  std::string problem = ReadData(data, fields, &head);
  // Without the end of the envelope this is the first part of a line.
  if (problem.empty() &&
      (envelope.find_field("").error() != simdjson::NO_SUCH_FIELD ||
       document.current_location().error() != simdjson::OUT_OF_BOUNDS)) {
    problem = "JSON: no end, or something behind it";
  }
  if (!problem.empty()) {
    writer.Abandon();
    return ParseError(problem);
  }
  return Commit(head, fields, writer);
}

Decoded RisLiveDecoder::Commit(RisLiveHead head, const FieldWriter& fields,
                               MessageWriter& writer) {
  if (!head.has_type && (fields.Has(WEIR_FIELD_BGP_ANNOUNCED) ||
                         fields.Has(WEIR_FIELD_BGP_WITHDRAWN))) {
    head.type_id = kTypeUpdate;
  }
  weir_msg& view = fields.message().view;
  view.type_id = head.type_id;
  view.ts_ns = head.ts_ns;
  writer.Commit(fields.n_fields(), fields.extra_used());
  const bool known =
      head.type_id != kTypeOther && head.type_id < kWellKnownTypes;
  return {.unknown_types = known ? 0u : 1u};
}

std::string RisLiveDecoder::ReadData(ondemand::object data, FieldWriter& fields,
                                     RisLiveHead* head) {
  uint32_t seen = 0;
  for (auto entry : data) {
    if (entry.error() != simdjson::SUCCESS) {
      return "JSON: an object that is not one";
    }
    // By reference: a copy of what was just written in parts stalls the CPU.
    ondemand::field&& field = std::move(entry).value_unsafe();
    const int key = FindKey(field.key().raw());
    if (key == kKeys) continue;
    if ((seen >> key & 1) != 0) {
      return absl::StrCat("data.", KeyName(key), ": stands twice");
    }
    seen |= uint32_t{1} << key;
    const char* const problem = ReadValue(key, field.value(), fields, head);
    if (problem == nullptr) continue;
    bool is_null = false;
    if (field.value().is_null().get(is_null) || !is_null) {
      return absl::StrCat("data.", KeyName(key), ": ", problem);
    }
  }
  return {};
}

const char* RisLiveDecoder::ReadValue(int key, ondemand::value& value,
                                      FieldWriter& fields, RisLiveHead* head) {
  switch (static_cast<MessageKey>(key)) {
    case kTimestamp:
      return ReadTimestamp(value, &head->ts_ns);
    case kPeer:
      return ReadPeer(value, fields);
    case kPeerAsn:
      return ReadPeerAsn(value, fields);
    case kId:
      return StringField(WEIR_FIELD_BGP_ID, value, fields);
    case kHost:
      return StringField(WEIR_FIELD_BGP_COLLECTOR, value, fields);
    case kType:
      return ReadType(value, head);
    case kPath:
      return bgp_.ReadPath(value, fields);
    case kCommunity:
      return bgp_.ReadCommunities(value, fields);
    case kOrigin:
      return ReadOrigin(value, fields);
    case kMed:
      return UintField(WEIR_FIELD_BGP_MED, 0xffffffff, value, fields);
    case kAggregator:
      return BgpJson::ReadAggregator(value, fields);
    case kAnnouncements:
      return bgp_.ReadAnnouncements(value, fields);
    case kWithdrawals:
      return bgp_.ReadWithdrawals(value, fields);
    case kRaw:
      return StringField(WEIR_FIELD_BGP_RAW, value, fields);
    case kState:
      return StringField(WEIR_FIELD_BGP_STATE, value, fields);
    case kDirection:
      return StringField(WEIR_FIELD_BGP_DIRECTION, value, fields);
    case kVersion:
      return UintField(WEIR_FIELD_BGP_VERSION, 0xff, value, fields);
    case kAsn:
      return UintField(WEIR_FIELD_BGP_ASN, 0xffffffff, value, fields);
    case kHoldTime:
      return UintField(WEIR_FIELD_BGP_HOLD_TIME, 0xffff, value, fields);
    case kRouterId:
      return StringField(WEIR_FIELD_BGP_ROUTER_ID, value, fields);
    case kCapabilities:
      return ReadCapabilities(value, fields);
    case kNotification:
      return BgpJson::ReadNotification(value, fields);
    case kKeys:
      break;
  }
  return "not a key";
}

const char* RisLiveDecoder::ReadType(ondemand::value& value,
                                     RisLiveHead* head) {
  absl::string_view type;
  if (!ReadString(value, &type)) return "not a string";
  head->has_type = true;
  if (type == "UPDATE") {
    head->type_id = kTypeUpdate;
  } else if (type == "RIS_PEER_STATE") {
    head->type_id = kTypeState;
  } else if (type.size() <= kMaxTypeBytes) {
    head->type_id = types_.Intern(type);
  }
  return nullptr;
}

}  // namespace weir
