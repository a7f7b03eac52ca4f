#include <string.h>

#include "loop.h"

namespace net_io {
namespace xor_stream {
namespace {

struct Vector {
  uint64_t v;
  static Vector Load(const uint8_t* p) {
    Vector x;
    memcpy(&x.v, p, sizeof x.v);
    return x;
  }
  static void Store(uint8_t* p, Vector x) { memcpy(p, &x.v, sizeof x.v); }
  static Vector Xor(Vector a, Vector b) { return {a.v ^ b.v}; }
};

}  // namespace

void ApplyPortable(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period) {
  Apply<Vector>(source, target, size, pattern, period);
}

}  // namespace xor_stream
}  // namespace net_io
