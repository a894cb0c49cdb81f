#ifndef WEIR_HOST_BROKER_EVENT_MASK_H_
#define WEIR_HOST_BROKER_EVENT_MASK_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir {

// Which events of a chunk: one bit for each, up to kEvents. A value.
class EventMask {
 public:
  static constexpr uint32_t kEvents = 256;

  // The events [begin, end).
  static EventMask Range(uint32_t begin, uint32_t end) {
    EventMask mask;
    for (uint32_t word = begin / 64; word * 64 < end; ++word) {
      const uint32_t first = std::max(begin, word * 64) % 64;
      const uint32_t n = std::min(end, word * 64 + 64) - word * 64 - first;
      const uint64_t ones = n == 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
      mask.words_[word] = ones << first;
    }
    return mask;
  }

  void Set(uint32_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void Clear(uint32_t i) { words_[i / 64] &= ~(uint64_t{1} << (i % 64)); }
  bool Has(uint32_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  // The first of them that is not before `from`, which is less than kEvents;
  // kEvents if there is none.
  uint32_t NextFrom(uint32_t from) const {
    uint64_t word = words_[from / 64] >> (from % 64) << (from % 64);
    for (uint32_t at = from / 64;; word = words_[at]) {
      if (word != 0) {
        return at * 64 + static_cast<uint32_t>(std::countr_zero(word));
      }
      if (++at == words_.size()) return kEvents;
    }
  }
  bool empty() const {
    return (words_[0] | words_[1] | words_[2] | words_[3]) == 0;
  }

  // Removes the first of them and returns it; there must be one:
  // for (EventMask rest = mask; !rest.empty();) Look(rest.TakeFirst());
  uint32_t TakeFirst() {
    uint32_t word = 0;
    while (words_[word] == 0) ++word;
    const auto bit = static_cast<uint32_t>(std::countr_zero(words_[word]));
    words_[word] &= words_[word] - 1;
    return word * 64 + bit;
  }

  EventMask operator&(const EventMask& other) const {
    return Combine(other, [](uint64_t a, uint64_t b) { return a & b; });
  }
  EventMask operator|(const EventMask& other) const {
    return Combine(other, [](uint64_t a, uint64_t b) { return a | b; });
  }
  EventMask operator~() const {
    return Combine(*this, [](uint64_t a, uint64_t) { return ~a; });
  }
  bool operator==(const EventMask&) const = default;

 private:
  template <typename Function>
  EventMask Combine(const EventMask& other, const Function& function) const {
    EventMask result;
    for (size_t i = 0; i < words_.size(); ++i) {
      result.words_[i] = function(words_[i], other.words_[i]);
    }
    return result;
  }

  std::array<uint64_t, kEvents / 64> words_ = {};
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_EVENT_MASK_H_
