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

  static NET_IO_INLINE void Counters(uint64_t first, uint64_t step, Vec16& low, Vec16& high) {
    alignas(64) uint32_t lows[16], highs[16];
    for (uint64_t i = 0; i < 16; i++) {
      const uint64_t counter = first + i * step;
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

  // Sixteen bytes each of rows 0, 4, 8 and 12, one in each quarter.
  static NET_IO_INLINE __m512i LoadQuarters(const uint8_t* const* rows, size_t at) {
    __m512i x = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[0] + at)));
    x = _mm512_inserti32x4(x, _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[4] + at)), 1);
    x = _mm512_inserti32x4(x, _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[8] + at)), 2);
    return _mm512_inserti32x4(x, _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[12] + at)), 3);
  }

  // Loads put the quarters where they belong, so that only words within quarters are left to exchange. Sixteen bytes
  // from memory that malloc aligned never straddle two cache lines; whole rows nearly always would.
  static NET_IO_INLINE void LoadTransposed(const uint8_t* const* inputs, size_t offset, Vec16 m[16]) {
    for (int quarter = 0; quarter < 4; quarter++) {
      const size_t at = offset + static_cast<size_t>(quarter) * 16;
      const __m512i r0 = LoadQuarters(inputs, at), r1 = LoadQuarters(inputs + 1, at);
      const __m512i r2 = LoadQuarters(inputs + 2, at), r3 = LoadQuarters(inputs + 3, at);
      const __m512i ab_low = _mm512_unpacklo_epi32(r0, r1), ab_high = _mm512_unpackhi_epi32(r0, r1);
      const __m512i cd_low = _mm512_unpacklo_epi32(r2, r3), cd_high = _mm512_unpackhi_epi32(r2, r3);
      m[quarter * 4].v = _mm512_unpacklo_epi64(ab_low, cd_low);
      m[quarter * 4 + 1].v = _mm512_unpackhi_epi64(ab_low, cd_low);
      m[quarter * 4 + 2].v = _mm512_unpacklo_epi64(ab_high, cd_high);
      m[quarter * 4 + 3].v = _mm512_unpackhi_epi64(ab_high, cd_high);
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
NET_IO_INLINE Vec16 Xor(Vec16 a, Vec16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
NET_IO_INLINE Vec16 Rotate16(Vec16 x) { return {_mm512_ror_epi32(x.v, 16)}; }
NET_IO_INLINE Vec16 Rotate12(Vec16 x) { return {_mm512_ror_epi32(x.v, 12)}; }
NET_IO_INLINE Vec16 Rotate8(Vec16 x) { return {_mm512_ror_epi32(x.v, 8)}; }
NET_IO_INLINE Vec16 Rotate7(Vec16 x) { return {_mm512_ror_epi32(x.v, 7)}; }

}  // namespace
}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_X86_VEC16_H_
