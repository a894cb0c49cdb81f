#ifndef WEIR_PREFIX_MAP_H_
#define WEIR_PREFIX_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "weir/prefix.h"

namespace weir::bgp {

// Keeps a T for each of many prefixes, and finds those that cover a prefix or
// are covered by it.
//
// A binary trie with its paths compressed: a node for each prefix that was put
// in, and one where two of them part, so at most two for each entry. A look-up
// visits no more nodes than the prefix has bits, and commonly as many as there
// are covering entries. Nodes lie in one vector; an erased entry's node stays
// and is used again by the same prefix, so a map that churns through ever new
// prefixes should be made anew at times.
//
// Pointers to a T are valid until the next Insert. Not thread-safe; any number
// of threads may look up at once.
template <typename T>
class PrefixMap {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Puts `value` under `prefix`. Returns where it is now, and whether it is
  // new; what was there before stays as it was.
  std::pair<T*, bool> Insert(const Prefix& prefix, T value) {
    Node& node = nodes_[NodeFor(prefix)];
    const bool is_new = !node.value.has_value();
    if (is_new) {
      node.value.emplace(std::move(value));
      ++size_;
    }
    return {&*node.value, is_new};
  }

  // Takes `prefix` out. Returns whether it was there.
  bool Erase(const Prefix& prefix) {
    const uint32_t at = Locate(prefix);
    if (at == kNone || !nodes_[at].value) return false;
    nodes_[at].value.reset();
    --size_;
    return true;
  }

  // The T of exactly this prefix, or null.
  T* Find(const Prefix& prefix) {
    const uint32_t at = Locate(prefix);
    return at != kNone && nodes_[at].value ? &*nodes_[at].value : nullptr;
  }
  const T* Find(const Prefix& prefix) const {
    return const_cast<PrefixMap*>(this)->Find(prefix);
  }

  // The most specific entry that covers `prefix`, which may be itself; first is
  // null if there is none.
  std::pair<const T*, Prefix> LongestMatch(const Prefix& prefix) const {
    std::pair<const T*, Prefix> best = {nullptr, Prefix()};
    ForEachCovering(prefix, [&](const Prefix& key, const T& value) {
      best = {&value, key};
    });
    return best;
  }
  std::pair<const T*, Prefix> LongestMatch(const Address& address) const {
    return LongestMatch(Prefix(address, 128));
  }

  // Calls `visit(const Prefix&, const T&)` for each entry that covers `prefix`,
  // itself included, the least specific first.
  template <typename Visit>
  void ForEachCovering(const Prefix& prefix, Visit visit) const {
    uint32_t at = roots_[Root(prefix)];
    while (at != kNone && nodes_[at].key.Covers(prefix)) {
      const Node& node = nodes_[at];
      if (node.value) visit(node.key, *node.value);
      if (node.key.length() == prefix.length()) return;
      at = node.children[prefix.Bit(node.key.length())];
    }
  }

  // Calls `visit(const Prefix&, const T&)` for each entry inside of `prefix`,
  // itself included, in the order of their addresses, less specific ones first.
  template <typename Visit>
  void ForEachCovered(const Prefix& prefix, Visit visit) const {
    uint32_t at = roots_[Root(prefix)];
    while (at != kNone && !prefix.Covers(nodes_[at].key)) {
      const Node& node = nodes_[at];
      if (!node.key.Covers(prefix)) return;
      at = node.children[prefix.Bit(node.key.length())];
    }
    VisitAll(at, visit);
  }

  // Calls `visit(const Prefix&, const T&)` for every entry, IPv4 first.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const uint32_t root : roots_) VisitAll(root, visit);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Node {
    Prefix key;
    std::optional<T> value;
    std::array<uint32_t, 2> children = {kNone, kNone};
  };

  static size_t Root(const Prefix& prefix) {
    return prefix.family() == 4 ? 0 : 1;
  }

  uint32_t Locate(const Prefix& prefix) const {
    uint32_t at = roots_[Root(prefix)];
    while (at != kNone && nodes_[at].key.Covers(prefix)) {
      if (nodes_[at].key.length() == prefix.length()) return at;
      at = nodes_[at].children[prefix.Bit(nodes_[at].key.length())];
    }
    return kNone;
  }

  uint32_t NewNode(const Prefix& key) {
    nodes_.push_back(Node{key});
    return static_cast<uint32_t>(nodes_.size() - 1);
  }

  // What points to the node `at`'s child on the side of `prefix`, or to a root.
  uint32_t& Link(uint32_t at, const Prefix& prefix) {
    if (at == kNone) return roots_[Root(prefix)];
    return nodes_[at].children[prefix.Bit(nodes_[at].key.length())];
  }

  // The node of exactly `prefix`, made if need be.
  uint32_t NodeFor(const Prefix& prefix) {
    uint32_t parent = kNone;
    uint32_t at = roots_[Root(prefix)];
    while (at != kNone && nodes_[at].key.Covers(prefix)) {
      if (nodes_[at].key.length() == prefix.length()) return at;
      parent = at;
      at = Link(at, prefix);
    }
    const uint32_t made = NewNode(prefix);
    if (at == kNone) {
      Link(parent, prefix) = made;
      return made;
    }
    // `at` lies inside of `prefix`, or the two part at a block of their own.
    const Prefix below = nodes_[at].key;
    if (prefix.Covers(below)) {
      Link(made, below) = at;
      Link(parent, prefix) = made;
      return made;
    }
    const uint32_t fork =
        NewNode(Prefix(prefix.address(), prefix.CommonLength(below)));
    Link(fork, below) = at;
    Link(fork, prefix) = made;
    Link(parent, prefix) = fork;
    return made;
  }

  // Depth is at most 128, and so is that of the recursion.
  template <typename Visit>
  void VisitAll(uint32_t at, Visit& visit) const {
    if (at == kNone) return;
    const Node& node = nodes_[at];
    if (node.value) visit(node.key, *node.value);
    for (const uint32_t child : node.children) VisitAll(child, visit);
  }

  std::array<uint32_t, 2> roots_ = {kNone, kNone};
  std::vector<Node> nodes_;
  size_t size_ = 0;
};

}  // namespace weir::bgp

#endif  // WEIR_PREFIX_MAP_H_
