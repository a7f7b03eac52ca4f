// Compression of a single block with ordinary 32-bit registers. Every kernel needs it for the ends of trees;
// an instruction set that can do a single block faster brings its own.
#ifndef NET_IO_BLAKE3_SCALAR_H_
#define NET_IO_BLAKE3_SCALAR_H_

#include <string.h>

#include "rounds.h"

namespace net_io {
namespace blake3 {
namespace {

// A word of the scalar kernel: a type of our own, because rounds.h finds the operations by their argument's type.
struct Scalar {
  uint32_t value;
};
NET_IO_INLINE Scalar RotateRight(Scalar x, int bits) { return {(x.value >> bits) | (x.value << (32 - bits))}; }
NET_IO_INLINE Scalar Add(Scalar a, Scalar b) { return {a.value + b.value}; }
NET_IO_INLINE Scalar Xor(Scalar a, Scalar b) { return {a.value ^ b.value}; }
NET_IO_INLINE Scalar Rotate16(Scalar x) { return RotateRight(x, 16); }
NET_IO_INLINE Scalar Rotate12(Scalar x) { return RotateRight(x, 12); }
NET_IO_INLINE Scalar Rotate8(Scalar x) { return RotateRight(x, 8); }
NET_IO_INLINE Scalar Rotate7(Scalar x) { return RotateRight(x, 7); }

// BLAKE3 is little-endian. All our targets are; anything else fails to compile here.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "net_io is written for little-endian machines"
#endif

// Keeps a word out of vector registers. GCC 12 takes the words at both ends of a compression four at a time, and sends
// each through memory for it, which took 13 % of the time.
NET_IO_INLINE uint32_t KeepScalar(uint32_t word) {
#if defined(__GNUC__)
  __asm__("" : "+r"(word));
#endif
  return word;
}

NET_IO_INLINE void CompressScalar(const uint32_t cv[8], const uint8_t* block, uint32_t block_bytes, uint64_t counter,
                                  uint32_t flags, Scalar v[16]) {
  Scalar m[16];
  memcpy(m, block, kBlockBytes);
  for (int i = 0; i < 8; i++) v[i] = {KeepScalar(cv[i])};
  for (int i = 0; i < 4; i++) v[8 + i] = {kIv[i]};
  v[12] = {static_cast<uint32_t>(counter)};
  v[13] = {static_cast<uint32_t>(counter >> 32)};
  v[14] = {block_bytes};
  v[15] = {flags};
  AllRounds(v, m);
}

inline void ScalarCompress(uint32_t cv[8], const uint8_t* block, uint32_t block_bytes, uint64_t counter,
                           uint32_t flags) {
  Scalar v[16];
  CompressScalar(cv, block, block_bytes, counter, flags, v);
  for (int i = 0; i < 8; i++) cv[i] = KeepScalar(v[i].value ^ v[i + 8].value);
}

inline void ScalarCompressWide(const uint32_t cv[8], const uint8_t* block, uint32_t block_bytes, uint64_t counter,
                               uint32_t flags, uint8_t out[64]) {
  Scalar v[16];
  CompressScalar(cv, block, block_bytes, counter, flags, v);
  uint32_t words[16];
  for (int i = 0; i < 8; i++) {
    words[i] = KeepScalar(v[i].value ^ v[i + 8].value);
    words[i + 8] = KeepScalar(v[i + 8].value ^ cv[i]);
  }
  memcpy(out, words, sizeof words);
}

// Hashes input number `index` of a batch by itself.
template <void (*kCompress)(uint32_t*, const uint8_t*, uint32_t, uint64_t, uint32_t)>
inline void HashOne(const Batch& batch, size_t index, uint8_t* out) {
  uint32_t cv[8];
  memcpy(cv, batch.key, sizeof cv);
  const uint64_t counter = batch.counter + index * batch.counter_step;
  uint32_t flags = batch.flags | batch.flags_first;
  const uint8_t* block = batch.inputs[index];
  for (size_t left = batch.blocks_per_input; left > 0; left--) {
    if (left == 1) flags |= batch.flags_last;
    kCompress(cv, block, kBlockBytes, counter, flags);
    block += kBlockBytes;
    flags = batch.flags;
  }
  memcpy(out, cv, sizeof cv);
}

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_SCALAR_H_
