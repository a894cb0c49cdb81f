#ifndef WEIR_PLUGINS_STEWARD_COPY_COPY_ENDS_H_
#define WEIR_PLUGINS_STEWARD_COPY_COPY_ENDS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "plugins/steward_copy/copy_files.h"
#include "plugins/steward_copy/copy_message.h"

namespace weir {

// What one end of a copy does with what the other one says.
struct CopyStep {
  std::optional<CopyPart> part;  // To be said to the other end.
  bool done = false;             // The copy has come to its good end.
  std::string fault;             // Or to its bad one, for people.
};

// So often in a row a chunk may not arrive as it was sent.
inline constexpr int kMaxCopyResends = 5;

// The end that has the file: says its chunks one by one, the next when the
// destination is ready for it. Not thread-safe.
class SourceCopy {
 public:
  SourceCopy(std::unique_ptr<SourceFile> file, size_t chunk_bytes)
      : file_(std::move(file)), chunk_bytes_(chunk_bytes) {}

  CopyStep Take(const CopyPart& said);

 private:
  CopyStep Say(int64_t status);

  const std::unique_ptr<SourceFile> file_;
  const size_t chunk_bytes_;
  std::string chunk_;   // The last one.
  int64_t status_ = 0;  // It was said with.
  int64_t number_ = 0;
  int resends_ = 0;
};

// The end that gets it: believes no hash, no number and no length. Not
// thread-safe.
class TargetCopy {
 public:
  // `chunk_bytes` is what the source has announced.
  TargetCopy(std::unique_ptr<TargetFile> file, mode_t mode, size_t chunk_bytes)
      : file_(std::move(file)), mode_(mode), chunk_bytes_(chunk_bytes) {}

  // What it says first.
  static CopyPart Ready() { return {.status = CopyPart::kReady}; }

  // A chunk that has come already, as what is sent again does, has no step.
  CopyStep Take(const CopyPart& said);

  uint64_t bytes() const { return file_->bytes(); }

 private:
  const std::unique_ptr<TargetFile> file_;
  const mode_t mode_;
  const size_t chunk_bytes_;
  int64_t last_ = 0;
  int resends_ = 0;
};

// SHA-256.
std::string CopyHash(std::string_view data);

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_COPY_COPY_ENDS_H_
