#ifndef WEIR_HOST_RPC_PAGING_H_
#define WEIR_HOST_RPC_PAGING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/status/error_info.h"

namespace weir {

// Returns how many items a page has for `page_size` of a request: 0 is
// `standard`, what is larger than `most` is lowered to it.
//
// Returns InvalidArgument / INVALID_FIELD for a negative size.
inline absl::StatusOr<size_t> PageLimit(int32_t page_size, size_t standard,
                                        size_t most) {
  if (page_size == 0) return standard;
  if (page_size > 0) return std::min(static_cast<size_t>(page_size), most);
  const std::string fault = absl::StrCat(
      page_size, " is negative; 0 means the default of ", standard);
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("page_size: ", fault),
                   {.reason = "INVALID_FIELD",
                    .metadata = {{"field", "page_size"}},
                    .field_violations = {{"page_size", fault}}});
}

// One page of a list that is sorted by name.
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next_page_token;  // Empty: this was the last page.
};

// Cuts the page out of `all`, each of which has a `name`, that `page_size` (0 =
// 50, larger than 500 is lowered to 500) and `page_token` ask for. A token is
// the name of the last one of the page before, so a list that changes between
// two pages neither repeats nor skips what stayed.
//
// Returns InvalidArgument / INVALID_FIELD for a negative size.
template <typename T>
absl::StatusOr<Page<T>> PageOf(std::vector<T> all, int32_t page_size,
                               absl::string_view page_token) {
  const absl::StatusOr<size_t> limit = PageLimit(page_size, 50, 500);
  if (!limit.ok()) return limit.status();
  Page<T> page;
  for (T& item : all) {
    if (!page_token.empty() && item.name <= page_token) continue;
    if (page.items.size() == *limit) {
      page.next_page_token = page.items.back().name;
      break;
    }
    page.items.push_back(std::move(item));
  }
  return page;
}

}  // namespace weir

#endif  // WEIR_HOST_RPC_PAGING_H_
