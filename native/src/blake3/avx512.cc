// AVX-512 (F and VL): thirty-two inputs at once, sixteen, eight or four at the end of a batch.
#include "lanes.h"
#include "scalar.h"
#include "x86_vec16.h"
#include "x86_vec4.h"
#include "x86_vec8.h"

namespace net_io {
namespace blake3 {
namespace {

void HashMany(const Batch& batch, uint8_t* out) {
  size_t first = HashFullVectors<Pair<Vec16>>(batch, 0, out);
  first = HashFullVectors<Vec16>(batch, first, out);
  const size_t left = batch.count - first;
  if (left > 8) {
    HashPartVector<Vec16>(batch, first, out);
  } else if (left > 4) {
    HashPartVector<Vec8>(batch, first, out);
  } else if (left > 1) {
    HashPartVector<Vec4>(batch, first, out);
  } else if (left == 1) {
    HashOne<ScalarCompress>(batch, first, out + first * kValueBytes);
  }
}

}  // namespace

const Kernel kAvx512Kernel = {ScalarCompress, ScalarCompressWide, HashMany};

}  // namespace blake3
}  // namespace net_io
