#include "plugins/steward_copy/copy_ends.h"

#include <openssl/sha.h>

#include <system_error>

namespace weir {

std::string CopyHash(std::string_view data) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

CopyStep SourceCopy::Say(int64_t status) {
  status_ = status;
  return {.part = CopyPart{.status = status,
                           .data = chunk_,
                           .number = ++number_,
                           .hash = CopyHash(chunk_)}};
}

CopyStep SourceCopy::Take(const CopyPart& said) {
  switch (said.status) {
    case CopyPart::kReady: {
      resends_ = 0;
      if (status_ == CopyPart::kSrcDone) {
        return {.fault = "the destination wants more than there is"};
      }
      if (const int error = file_->Read(chunk_bytes_, &chunk_); error != 0) {
        return {.fault = "reading: " + std::generic_category().message(error)};
      }
      return Say(chunk_.empty() ? CopyPart::kSrcDone : CopyPart::kData);
    }
    case CopyPart::kResendLast:
      if (status_ == 0) {
        return {.fault = "nothing was sent that could be again"};
      }
      if (++resends_ > kMaxCopyResends) {
        return {.fault = "a chunk did not arrive whole " +
                         std::to_string(kMaxCopyResends) + " times"};
      }
      return Say(status_);
    case CopyPart::kDstDone:
      if (status_ != CopyPart::kSrcDone) {
        return {.fault = "the destination is done before all was sent"};
      }
      return {.done = true};
    default:
      return {.fault = "the destination says " + std::to_string(said.status) +
                       ", which means nothing"};
  }
}

CopyStep TargetCopy::Take(const CopyPart& said) {
  if (said.status != CopyPart::kData && said.status != CopyPart::kSrcDone) {
    return {.fault = "the source says " + std::to_string(said.status) +
                     ", which means nothing"};
  }
  if (said.number <= last_) return {};
  if (said.number != last_ + 1) {
    return {.fault = "after chunk " + std::to_string(last_) + " came " +
                     std::to_string(said.number)};
  }
  last_ = said.number;
  const std::string data = said.data.value_or("");
  if (data.size() > chunk_bytes_) {
    return {.fault = "a chunk is longer than was announced"};
  }
  if (CopyHash(data) != said.hash) {
    if (++resends_ > kMaxCopyResends) {
      return {.fault = "a chunk did not arrive whole " +
                       std::to_string(kMaxCopyResends) + " times"};
    }
    return {.part = CopyPart{.status = CopyPart::kResendLast}};
  }
  resends_ = 0;
  if (std::string fault = file_->Append(data); !fault.empty()) {
    return {.fault = std::move(fault)};
  }
  if (said.status == CopyPart::kData) return {.part = Ready()};
  if (std::string fault = file_->Finish(mode_); !fault.empty()) {
    return {.fault = std::move(fault)};
  }
  return {.part = CopyPart{.status = CopyPart::kDstDone}, .done = true};
}

}  // namespace weir
