#ifndef WEIR_TESTS_FAKES_FAKE_EVENT_CODEC_H_
#define WEIR_TESTS_FAKES_FAKE_EVENT_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/event_codec.h"

namespace weir {

// Writes events as lines of text that a test can read:
//
//   <id>|<seq>|<type>|<subject>|<append time, ns>|<json>\n
//
// So a text must have neither "|" nor a line feed. Headers only leave out the
// json.
class FakeEventCodec final : public EventCodec {
 public:
  // One line, read back.
  struct Line {
    std::string id;
    uint64_t seq = 0;
    std::string type, subject;
    int64_t append_unix_ns = 0;
    std::string json;
  };

  void AppendFramed(const Event& event, absl::string_view id, uint64_t seq,
                    absl::Time append_time, std::string* out) const override {
    absl::StrAppend(out, id, "|", seq, "|", event.type, "|", event.subject, "|",
                    absl::ToUnixNanos(append_time));
    absl::StrAppend(out, "|", event.json, "\n");
  }

  void AppendHeadersOnly(absl::string_view framed,
                         std::string* out) const override {
    absl::StrAppend(out, framed.substr(0, framed.rfind('|')), "|\n");
  }

  size_t FrameSize(absl::string_view bytes) const override {
    const size_t end = bytes.find('\n');
    return end == bytes.npos ? 0 : end + 1;
  }

  bool ReadFramed(absl::string_view framed, Event* event, uint64_t* seq,
                  absl::Time* append_time) const override {
    const std::vector<Line> lines = Parse(framed);
    if (lines.size() != 1 || lines[0].seq == 0) return false;
    *event = Event();
    event->type = lines[0].type;
    event->subject = lines[0].subject;
    event->json = lines[0].json;
    *seq = lines[0].seq;
    *append_time = absl::FromUnixNanos(lines[0].append_unix_ns);
    return true;
  }

  // Reads any number of framed events.
  static std::vector<Line> Parse(absl::string_view framed) {
    std::vector<Line> lines;
    for (absl::string_view text : absl::StrSplit(framed, '\n')) {
      if (text.empty()) continue;
      const std::vector<absl::string_view> parts = absl::StrSplit(text, '|');
      Line& line = lines.emplace_back();
      if (parts.size() != 6) continue;  // Whoever looks finds it empty.
      line.id = std::string(parts[0]);
      static_cast<void>(absl::SimpleAtoi(parts[1], &line.seq));
      line.type = std::string(parts[2]);
      line.subject = std::string(parts[3]);
      static_cast<void>(absl::SimpleAtoi(parts[4], &line.append_unix_ns));
      line.json = std::string(parts[5]);
    }
    return lines;
  }
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_EVENT_CODEC_H_
