#include "lib/steward/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "absl/strings/str_cat.h"

namespace weir::steward {
namespace {

// As klauspost/compress packs by default.
constexpr int kZstdLevel = 3;
// windowBits of zlib: the largest window, in gzip's wrapping.
constexpr int kGzipWindow = MAX_WBITS + 16;
// zlib's default.
constexpr int kGzipMemory = 8;
constexpr size_t kStep = size_t{16} << 10;

absl::Status TooLarge(size_t max_bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the payload unpacks to more than ", max_bytes, " bytes"));
}

absl::Status Damaged(absl::string_view kind, absl::string_view what,
                     size_t at) {
  return absl::InvalidArgumentError(
      absl::StrCat("the payload is no ", kind, ": ", what, " at byte ", at));
}

std::string PackZstd(absl::string_view payload) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(
      ZSTD_createCCtx(), &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string packed(ZSTD_compressBound(payload.size()), '\0');
  packed.resize(ZSTD_compress2(context.get(), packed.data(), packed.size(),
                               payload.data(), payload.size()));
  return packed;
}

absl::StatusOr<std::string> UnpackZstd(absl::string_view payload,
                                       size_t max_bytes) {
  if (payload.empty()) return Damaged("zstd", "empty", 0);
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(
      ZSTD_createDStream(), &ZSTD_freeDStream);
  ZSTD_inBuffer in = {payload.data(), payload.size(), 0};
  std::string unpacked;
  std::array<char, kStep> step;
  size_t left = 1;  // Of the frame; 0 at its end.
  bool full = true;
  while (in.pos < in.size || (full && left != 0)) {
    ZSTD_outBuffer out = {step.data(), step.size(), 0};
    left = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(left) != 0) {
      return Damaged("zstd", ZSTD_getErrorName(left), in.pos);
    }
    if (out.pos > max_bytes - unpacked.size()) return TooLarge(max_bytes);
    unpacked.append(step.data(), out.pos);
    full = out.pos == out.size;
  }
  if (left != 0) return Damaged("zstd", "it ends within a frame", in.pos);
  return unpacked;
}

std::string PackGzip(absl::string_view payload) {
  z_stream stream = {};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow,
               kGzipMemory, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, payload.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(payload.data()));
  stream.avail_in = static_cast<uInt>(payload.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

absl::StatusOr<std::string> UnpackGzip(absl::string_view payload,
                                       size_t max_bytes) {
  z_stream stream = {};
  inflateInit2(&stream, kGzipWindow);
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream,
                                                             &inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(payload.data()));
  stream.avail_in = static_cast<uInt>(payload.size());
  std::string unpacked;
  std::array<char, kStep> step;
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(step.data());
    stream.avail_out = static_cast<uInt>(step.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    const size_t at = payload.size() - stream.avail_in;
    if (result != Z_OK && result != Z_STREAM_END) {
      return Damaged(
          "gzip", stream.msg != nullptr ? stream.msg : "it ends within a frame",
          at);
    }
    const size_t got = step.size() - stream.avail_out;
    if (got > max_bytes - unpacked.size()) return TooLarge(max_bytes);
    unpacked.append(step.data(), got);
    if (result != Z_STREAM_END) continue;
    if (stream.avail_in == 0) return unpacked;
    inflateReset(&stream);
  }
}

}  // namespace

std::string Compress(Compression compression, absl::string_view payload) {
  switch (compression) {
    case Compression::kNone:
      return std::string(payload);
    case Compression::kZstd:
      return PackZstd(payload);
    case Compression::kGzip:
      return PackGzip(payload);
  }
  return "";
}

absl::StatusOr<std::string> Decompress(Compression compression,
                                       absl::string_view payload,
                                       size_t max_bytes) {
  switch (compression) {
    case Compression::kNone:
      if (payload.size() > max_bytes) return TooLarge(max_bytes);
      return std::string(payload);
    case Compression::kZstd:
      return UnpackZstd(payload, max_bytes);
    case Compression::kGzip:
      return UnpackGzip(payload, max_bytes);
  }
  return absl::InvalidArgumentError("no compression of that number");
}

}  // namespace weir::steward
