#ifndef WEIR_HOST_SOURCE_RIS_LIVE_SOURCE_H_
#define WEIR_HOST_SOURCE_RIS_LIVE_SOURCE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/line_framer.h"
#include "host/source/source.h"
#include "host/source/stream_url.h"
#include "host/sync/clock.h"

namespace weir {

struct RisLiveOptions {
  // http or https. What it has as query stays; format and client are added.
  std::string url = "https://ris-live.ripe.net/v1/stream/";
  // Sent as ?client=; RIPE asks for something meaningful.
  std::string client = "weir";
  // Sent as X-RIS-Subscribe: one JSON object. Empty is the full stream.
  std::string subscribe;
  // Without a byte for this long the connection is dropped. A full stream is
  // never silent: its mean is thousands of messages a second.
  absl::Duration read_timeout = absl::Seconds(10);
  // Dial, TLS, redirects and the response's header, together.
  absl::Duration connect_timeout = absl::Seconds(10);
  size_t max_payload_bytes = LineFramer::kDefaultMaxLineBytes;
  std::string ca_file;    // PEM; empty is the system's.
  std::string cert_file;  // PEM; the client's own, if the server wants one.
  std::string key_file;
  bool insecure_skip_verify = false;  // Tests only.
};

// RIS Live's HTTP stream: one JSON object a line, in an answer without an end.
// By libcurl, so with TLS, gzip, redirects (at most 5, http and https only) and
// the usual proxy variables, which a loopback address does not use.
//
//   answer                          error
//   401, 403                        auth, final
//   404; a URL that is none         http_status; connect: final
//   all others, 429 and 5xx too     http_status, try again
//
// Flow control is TCP's: libcurl is called only when all that it gave before
// was taken, and is held back when it has given a batch, so a reader that is
// blocked stops reading the socket. What 32 KiB of packed data unpack to is all
// that is kept beside the batch: 33 MB of gzip at the very worst.
class RisLiveSource final : public Source {
 public:
  // Does not connect, and so says nothing yet of bad options. `clock` must
  // outlive the source; it must be a real one, since libcurl waits in real
  // time.
  RisLiveSource(const RisLiveOptions& options, const Clock& clock);
  ~RisLiveSource() override;

  absl::Status Connect() override;
  absl::Status Read(FrameBatch* batch) override;
  void Interrupt() override;
  void Rearm() override;
  const Description& description() const override { return description_; }
  Progress GetProgress() const override;

 private:
  struct Curl;  // libcurl's handles, kept out of this header.

  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);

  // Makes the request and gives it to libcurl.
  absl::Status Prepare();
  // Lets libcurl do what it can do now; waits for something to do until
  // `deadline_ns` if nothing came of that. Sets end_ if the connection ended.
  void Perform(int64_t deadline_ns);
  // Whether the server is content, by the code of its answer.
  absl::Status StatusOfAnswer(int32_t code) const;
  // Why libcurl ended the transfer.
  absl::Status StatusOfEnd(int curl_code) const;
  // Takes lines out of what was received, one batch of them.
  void Cut(FrameBatch* batch);
  // Forgets the connection and what came by it.
  void Disconnect();
  // Whether bytes arrived since the last call that did not unpack to anything.
  bool PackedBytesArrived();
  absl::Status Error(absl::StatusCode code, absl::string_view kind,
                     absl::string_view message) const;

  // How much libcurl reads from the socket at once. It gives what it read even
  // after it was told to hold back, from a copy, so this is a small part of a
  // batch.
  static constexpr long kSocketBytes = 32 << 10;

  const RisLiveOptions options_;
  const Clock& clock_;
  absl::StatusOr<StreamUrl> url_;
  Description description_;
  const std::unique_ptr<Curl> curl_;
  LineFramer framer_;

  bool answered_ = false;  // The header of the last answer is complete.
  absl::Status end_;       // Why the connection ended; OK while it stands.
  int64_t packed_bytes_ = 0;
  // What libcurl gave since all before it had been taken, and how much of it
  // was taken.
  std::string received_;
  size_t taken_ = 0;
  bool held_back_ = false;  // libcurl has more, and was told to wait.

  std::atomic<bool> interrupted_{false};
  std::atomic<uint64_t> empty_{0}, too_long_{0}, partial_{0};
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_RIS_LIVE_SOURCE_H_
