// Sixteen 32-bit lanes in a 512-bit register (AVX-512F).
#ifndef NET_IO_BLAKE3_X86_VEC16_H_
#define NET_IO_BLAKE3_X86_VEC16_H_

#include <immintrin.h>

#include "rounds.h"

namespace net_io {
namespace blake3 {
namespace {

struct Vec16 {
  __m512i v;

  static constexpr size_t kLanes = 16;

  static NET_IO_INLINE Vec16 Broadcast(uint32_t x) { return {_mm512_set1_epi32(static_cast<int>(x))}; }

  // Without a multiplication: after one of 512 bits the rounds are slower on Intel (docs/NATIVE.md).
  static NET_IO_INLINE void Counters(uint64_t first, uint64_t step, Vec16& low, Vec16& high) {
    const uint64_t mask = 0 - step;
    alignas(64) uint32_t lows[16], highs[16];
    for (uint64_t i = 0; i < 16; i++) {
      const uint64_t counter = first + (i & mask);
      lows[i] = static_cast<uint32_t>(counter);
      highs[i] = static_cast<uint32_t>(counter >> 32);
    }
    low.v = _mm512_load_si512(lows);
    high.v = _mm512_load_si512(highs);
  }

  // Turns sixteen rows of sixteen words into sixteen columns: single words and pairs as in x86_vec4.h, in each quarter
  // of the registers by itself; then quarters change places, twice.
  static NET_IO_INLINE void Transpose(__m512i r[16]) {
    __m512i pairs[16];
    for (int i = 0; i < 8; i++) {
      pairs[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
      pairs[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    __m512i fours[16];
    for (int i = 0; i < 4; i++) {
      fours[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
      fours[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
      fours[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
      fours[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    }
    // fours[4g + w] holds words w, w+4, w+8, w+12 of rows 4g to 4g+3, one in each quarter.
    for (int w = 0; w < 4; w++) {
      const __m512i low01 = _mm512_shuffle_i32x4(fours[w], fours[4 + w], 0x88);
      const __m512i low23 = _mm512_shuffle_i32x4(fours[8 + w], fours[12 + w], 0x88);
      const __m512i high01 = _mm512_shuffle_i32x4(fours[w], fours[4 + w], 0xdd);
      const __m512i high23 = _mm512_shuffle_i32x4(fours[8 + w], fours[12 + w], 0xdd);
      r[w] = _mm512_shuffle_i32x4(low01, low23, 0x88);
      r[w + 8] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
      r[w + 4] = _mm512_shuffle_i32x4(high01, high23, 0x88);
      r[w + 12] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
    }
  }

  // Words `at` of a row and of the row four further, half a register each.
  static NET_IO_INLINE __m512i LoadHalves(const uint8_t* const* rows, size_t at) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[0] + at));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[4] + at));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }

  // Eight words of eight rows. The quarters of columns[w] hold words w and w + 4 of rows 0 to 3, then of rows 4 to 7.
  static NET_IO_INLINE void LoadEightRows(const uint8_t* const* rows, size_t at, __m512i columns[4]) {
    const __m512i r0 = LoadHalves(rows, at), r1 = LoadHalves(rows + 1, at);
    const __m512i r2 = LoadHalves(rows + 2, at), r3 = LoadHalves(rows + 3, at);
    const __m512i ab_low = _mm512_unpacklo_epi32(r0, r1), ab_high = _mm512_unpackhi_epi32(r0, r1);
    const __m512i cd_low = _mm512_unpacklo_epi32(r2, r3), cd_high = _mm512_unpackhi_epi32(r2, r3);
    columns[0] = _mm512_unpacklo_epi64(ab_low, cd_low);
    columns[1] = _mm512_unpackhi_epi64(ab_low, cd_low);
    columns[2] = _mm512_unpacklo_epi64(ab_high, cd_high);
    columns[3] = _mm512_unpackhi_epi64(ab_high, cd_high);
  }

  // Loads do half of what Transpose does with whole rows: they put quarters where one exchange is left to do.
  static NET_IO_INLINE void LoadTransposed(const uint8_t* const* inputs, size_t offset, Vec16 m[16]) {
    for (int half = 0; half < 2; half++) {
      const size_t at = offset + static_cast<size_t>(half) * 32;
      __m512i upper[4], lower[4];
      LoadEightRows(inputs, at, upper);
      LoadEightRows(inputs + 8, at, lower);
      for (int w = 0; w < 4; w++) {
        m[half * 8 + w].v = _mm512_shuffle_i32x4(upper[w], lower[w], 0x88);
        m[half * 8 + w + 4].v = _mm512_shuffle_i32x4(upper[w], lower[w], 0xdd);
      }
    }
  }

  static NET_IO_INLINE void StoreTransposed(const Vec16 h[8], uint8_t* out) {
    __m512i r[16];
    for (int i = 0; i < 8; i++) r[i] = h[i].v;
    for (int i = 8; i < 16; i++) r[i] = _mm512_setzero_si512();
    Transpose(r);
    for (int i = 0; i < 16; i++) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i * 32), _mm512_castsi512_si256(r[i]));
    }
  }
};

NET_IO_INLINE Vec16 Add(Vec16 a, Vec16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
// GCC takes sums apart: a + m + b became a + (m + b), one more step of the chain that everything waits for.
NET_IO_INLINE Vec16 AddMessage(Vec16 a, const Vec16& m) {
  Vec16 sum = Add(a, m);
#if defined(__GNUC__)
  __asm__("" : "+v"(sum.v));
#endif
  return sum;
}
NET_IO_INLINE Vec16 Xor(Vec16 a, Vec16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
NET_IO_INLINE Vec16 Rotate16(Vec16 x) { return {_mm512_ror_epi32(x.v, 16)}; }
NET_IO_INLINE Vec16 Rotate12(Vec16 x) { return {_mm512_ror_epi32(x.v, 12)}; }
NET_IO_INLINE Vec16 Rotate8(Vec16 x) { return {_mm512_ror_epi32(x.v, 8)}; }
NET_IO_INLINE Vec16 Rotate7(Vec16 x) { return {_mm512_ror_epi32(x.v, 7)}; }

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_X86_VEC16_H_
