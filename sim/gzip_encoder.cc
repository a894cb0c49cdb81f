#include "sim/gzip_encoder.h"

namespace weir::sim {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // 16: a gzip header, not zlib's.
constexpr int kMemoryLevel = 8;           // zlib's own default.

}  // namespace

GzipEncoder::GzipEncoder() {
  deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, kGzipWindowBits,
               kMemoryLevel, Z_DEFAULT_STRATEGY);
}

GzipEncoder::~GzipEncoder() { deflateEnd(&stream_); }

std::string GzipEncoder::Add(absl::string_view piece) {
  return Deflate(piece, Z_SYNC_FLUSH);
}

std::string GzipEncoder::Finish() { return Deflate("", Z_FINISH); }

std::string GzipEncoder::Deflate(absl::string_view piece, int flush) {
  std::string out;
  char room[16384];
  // zlib's type is not const for old compilers' sake; it only reads.
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream_.avail_in = piece.size();
  do {
    stream_.next_out = reinterpret_cast<Bytef*>(room);
    stream_.avail_out = sizeof(room);
    deflate(&stream_, flush);
    out.append(room, sizeof(room) - stream_.avail_out);
  } while (stream_.avail_out == 0);
  return out;
}

}  // namespace weir::sim
