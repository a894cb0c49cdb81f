#include "lib/nakadi/event_stream.h"

#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/nakadi/batch.h"
#include "lib/nakadi/error.h"
#include "lib/nakadi/json_string.h"

namespace weir::nakadi {
namespace {

// Of a problem whose server does not go on.
constexpr absl::Duration kProblemTimeout = absl::Seconds(5);

}  // namespace

EventStream::EventStream(const ClientOptions& client,
                         const StreamParameters& parameters, const Clock& clock)
    : client_(client),
      parameters_(parameters),
      transfer_(client, client.gzip, clock) {}

std::string EventStream::Query() const {
  const bool post = !parameters_.partitions.empty();
  std::vector<std::string> pairs;
  const auto add = [&](absl::string_view name, uint64_t value) {
    if (value == 0) return;
    pairs.push_back(post ? absl::StrCat("\"", name, "\":", value)
                         : absl::StrCat(name, "=", value));
  };
  const auto seconds = [](absl::Duration duration) {
    return static_cast<uint64_t>(absl::ToInt64Seconds(duration));
  };
  const StreamParameters& p = parameters_;
  add("batch_limit", p.batch_limit);
  add("batch_flush_timeout", seconds(p.batch_flush_timeout));
  add("batch_timespan", seconds(p.batch_timespan));
  add("max_uncommitted_events", p.max_uncommitted_events);
  add("stream_limit", p.stream_limit);
  add("stream_timeout", seconds(p.stream_timeout));
  add("stream_keep_alive_limit", p.stream_keep_alive_limit);
  add("commit_timeout", seconds(p.commit_timeout));
  if (!post) return absl::StrJoin(pairs, "&");
  std::vector<std::string> partitions;
  for (const auto& [type, partition] : p.partitions) {
    partitions.push_back(absl::StrCat("{\"event_type\":", JsonString(type),
                                      ",\"partition\":", JsonString(partition),
                                      "}"));
  }
  pairs.push_back(
      absl::StrCat("\"partitions\":[", absl::StrJoin(partitions, ","), "]"));
  return absl::StrCat("{", absl::StrJoin(pairs, ","), "}");
}

absl::Status EventStream::Open(const std::string& subscription_id) {
  Close();
  const bool post = !parameters_.partitions.empty();
  const std::string what =
      absl::StrCat(client_.url, "/subscriptions/", subscription_id, "/events");
  HttpRequest request = {.method = post ? "POST" : "GET",
                         .url = what,
                         .headers = {"Accept: application/x-json-stream"}};
  if (post) {
    request.body = Query();
  } else {
    absl::StrAppend(&request.url, "?", Query());
  }
  if (!client_.flow_id_prefix.empty()) {
    request.headers.push_back(absl::StrCat(
        "X-Flow-Id: ", client_.flow_id_prefix, "-stream-", ++openings_));
  }
  if (absl::Status status =
          transfer_.Begin(request, client_.connect_timeout, &answer_);
      !status.ok()) {
    return status;
  }
  if (answer_.status != 200) {
    std::string body;
    while (
        body.size() < HttpTransfer::kMaxBodyBytes &&
        transfer_.ReadBody(kProblemTimeout, HttpTransfer::kMaxBodyBytes, &body)
            .ok()) {
    }
    Close();
    return ErrorOfAnswer(absl::StrCat("opening ", what), answer_.status, body,
                         answer_.flow_id, answer_.retry_after);
  }
  if (answer_.stream_id.empty()) {
    Close();
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat("opening ", what,
                                  ": the answer has no X-Nakadi-StreamId, so "
                                  "nothing of it could be committed"),
                     {.kind = Error::Kind::kProtocol,
                      .http_status = 200,
                      .flow_id = answer_.flow_id});
  }
  return absl::OkStatus();
}

absl::Status EventStream::Read(std::vector<absl::string_view>* lines) {
  lines->clear();
  while (true) {
    received_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
    const size_t before = received_.size();
    const absl::Status status =
        transfer_.ReadBody(had_line_ ? parameters_.EffectiveReadTimeout()
                                     : parameters_.FirstLineTimeout(),
                           kReadBytes, &received_);
    bytes_.fetch_add(received_.size() - before, std::memory_order_relaxed);
    if (!status.ok()) {
      const std::string flow_id = answer_.flow_id;
      Close();
      if (!absl::IsOutOfRange(status)) return status;
      return MakeError(absl::StatusCode::kUnavailable,
                       "the server ended the stream",
                       {.kind = Error::Kind::kStreamEnd, .flow_id = flow_id});
    }
    Cut(lines);
    if (!lines->empty()) {
      had_line_ = true;
      return absl::OkStatus();
    }
    if (received_.size() - begin_ > parameters_.max_line_bytes) {
      const std::string flow_id = answer_.flow_id;
      Close();
      return MakeError(
          absl::StatusCode::kUnavailable,
          absl::StrCat("a line is longer than ", parameters_.max_line_bytes,
                       " bytes; lower batch_limit, or raise the limit"),
          {.kind = Error::Kind::kProtocol, .flow_id = flow_id});
    }
  }
}

void EventStream::Cut(std::vector<absl::string_view>* lines) {
  // First, since it moves what the lines are views of.
  received_.reserve(received_.size() + BatchReader::kPadding);
  uint64_t blank = 0;
  while (true) {
    const void* found = std::memchr(received_.data() + scanned_, '\n',
                                    received_.size() - scanned_);
    if (found == nullptr) break;
    const size_t end =
        static_cast<size_t>(static_cast<const char*>(found) - received_.data());
    absl::string_view line =
        absl::string_view(received_).substr(begin_, end - begin_);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const bool is_blank =
        line.size() < 64 && absl::StripAsciiWhitespace(line).empty();
    if (is_blank) {
      ++blank;
    } else {
      lines->push_back(line);
    }
    begin_ = scanned_ = end + 1;
  }
  scanned_ = received_.size();
  blank_.fetch_add(blank, std::memory_order_relaxed);
}

void EventStream::Close() {
  transfer_.Drop();
  if (received_.size() > begin_) {
    partial_.fetch_add(1, std::memory_order_relaxed);
  }
  received_.clear();
  begin_ = scanned_ = 0;
  had_line_ = false;
}

}  // namespace weir::nakadi
