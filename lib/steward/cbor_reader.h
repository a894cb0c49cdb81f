#ifndef WEIR_LIB_STEWARD_CBOR_READER_H_
#define WEIR_LIB_STEWARD_CBOR_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir::steward {

// Reads the values of one CBOR text in order, each as the type that its place
// asks for. It takes what fxamacker/cbor, the peers' library, takes into a Go
// value of that type: null and undefined for anything (it becomes what is
// empty), numbers longer than needed, strings and arrays of indefinite length,
// the tag 55799 before a value. What that refuses, this refuses: another type,
// a map, any other tag, a number outside of int64, text that is not UTF-8, and
// arrays that are nested deeper than `kMaxDepth`.
//
// The first call that fails is the end: each later one returns the same error,
// which says the field, what was found and at which byte. Nothing is allocated
// by a length that the text claims: only by what is there.
//
// Not thread-safe. `bytes` must outlive the reader.
class CborReader {
 public:
  // As fxamacker/cbor has it by default.
  static constexpr size_t kMaxDepth = 32;
  // Of all lists of one text together: an element of one byte takes the 32 of a
  // std::string.
  static constexpr size_t kMaxElements = size_t{64} << 10;

  explicit CborReader(absl::string_view bytes) : bytes_(bytes) {}

  // One array's length, known when it starts or when its end is there.
  struct Array {
    bool is_null = false;
    // Absent if it is indefinite.
    std::optional<uint64_t> length;
  };

  // `field` names the place in errors.
  absl::Status BeginArray(absl::string_view field, Array* array);
  // Whether an array of indefinite length ends here; goes behind its end.
  bool AtBreak();
  void EndArray() { --depth_; }

  absl::Status Text(absl::string_view field, std::string* value);
  absl::Status Int(absl::string_view field, int64_t* value);
  absl::Status Bool(absl::string_view field, bool* value);
  // Also takes an array of numbers up to 255.
  absl::Status Bytes(absl::string_view field,
                     std::optional<std::string>* value);
  absl::Status Texts(absl::string_view field,
                     std::optional<std::vector<std::string>>* value);
  absl::Status Ints(absl::string_view field,
                    std::optional<std::vector<int64_t>>* value);

  // Makes this and all later calls fail, for what the caller finds wrong.
  absl::Status Fail(absl::string_view field, absl::string_view what);

  // That nothing is left.
  absl::Status End();

  // Where the next value starts.
  size_t offset() const { return offset_; }

 private:
  struct Item;

  // The next item behind any tag 55799, and where it ends.
  absl::Status Peek(absl::string_view field, Item* item);
  absl::Status Wrong(absl::string_view field, absl::string_view wanted,
                     const Item& found);
  // The chunks of a string of indefinite length, whose start was taken.
  absl::Status Chunks(absl::string_view field, bool text, std::string* value);
  absl::Status CheckUtf8(absl::string_view field, const std::string& value);
  // Calls `element` for each element of a list.
  template <typename Element>
  absl::Status List(absl::string_view field, bool* is_null,
                    const Element& element);

  const absl::string_view bytes_;
  size_t offset_ = 0;
  size_t depth_ = 0;
  size_t elements_ = 0;
  absl::Status error_;
};

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_CBOR_READER_H_
