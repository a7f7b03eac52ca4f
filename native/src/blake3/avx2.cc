// AVX2: sixteen inputs at once, eight or four at the end of a batch.
#include "lanes.h"
#include "scalar.h"
#include "x86_vec4.h"
#include "x86_vec8.h"

namespace net_io {
namespace blake3 {
namespace {

void HashMany(const Batch& batch, uint8_t* out) {
  size_t first = HashFullVectors<Pair<Vec8>>(batch, 0, out);
  first = HashFullVectors<Vec8>(batch, first, out);
  const size_t left = batch.count - first;
  if (left > 4) {
    HashPartVector<Vec8>(batch, first, out);
  } else if (left > 1) {
    HashPartVector<Vec4>(batch, first, out);
  } else if (left == 1) {
    HashOne<ScalarCompress>(batch, first, out + first * kValueBytes);
  }
}

}  // namespace

const Kernel kAvx2Kernel = {ScalarCompress, ScalarCompressWide, HashMany};

}  // namespace blake3
}  // namespace net_io
