// NEON: four inputs at once.
#include <arm_neon.h>

#include "lanes.h"
#include "scalar.h"

namespace net_io {
namespace blake3 {
namespace {

struct VecNeon {
  uint32x4_t v;

  static constexpr size_t kLanes = 4;

  static NET_IO_INLINE VecNeon Broadcast(uint32_t x) { return {vdupq_n_u32(x)}; }

  static NET_IO_INLINE void Counters(uint64_t first, uint64_t step, VecNeon& low, VecNeon& high) {
    uint32_t lows[4], highs[4];
    for (uint64_t i = 0; i < 4; i++) {
      const uint64_t counter = first + i * step;
      lows[i] = static_cast<uint32_t>(counter);
      highs[i] = static_cast<uint32_t>(counter >> 32);
    }
    low.v = vld1q_u32(lows);
    high.v = vld1q_u32(highs);
  }

  // Turns four rows of four words into four columns.
  static NET_IO_INLINE void Transpose(uint32x4_t& r0, uint32x4_t& r1, uint32x4_t& r2, uint32x4_t& r3) {
    const uint32x4x2_t ab = vtrnq_u32(r0, r1), cd = vtrnq_u32(r2, r3);
    r0 = vcombine_u32(vget_low_u32(ab.val[0]), vget_low_u32(cd.val[0]));
    r1 = vcombine_u32(vget_low_u32(ab.val[1]), vget_low_u32(cd.val[1]));
    r2 = vcombine_u32(vget_high_u32(ab.val[0]), vget_high_u32(cd.val[0]));
    r3 = vcombine_u32(vget_high_u32(ab.val[1]), vget_high_u32(cd.val[1]));
  }

  static NET_IO_INLINE uint32x4_t Load(const uint8_t* p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
  static NET_IO_INLINE void Store(uint8_t* p, uint32x4_t x) { vst1q_u8(p, vreinterpretq_u8_u32(x)); }

  static NET_IO_INLINE void LoadTransposed(const uint8_t* const* inputs, size_t offset, VecNeon m[16]) {
    for (size_t quarter = 0; quarter < 4; quarter++) {
      const size_t at = offset + quarter * 16;
      uint32x4_t r0 = Load(inputs[0] + at), r1 = Load(inputs[1] + at), r2 = Load(inputs[2] + at),
                 r3 = Load(inputs[3] + at);
      Transpose(r0, r1, r2, r3);
      m[quarter * 4].v = r0, m[quarter * 4 + 1].v = r1, m[quarter * 4 + 2].v = r2, m[quarter * 4 + 3].v = r3;
    }
  }

  static NET_IO_INLINE void StoreTransposed(const VecNeon h[8], uint8_t* out) {
    for (size_t half = 0; half < 2; half++) {
      uint32x4_t r0 = h[half * 4].v, r1 = h[half * 4 + 1].v, r2 = h[half * 4 + 2].v, r3 = h[half * 4 + 3].v;
      Transpose(r0, r1, r2, r3);
      uint8_t* to = out + half * 16;
      Store(to, r0), Store(to + 32, r1), Store(to + 64, r2), Store(to + 96, r3);
    }
  }
};

NET_IO_INLINE VecNeon Add(VecNeon a, VecNeon b) { return {vaddq_u32(a.v, b.v)}; }
NET_IO_INLINE VecNeon Xor(VecNeon a, VecNeon b) { return {veorq_u32(a.v, b.v)}; }
// Half-words swap in one instruction, bytes in one table look-up; the others shift and insert.
NET_IO_INLINE VecNeon Rotate16(VecNeon x) {
  return {vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(x.v)))};
}
NET_IO_INLINE VecNeon Rotate12(VecNeon x) { return {vsriq_n_u32(vshlq_n_u32(x.v, 20), x.v, 12)}; }
NET_IO_INLINE VecNeon Rotate8(VecNeon x) {
  constexpr uint8_t kBytes[16] = {1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12};
  return {vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(x.v), vld1q_u8(kBytes)))};
}
NET_IO_INLINE VecNeon Rotate7(VecNeon x) { return {vsriq_n_u32(vshlq_n_u32(x.v, 25), x.v, 7)}; }

void HashMany(const Batch& batch, uint8_t* out) {
  const size_t first = HashFullVectors<VecNeon>(batch, 0, out);
  const size_t left = batch.count - first;
  if (left > 1) {
    HashPartVector<VecNeon>(batch, first, out);
  } else if (left == 1) {
    HashOne<ScalarCompress>(batch, first, out + first * kValueBytes);
  }
}

}  // namespace

const Kernel kNeonKernel = {ScalarCompress, ScalarCompressWide, HashMany};

}  // namespace blake3
}  // namespace net_io
