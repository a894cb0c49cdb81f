#include "tests/fakes/nakadi/publishing.h"

#include <simdjson.h>

#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace weir::fake_nakadi {
namespace {

struct Item {
  std::string eid, partition, event;
  std::string fault, step;  // Why it is refused; empty: it is not.
};

std::string Text(const simdjson::dom::element& object, const char* key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

Item ReadItem(const simdjson::dom::element& event, const std::string& type,
              bool strict, const Topics& topics) {
  Item item = {.event = simdjson::minify(event)};
  simdjson::dom::element metadata;
  if (event["metadata"].get(metadata) == simdjson::SUCCESS) {
    item.eid = Text(metadata, "eid");
    item.partition = Text(metadata, "partition");
    if (strict && (item.eid.empty() || Text(metadata, "occurred_at").empty())) {
      item.step = "validating";
      item.fault = "#/metadata: required key [eid] not found";
    }
  } else if (strict) {
    item.step = "validating";
    item.fault = "#: required key [metadata] not found";
  }
  if (item.partition.empty()) item.partition = "0";
  if (item.fault.empty() && topics.count({type, item.partition}) == 0) {
    item.step = "partitioning";
    item.fault = "no such partition";
  }
  return item;
}

std::string ItemJson(const Item& item, absl::string_view status,
                     absl::string_view step, absl::string_view detail) {
  return absl::StrCat("{\"publishing_status\":\"", status, "\",\"step\":\"",
                      step, "\",\"detail\":\"", detail, "\",\"eid\":\"",
                      item.eid, "\"}");
}

}  // namespace

std::set<size_t> ReadNumbers(absl::string_view text) {
  std::set<size_t> numbers;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    size_t number = 0;
    if (absl::SimpleAtoi(part, &number)) numbers.insert(number);
  }
  return numbers;
}

Answer PublishBatch(const std::string& type, const std::string& body,
                    bool strict, const std::set<size_t>& failing,
                    Topics* topics) {
  const auto first = topics->lower_bound({type, ""});
  if (first == topics->end() || first->first.first != type) {
    return Problem(404, "EventType does not exist.");
  }
  simdjson::dom::parser parser;
  simdjson::dom::array events;
  if (parser.parse(body).get(events) != simdjson::SUCCESS) {
    return Problem(400, "not an array of events");
  }
  std::vector<Item> items;
  bool refused = false;
  for (const simdjson::dom::element event : events) {
    items.push_back(ReadItem(event, type, strict, *topics));
    refused |= !items.back().fault.empty();
  }
  std::vector<std::string> answers;
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (!item.fault.empty()) {
      answers.push_back(ItemJson(item, "failed", item.step, item.fault));
    } else if (refused) {
      answers.push_back(ItemJson(item, "aborted", "validating", ""));
    } else if (failing.count(i) > 0) {
      answers.push_back(ItemJson(item, "failed", "publishing", "timed out"));
    } else {
      (*topics)[{type, item.partition}].Publish(item.event);
      answers.push_back(ItemJson(item, "submitted", "publishing", ""));
    }
  }
  if (!refused && failing.empty()) return {200, ""};
  return {refused ? 422 : 207,
          absl::StrCat("[", absl::StrJoin(answers, ","), "]")};
}

}  // namespace weir::fake_nakadi
