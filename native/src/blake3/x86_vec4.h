// Four 32-bit lanes in a 128-bit register. Compiled into every x86 kernel with that kernel's flags.
#ifndef NET_IO_BLAKE3_X86_VEC4_H_
#define NET_IO_BLAKE3_X86_VEC4_H_

#include <immintrin.h>

#include "rounds.h"

namespace net_io {
namespace blake3 {
namespace {

struct Vec4 {
  __m128i v;

  static constexpr size_t kLanes = 4;

  static NET_IO_INLINE Vec4 Broadcast(uint32_t x) { return {_mm_set1_epi32(static_cast<int>(x))}; }
  static NET_IO_INLINE __m128i Load(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static NET_IO_INLINE void Store(uint8_t* p, __m128i x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x); }

  static NET_IO_INLINE void Counters(uint64_t first, uint64_t step, Vec4& low, Vec4& high) {
    const uint64_t c[4] = {first, first + step, first + 2 * step, first + 3 * step};
    low.v = _mm_setr_epi32(static_cast<int>(c[0]), static_cast<int>(c[1]), static_cast<int>(c[2]),
                           static_cast<int>(c[3]));
    high.v = _mm_setr_epi32(static_cast<int>(c[0] >> 32), static_cast<int>(c[1] >> 32), static_cast<int>(c[2] >> 32),
                            static_cast<int>(c[3] >> 32));
  }

  // Turns four rows of four words into four columns. "unpack" takes words from two registers in turn, from their lower
  // or upper halves; done with single words, then with pairs of them, it turns rows a, b, c and d into columns:
  //
  //     r0  a0 a1 a2 a3     ab_low   a0 b0 a1 b1     r0  a0 b0 c0 d0
  //     r1  b0 b1 b2 b3     ab_high  a2 b2 a3 b3     r1  a1 b1 c1 d1
  //     r2  c0 c1 c2 c3     cd_low   c0 d0 c1 d1     r2  a2 b2 c2 d2
  //     r3  d0 d1 d2 d3     cd_high  c2 d2 c3 d3     r3  a3 b3 c3 d3
  //
  // Wider vectors do the same in each 128-bit quarter of a register, and then bring the quarters to their places.
  static NET_IO_INLINE void Transpose(__m128i& r0, __m128i& r1, __m128i& r2, __m128i& r3) {
    const __m128i ab_low = _mm_unpacklo_epi32(r0, r1), ab_high = _mm_unpackhi_epi32(r0, r1);
    const __m128i cd_low = _mm_unpacklo_epi32(r2, r3), cd_high = _mm_unpackhi_epi32(r2, r3);
    r0 = _mm_unpacklo_epi64(ab_low, cd_low), r1 = _mm_unpackhi_epi64(ab_low, cd_low);
    r2 = _mm_unpacklo_epi64(ab_high, cd_high), r3 = _mm_unpackhi_epi64(ab_high, cd_high);
  }

  static NET_IO_INLINE void LoadTransposed(const uint8_t* const* inputs, size_t offset, Vec4 m[16]) {
    for (int quarter = 0; quarter < 4; quarter++) {
      const size_t at = offset + static_cast<size_t>(quarter) * 16;
      __m128i r0 = Load(inputs[0] + at), r1 = Load(inputs[1] + at), r2 = Load(inputs[2] + at),
              r3 = Load(inputs[3] + at);
      Transpose(r0, r1, r2, r3);
      m[quarter * 4].v = r0, m[quarter * 4 + 1].v = r1, m[quarter * 4 + 2].v = r2, m[quarter * 4 + 3].v = r3;
    }
  }

  static NET_IO_INLINE void StoreTransposed(const Vec4 h[8], uint8_t* out) {
    for (int half = 0; half < 2; half++) {
      __m128i r0 = h[half * 4].v, r1 = h[half * 4 + 1].v, r2 = h[half * 4 + 2].v, r3 = h[half * 4 + 3].v;
      Transpose(r0, r1, r2, r3);
      uint8_t* to = out + half * 16;
      Store(to, r0), Store(to + 32, r1), Store(to + 64, r2), Store(to + 96, r3);
    }
  }
};

NET_IO_INLINE Vec4 Add(Vec4 a, Vec4 b) { return {_mm_add_epi32(a.v, b.v)}; }
NET_IO_INLINE Vec4 Xor(Vec4 a, Vec4 b) { return {_mm_xor_si128(a.v, b.v)}; }
#if defined(__AVX512VL__)
NET_IO_INLINE Vec4 Rotate16(Vec4 x) { return {_mm_ror_epi32(x.v, 16)}; }
NET_IO_INLINE Vec4 Rotate12(Vec4 x) { return {_mm_ror_epi32(x.v, 12)}; }
NET_IO_INLINE Vec4 Rotate8(Vec4 x) { return {_mm_ror_epi32(x.v, 8)}; }
NET_IO_INLINE Vec4 Rotate7(Vec4 x) { return {_mm_ror_epi32(x.v, 7)}; }
#else
// Whole bytes move by one shuffle; the other two rotations cost two shifts and an or.
NET_IO_INLINE Vec4 Rotate16(Vec4 x) {
  return {_mm_shuffle_epi8(x.v, _mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13))};
}
NET_IO_INLINE Vec4 Rotate12(Vec4 x) { return {_mm_or_si128(_mm_srli_epi32(x.v, 12), _mm_slli_epi32(x.v, 20))}; }
NET_IO_INLINE Vec4 Rotate8(Vec4 x) {
  return {_mm_shuffle_epi8(x.v, _mm_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12))};
}
NET_IO_INLINE Vec4 Rotate7(Vec4 x) { return {_mm_or_si128(_mm_srli_epi32(x.v, 7), _mm_slli_epi32(x.v, 25))}; }
#endif

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_X86_VEC4_H_
