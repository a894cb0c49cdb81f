#include "lib/frames/frame_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::frames {
namespace {

// Whether a connection that begins so speaks TLS: a record with a handshake, of
// version 3.x. Taken for lengths those are odd ones, which no writer sends.
bool BeginsWithTls(absl::string_view first) {
  return first.size() >= 3 && first[0] == 0x16 && first[1] == 3 &&
         first[2] >= 0 && first[2] <= 4;
}

}  // namespace

FrameParser::FrameParser(const ParserOptions& options)
    : options_(options),
      max_(OrDefault(options.max_message_size)),
      header_size_(HeaderSize(options.max_message_size)) {}

CloseReason FrameParser::Feed(absl::string_view bytes, FrameList* out) {
  if (fault_ != CloseReason::kNone || bytes.empty()) return fault_;
  absl::string_view first;
  if (std::exchange(at_beginning_, false)) first = bytes;

  if (in_body_) {
    const size_t take = std::min<uint64_t>(bytes.size(), length_ - body_bytes_);
    body_.resize(body_bytes_);
    body_.insert(body_.end(), bytes.begin(), bytes.begin() + take);
    body_bytes_ += take;
    bytes.remove_prefix(take);
    FinishBody(out);
  }
  while (!bytes.empty()) {
    if (header_bytes_ == 0) ++begun_;
    const char* whole = bytes.data();
    if (header_bytes_ > 0 || bytes.size() < header_size_) {
      const size_t take = std::min(bytes.size(), header_size_ - header_bytes_);
      std::memcpy(header_.data() + header_bytes_, bytes.data(), take);
      header_bytes_ += take;
      bytes.remove_prefix(take);
      if (header_bytes_ < header_size_) return CloseReason::kNone;
      header_bytes_ = 0;
      whole = header_.data();
    } else {
      bytes.remove_prefix(header_size_);
    }
    const Header header = ReadHeader(whole, header_size_);
    fault_ = Check(header, first);
    if (fault_ != CloseReason::kNone) return fault_;
    const auto length = static_cast<uint64_t>(header.length);
    if (length <= bytes.size()) {
      Deliver(bytes.substr(0, length), out);
      bytes.remove_prefix(length);
      continue;
    }
    in_body_ = true;
    length_ = length;
    body_.assign(bytes.begin(), bytes.end());
    body_bytes_ = bytes.size();
    break;
  }
  return CloseReason::kNone;
}

std::span<char> FrameParser::Space() {
  if (!in_body_) return {};
  const size_t room = std::min<uint64_t>(length_ - body_bytes_,
                                         std::max(kLeastSpace, body_bytes_));
  body_.resize(body_bytes_ + room);
  return std::span<char>(body_).subspan(body_bytes_, room);
}

void FrameParser::Filled(size_t bytes, FrameList* out) {
  if (!in_body_) return;
  body_bytes_ += bytes;
  FinishBody(out);
}

CloseReason FrameParser::AtEnd() const {
  if (fault_ != CloseReason::kNone) return fault_;
  if (in_body_) return CloseReason::kTruncatedBody;
  return header_bytes_ > 0 ? CloseReason::kTruncatedHeader
                           : CloseReason::kPeerClosed;
}

CloseReason FrameParser::Check(const Header& header, absl::string_view first) {
  if (options_.detect_header_class && BeginsWithTls(first)) {
    return CloseReason::kTls;
  }
  CloseReason fault = CloseReason::kNone;
  if (!header.terminated) {
    fault = CloseReason::kUnterminated;
  } else if (header.length < 0) {
    fault = CloseReason::kNegative;
  } else if (static_cast<uint64_t>(header.length) > max_) {
    fault = CloseReason::kTooLong;
  } else if (!header.zero_padded) {
    ++counts_.odd_padding;
    if (options_.require_zero_padding) return CloseReason::kHeaderClass;
  } else {
    return CloseReason::kNone;
  }
  if (options_.detect_header_class &&
      FitsOtherHeaderSize(first, header_size_)) {
    return CloseReason::kHeaderClass;
  }
  return fault;
}

void FrameParser::Deliver(absl::string_view payload, FrameList* out) {
  if (payload.empty() && !options_.deliver_empty) {
    ++counts_.empty_skipped;
    return;
  }
  ++counts_.frames;
  counts_.payload_bytes += payload.size();
  out->frames.push_back(payload);
}

void FrameParser::FinishBody(FrameList* out) {
  if (body_bytes_ < length_) return;
  body_.resize(body_bytes_);
  in_body_ = false;
  out->joined.push_back(std::exchange(body_, {}));
  body_bytes_ = 0;
  const std::vector<char>& body = out->joined.back();
  Deliver(absl::string_view(body.data(), body.size()), out);
}

}  // namespace weir::frames
