#ifndef WEIR_LIB_STEWARD_REFUSAL_H_
#define WEIR_LIB_STEWARD_REFUSAL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir::steward {

// Why a message is not taken: a word for counters, which is kept as a payload
// of the absl::Status that says the rest to a person. These are all there are:
struct Refusal {
  // The bytes are no message.
  static constexpr absl::string_view kGob = "gob";
  static constexpr absl::string_view kCompression = "bad_compression";
  static constexpr absl::string_view kTooLong = "too_long";
  static constexpr absl::string_view kCbor = "bad_cbor";
  static constexpr absl::string_view kLayout = "unknown_layout";
  static constexpr absl::string_view kJson = "bad_json";
  // They are one that is not to be had here.
  static constexpr absl::string_view kProfile = "other_profile";
  static constexpr absl::string_view kMethod = "no_method";
  static constexpr absl::string_view kUnknownMethod = "unknown_method";
  static constexpr absl::string_view kSchedule = "bad_schedule";
  static constexpr absl::string_view kSubject = "wrong_subject";
  static constexpr absl::string_view kSender = "sender_not_allowed";
  static constexpr absl::string_view kSignature = "bad_signature";
  static constexpr absl::string_view kEnded = "process_ended";
  static constexpr absl::string_view kManySchedules = "too_many_schedules";
  // Its node is to relay it, and cannot.
  static constexpr absl::string_view kRelay = "bad_relay";
  static constexpr absl::string_view kRelayFailed = "relay_failed";
};

// `status`, which is an error, with that reason.
absl::Status Refuse(absl::Status status, absl::string_view reason);

// The reason of an error that has one; else "bad_cbor", as most have.
std::string RefusalOf(const absl::Status& status);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_REFUSAL_H_
