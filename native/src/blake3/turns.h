// hash_many where registers are too few for the states: SSE4.1 and AVX2 have sixteen.
//
// Vectors of inputs go side by side as in Pair (lanes.h), but not instruction by instruction: each in its turn does
// half a round, with its state in memory between turns. One state is sixteen words, and rotating needs one more: a
// compiler that keeps states in registers spills in the midst of the chain of dependent instructions, where a store
// that is read back at once costs as much as five additions. Between half rounds it costs next to nothing: the core
// runs the turns into each other by itself, so one vector's work fills the time the other's words need through
// memory. For one vector alone it is still faster than what compilers make of registers (docs/NATIVE.md).
#ifndef NET_IO_BLAKE3_TURNS_H_
#define NET_IO_BLAKE3_TURNS_H_

#include "lanes.h"

namespace net_io {
namespace blake3 {
namespace {

// Stands where a word type stands in HashFullVectors and HashPartVector: kTurns vectors V by turns. More than two
// gained nothing.
template <class V, int kTurns>
struct InTurns {
  static constexpr size_t kLanes = kTurns * V::kLanes;
};

// What one vector of inputs has in memory. Between blocks the first half of `state` is the chaining values.
template <class V>
struct Turn {
  V state[16];
  V message[16];
};

// The words of the state that each G function of a round mixes (paper, section 2.2): columns, then diagonals.
constexpr uint8_t kMixed[8][4] = {{0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14}, {3, 7, 11, 15},
                                  {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},  {3, 4, 9, 14}};

// Two G functions of a round, number kFirst and the next, interleaved step by step. Two need some ten registers, so
// that nothing is spilled within. Half a round took 24.6 cycles so (Zen 5, AVX2, two vectors by turns), 25.5 with one
// G after the other, 26 with all four interleaved.
template <int kRound, int kFirst, class V>
NET_IO_INLINE void MixTwo(Turn<V>& turn) {
  constexpr const uint8_t* s = kSchedule[kRound] + 2 * kFirst;
  constexpr const uint8_t* p = kMixed[kFirst];
  constexpr const uint8_t* q = kMixed[kFirst + 1];
  V* v = turn.state;
  const V* m = turn.message;
  V a0 = v[p[0]], b0 = v[p[1]], c0 = v[p[2]], d0 = v[p[3]];
  V a1 = v[q[0]], b1 = v[q[1]], c1 = v[q[2]], d1 = v[q[3]];
  a0 = Add(a0, m[s[0]]), a1 = Add(a1, m[s[2]]);
  a0 = Add(a0, b0), a1 = Add(a1, b1);
  d0 = Xor(d0, a0), d1 = Xor(d1, a1);
  d0 = Rotate16(d0), d1 = Rotate16(d1);
  c0 = Add(c0, d0), c1 = Add(c1, d1);
  b0 = Xor(b0, c0), b1 = Xor(b1, c1);
  b0 = Rotate12(b0), b1 = Rotate12(b1);
  a0 = Add(a0, m[s[1]]), a1 = Add(a1, m[s[3]]);
  a0 = Add(a0, b0), a1 = Add(a1, b1);
  d0 = Xor(d0, a0), d1 = Xor(d1, a1);
  d0 = Rotate8(d0), d1 = Rotate8(d1);
  c0 = Add(c0, d0), c1 = Add(c1, d1);
  b0 = Xor(b0, c0), b1 = Xor(b1, c1);
  b0 = Rotate7(b0), b1 = Rotate7(b1);
  v[p[0]] = a0, v[p[1]] = b0, v[p[2]] = c0, v[p[3]] = d0;
  v[q[0]] = a1, v[q[1]] = b1, v[q[2]] = c1, v[q[3]] = d1;
}

template <int kRound, class V>
NET_IO_INLINE void MixColumns(Turn<V>& turn) {
  MixTwo<kRound, 0>(turn);
  MixTwo<kRound, 2>(turn);
}

template <int kRound, class V>
NET_IO_INLINE void MixDiagonals(Turn<V>& turn) {
  MixTwo<kRound, 4>(turn);
  MixTwo<kRound, 6>(turn);
}

// KeepInMemory before each turn is what puts the other's state out of the registers.
template <int kRound, class V, int kTurns>
NET_IO_INLINE void RoundInTurns(Turn<V> (&turns)[kTurns]) {
  for (Turn<V>& turn : turns) {
    KeepInMemory(turn.state);
    MixColumns<kRound>(turn);
  }
  for (Turn<V>& turn : turns) {
    KeepInMemory(turn.state);
    MixDiagonals<kRound>(turn);
  }
}

// The first round: also sets the half of the states that no block hands on, whose words go straight on in registers.
template <class V, int kTurns>
NET_IO_INLINE void FirstRoundInTurns(Turn<V> (&turns)[kTurns], const V (&counters)[kTurns][2], uint32_t flags) {
  for (int t = 0; t < kTurns; t++) {
    V* v = turns[t].state;
    KeepInMemory(v);
    for (int i = 0; i < 4; i++) v[8 + i] = V::Broadcast(kIv[i]);
    v[12] = counters[t][0];
    v[13] = counters[t][1];
    v[14] = V::Broadcast(kBlockBytes);
    v[15] = V::Broadcast(flags);
    MixColumns<0>(turns[t]);
  }
  for (Turn<V>& turn : turns) {
    KeepInMemory(turn.state);
    MixDiagonals<0>(turn);
  }
}

// The last round: also joins the halves while they are in registers. Both together gave 5 % (AVX2): at the end of a
// block all chains end at once, and nothing hides a way through memory.
template <class V, int kTurns>
NET_IO_INLINE void LastRoundInTurns(Turn<V> (&turns)[kTurns]) {
  for (Turn<V>& turn : turns) {
    KeepInMemory(turn.state);
    MixColumns<kRounds - 1>(turn);
  }
  for (Turn<V>& turn : turns) {
    KeepInMemory(turn.state);
    MixDiagonals<kRounds - 1>(turn);
    for (int i = 0; i < 8; i++) turn.state[i] = Xor(turn.state[i], turn.state[i + 8]);
  }
}

template <class V, int kTurns>
struct LaneHasher<InTurns<V, kTurns>> {
  static NET_IO_NOINLINE void Hash(const Batch& batch, const uint8_t* const* inputs, uint64_t counter, uint8_t* out) {
    using W = InTurns<V, kTurns>;
    Turn<V> turns[kTurns];
    V counters[kTurns][2];
    for (size_t t = 0; t < kTurns; t++) {
      for (int i = 0; i < 8; i++) turns[t].state[i] = V::Broadcast(batch.key[i]);
      V::Counters(counter + t * V::kLanes * batch.counter_step, batch.counter_step, counters[t][0], counters[t][1]);
    }
    uint32_t flags = batch.flags | batch.flags_first;
    for (size_t block = 0; block < batch.blocks_per_input; block++) {
      if (block + 1 == batch.blocks_per_input) flags |= batch.flags_last;
      if (batch.blocks_per_input == kLeafBlocks) FetchAhead<W>(inputs, block).Lanes(0, W::kLanes);
      // All messages before any state: they wait for nothing and fill the time in which the chains of the block before
      // come to their ends.
      for (size_t t = 0; t < kTurns; t++) {
        V::LoadTransposed(inputs + t * V::kLanes, block * kBlockBytes, turns[t].message);
      }
      FirstRoundInTurns(turns, counters, flags);
      RoundInTurns<1>(turns);
      RoundInTurns<2>(turns);
      RoundInTurns<3>(turns);
      RoundInTurns<4>(turns);
      RoundInTurns<5>(turns);
      LastRoundInTurns(turns);
      flags = batch.flags;
    }
    for (size_t t = 0; t < kTurns; t++) V::StoreTransposed(turns[t].state, out + t * V::kLanes * kValueBytes);
  }
};

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_TURNS_H_
