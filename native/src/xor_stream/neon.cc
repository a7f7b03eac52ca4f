#include <arm_neon.h>

#include "loop.h"

namespace net_io {
namespace xor_stream {
namespace {

struct Vector {
  uint8x16_t v;
  static Vector Load(const uint8_t* p) { return {vld1q_u8(p)}; }
  static void Store(uint8_t* p, Vector x) { vst1q_u8(p, x.v); }
  static Vector Xor(Vector a, Vector b) { return {veorq_u8(a.v, b.v)}; }
};

}  // namespace

void ApplyNeon(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period) {
  Apply<Vector>(source, target, size, pattern, period);
}

}  // namespace xor_stream
}  // namespace net_io
