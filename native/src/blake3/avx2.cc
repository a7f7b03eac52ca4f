// AVX2: sixteen inputs at once, eight, four or one at the end of a batch.
#include "scalar.h"
#include "turns.h"
#include "x86_vec4.h"
#include "x86_vec8.h"

namespace net_io {
namespace blake3 {
namespace {

void HashMany(const Batch& batch, uint8_t* out) {
  size_t first = HashFullVectors<InTurns<Vec8, 2>>(batch, 0, out);
  const size_t left = batch.count - first;
  if (left > 8) {
    HashPartVector<InTurns<Vec8, 2>>(batch, first, out);
  } else if (left > 4) {
    HashPartVector<InTurns<Vec8, 1>>(batch, first, out);
  } else if (left > 2) {
    HashPartVector<InTurns<Vec4, 1>>(batch, first, out);
  } else {
    // Two one by one take less time than four lanes half idle.
    for (; first < batch.count; first++) HashOne<ScalarCompress>(batch, first, out + first * kValueBytes);
  }
}

}  // namespace

const Kernel kAvx2Kernel = {ScalarCompress, ScalarCompressWide, HashMany};

}  // namespace blake3
}  // namespace net_io
