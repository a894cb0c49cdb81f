#include "lib/nakadi/batch.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace weir::nakadi {
namespace {

using simdjson::SUCCESS;
namespace ondemand = simdjson::ondemand;

absl::Status Bad(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("a line of the stream ", what));
}

// Without the white space that simdjson leaves behind a value.
absl::string_view Trimmed(std::string_view raw) {
  return absl::StripAsciiWhitespace(absl::string_view(raw.data(), raw.size()));
}

absl::string_view OccurredAt(ondemand::object& event) {
  ondemand::object metadata;
  std::string_view text;
  if (event.find_field("metadata").get_object().get(metadata) != SUCCESS ||
      metadata.find_field("occurred_at").get_string().get(text) != SUCCESS) {
    return {};
  }
  return {text.data(), text.size()};
}

}  // namespace

absl::Status BatchReader::Read(absl::string_view line, BatchLine* batch,
                               std::vector<absl::string_view>* events,
                               std::vector<absl::string_view>* times) {
  *batch = {};
  line_end_ = line.data() + line.size();
  if (events != nullptr) events->clear();
  if (times != nullptr) times->clear();
  ondemand::document document;
  ondemand::object object;
  if (parser_.iterate(simdjson::padded_string_view(line.data(), line.size(),
                                                   line.size() + kPadding))
              .get(document) != SUCCESS ||
      document.get_object().get(object) != SUCCESS) {
    return Bad("is no JSON object");
  }
  bool has_cursor = false;
  for (auto entry : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(entry).get(field) != SUCCESS ||
        field.unescaped_key().get(key) != SUCCESS) {
      return Bad("is no JSON object");
    }
    ondemand::value value = std::move(field).value();
    absl::Status status;
    if (key == "cursor") {
      has_cursor = true;
      status = ReadCursor(value, batch);
    } else if (key == "events") {
      status = ReadEvents(value, batch, events, times);
    } else if (key == "info") {
      std::string_view raw;
      if (simdjson::to_json_string(value).get(raw) != SUCCESS) {
        return Bad("has an info that is no JSON");
      }
      constexpr absl::string_view kBegin = "{\"debug\":\"", kEnd = "\"}";
      absl::string_view info = Trimmed(raw);
      if (info.size() > kBegin.size() + kEnd.size() &&
          info.substr(0, kBegin.size()) == kBegin &&
          info.substr(info.size() - kEnd.size()) == kEnd) {
        info.remove_prefix(kBegin.size());
        info.remove_suffix(kEnd.size());
      }
      batch->info = std::string(info.substr(0, 1000));
    }
    if (!status.ok()) return status;
  }
  const char* more = nullptr;
  if (document.current_location().get(more) == SUCCESS) {
    return Bad("goes on behind its object");
  }
  if (!has_cursor) return Bad("has no cursor");
  return absl::OkStatus();
}

absl::Status BatchReader::ReadCursor(ondemand::value& value, BatchLine* batch) {
  ondemand::object cursor;
  if (value.get_object().get(cursor) != SUCCESS) {
    return Bad("has a cursor that is no object");
  }
  for (auto entry : cursor) {
    ondemand::field field;
    std::string_view key, text;
    if (std::move(entry).get(field) != SUCCESS ||
        field.unescaped_key().get(key) != SUCCESS) {
      return Bad("has a cursor that is no object");
    }
    absl::string_view* to = key == "partition"      ? &batch->partition
                            : key == "offset"       ? &batch->offset
                            : key == "event_type"   ? &batch->event_type
                            : key == "cursor_token" ? &batch->cursor_token
                                                    : nullptr;
    if (to == nullptr) continue;
    if (std::move(field).value().get_string().get(text) != SUCCESS) {
      return Bad(absl::StrCat("has a cursor whose ",
                              absl::string_view(key.data(), key.size()),
                              " is no text"));
    }
    *to = absl::string_view(text.data(), text.size());
  }
  for (const auto& [name, text] :
       {std::pair("partition", batch->partition),
        std::pair("offset", batch->offset),
        std::pair("event_type", batch->event_type),
        std::pair("cursor_token", batch->cursor_token)}) {
    if (text.empty()) return Bad(absl::StrCat("has a cursor without ", name));
  }
  return absl::OkStatus();
}

absl::Status BatchReader::ReadEvents(ondemand::value& value, BatchLine* batch,
                                     std::vector<absl::string_view>* events,
                                     std::vector<absl::string_view>* times) {
  bool is_null = false;
  ondemand::json_type type;
  if (value.type().get(type) != SUCCESS) return Bad("has bad events");
  if (type == ondemand::json_type::null) {
    return value.is_null().get(is_null) == SUCCESS && is_null
               ? absl::OkStatus()
               : Bad("has events that are no array");
  }
  ondemand::array array;
  if (value.get_array().get(array) != SUCCESS) {
    return Bad("has events that are no array");
  }
  const char* begin = nullptr;
  const char* end = nullptr;
  for (auto entry : array) {
    ondemand::value event;
    ondemand::json_type event_type;
    // The library lets a result be taken from an rvalue alone.
    // NOLINTNEXTLINE(performance-move-const-arg)
    if (std::move(entry).get(event) != SUCCESS ||
        event.type().get(event_type) != SUCCESS) {
      return Bad("has an event that is no JSON");
    }
    absl::string_view raw, time;
    std::string_view text;
    ondemand::object object;
    if (event_type == ondemand::json_type::object) {
      if (event.get_object().get(object) != SUCCESS) {
        return Bad("has an event that is no JSON");
      }
      if (times != nullptr) time = OccurredAt(object);
      if (object.raw_json().get(text) != SUCCESS) {
        return Bad("has an event that is no JSON");
      }
      raw = Trimmed(text);
    } else {
      if (simdjson::to_json_string(event).get(text) != SUCCESS) {
        return Bad("has an event that is no JSON");
      }
      raw = Trimmed(text);
    }
    if (begin == nullptr) begin = raw.data();
    end = raw.data() + raw.size();
    ++batch->count;
    if (events != nullptr) events->push_back(raw);
    if (times != nullptr) times->push_back(time);
  }
  if (begin == nullptr) return absl::OkStatus();
  // What is between the brackets and the first and last event is white space.
  while (*begin != '[') --begin;
  while (end < line_end_ && *end != ']') ++end;
  if (end == line_end_) return Bad("has events that do not end");
  batch->events =
      absl::string_view(begin, static_cast<size_t>(end + 1 - begin));
  return absl::OkStatus();
}

}  // namespace weir::nakadi
