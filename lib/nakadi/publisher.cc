#include "lib/nakadi/publisher.h"

#include <simdjson.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "lib/nakadi/error.h"

namespace weir::nakadi {
namespace {

std::string Text(const simdjson::dom::element& item, const char* key) {
  std::string_view text;
  if (item[key].get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

// Says why, of the first event that is not stored.
std::string WhyOf(const std::vector<PublishedItem>& items) {
  using Status = PublishedItem::Status;
  const auto failed = std::find_if(
      items.begin(), items.end(),
      [](const PublishedItem& item) { return item.status == Status::kFailed; });
  const auto lost =
      std::count_if(items.begin(), items.end(), [](const PublishedItem& item) {
        return item.status != Status::kSubmitted;
      });
  std::string why =
      absl::StrCat(lost, " of ", items.size(), " events are not stored");
  if (failed != items.end()) {
    absl::StrAppend(&why, "; the first, ", failed->eid, ", for ", failed->step,
                    ": ", failed->detail);
  }
  return why;
}

}  // namespace

std::vector<PublishedItem> ReadPublishedItems(const std::string& body,
                                              size_t count) {
  simdjson::dom::parser parser;
  simdjson::dom::array array;
  if (parser.parse(body).get(array) != simdjson::SUCCESS ||
      array.size() != count) {
    return {};
  }
  std::vector<PublishedItem> items;
  items.reserve(count);
  for (const simdjson::dom::element one : array) {
    const std::string status = Text(one, "publishing_status");
    PublishedItem item = {.eid = Text(one, "eid"),
                          .step = Text(one, "step"),
                          .detail = Text(one, "detail")};
    if (status == "submitted") {
      item.status = PublishedItem::Status::kSubmitted;
    } else if (status == "failed") {
      item.status = PublishedItem::Status::kFailed;
    } else if (status != "aborted") {
      return {};
    }
    items.push_back(std::move(item));
  }
  return items;
}

Publisher::Publisher(const ClientOptions& options,
                     const std::string& event_type, const Clock& clock)
    : event_type_(event_type), transfer_(options, /*packed=*/false, clock) {
  request_.method = "POST";
  request_.url =
      absl::StrCat(options.url, "/event-types/", event_type, "/events");
  if (!options.flow_id_prefix.empty()) {
    request_.headers.push_back(
        absl::StrCat("X-Flow-Id: ", options.flow_id_prefix, "-publish"));
  }
}

absl::Status Publisher::Publish(const std::vector<std::string>& events,
                                std::vector<PublishedItem>* items) {
  items->clear();
  request_.body.assign("[");
  for (const std::string& event : events) {
    if (request_.body.size() > 1) request_.body.push_back(',');
    request_.body.append(event);
  }
  request_.body.push_back(']');
  const std::string what =
      absl::StrCat("publishing ", events.size(), " events of ", event_type_);
  HttpAnswer answer;
  std::string body;
  const absl::Status status = transfer_.Do(request_, kTimeout, &answer, &body);
  if (answer.status == 0) return status;
  // Its status says enough, whether its empty body came or not.
  if (answer.status == 200 || answer.status == 201) return absl::OkStatus();
  if (answer.status == 207 || answer.status == 422) {
    *items = ReadPublishedItems(body, events.size());
  }
  if (items->empty()) {
    absl::Status error = ErrorOfAnswer(what, answer.status, body,
                                       answer.flow_id, answer.retry_after);
    if (answer.status != 413) return error;
    return MakeError(absl::StatusCode::kInvalidArgument, what, GetError(error));
  }
  if (std::all_of(items->begin(), items->end(), [](const PublishedItem& item) {
        return item.status == PublishedItem::Status::kSubmitted;
      })) {
    return absl::OkStatus();
  }
  return MakeError(answer.status == 207 ? absl::StatusCode::kUnavailable
                                        : absl::StatusCode::kInvalidArgument,
                   what,
                   {.kind = Error::Kind::kHttpStatus,
                    .http_status = answer.status,
                    .detail = WhyOf(*items),
                    .flow_id = answer.flow_id,
                    .retry_after = answer.retry_after});
}

}  // namespace weir::nakadi
