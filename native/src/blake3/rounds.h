// The seven rounds of the compression function, written once over an abstract word.
//
// A "word" W is whatever an instruction set calls one: a uint32_t in the portable kernel, a vector of 4, 8 or
// 16 of them (one per input) in the others. Each kernel defines its W in an unnamed namespace, so that every
// instantiation below has internal linkage: two instruction sets can never share a symbol, and the linker can
// never hand AVX-512 code to a CPU that has none. For the same reason the kernels include no C++ library header.
#ifndef NET_IO_BLAKE3_ROUNDS_H_
#define NET_IO_BLAKE3_ROUNDS_H_

#include "kernel.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define NET_IO_INLINE __forceinline
#define NET_IO_NOINLINE __declspec(noinline)
#else
#define NET_IO_INLINE inline __attribute__((always_inline))
#define NET_IO_NOINLINE __attribute__((noinline))
#endif

namespace net_io {
namespace blake3 {
namespace {

constexpr int kRounds = 7;

// Asks for a cache line. The address need not exist, hence a number and no pointer.
NET_IO_INLINE void Prefetch(uintptr_t address) {
#if !defined(_MSC_VER) || defined(__clang__)
  __builtin_prefetch(reinterpret_cast<const void*>(address));
#elif defined(NET_IO_X86)
  _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0);
#else
  __prefetch(reinterpret_cast<const void*>(address));
#endif
}

constexpr uint32_t kIv[8] = {0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
                             0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u};

// Which message word each mixing step of each round takes. Row r is row r-1 sent through the permutation
// 2 6 3 10 7 0 4 13 1 11 12 5 9 14 15 8 (paper, table 2).
constexpr uint8_t kSchedule[kRounds][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

// Keeps the message of a vector kernel in memory, where the additions read it. Each word is used once a round, and
// states and temporaries need the registers: left alone, the compiler loads the message once for all rounds and
// spills the states instead (a quarter slower with AVX2).
template <class W>
NET_IO_INLINE void KeepInMemory(const W* m) {
#if defined(__GNUC__)
  if (sizeof(W) > sizeof(uint32_t)) __asm__ volatile("" : : "r"(m) : "memory");
#else
  (void)m;
#endif
}

// a + m, where b is added next and is the last of the three to be known. A word type has its own where a compiler would
// make it a + (m + b).
template <class W>
NET_IO_INLINE W AddMessage(W a, const W& m) {
  return Add(a, m);
}

// The four G functions of half a round, interleaved step by step: they depend on nothing of each other, so this
// order gives an out-of-order core four independent chains, and the compiler no reason to make it one.
// `x` and `y` are the message words of step one and two.
template <class W>
NET_IO_INLINE void MixFour(W& a0, W& a1, W& a2, W& a3, W& b0, W& b1, W& b2, W& b3, W& c0, W& c1, W& c2, W& c3, W& d0,
                           W& d1, W& d2, W& d3, const W* m, const uint8_t* s) {
  // a + m first: the message is ready long before b is, so it stays off the critical path.
  a0 = AddMessage(a0, m[s[0]]), a1 = AddMessage(a1, m[s[2]]);
  a2 = AddMessage(a2, m[s[4]]), a3 = AddMessage(a3, m[s[6]]);
  a0 = Add(a0, b0), a1 = Add(a1, b1), a2 = Add(a2, b2), a3 = Add(a3, b3);
  d0 = Xor(d0, a0), d1 = Xor(d1, a1), d2 = Xor(d2, a2), d3 = Xor(d3, a3);
  d0 = Rotate16(d0), d1 = Rotate16(d1), d2 = Rotate16(d2), d3 = Rotate16(d3);
  c0 = Add(c0, d0), c1 = Add(c1, d1), c2 = Add(c2, d2), c3 = Add(c3, d3);
  b0 = Xor(b0, c0), b1 = Xor(b1, c1), b2 = Xor(b2, c2), b3 = Xor(b3, c3);
  b0 = Rotate12(b0), b1 = Rotate12(b1), b2 = Rotate12(b2), b3 = Rotate12(b3);
  a0 = AddMessage(a0, m[s[1]]), a1 = AddMessage(a1, m[s[3]]);
  a2 = AddMessage(a2, m[s[5]]), a3 = AddMessage(a3, m[s[7]]);
  a0 = Add(a0, b0), a1 = Add(a1, b1), a2 = Add(a2, b2), a3 = Add(a3, b3);
  d0 = Xor(d0, a0), d1 = Xor(d1, a1), d2 = Xor(d2, a2), d3 = Xor(d3, a3);
  d0 = Rotate8(d0), d1 = Rotate8(d1), d2 = Rotate8(d2), d3 = Rotate8(d3);
  c0 = Add(c0, d0), c1 = Add(c1, d1), c2 = Add(c2, d2), c3 = Add(c3, d3);
  b0 = Xor(b0, c0), b1 = Xor(b1, c1), b2 = Xor(b2, c2), b3 = Xor(b3, c3);
  b0 = Rotate7(b0), b1 = Rotate7(b1), b2 = Rotate7(b2), b3 = Rotate7(b3);
}

// One round: the columns of the 4x4 state, then its diagonals.
template <int kRound, class W>
NET_IO_INLINE void Round(W v[16], const W m[16]) {
  constexpr const uint8_t* s = kSchedule[kRound];
  KeepInMemory(m);
  MixFour(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15], m, s);
  MixFour(v[0], v[1], v[2], v[3], v[5], v[6], v[7], v[4], v[10], v[11], v[8], v[9], v[15], v[12], v[13], v[14], m,
          s + 8);
}

// `after_round(r)` is called between the rounds: for what is better done a little at a time than all at once.
template <class W, class AfterRound>
NET_IO_INLINE void AllRounds(W v[16], const W m[16], const AfterRound& after_round) {
  Round<0>(v, m);
  after_round(0);
  Round<1>(v, m);
  after_round(1);
  Round<2>(v, m);
  after_round(2);
  Round<3>(v, m);
  after_round(3);
  Round<4>(v, m);
  after_round(4);
  Round<5>(v, m);
  after_round(5);
  Round<6>(v, m);
  after_round(6);
}

struct Nothing {
  NET_IO_INLINE void operator()(int) const {}
};

template <class W>
NET_IO_INLINE void AllRounds(W v[16], const W m[16]) {
  AllRounds(v, m, Nothing());
}

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_ROUNDS_H_
