// Eight 32-bit lanes in a 256-bit register. Compiled into the AVX2 and AVX-512 kernels with their flags.
#ifndef NET_IO_BLAKE3_X86_VEC8_H_
#define NET_IO_BLAKE3_X86_VEC8_H_

#include <immintrin.h>

#include "rounds.h"

namespace net_io {
namespace blake3 {
namespace {

struct Vec8 {
  __m256i v;

  static constexpr size_t kLanes = 8;

  static NET_IO_INLINE Vec8 Broadcast(uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x))}; }

  static NET_IO_INLINE void Counters(uint64_t first, uint64_t step, Vec8& low, Vec8& high) {
    alignas(32) uint32_t lows[8], highs[8];
    for (uint64_t i = 0; i < 8; i++) {
      const uint64_t counter = first + i * step;
      lows[i] = static_cast<uint32_t>(counter);
      highs[i] = static_cast<uint32_t>(counter >> 32);
    }
    low.v = _mm256_load_si256(reinterpret_cast<const __m256i*>(lows));
    high.v = _mm256_load_si256(reinterpret_cast<const __m256i*>(highs));
  }

  // Turns eight rows of eight words into eight columns: single words and pairs as in x86_vec4.h, in each half of the
  // registers by itself; then halves change places.
  static NET_IO_INLINE void Transpose(__m256i r[8]) {
    __m256i pairs[8];
    for (int i = 0; i < 4; i++) {
      pairs[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
      pairs[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    __m256i fours[8];
    for (int i = 0; i < 2; i++) {
      fours[4 * i] = _mm256_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
      fours[4 * i + 1] = _mm256_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
      fours[4 * i + 2] = _mm256_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
      fours[4 * i + 3] = _mm256_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
      r[i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x20);
      r[4 + i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x31);
    }
  }

  // Sixteen bytes each of rows 0 and 4, one in each half.
  static NET_IO_INLINE __m256i LoadHalves(const uint8_t* const* rows, size_t at) {
    const __m256i low = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[0] + at)));
    return _mm256_inserti128_si256(low, _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[4] + at)), 1);
  }

  // As in x86_vec16.h: loads put the halves where they belong, and seldom straddle two cache lines.
  static NET_IO_INLINE void LoadTransposed(const uint8_t* const* inputs, size_t offset, Vec8 m[16]) {
    for (int quarter = 0; quarter < 4; quarter++) {
      const size_t at = offset + static_cast<size_t>(quarter) * 16;
      const __m256i r0 = LoadHalves(inputs, at), r1 = LoadHalves(inputs + 1, at);
      const __m256i r2 = LoadHalves(inputs + 2, at), r3 = LoadHalves(inputs + 3, at);
      const __m256i ab_low = _mm256_unpacklo_epi32(r0, r1), ab_high = _mm256_unpackhi_epi32(r0, r1);
      const __m256i cd_low = _mm256_unpacklo_epi32(r2, r3), cd_high = _mm256_unpackhi_epi32(r2, r3);
      m[quarter * 4].v = _mm256_unpacklo_epi64(ab_low, cd_low);
      m[quarter * 4 + 1].v = _mm256_unpackhi_epi64(ab_low, cd_low);
      m[quarter * 4 + 2].v = _mm256_unpacklo_epi64(ab_high, cd_high);
      m[quarter * 4 + 3].v = _mm256_unpackhi_epi64(ab_high, cd_high);
    }
  }

  static NET_IO_INLINE void StoreTransposed(const Vec8 h[8], uint8_t* out) {
    __m256i r[8];
    for (int i = 0; i < 8; i++) r[i] = h[i].v;
    Transpose(r);
    for (int i = 0; i < 8; i++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i * 32), r[i]);
  }
};

NET_IO_INLINE Vec8 Add(Vec8 a, Vec8 b) { return {_mm256_add_epi32(a.v, b.v)}; }
NET_IO_INLINE Vec8 Xor(Vec8 a, Vec8 b) { return {_mm256_xor_si256(a.v, b.v)}; }
#if defined(__AVX512VL__)
NET_IO_INLINE Vec8 Rotate16(Vec8 x) { return {_mm256_ror_epi32(x.v, 16)}; }
NET_IO_INLINE Vec8 Rotate12(Vec8 x) { return {_mm256_ror_epi32(x.v, 12)}; }
NET_IO_INLINE Vec8 Rotate8(Vec8 x) { return {_mm256_ror_epi32(x.v, 8)}; }
NET_IO_INLINE Vec8 Rotate7(Vec8 x) { return {_mm256_ror_epi32(x.v, 7)}; }
#else
NET_IO_INLINE Vec8 Rotate16(Vec8 x) {
  return {_mm256_shuffle_epi8(x.v, _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,  //
                                                    2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13))};
}
NET_IO_INLINE Vec8 Rotate12(Vec8 x) {
  return {_mm256_or_si256(_mm256_srli_epi32(x.v, 12), _mm256_slli_epi32(x.v, 20))};
}
NET_IO_INLINE Vec8 Rotate8(Vec8 x) {
  return {_mm256_shuffle_epi8(x.v, _mm256_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12,  //
                                                    1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12))};
}
NET_IO_INLINE Vec8 Rotate7(Vec8 x) {
  return {_mm256_or_si256(_mm256_srli_epi32(x.v, 7), _mm256_slli_epi32(x.v, 25))};
}
#endif

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_X86_VEC8_H_
