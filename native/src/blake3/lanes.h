// hash_many over vectors: lane i of every vector belongs to input i.
//
// W must offer kLanes, Broadcast, Counters, LoadTransposed, StoreTransposed and the word operations rounds.h uses.
#ifndef NET_IO_BLAKE3_LANES_H_
#define NET_IO_BLAKE3_LANES_H_

#include <string.h>

#include "rounds.h"

namespace net_io {
namespace blake3 {
namespace {

// `inputs` are kLanes pointers, `counter` is that of the first.
template <class W>
NET_IO_INLINE void HashLanes(const Batch& batch, const uint8_t* const* inputs, uint64_t counter, uint8_t* out) {
  W h[8];
  for (int i = 0; i < 8; i++) h[i] = W::Broadcast(batch.key[i]);
  W counter_low, counter_high;
  W::Counters(counter, batch.counter_step, counter_low, counter_high);
  uint32_t flags = batch.flags | batch.flags_first;
  for (size_t block = 0; block < batch.blocks_per_input; block++) {
    if (block + 1 == batch.blocks_per_input) flags |= batch.flags_last;
    W m[16];
    W::LoadTransposed(inputs, block * kBlockBytes, m);
    W v[16];
    for (int i = 0; i < 8; i++) v[i] = h[i];
    for (int i = 0; i < 4; i++) v[8 + i] = W::Broadcast(kIv[i]);
    v[12] = counter_low;
    v[13] = counter_high;
    v[14] = W::Broadcast(kBlockBytes);
    v[15] = W::Broadcast(flags);
    AllRounds(v, m);
    for (int i = 0; i < 8; i++) h[i] = Xor(v[i], v[i + 8]);
    flags = batch.flags;
  }
  W::StoreTransposed(h, out);
}

// As many full vectors as the batch has inputs for. Returns the index of the first input not hashed.
template <class W>
inline size_t HashFullVectors(const Batch& batch, size_t first, uint8_t* out) {
  for (; batch.count - first >= W::kLanes; first += W::kLanes) {
    HashLanes<W>(batch, batch.inputs + first, batch.counter + first * batch.counter_step, out + first * kValueBytes);
  }
  return first;
}

// The last inputs of a batch, fewer than the vector has lanes: idle lanes hash the first input again, unseen.
template <class W>
inline void HashPartVector(const Batch& batch, size_t first, uint8_t* out) {
  const size_t count = batch.count - first;
  const uint8_t* inputs[W::kLanes];
  for (size_t i = 0; i < W::kLanes; i++) inputs[i] = batch.inputs[first + (i < count ? i : 0)];
  uint8_t values[W::kLanes * kValueBytes];
  HashLanes<W>(batch, inputs, batch.counter + first * batch.counter_step, values);
  memcpy(out + first * kValueBytes, values, count * kValueBytes);
}

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_LANES_H_
