#include <immintrin.h>

#include "loop.h"

namespace net_io {
namespace xor_stream {
namespace {

struct Vector {
  __m256i v;
  static Vector Load(const uint8_t* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
  static void Store(uint8_t* p, Vector x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.v); }
  static Vector Xor(Vector a, Vector b) { return {_mm256_xor_si256(a.v, b.v)}; }
};

}  // namespace

void ApplyAvx2(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period) {
  Apply<Vector>(source, target, size, pattern, period);
}

}  // namespace xor_stream
}  // namespace net_io
