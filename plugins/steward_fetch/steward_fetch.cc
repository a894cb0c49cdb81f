// Fetches what other nodes of a steward or ctrl network ask for, if the
// operator allows it: pages of the web, and lines that are added to files.
// README.md is for those who run it.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/steward_fetch/file_list.h"
#include "plugins/steward_fetch/file_tail.h"
#include "plugins/steward_fetch/http_get.h"
#include "plugins/steward_fetch/url_list.h"
#include "plugins/support/settings.h"
#include "plugins/support/steward_answers.h"
#include "weir/sdk.h"
#include "weir/services.h"
#include "weir/steward.h"

namespace {

using weir::steward::View;

struct Options {
  bool enabled = false;
  weir::UrlList urls;
  weir::FileList files;
  bool private_addresses = false;
  int64_t max_seconds = 0;
  size_t max_bytes = 0;
};

std::string Named(std::string_view entry, std::string_view fault) {
  std::string text = "\"";
  text.append(entry).append("\"; ").append(fault);
  return text;
}

Options ReadOptions(std::string_view config) {
  weir::Faults faults;
  weir::SettingsFile file(config, faults);
  weir::Settings& settings = file.root();
  Options options;
  options.enabled = settings.Bool("enabled", false);
  for (const std::string& url : settings.Texts("urls", 1000, 8000)) {
    if (const std::string fault = options.urls.Add(url); !fault.empty()) {
      settings.Refuse("urls", Named(url, fault));
    }
  }
  for (const std::string& path : settings.Texts("files", 1000, 4000)) {
    if (const std::string fault = options.files.Add(path); !fault.empty()) {
      settings.Refuse("files", Named(path, fault));
    }
  }
  if (options.enabled && options.urls.empty() && options.files.empty()) {
    settings.Refuse("urls",
                    "none, and no files; name what other nodes may have");
  }
  options.private_addresses = settings.Bool("private_addresses", false);
  options.max_seconds = settings.Integer("max_seconds", 60, 1, 86'400);
  options.max_bytes = static_cast<size_t>(
      settings.Integer("max_bytes", 512 << 10, 1, 960 << 10));
  settings.RefuseOthers();
  faults.ThrowIfAny();
  return options;
}

bool IsHttpGet(std::string_view type) {
  return type == "httpGet" || type == "REQHttpGet";
}
bool IsTailFile(std::string_view type) {
  return type == "tailFile" || type == "REQTailFile";
}

class StewardFetch {
 public:
  static std::string_view ConfigSchema() {
    return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "steward-fetch",
  "type": "object",
  "properties": {
    "enabled": {
      "description": "Without it, nothing is ever fetched.",
      "type": "boolean", "default": false
    },
    "urls": {
      "description": "What may be fetched: URLs; one that ends with / stands for all below it.",
      "type": "array", "maxItems": 1000,
      "items": {"type": "string", "pattern": "^https?://", "maxLength": 8000}
    },
    "private_addresses": {
      "description": "Whether a name in urls may mean a loopback, private or otherwise special address.",
      "type": "boolean", "default": false
    },
    "files": {
      "description": "What may be followed: absolute paths; one that ends with / stands for all below it.",
      "type": "array", "maxItems": 1000,
      "items": {"type": "string", "pattern": "^/", "maxLength": 4000}
    },
    "max_seconds": {
      "description": "A method is over after so long, whatever was asked for.",
      "type": "integer", "minimum": 1, "maximum": 86400, "default": 60
    },
    "max_bytes": {
      "description": "A body may have so many bytes; a longer line comes in pieces.",
      "type": "integer", "minimum": 1, "maximum": 983040, "default": 524288
    }
  },
  "additionalProperties": false
})json";
  }

  StewardFetch(weir::Host host, std::string_view config)
      : host_(host),
        options_(ReadOptions(config)),
        answers_(host, options_.max_bytes),
        http_(options_.urls, options_.private_addresses),
        fetched_(host, "fetched_total", "Bodies fetched."),
        lines_(host, "lines_total", "Lines of files answered."),
        refused_(host, "refused_total", "Requests for what is not allowed."),
        failed_(host, "failed_total",
                "Pages that could not be fetched and files that could not be "
                "followed.") {}

  bool WantsMessage(std::string_view type) const {
    if (!options_.enabled) return false;
    return (IsHttpGet(type) && !options_.urls.empty()) ||
           (IsTailFile(type) && !options_.files.empty());
  }
  int QueueCapacity() const { return 256; }

  weir_status HandleMessage(weir::Message message) {
    const View view(message);
    const std::string method(host_.type_name(message.type_id()));
    if (const std::string fault = Check(view, method); !fault.empty()) {
      refused_.Add();
      host_.log(WEIR_SEVERITY_WARNING, method + " of node " +
                                           std::string(view.from_node()) +
                                           " is refused: " + fault);
      answers_.SendError(message, view, method, fault);
      return WEIR_ERR;
    }
    host_.log(WEIR_SEVERITY_NOTICE, method + " of node " +
                                        std::string(view.from_node()) + ' ' +
                                        weir::StewardAnswers::Listed(view));
    return IsHttpGet(method) ? Get(message, view, method)
                             : Follow(message, view, method);
  }

 private:
  // Why what `view` asks for is not done, or nothing.
  std::string Check(const View& view, std::string_view method) const {
    const weir::steward::Strings args = view.args();
    if (IsHttpGet(method)) {
      return args.empty() ? "it names no URL" : http_.Check(args[0]);
    }
    if (args.empty()) return "it names no file";
    return options_.files.Allows(args[0]) ? ""
                                          : "the file is none of those allowed";
  }

  weir_status Get(weir::Message message, const View& view,
                  const std::string& method) {
    std::string body;
    const std::string fault =
        http_.Fetch(view.args()[0],
                    {.end = answers_.EndOf(view, options_.max_seconds),
                     .max_bytes = answers_.max_bytes(),
                     .should_stop = [this] { return answers_.should_stop(); }},
                    &body);
    if (!fault.empty()) {
      failed_.Add();
      answers_.SendError(message, view, method, fault);
      return WEIR_OK;  // The request was done.
    }
    fetched_.Add();
    return answers_.Send(message, body);
  }

  weir_status Follow(weir::Message message, const View& view,
                     const std::string& method) {
    weir_status sent = WEIR_OK;
    const std::string fault = weir::FollowFile(
        options_.files, view.args()[0],
        {.end = answers_.EndOf(view, options_.max_seconds),
         .max_line_bytes = answers_.max_bytes(),
         .should_stop = [this] { return answers_.should_stop(); }},
        [&](std::string_view line) {
          sent = answers_.Send(message, line);
          if (sent == WEIR_OK) lines_.Add();
          return sent == WEIR_OK;
        });
    if (!fault.empty()) {
      failed_.Add();
      answers_.SendError(message, view, method, fault);
    }
    return sent;
  }

  const weir::Host host_;
  const Options options_;
  const weir::StewardAnswers answers_;
  const weir::HttpGet http_;
  const weir::Counter fetched_;
  const weir::Counter lines_;
  const weir::Counter refused_;
  const weir::Counter failed_;
};

}  // namespace

WEIR_PLUGIN(StewardFetch, "steward-fetch", "1.0.0");
