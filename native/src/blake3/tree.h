// The BLAKE3 tree over any kernel: how leaves become chaining values and chaining values a root
// (paper, sections 2.1 to 2.6). Knows nothing of Node.
#ifndef NET_IO_BLAKE3_TREE_H_
#define NET_IO_BLAKE3_TREE_H_

#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

namespace net_io {
namespace blake3 {

struct Span {
  const uint8_t* data;
  size_t size;
};

// Key and flags of one of BLAKE3's three modes.
struct Mode {
  uint32_t key[kKeyWords];
  uint32_t flags;
};

Mode HashMode();
Mode KeyedMode(const uint8_t key[kValueBytes]);
// The context is hashed first; its digest is the key under which the key material is then hashed.
Mode DeriveKeyMode(const Kernel& kernel, const uint8_t* context, size_t context_bytes);

// Hashes one run of bytes that starts at a leaf boundary of some file: either to its chaining value (a subtree
// of a larger tree) or, when it is the whole input, to the root. Bytes may come in any pieces.
//
// Two things are deferred until more bytes prove them harmless, because a node that turns out to be the root
// must be compressed with another flag: the first leaf, and the merging of complete subtrees.
class TreeHasher {
 public:
  // `leaf_counter` is the index of the first leaf in the file; it must be 0 for FinishRoot.
  TreeHasher(const Kernel& kernel, const Mode& mode, uint64_t leaf_counter);

  // Everything full leaves are made of is hashed before this returns; the spans may be freed then.
  void Update(const Span* spans, size_t count);
  void Update(const uint8_t* data, size_t size) {
    const Span span = {data, size};
    Update(&span, 1);
  }

  // Neither changes the hasher: more may be added afterwards. FinishValue needs at least one byte.
  void FinishValue(uint8_t out[kValueBytes]) const;
  void FinishRoot(uint8_t* out, size_t out_bytes) const;

  uint64_t size() const { return size_; }

 private:
  // Leaves hashed together; the widest kernel takes this many at once.
  static constexpr size_t kBatchLeaves = 32;
  // Leaves whose values are collected before they are folded level by level: large enough that the narrow top
  // levels (which leave lanes idle) are rare, small enough that the values stay in the first-level cache.
  static constexpr size_t kGroupLeaves = 256;
  // Complete groups below the largest input (2^64 bytes) form a stack of at most this many subtrees.
  static constexpr size_t kStackValues = 64 - 10 - 8 + 1;

  // Complete subtrees, one for each set bit of `groups`, the largest first.
  struct Stack {
    uint64_t groups;  // Complete groups taken in so far.
    size_t count;
    uint8_t values[kStackValues * kValueBytes];
  };
  // What is left to fold at the end: subtrees, and behind them the values of a last, possibly incomplete group.
  struct Ending {
    Stack stack;
    size_t count;  // At least one.
    uint8_t values[kGroupLeaves * kValueBytes];
  };

  void TakeLeaf(const uint8_t* leaf);
  void HashPending();
  // Folds a complete group's values and merges it with the subtrees it completes. Only when more leaves follow:
  // then neither the group's top nor any of the merges is the root.
  void FoldGroup(Stack& stack, uint8_t* group) const;
  void CopyEnding(Ending& ending) const;

  const Kernel& kernel_;
  const Mode mode_;
  const uint64_t leaf_counter_;
  uint64_t size_ = 0;            // Bytes taken so far.
  uint64_t hashed_leaves_ = 0;   // Leaves whose values are in group_ or under stack_.
  size_t group_count_ = 0;
  size_t pending_count_ = 0;     // Full leaves waiting to be hashed; only ever the first leaf between calls.
  size_t part_bytes_ = 0;        // Bytes of the last, not yet full leaf, in stage_[stage_slot_].
  size_t stage_slot_ = 0;
  const uint8_t* pending_[kBatchLeaves];
  Stack stack_;
  uint8_t group_[kGroupLeaves * kValueBytes];
  // Leaves that lie across two spans are put together here. One slot more than a batch can hold.
  uint8_t stage_[(kBatchLeaves + 1) * kLeafBytes];
};

// Root of a whole input that lies in one piece. The fast way for small ones.
void HashRoot(const Kernel& kernel, const Mode& mode, const uint8_t* data, size_t size, uint8_t* out,
              size_t out_bytes);

// Root over `count` (at least 2) chaining values of equally large subtrees, the last of which may be smaller.
// Overwrites `values`.
void RootOfValues(const Kernel& kernel, const Mode& mode, uint8_t* values, size_t count, uint8_t* out,
                  size_t out_bytes);

}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_TREE_H_
