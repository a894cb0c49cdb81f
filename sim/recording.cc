#include "sim/recording.h"

#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace weir::sim {
namespace {

constexpr absl::string_view kZstdMagic("\x28\xB5\x2F\xFD", 4);

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(
      std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path));
  }
  std::string bytes;
  std::vector<char> piece(1 << 20);
  size_t got = 0;
  while ((got = std::fread(piece.data(), 1, piece.size(), file.get())) > 0) {
    bytes.append(piece.data(), got);
  }
  if (std::ferror(file.get()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("reading ", path));
  }
  return bytes;
}

struct FreeDecoder {
  void operator()(ZSTD_DCtx* decoder) const { ZSTD_freeDCtx(decoder); }
};

// As a stream, since a recording may be of several frames that do not tell
// their sizes.
absl::StatusOr<std::string> Decompress(absl::string_view compressed) {
  const std::unique_ptr<ZSTD_DCtx, FreeDecoder> decoder(ZSTD_createDCtx());
  std::string text;
  std::vector<char> piece(ZSTD_DStreamOutSize());
  ZSTD_inBuffer in = {compressed.data(), compressed.size(), 0};
  size_t missing = 0;
  bool flushing = false;  // The last piece was full: there may be more.
  while (in.pos < in.size || flushing) {
    ZSTD_outBuffer out = {piece.data(), piece.size(), 0};
    missing = ZSTD_decompressStream(decoder.get(), &out, &in);
    if (ZSTD_isError(missing) != 0) {
      return absl::DataLossError(absl::StrCat(
          "zstd: ", ZSTD_getErrorName(missing), " near byte ", in.pos));
    }
    text.append(piece.data(), out.pos);
    flushing = out.pos == out.size;
  }
  if (missing != 0) {
    return absl::DataLossError(
        "zstd: the file ends in the middle of a frame; fetch it again");
  }
  return text;
}

// The number after the first `"timestamp":` of `line`, to the millisecond.
std::optional<absl::Duration> TimestampOf(absl::string_view line) {
  static constexpr absl::string_view kKey = "\"timestamp\":";
  const size_t key = line.find(kKey);
  if (key == absl::string_view::npos) return std::nullopt;
  const absl::string_view rest = line.substr(key + kKey.size());
  double seconds = 0;
  if (!absl::SimpleAtod(rest.substr(0, rest.find_first_of(",}")), &seconds)) {
    return std::nullopt;
  }
  return absl::Milliseconds(std::llround(seconds * 1000));
}

}  // namespace

absl::StatusOr<Recording> Recording::Load(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  if (absl::StartsWith(*bytes, kZstdMagic)) {
    bytes = Decompress(*bytes);
  }
  absl::StatusOr<Recording> recording =
      bytes.ok() ? FromText(*std::move(bytes)) : bytes.status();
  if (recording.ok()) return recording;
  return absl::Status(
      recording.status().code(),
      absl::StrCat("reading ", path, ": ", recording.status().message()));
}

absl::StatusOr<Recording> Recording::FromText(std::string text) {
  Recording recording;
  if (!text.empty() && text.back() != '\n') text.push_back('\n');
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end > at) recording.starts_.push_back(at);
    at = end + 1;
  }
  if (recording.starts_.empty()) {
    return absl::InvalidArgumentError(
        "no line in it; a recording has one JSON object on each line");
  }
  recording.starts_.push_back(text.size());
  recording.text_ = std::move(text);
  return recording;
}

absl::string_view Recording::Lines(size_t begin, size_t end) const {
  return absl::string_view(text_).substr(starts_[begin],
                                         starts_[end] - starts_[begin]);
}

size_t Recording::EndWithin(size_t begin, size_t max_bytes) const {
  const auto past = std::upper_bound(starts_.begin() + begin, starts_.end(),
                                     starts_[begin] + max_bytes);
  const size_t end = past - starts_.begin() - 1;
  return std::max(end, begin + 1);
}

std::vector<absl::Duration> Recording::Offsets() const {
  std::vector<absl::Duration> offsets;
  offsets.reserve(size());
  absl::Duration offset;
  std::optional<absl::Duration> before;
  for (size_t i = 0; i < size(); ++i) {
    const std::optional<absl::Duration> time = TimestampOf(Lines(i, i + 1));
    if (time.has_value()) {
      if (before.has_value() && *time > *before) {
        offset += std::min(*time - *before, kLongestPause);
      }
      // A jump far back is where another recording begins; a short one is a
      // straggler, and what follows it has already been waited for.
      if (!before.has_value() || *time > *before ||
          *before - *time > kLongestPause) {
        before = time;
      }
    }
    offsets.push_back(offset);
  }
  return offsets;
}

}  // namespace weir::sim
