#include "lib/frames/send_queue.h"

#include <utility>

#include "lib/frames/frame_header.h"

namespace weir::frames {

void SendQueue::Append(absl::string_view payload) {
  const size_t whole = header_size_ + payload.size();
  const bool fits = blocks_.size() > on_its_way_ &&
                    blocks_.back().fate == nullptr &&
                    blocks_.back().bytes.size() + whole <= kBlockBytes;
  if (!fits) {
    blocks_.emplace_back();
    std::string& bytes = blocks_.back().bytes;
    bytes.swap(spare_);
    bytes.clear();
    // Small ones get room for many; behind a long one comes only what happens
    // to fit.
    bytes.reserve(whole < kBlockBytes / 2 ? kBlockBytes : whole);
  }
  Block& block = blocks_.back();
  AppendHeader(payload.size(), &block.bytes);
  block.bytes.append(payload.data(), payload.size());
  ++block.frames;
  ++frames_;
  bytes_ += whole;
}

void SendQueue::AppendWaiting(absl::string_view payload, Fate* fate) {
  *fate = Fate::kWaiting;
  Block block;
  AppendHeader(payload.size(), &block.bytes);
  block.payload = payload;
  block.fate = fate;
  block.frames = 1;
  ++frames_;
  bytes_ += block.size();
  blocks_.push_back(std::move(block));
}

void SendQueue::Withdraw(const Fate* fate) {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (blocks_[i].fate != fate) continue;
    bytes_ -= blocks_[i].size();
    --frames_;
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

std::vector<iovec>& SendQueue::Gather() {
  parts_.clear();
  on_its_way_ = 0;
  size_t gathered = 0, skip = front_sent_;
  const auto add = [&](absl::string_view bytes) {
    if (skip >= bytes.size()) {
      skip -= bytes.size();
      return;
    }
    bytes.remove_prefix(std::exchange(skip, 0));
    parts_.push_back({const_cast<char*>(bytes.data()), bytes.size()});
    gathered += bytes.size();
  };
  for (const Block& block : blocks_) {
    if (parts_.size() + 2 > kMostParts || gathered >= kMostBytes) break;
    add(block.bytes);
    add(block.payload);
    ++on_its_way_;
  }
  return parts_;
}

bool SendQueue::Sent(size_t bytes) {
  on_its_way_ = 0;
  bytes_ -= bytes;
  bool fate_set = false;
  front_sent_ += bytes;
  while (!blocks_.empty() && front_sent_ >= blocks_.front().size()) {
    Block& front = blocks_.front();
    front_sent_ -= front.size();
    sent_ += front.frames;
    if (front.fate != nullptr) {
      *front.fate = Fate::kSent;
      fate_set = true;
    }
    PopFront();
  }
  return fate_set;
}

bool SendQueue::Rewind(bool keep_waiting) {
  on_its_way_ = 0;
  if (front_sent_ > 0) {
    Block& front = blocks_.front();
    size_t at = 0;
    uint64_t whole = 0;
    if (front.fate == nullptr) {
      while (at + FrameSize(front.bytes, at) <= front_sent_) {
        at += FrameSize(front.bytes, at);
        ++whole;
      }
      front.bytes.erase(0, at);
      front.frames -= whole;
      frames_ -= whole;
      sent_ += whole;
    }
    bytes_ += front_sent_ - at;
    front_sent_ = 0;
  }
  if (keep_waiting) return false;
  bool fate_set = false;
  for (auto at = blocks_.begin(); at != blocks_.end();) {
    if (at->fate == nullptr) {
      ++at;
      continue;
    }
    *at->fate = Fate::kFailed;
    fate_set = true;
    bytes_ -= at->size();
    --frames_;
    at = blocks_.erase(at);
  }
  return fate_set;
}

std::vector<std::string> SendQueue::TakeAll() {
  Rewind(/*keep_waiting=*/false);
  std::vector<std::string> payloads;
  for (const Block& block : blocks_) {
    for (size_t at = 0; at < block.bytes.size();) {
      const size_t whole = FrameSize(block.bytes, at);
      payloads.push_back(
          block.bytes.substr(at + header_size_, whole - header_size_));
      at += whole;
    }
  }
  blocks_.clear();
  bytes_ = 0;
  frames_ = 0;
  return payloads;
}

void SendQueue::AppendHeader(size_t length, std::string* out) const {
  char header[kLongestHeader];
  WriteHeader(length, header_size_, header);
  out->append(header, header_size_);
}

size_t SendQueue::FrameSize(absl::string_view bytes, size_t at) const {
  // Our own, so it is whole.
  return header_size_ + static_cast<size_t>(
                            ReadHeader(bytes.data() + at, header_size_).length);
}

void SendQueue::PopFront() {
  frames_ -= blocks_.front().frames;
  std::string& bytes = blocks_.front().bytes;
  if (bytes.capacity() > spare_.capacity() &&
      bytes.capacity() <= 2 * kBlockBytes) {
    spare_.swap(bytes);
  }
  blocks_.pop_front();
}

}  // namespace weir::frames
