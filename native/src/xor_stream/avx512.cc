#include <immintrin.h>

#include "loop.h"

namespace net_io {
namespace xor_stream {
namespace {

struct Vector {
  __m512i v;
  static Vector Load(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  static void Store(uint8_t* p, Vector x) { _mm512_storeu_si512(p, x.v); }
  static Vector Xor(Vector a, Vector b) { return {_mm512_xor_si512(a.v, b.v)}; }
};

}  // namespace

void ApplyAvx512(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period) {
  Apply<Vector>(source, target, size, pattern, period);
}

}  // namespace xor_stream
}  // namespace net_io
