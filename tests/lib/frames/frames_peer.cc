// One end of lib/frames as a program, for a test in another language.
//
//   frames-peer listen MAX         prints its address; then each message that
//                                  comes, in hexadecimal, and sends it back;
//                                  ends with its input, and prints why
//                                  connections were closed
//   frames-peer write ADDRESS MAX  sends each line of its input, which is
//                                  hexadecimal, and prints what Write returned;
//                                  prints each reply
//
// NAME=VALUE behind those: cert, key, ca and name are files and a name of TLS,
// which is spoken if there is one; frame_timeout is a duration.
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/frames/listener.h"
#include "lib/frames/tls_options.h"
#include "lib/frames/writer.h"

namespace weir::frames {
namespace {

class Output {
 public:
  void Line(absl::string_view line) {
    client::MutexLock lock(&mu_);
    std::cout << line << std::endl;
  }

 private:
  client::Mutex mu_;
};

using Settings = std::map<std::string, std::string>;

std::optional<TlsOptions> TlsOf(Settings settings) {
  TlsOptions tls = {settings["cert"], settings["key"], settings["ca"],
                    settings["name"]};
  if (tls.cert_file.empty() && tls.ca_file.empty()) return std::nullopt;
  return tls;
}

int Listen(uint32_t max, Settings settings) {
  Output out;
  std::unique_ptr<Listener> listener;
  ListenerOptions options;
  options.peers.addresses = {"127.0.0.1:0"};
  options.peers.parser.max_message_size = max;
  options.peers.tls = TlsOf(settings);
  if (!settings["frame_timeout"].empty()) {
    absl::ParseDuration(settings["frame_timeout"],
                        &options.peers.frame_timeout);
    options.sweep_interval = options.peers.frame_timeout / 4;
  }
  options.log = [&](absl::string_view line) { std::cerr << line << std::endl; };
  auto opened = Listener::Open(
      std::move(options), [&](const Peer& from, absl::string_view message) {
        out.Line(absl::StrCat("message ", absl::BytesToHexString(message)));
        return listener->Send(from.id, message).status();
      });
  if (!opened.ok()) {
    std::cerr << opened.status() << std::endl;
    return 1;
  }
  listener = std::move(*opened);
  if (!listener->Start().ok()) return 1;
  out.Line(listener->Addresses()[0]);
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  if (!listener->Close(absl::Seconds(30)).ok()) return 1;
  for (const auto& [reason, count] :
       listener->GetStats().totals.ClosedByReason()) {
    out.Line(absl::StrCat("closed ", reason, " ", count));
  }
  return 0;
}

int Write(const std::string& address, uint32_t max, const Settings& settings) {
  Output out;
  WriterOptions options;
  options.tls = TlsOf(settings);
  options.address = address;
  options.max_message_size = max;
  options.on_message = [&](absl::string_view message) {
    out.Line(absl::StrCat("reply ", absl::BytesToHexString(message)));
  };
  auto writer = Writer::Dial(std::move(options));
  if (!writer.ok()) {
    std::cerr << writer.status() << std::endl;
    return 1;
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    const absl::StatusOr<size_t> written =
        (*writer)->Write(absl::HexStringToBytes(line));
    out.Line(written.ok() ? absl::StrCat("wrote ", *written)
                          : absl::StrCat("error ", written.status().message()));
  }
  return (*writer)->Close(absl::Seconds(30)).ok() ? 0 : 1;
}

}  // namespace
}  // namespace weir::frames

int main(int argc, char** argv) {
  uint32_t max = 0;
  std::vector<std::string> words;
  weir::frames::Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      words.push_back(word);
    } else {
      settings[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  if (words.empty() || !absl::SimpleAtoi(words.back(), &max)) return 2;
  if (words[0] == "listen" && words.size() == 2) {
    return weir::frames::Listen(max, settings);
  }
  if (words[0] == "write" && words.size() == 3) {
    return weir::frames::Write(words[1], max, settings);
  }
  return 2;
}
