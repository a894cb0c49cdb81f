#ifndef WEIR_PLUGINS_STEWARD_METHODS_NODE_METHODS_H_
#define WEIR_PLUGINS_STEWARD_METHODS_NODE_METHODS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/sdk.h"
#include "weir/steward.h"

namespace weir {

// What a node of a steward or ctrl network tells of itself and lets be changed
// from afar: its processes and its public key. The answers have the words of
// the original programs, behind which people have scripts.
//
// A process is what takes messages of a subject. Only one of the node's
// configuration can be started, with its settings: what the originals start is
// any method that they know. Not thread-safe.
class NodeMethods {
 public:
  // Answers are of `max_bytes` at most; lists end with a whole line.
  NodeMethods(const Host& host, uint64_t max_bytes)
      : host_(host), nodes_(host), max_bytes_(max_bytes) {}

  // What became of a message.
  struct Outcome {
    bool done = false;
    std::string answer;  // Also if it was not done: then it says why.
  };

  // "Mon Jan  2 15:04:05 2006, id: 3, name: SUBJECT_subscriber" for each that
  // runs, of the node behind `source`.
  Outcome List(std::string_view source) const;
  // args: METHOD. Starting what runs is done, too.
  Outcome Start(std::string_view source, const steward::View& view) const;
  // args: METHOD, NODE, KIND. NODE is this one, and KIND "subscriber" in S0 and
  // S1: we have no others; ctrl looks at no kind.
  Outcome Stop(std::string_view source, const steward::View& view) const;
  // 32 bytes of ed25519; not done if the node signs nothing.
  Outcome PublicKey(std::string_view source) const;

 private:
  const Host host_;
  const steward::Nodes nodes_;
  const uint64_t max_bytes_;
};

}  // namespace weir

#endif  // WEIR_PLUGINS_STEWARD_METHODS_NODE_METHODS_H_
