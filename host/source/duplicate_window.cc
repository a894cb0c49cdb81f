#include "host/source/duplicate_window.h"

#include <openssl/evp.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace weir {

std::string DuplicateWindow::KeyOf(absl::string_view sender, int64_t id,
                                   absl::string_view content) {
  // With its length, so that a sender's name does not run into the rest.
  const std::string head = absl::StrCat(sender.size(), ":", sender, id, ":");
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  EVP_DigestUpdate(context, head.data(), head.size());
  EVP_DigestUpdate(context, content.data(), content.size());
  EVP_DigestFinal_ex(context, hash.data(), &size);
  EVP_MD_CTX_free(context);
  return std::string(reinterpret_cast<const char*>(hash.data()), size / 2);
}

DuplicateWindow::Seen DuplicateWindow::Note(const std::string& key) {
  if (!enabled()) return Seen::kNew;
  const int64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(&mu_);
  while (!order_.empty() && (order_.front().noted_ns <= now_ns - length_ns_ ||
                             order_.size() >= kMaxMessages)) {
    const auto found = entries_.find(order_.front().key);
    if (found != entries_.end() &&
        found->second.noted_ns == order_.front().noted_ns) {
      entries_.erase(found);
    }
    order_.pop_front();
  }
  const auto [found, is_new] = entries_.try_emplace(key);
  if (!is_new) return found->second.done ? Seen::kDone : Seen::kUnderWay;
  found->second.noted_ns = now_ns;
  order_.push_back({key, now_ns});
  return Seen::kNew;
}

void DuplicateWindow::Done(const std::string& key) {
  MutexLock lock(&mu_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) found->second.done = true;
}

void DuplicateWindow::Forget(const std::string& key) {
  MutexLock lock(&mu_);
  entries_.erase(key);
}

}  // namespace weir
