#ifndef WEIR_TESTS_LIB_STEWARD_VECTORS_H_
#define WEIR_TESTS_LIB_STEWARD_VECTORS_H_

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message.h"

namespace weir::steward {

inline std::string Unhex(absl::string_view hex) {
  return absl::HexStringToBytes(hex);
}

// The messages that the original programs' own structs were given to make the
// vectors of these tests, with the names of methods that ctrl has.

inline Message Hello() {
  Message message;
  message.to_node = "central";
  message.id = 1;
  message.data.emplace(1, std::string("\x01\x02\xff"));
  message.method = "hello";
  message.arg_signature.emplace();
  message.from_node = "node1";
  message.ack_timeout = 10;
  message.retries = 1;
  message.method_timeout = 10;
  message.directory = "hello-messages";
  message.file_name = "hello.log";
  return message;
}

inline Message Cli() {
  Message message;
  message.to_node = "node2";
  message.id = 42;
  message.method = "cliCommand";
  message.method_args = {"bash", "-c", "echo hi"};
  message.reply_method = "fileAppend";
  message.from_node = "node1";
  message.ack_timeout = 3;
  message.retries = 2;
  message.retry_wait = 1;
  message.reply_ack_timeout = 5;
  message.reply_retries = 4;
  message.method_timeout = -1;
  message.directory = "d";
  message.file_name = "f.log";
  message.schedule = {2, 6};
  return message;
}

inline Message Reply(const Message& request) {
  Message message;
  message.to_node = "node1";
  message.id = 1000;
  message.data.emplace(1, "hi\n");
  message.method = request.reply_method;
  message.is_reply = true;
  message.from_node = "node2";
  message.ack_timeout = 5;
  message.retry_wait = 1;
  message.retries = 4;
  message.directory = "d";
  message.file_name = "f.log";
  message.previous_message = std::make_shared<Message>(request);
  return message;
}

// The same as steward has them.
inline Message InSteward(Message message) {
  if (message.method == "hello") message.method = "REQHello";
  if (message.method == "cliCommand") message.method = "REQCliCommand";
  if (!message.reply_method.empty()) {
    message.reply_method = "REQToFileAppend";
  }
  return message;
}

}  // namespace weir::steward

#endif  // WEIR_TESTS_LIB_STEWARD_VECTORS_H_
