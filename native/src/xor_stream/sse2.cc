#include <emmintrin.h>

#include "loop.h"

namespace net_io {
namespace xor_stream {
namespace {

struct Vector {
  __m128i v;
  static Vector Load(const uint8_t* p) { return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))}; }
  static void Store(uint8_t* p, Vector x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x.v); }
  static Vector Xor(Vector a, Vector b) { return {_mm_xor_si128(a.v, b.v)}; }
};

}  // namespace

void ApplySse2(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period) {
  Apply<Vector>(source, target, size, pattern, period);
}

}  // namespace xor_stream
}  // namespace net_io
