#include "cli/subscription_options.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace weir::cli {
namespace {

weir::v1::GapPolicy GapPolicyFrom(const std::string& text) {
  if (text == "notify") return weir::v1::GAP_POLICY_NOTIFY;
  if (text == "fail") return weir::v1::GAP_POLICY_FAIL;
  if (text == "skip-to-latest") {
    return weir::v1::GAP_POLICY_NOTIFY_SKIP_TO_LATEST;
  }
  throw CLI::ValidationError(
      "--gap-policy",
      absl::StrCat("\"", text, "\" is none of notify, fail, skip-to-latest"));
}

absl::Duration IdleTtlFrom(const std::string& text) {
  absl::Duration ttl;
  if (absl::ParseDuration(text, &ttl) && ttl >= absl::ZeroDuration() &&
      ttl < absl::InfiniteDuration()) {
    return ttl;
  }
  throw CLI::ValidationError(
      "--idle-ttl",
      absl::StrCat("\"", text,
                   "\" is no duration such as 12h; 0s means for ever"));
}

void AddLabels(const std::vector<std::string>& labels,
               SubscriptionSettings* settings) {
  settings->labels.emplace();
  for (const std::string& label : labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw CLI::ValidationError(
          "--label", absl::StrCat("\"", label, "\" is not KEY=VALUE"));
    }
    (*settings->labels)[label.substr(0, equals)] = label.substr(equals + 1);
  }
}

}  // namespace

void AddSettingsOptions(CLI::App* command, SubscriptionSettings* settings) {
  command
      ->add_option("--display-name", settings->display_name,
                   "What people call it")
      ->type_name("TEXT");
  command
      ->add_option("--max-unacked", settings->max_unacked_events,
                   "Events that may wait for acknowledgement; 0 is the default")
      ->type_name("N");
  command
      ->add_option_function<std::string>(
          "--gap-policy",
          [settings](const std::string& text) {
            settings->gap_policy = GapPolicyFrom(text);
          },
          "When its position is gone: notify, fail, skip-to-latest")
      ->type_name("NAME");
  command
      ->add_option_function<std::string>(
          "--idle-ttl",
          [settings](const std::string& text) {
            settings->idle_ttl = IdleTtlFrom(text);
          },
          "Deleted when unused for so long; 0s is never")
      ->type_name("DURATION");
  command
      ->add_option_function<std::vector<std::string>>(
          "--label",
          [settings](const std::vector<std::string>& labels) {
            AddLabels(labels, settings);
          },
          "For the operator; repeatable")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
}

}  // namespace weir::cli
