#include "runner/check/message_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace weir {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kRoom = size_t{96} << 20;
// Of the data; what its arrays need, and what the host's own slabs have.
constexpr size_t kAlign = 16;
constexpr uint8_t kPadding = 'x';
constexpr uint8_t kUnknown = 0xa5;

size_t RoundUp(size_t size, size_t to) { return (size + to - 1) / to * to; }

bool IsScalar(const SampleField& field) {
  return field.kind == WEIR_KIND_UINT || field.kind == WEIR_KIND_INT;
}

// Where the fields' data lies, counted from the base, and how far it reaches.
size_t LayOut(const Sample& sample, std::vector<weir_field>& fields) {
  size_t at = sample.body.size();
  for (const SampleField& from : sample.fields) {
    weir_field field = {};
    field.key = from.key;
    field.kind = from.kind;
    if (IsScalar(from)) {
      field.off = static_cast<uint32_t>(from.number);
      field.len = static_cast<uint32_t>(from.number >> 32);
    } else {
      at = RoundUp(at, 8);
      field.off = static_cast<uint32_t>(at);
      field.len = static_cast<uint32_t>(from.bytes.size());
      field.count = from.count;
      at += from.bytes.size();
    }
    fields.push_back(field);
  }
  return at;
}

}  // namespace

MessageMemory::MessageMemory(MessageMemoryOptions options, CheckBoard& board)
    : options_(options),
      board_(board),
      begin_(static_cast<uint8_t*>(
          mmap(nullptr, kRoom, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
  board_.messages_begin = reinterpret_cast<uintptr_t>(begin_);
  board_.messages_end = begin_ == MAP_FAILED ? board_.messages_begin
                                             : board_.messages_begin + kRoom;
}

MessageMemory::~MessageMemory() {
  if (begin_ != MAP_FAILED) munmap(begin_, kRoom);
}

const weir_msg* MessageMemory::Place(const Sample& sample, uint64_t seq) {
  std::vector<weir_field> fields;
  const size_t data = RoundUp(LayOut(sample, fields), kAlign);
  const size_t view = RoundUp(sizeof(weir_msg) + options_.extra_bytes, 16);
  const size_t size =
      RoundUp(view + fields.size() * sizeof(weir_field) + data, kPage);
  if (begin_ == MAP_FAILED || used_ + size + kPage > kRoom) return nullptr;
  uint8_t* const page = begin_ + used_;
  used_ += size + kPage;
  if (mprotect(page, size, PROT_READ | PROT_WRITE) != 0) return nullptr;

  uint8_t* const base = page + size - data;
  std::memset(base, kPadding, data);
  // Bytes, which nothing ends.
  // NOLINTNEXTLINE(bugprone-not-null-terminated-result)
  std::memcpy(base, sample.body.data(), sample.body.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    if (IsScalar(sample.fields[i])) continue;
    // NOLINTNEXTLINE(bugprone-not-null-terminated-result)
    std::memcpy(base + fields[i].off, sample.fields[i].bytes.data(),
                sample.fields[i].bytes.size());
  }
  std::memset(page, kUnknown, view);
  std::copy(fields.begin(), fields.end(),
            reinterpret_cast<weir_field*>(page + view));
  weir_msg message = {};
  message.struct_size =
      static_cast<uint32_t>(sizeof(weir_msg)) + options_.extra_bytes;
  message.type_id = sample.type;
  message.flags = sample.flags;
  message.seq = seq;
  message.ts_ns = sample.time_ns;
  message.recv_ns = sample.time_ns + 50'000'000;
  message.base = base;
  message.base_len = static_cast<uint32_t>(sample.body.size());
  message.n_fields = static_cast<uint32_t>(fields.size());
  message.fields = reinterpret_cast<const weir_field*>(page + view);
  message.data_len = static_cast<uint32_t>(data);
  message.source_id = sample.source;
  std::memcpy(page, &message, sizeof(message));
  if (options_.read_only) mprotect(page, size, PROT_READ);
  board_.message_begin = reinterpret_cast<uintptr_t>(page);
  board_.message_end = board_.message_begin + size;
  return reinterpret_cast<const weir_msg*>(page);
}

void MessageMemory::Retire(const weir_msg* message) {
  if (!options_.retire) return;
  auto* const page =
      const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(message));
  const size_t size =
      static_cast<size_t>(message->base + message->data_len - page);
  mprotect(page, size, PROT_NONE);
  madvise(page, size, MADV_DONTNEED);
  board_.message_begin = board_.message_end = 0;
}

void MessageMemory::Reset() {
  (void)mmap(begin_, kRoom, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  used_ = 0;
}

}  // namespace weir
