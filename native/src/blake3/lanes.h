// hash_many over vectors: lane i of every vector belongs to input i. The rounds (rounds.h) are those of one input;
// where they handle a word, they handle that word of every input. With four lanes state and message look like this:
//
//             lane 0               lane 1               lane 2               lane 3
//     m[0]    word 0 of input 0    word 0 of input 1    word 0 of input 2    word 0 of input 3
//     m[1]    word 1 of input 0    word 1 of input 1    word 1 of input 2    word 1 of input 3
//     ...     and so on to m[15]; the state v[0] to v[15] likewise
//
// So lanes exchange nothing but at the two ends: in memory the words of one input lie side by side, as a row.
// LoadTransposed reads a block of each input and turns the rows into the columns above; StoreTransposed turns the
// chaining values back into rows, 32 bytes for each input. How that is done is easiest to see in x86_vec4.h.
//
// W must offer kLanes, Broadcast, Counters, LoadTransposed, StoreTransposed and the word operations rounds.h uses.
#ifndef NET_IO_BLAKE3_LANES_H_
#define NET_IO_BLAKE3_LANES_H_

#include <string.h>

#include "rounds.h"

namespace net_io {
namespace blake3 {
namespace {

// Two vectors taken as one word of twice the lanes. The rounds are one long chain of dependent instructions; a
// second, independent chain fills the execution units that one leaves waiting. For instruction sets with 32 registers;
// for those with sixteen there is InTurns (turns.h).
template <class V>
struct Pair {
  V a, b;

  static constexpr size_t kLanes = 2 * V::kLanes;

  static NET_IO_INLINE Pair Broadcast(uint32_t x) { return {V::Broadcast(x), V::Broadcast(x)}; }

  static NET_IO_INLINE void Counters(uint64_t first, uint64_t step, Pair& low, Pair& high) {
    V::Counters(first, step, low.a, high.a);
    V::Counters(first + V::kLanes * step, step, low.b, high.b);
  }

  static NET_IO_INLINE void LoadTransposed(const uint8_t* const* inputs, size_t offset, Pair m[16]) {
    V half[16];
    V::LoadTransposed(inputs, offset, half);
    for (int i = 0; i < 16; i++) m[i].a = half[i];
    V::LoadTransposed(inputs + V::kLanes, offset, half);
    for (int i = 0; i < 16; i++) m[i].b = half[i];
  }

  static NET_IO_INLINE void StoreTransposed(const Pair h[8], uint8_t* out) {
    V half[8];
    for (int i = 0; i < 8; i++) half[i] = h[i].a;
    V::StoreTransposed(half, out);
    for (int i = 0; i < 8; i++) half[i] = h[i].b;
    V::StoreTransposed(half, out + V::kLanes * kValueBytes);
  }
};

template <class V>
NET_IO_INLINE Pair<V> Add(Pair<V> x, Pair<V> y) {
  return {Add(x.a, y.a), Add(x.b, y.b)};
}
template <class V>
NET_IO_INLINE Pair<V> AddMessage(Pair<V> x, const Pair<V>& m) {
  return {AddMessage(x.a, m.a), AddMessage(x.b, m.b)};
}
template <class V>
NET_IO_INLINE Pair<V> Xor(Pair<V> x, Pair<V> y) {
  return {Xor(x.a, y.a), Xor(x.b, y.b)};
}
template <class V>
NET_IO_INLINE Pair<V> Rotate16(Pair<V> x) {
  return {Rotate16(x.a), Rotate16(x.b)};
}
template <class V>
NET_IO_INLINE Pair<V> Rotate12(Pair<V> x) {
  return {Rotate12(x.a), Rotate12(x.b)};
}
template <class V>
NET_IO_INLINE Pair<V> Rotate8(Pair<V> x) {
  return {Rotate8(x.a), Rotate8(x.b)};
}
template <class V>
NET_IO_INLINE Pair<V> Rotate7(Pair<V> x) {
  return {Rotate7(x.a), Rotate7(x.b)};
}

// How many blocks ahead each lane's input is fetched into the cache. The hardware follows far fewer streams than a
// kernel has lanes. Past the end of its leaf a lane goes on with the leaf one vector further, which is right for
// inputs that lie one behind the other and does no harm to others.
constexpr size_t kPrefetchBlocks = 6;

// Whether a vector asks for its lanes' lines a few after each round instead of all before the first. 32 at once are
// more than the first-level cache can have on the way: the loads behind them then wait, even where everything lies in
// a cache. Spread, AVX-512 gained 1 % at 64 KiB, 4 % at 1 MiB and 5 % from memory. With 16 lanes or fewer they fit, and
// between rounds they only are in the way (AVX2 lost 6 %).
template <class W>
constexpr bool kSpreadsPrefetch = W::kLanes > 16;

// Where each lane's line of kPrefetchBlocks ahead is. A class and no lambda: what only prefetches counts as pure with
// GCC, which then leaves out calls of it that are not inlined by force.
template <class W>
class FetchAhead {
 public:
  NET_IO_INLINE FetchAhead(const uint8_t* const* inputs, size_t block)
      : inputs_(inputs), ahead_((block + kPrefetchBlocks) * kBlockBytes) {
    if (ahead_ >= kLeafBytes) ahead_ += (W::kLanes - 1) * kLeafBytes;
  }

  NET_IO_INLINE void Lanes(size_t first, size_t count) const {
    for (size_t i = first; i < first + count && i < W::kLanes; i++) {
      Prefetch(reinterpret_cast<uintptr_t>(inputs_[i]) + ahead_);
    }
  }

  NET_IO_INLINE void operator()(int round) const {
    constexpr size_t kEachRound = (W::kLanes + kRounds - 1) / kRounds;
    Lanes(static_cast<size_t>(round) * kEachRound, kEachRound);
  }

 private:
  const uint8_t* const* inputs_;
  size_t ahead_;
};

// `inputs` are kLanes pointers, `counter` is that of the first.
// Called once for microseconds of work; unrolled it is some 10 KiB of code, which need not be there twice.
template <class W>
NET_IO_NOINLINE void HashLanes(const Batch& batch, const uint8_t* const* inputs, uint64_t counter, uint8_t* out) {
  W h[8];
  for (int i = 0; i < 8; i++) h[i] = W::Broadcast(batch.key[i]);
  W counter_low, counter_high;
  W::Counters(counter, batch.counter_step, counter_low, counter_high);
  uint32_t flags = batch.flags | batch.flags_first;
  for (size_t block = 0; block < batch.blocks_per_input; block++) {
    if (block + 1 == batch.blocks_per_input) flags |= batch.flags_last;
    const bool is_of_leaf = batch.blocks_per_input == kLeafBlocks;
    const FetchAhead<W> fetch_ahead(inputs, block);
    if (is_of_leaf && !kSpreadsPrefetch<W>) fetch_ahead.Lanes(0, W::kLanes);
    W m[16];
    W::LoadTransposed(inputs, block * kBlockBytes, m);
    W v[16];
    for (int i = 0; i < 8; i++) v[i] = h[i];
    for (int i = 0; i < 4; i++) v[8 + i] = W::Broadcast(kIv[i]);
    v[12] = counter_low;
    v[13] = counter_high;
    v[14] = W::Broadcast(kBlockBytes);
    v[15] = W::Broadcast(flags);
    if (is_of_leaf && kSpreadsPrefetch<W>) {
      AllRounds(v, m, fetch_ahead);
    } else {
      AllRounds(v, m);
    }
    for (int i = 0; i < 8; i++) h[i] = Xor(v[i], v[i + 8]);
    flags = batch.flags;
  }
  W::StoreTransposed(h, out);
}

// Hashes as many inputs as W has lanes. W is a word type, or InTurns, for which turns.h has another.
template <class W>
struct LaneHasher {
  static NET_IO_INLINE void Hash(const Batch& batch, const uint8_t* const* inputs, uint64_t counter, uint8_t* out) {
    HashLanes<W>(batch, inputs, counter, out);
  }
};

// As many full vectors as the batch has inputs for. Returns the index of the first input not hashed.
template <class W>
inline size_t HashFullVectors(const Batch& batch, size_t first, uint8_t* out) {
  for (; batch.count - first >= W::kLanes; first += W::kLanes) {
    const uint64_t counter = batch.counter + first * batch.counter_step;
    LaneHasher<W>::Hash(batch, batch.inputs + first, counter, out + first * kValueBytes);
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
  LaneHasher<W>::Hash(batch, inputs, batch.counter + first * batch.counter_step, values);
  memcpy(out + first * kValueBytes, values, count * kValueBytes);
}

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_LANES_H_
