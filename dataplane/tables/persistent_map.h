#pragma once
// An immutable hash map that shares structure between versions: a compressed hash-array mapped trie
// (Steindorfer and Vinju, "Optimizing Hash-Array Mapped Tries", OOPSLA 2015). A change copies the nodes on
// one path, O(log32 n); nodes that nobody else holds are changed in place, so that loading a whole state
// copies nothing. One version may be read by any number of threads; set and erase belong to the version's one
// owner.

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hanok::dataplane {

inline std::uint64_t mix(std::uint64_t h) {
  h ^= h >> 32U;
  h *= 0xd6e8feb86659fd93ULL;
  h ^= h >> 32U;
  h *= 0xd6e8feb86659fd93ULL;
  return h ^ (h >> 32U);
}
inline std::uint64_t hash_bytes(const void* data, std::size_t length) {
  const auto* p = static_cast<const std::uint8_t*>(data);
  std::uint64_t h = length;
  while (length != 0) {
    const std::size_t part = length < 8 ? length : 8;
    std::uint64_t word = 0;
    std::memcpy(&word, p, part);
    h = mix(h ^ word) + 0x9e3779b97f4a7c15ULL;
    p += part;
    length -= part;
  }
  return h;
}

struct KeyHash {
  std::uint64_t operator()(const std::string& key) const { return hash_bytes(key.data(), key.size()); }
  template <typename K>
  requires std::is_trivially_copyable_v<K> std::uint64_t operator()(const K& key) const {
    static_assert(std::has_unique_object_representations_v<K>, "padding would be hashed");
    return hash_bytes(&key, sizeof key);
  }
};

template <typename K, typename V>
class PersistentMap {
 public:
  [[nodiscard]] const V* find(const K& key) const {
    const std::uint64_t hash = KeyHash{}(key);
    const Node* node = root_.get();
    for (unsigned shift = 0; node != nullptr; shift += 5) {
      if (shift >= kDeepest) return find_linear(*node, key);
      const std::uint32_t bit = 1U << ((hash >> shift) & 31U);
      if ((node->leaf_map & bit) != 0) {
        const auto& leaf = node->leaves[rank(node->leaf_map, bit)];
        return leaf.first == key ? &leaf.second : nullptr;
      }
      if ((node->child_map & bit) == 0) return nullptr;
      node = node->children[rank(node->child_map, bit)].get();
    }
    return nullptr;
  }
  [[nodiscard]] V get(const K& key, V otherwise = {}) const {
    const V* value = find(key);
    return value != nullptr ? *value : otherwise;
  }
  [[nodiscard]] bool contains(const K& key) const { return find(key) != nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  void set(const K& key, V value) {
    if (!contains(key)) ++size_;
    set_in(root_, true, 0, KeyHash{}(key), key, std::move(value));
  }
  void erase(const K& key) {
    if (!contains(key)) return;
    --size_;
    erase_in(root_, true, 0, KeyHash{}(key), key);
  }

  // Calls visit(key, value) for each entry; the order is that of the hashes.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    if (root_) walk(*root_, visit);
  }

 private:
  static constexpr unsigned kDeepest = 60;  // the hash is used up: the last level is a list
  struct Node {
    std::uint32_t leaf_map = 0, child_map = 0;
    std::vector<std::pair<K, V>> leaves;
    std::vector<std::shared_ptr<Node>> children;
  };

  static unsigned rank(std::uint32_t map, std::uint32_t bit) {
    return static_cast<unsigned>(std::popcount(map & (bit - 1U)));
  }
  static const V* find_linear(const Node& node, const K& key) {
    for (const auto& leaf : node.leaves) {
      if (leaf.first == key) return &leaf.second;
    }
    return nullptr;
  }
  // `owned`: nobody else holds the nodes above. Returns whether the node at `slot` is now this version's
  // alone.
  static void make_own(std::shared_ptr<Node>& slot, bool owned) {
    if (!slot) {
      slot = std::make_shared<Node>();
    } else if (!owned || slot.use_count() != 1) {
      slot = std::make_shared<Node>(*slot);
    }
  }

  static void set_in(std::shared_ptr<Node>& slot, bool owned, unsigned shift, std::uint64_t hash,
                     const K& key, V value) {
    const bool was_own = owned && (!slot || slot.use_count() == 1);
    make_own(slot, owned);
    Node& node = *slot;
    if (shift >= kDeepest) {
      for (auto& leaf : node.leaves) {
        if (leaf.first == key) {
          leaf.second = std::move(value);
          return;
        }
      }
      node.leaves.emplace_back(key, std::move(value));
      return;
    }
    const std::uint32_t bit = 1U << ((hash >> shift) & 31U);
    if ((node.child_map & bit) != 0) {
      set_in(node.children[rank(node.child_map, bit)], was_own, shift + 5, hash, key, std::move(value));
      return;
    }
    const unsigned at = rank(node.leaf_map, bit);
    if ((node.leaf_map & bit) == 0) {
      node.leaves.emplace(node.leaves.begin() + at, key, std::move(value));
      node.leaf_map |= bit;
      return;
    }
    if (node.leaves[at].first == key) {
      node.leaves[at].second = std::move(value);
      return;
    }
    // Two keys want one place: both go a level down.
    auto other = std::move(node.leaves[at]);
    node.leaves.erase(node.leaves.begin() + at);
    node.leaf_map &= ~bit;
    std::shared_ptr<Node> child;
    const std::uint64_t other_hash = KeyHash{}(other.first);
    set_in(child, true, shift + 5, other_hash, other.first, std::move(other.second));
    set_in(child, true, shift + 5, hash, key, std::move(value));
    node.children.insert(node.children.begin() + rank(node.child_map, bit), std::move(child));
    node.child_map |= bit;
  }

  static void erase_in(std::shared_ptr<Node>& slot, bool owned, unsigned shift, std::uint64_t hash,
                       const K& key) {
    const bool was_own = owned && slot.use_count() == 1;
    make_own(slot, owned);
    Node& node = *slot;
    if (shift >= kDeepest) {
      std::erase_if(node.leaves, [&](const auto& leaf) { return leaf.first == key; });
    } else {
      const std::uint32_t bit = 1U << ((hash >> shift) & 31U);
      if ((node.leaf_map & bit) != 0) {
        node.leaves.erase(node.leaves.begin() + rank(node.leaf_map, bit));
        node.leaf_map &= ~bit;
      } else {
        const unsigned at = rank(node.child_map, bit);
        erase_in(node.children[at], was_own, shift + 5, hash, key);
        if (!node.children[at]) {
          node.children.erase(node.children.begin() + at);
          node.child_map &= ~bit;
        }
      }
    }
    if (node.leaves.empty() && node.children.empty()) slot.reset();
  }

  template <typename Visit>
  static void walk(const Node& node, Visit& visit) {
    for (const auto& leaf : node.leaves) visit(leaf.first, leaf.second);
    for (const auto& child : node.children) walk(*child, visit);
  }

  std::shared_ptr<Node> root_;
  std::size_t size_ = 0;
};

}  // namespace hanok::dataplane
