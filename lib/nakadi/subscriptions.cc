#include "lib/nakadi/subscriptions.h"

#include <simdjson.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/nakadi/error.h"
#include "lib/nakadi/json_string.h"

namespace weir::nakadi {

absl::StatusOr<std::string> CreateOrFind(const SubscriptionSpec& spec,
                                         const ClientOptions& client,
                                         HttpTransfer& transfer) {
  HttpRequest request = {.method = "POST",
                         .url = absl::StrCat(client.url, "/subscriptions")};
  request.body = absl::StrCat(
      "{\"owning_application\":", JsonString(spec.owning_application),
      ",\"event_types\":[",
      absl::StrJoin(spec.event_types, ",",
                    [](std::string* out, const std::string& type) {
                      out->append(JsonString(type));
                    }),
      "]");
  if (!spec.consumer_group.empty()) {
    absl::StrAppend(&request.body,
                    ",\"consumer_group\":", JsonString(spec.consumer_group));
  }
  if (!spec.read_from.empty()) {
    absl::StrAppend(&request.body,
                    ",\"read_from\":", JsonString(spec.read_from));
  }
  request.body.append("}");
  if (!client.flow_id_prefix.empty()) {
    request.headers.push_back(
        absl::StrCat("X-Flow-Id: ", client.flow_id_prefix, "-subscribe"));
  }
  HttpAnswer answer;
  std::string body;
  const absl::Status status =
      transfer.Do(request, client.connect_timeout, &answer, &body);
  if (answer.status != 0 && answer.status != 200 && answer.status != 201) {
    return ErrorOfAnswer("creating or finding the subscription", answer.status,
                         body, answer.flow_id, answer.retry_after);
  }
  if (!status.ok()) return status;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view id;
  if (parser.parse(body).get(object) != simdjson::SUCCESS ||
      object["id"].get(id) != simdjson::SUCCESS || id.empty()) {
    return MakeError(
        absl::StatusCode::kUnavailable,
        "creating or finding the subscription: the answer has no id",
        {.kind = Error::Kind::kProtocol,
         .http_status = answer.status,
         .flow_id = answer.flow_id});
  }
  return std::string(id);
}

}  // namespace weir::nakadi
