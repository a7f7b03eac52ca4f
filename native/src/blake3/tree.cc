#include "tree.h"

#include <string.h>

namespace net_io {
namespace blake3 {
namespace {

constexpr uint32_t kIv[kKeyWords] = {0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
                                     0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u};

// The inputs of the last compression before an output, which alone carries the root flag and may be repeated
// with a rising counter for as many output bytes as wanted (paper, section 2.6).
struct LastNode {
  uint32_t cv[8];
  uint8_t block[kBlockBytes];
  uint32_t block_bytes;
  uint32_t flags;
};

// The last block of a leaf of 0 to 1024 bytes, everything before it compressed.
LastNode LeafNode(const Kernel& kernel, const Mode& mode, const uint8_t* data, size_t size, uint64_t counter) {
  LastNode node;
  memcpy(node.cv, mode.key, sizeof node.cv);
  uint32_t start = kLeafStart;
  while (size > kBlockBytes) {
    kernel.compress(node.cv, data, kBlockBytes, counter, mode.flags | start);
    start = 0;
    data += kBlockBytes;
    size -= kBlockBytes;
  }
  if (size > 0) memcpy(node.block, data, size);
  memset(node.block + size, 0, kBlockBytes - size);
  node.block_bytes = static_cast<uint32_t>(size);
  node.flags = mode.flags | start | kLeafEnd;
  return node;
}

LastNode ParentNode(const Mode& mode, const uint8_t* left, const uint8_t* right) {
  LastNode node;
  memcpy(node.cv, mode.key, sizeof node.cv);
  memcpy(node.block, left, kValueBytes);
  memcpy(node.block + kValueBytes, right, kValueBytes);
  node.block_bytes = kBlockBytes;
  node.flags = mode.flags | kParent;
  return node;
}

void WriteValue(const Kernel& kernel, LastNode& node, uint64_t counter, uint8_t out[kValueBytes]) {
  kernel.compress(node.cv, node.block, node.block_bytes, counter, node.flags);
  memcpy(out, node.cv, kValueBytes);
}

void WriteRoot(const Kernel& kernel, const LastNode& node, uint8_t* out, size_t out_bytes) {
  uint8_t wide[kBlockBytes];
  for (uint64_t counter = 0; out_bytes > 0; counter++) {
    kernel.compress_wide(node.cv, node.block, node.block_bytes, counter, node.flags | kRoot, wide);
    const size_t part = out_bytes < kBlockBytes ? out_bytes : kBlockBytes;
    memcpy(out, wide, part);
    out += part;
    out_bytes -= part;
  }
}

// One level of the tree, in place: value i becomes the parent of values 2i and 2i + 1, an odd last one rises
// as it is. Doing this until one is left builds exactly the tree of the paper (left subtrees are the largest
// power of two), because only the last node of a level can lack a sibling.
size_t FoldLevel(const Kernel& kernel, const Mode& mode, uint8_t* values, size_t count) {
  constexpr size_t kParents = 64;
  const uint8_t* inputs[kParents];
  const size_t pairs = count / 2;
  for (size_t done = 0; done < pairs;) {
    const size_t now = pairs - done < kParents ? pairs - done : kParents;
    for (size_t i = 0; i < now; i++) inputs[i] = values + (done + i) * 2 * kValueBytes;
    const Batch batch = {inputs, now, 1, mode.key, 0, 0, mode.flags | kParent, 0, 0};
    kernel.hash_many(batch, values + done * kValueBytes);
    done += now;
  }
  if (count % 2 == 0) return pairs;
  memmove(values + pairs * kValueBytes, values + (count - 1) * kValueBytes, kValueBytes);
  return pairs + 1;
}

void FoldTo(const Kernel& kernel, const Mode& mode, uint8_t* values, size_t count, size_t wanted) {
  while (count > wanted) count = FoldLevel(kernel, mode, values, count);
}

}  // namespace

Mode HashMode() {
  Mode mode;
  memcpy(mode.key, kIv, sizeof kIv);
  mode.flags = 0;
  return mode;
}

Mode KeyedMode(const uint8_t key[kValueBytes]) {
  Mode mode;
  memcpy(mode.key, key, kValueBytes);
  mode.flags = kKeyedHash;
  return mode;
}

Mode DeriveKeyMode(const Kernel& kernel, const uint8_t* context, size_t context_bytes) {
  Mode context_mode = HashMode();
  context_mode.flags = kDeriveKeyContext;
  uint8_t key[kValueBytes];
  HashRoot(kernel, context_mode, context, context_bytes, key, sizeof key);
  Mode mode = KeyedMode(key);
  mode.flags = kDeriveKeyMaterial;
  return mode;
}

TreeHasher::TreeHasher(const Kernel& kernel, const Mode& mode, uint64_t leaf_counter)
    : kernel_(kernel), mode_(mode), leaf_counter_(leaf_counter) {
  stack_.groups = 0;
  stack_.count = 0;
}

void TreeHasher::Update(const Span* spans, size_t count) {
  for (size_t s = 0; s < count; s++) {
    const uint8_t* data = spans[s].data;
    size_t left = spans[s].size;
    while (left > 0) {
      const bool is_first_leaf = size_ < kLeafBytes;
      if (part_bytes_ == 0 && left >= kLeafBytes && !is_first_leaf) {
        size_ += kLeafBytes;
        TakeLeaf(data);
        data += kLeafBytes;
        left -= kLeafBytes;
        continue;
      }
      const size_t room = kLeafBytes - part_bytes_;
      const size_t now = left < room ? left : room;
      uint8_t* slot = stage_ + stage_slot_ * kLeafBytes;
      memcpy(slot + part_bytes_, data, now);
      part_bytes_ += now;
      size_ += now;
      data += now;
      left -= now;
      if (part_bytes_ == kLeafBytes) {
        part_bytes_ = 0;
        stage_slot_++;
        TakeLeaf(slot);
      }
    }
  }
  // The caller's memory is borrowed for this call only. A lone first leaf lies in stage_ and may be the root.
  if (size_ > kLeafBytes) HashPending();
}

void TreeHasher::TakeLeaf(const uint8_t* leaf) {
  pending_[pending_count_++] = leaf;
  if (pending_count_ == kBatchLeaves) HashPending();
}

void TreeHasher::HashPending() {
  for (size_t done = 0; done < pending_count_;) {
    if (group_count_ == kGroupLeaves) {
      FoldGroup(stack_, group_);
      group_count_ = 0;
    }
    const size_t room = kGroupLeaves - group_count_;
    const size_t now = pending_count_ - done < room ? pending_count_ - done : room;
    const Batch batch = {pending_ + done, now,        kLeafBlocks, mode_.key, leaf_counter_ + hashed_leaves_, 1,
                         mode_.flags,     kLeafStart, kLeafEnd};
    kernel_.hash_many(batch, group_ + group_count_ * kValueBytes);
    group_count_ += now;
    hashed_leaves_ += now;
    done += now;
  }
  pending_count_ = 0;
  // Slots are free again, all but the one a part leaf is growing in.
  if (part_bytes_ > 0 && stage_slot_ > 0) memcpy(stage_, stage_ + stage_slot_ * kLeafBytes, part_bytes_);
  stage_slot_ = 0;
}

void TreeHasher::FoldGroup(Stack& stack, uint8_t* group) const {
  FoldTo(kernel_, mode_, group, kGroupLeaves, 1);
  // A group completes as many subtrees as the number of groups before it has trailing ones: 0b0111 + 1 carries
  // three times.
  for (uint64_t groups = stack.groups; groups & 1; groups >>= 1) {
    stack.count--;
    LastNode parent = ParentNode(mode_, stack.values + stack.count * kValueBytes, group);
    WriteValue(kernel_, parent, 0, group);
  }
  memcpy(stack.values + stack.count * kValueBytes, group, kValueBytes);
  stack.count++;
  stack.groups++;
}

void TreeHasher::CopyEnding(Ending& ending) const {
  ending.stack.groups = stack_.groups;
  ending.stack.count = stack_.count;
  memcpy(ending.stack.values, stack_.values, stack_.count * kValueBytes);
  ending.count = group_count_;
  memcpy(ending.values, group_, group_count_ * kValueBytes);
  // Between calls at most the first leaf is pending, and then there is nothing else.
  const uint8_t* leaf = pending_count_ > 0 ? pending_[0] : stage_ + stage_slot_ * kLeafBytes;
  const size_t leaf_bytes = pending_count_ > 0 ? kLeafBytes : part_bytes_;
  if (leaf_bytes == 0) return;
  if (ending.count == kGroupLeaves) {
    FoldGroup(ending.stack, ending.values);
    ending.count = 0;
  }
  const uint64_t counter = leaf_counter_ + hashed_leaves_;
  LastNode node = LeafNode(kernel_, mode_, leaf, leaf_bytes, counter);
  WriteValue(kernel_, node, counter, ending.values + ending.count * kValueBytes);
  ending.count++;
}

void TreeHasher::FinishValue(uint8_t out[kValueBytes]) const {
  Ending ending;
  CopyEnding(ending);
  FoldTo(kernel_, mode_, ending.values, ending.count, 1);
  for (size_t i = ending.stack.count; i > 0; i--) {
    LastNode parent = ParentNode(mode_, ending.stack.values + (i - 1) * kValueBytes, ending.values);
    WriteValue(kernel_, parent, 0, ending.values);
  }
  memcpy(out, ending.values, kValueBytes);
}

void TreeHasher::FinishRoot(uint8_t* out, size_t out_bytes) const {
  if (size_ <= kLeafBytes) {
    const uint8_t* leaf = pending_count_ > 0 ? pending_[0] : stage_ + stage_slot_ * kLeafBytes;
    WriteRoot(kernel_, LeafNode(kernel_, mode_, leaf, static_cast<size_t>(size_), 0), out, out_bytes);
    return;
  }
  Ending ending;
  CopyEnding(ending);
  if (ending.stack.count == 0) {
    RootOfValues(kernel_, mode_, ending.values, ending.count, out, out_bytes);
    return;
  }
  FoldTo(kernel_, mode_, ending.values, ending.count, 1);
  for (size_t i = ending.stack.count; i > 1; i--) {
    LastNode parent = ParentNode(mode_, ending.stack.values + (i - 1) * kValueBytes, ending.values);
    WriteValue(kernel_, parent, 0, ending.values);
  }
  WriteRoot(kernel_, ParentNode(mode_, ending.stack.values, ending.values), out, out_bytes);
}

void HashRoot(const Kernel& kernel, const Mode& mode, const uint8_t* data, size_t size, uint8_t* out,
              size_t out_bytes) {
  if (size <= kLeafBytes) {
    WriteRoot(kernel, LeafNode(kernel, mode, data, size, 0), out, out_bytes);
    return;
  }
  TreeHasher hasher(kernel, mode, 0);
  hasher.Update(data, size);
  hasher.FinishRoot(out, out_bytes);
}

void RootOfValues(const Kernel& kernel, const Mode& mode, uint8_t* values, size_t count, uint8_t* out,
                  size_t out_bytes) {
  FoldTo(kernel, mode, values, count, 2);
  WriteRoot(kernel, ParentNode(mode, values, values + kValueBytes), out, out_bytes);
}

}  // namespace blake3
}  // namespace net_io
