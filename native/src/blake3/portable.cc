// The kernel for CPUs with none of the vector instruction sets, and the yardstick for the others.
#include "scalar.h"

namespace net_io {
namespace blake3 {
namespace {

void HashMany(const Batch& batch, uint8_t* out) {
  for (size_t i = 0; i < batch.count; i++) HashOne<ScalarCompress>(batch, i, out + i * kValueBytes);
}

}  // namespace

const Kernel kPortableKernel = {ScalarCompress, ScalarCompressWide, HashMany};

}  // namespace blake3
}  // namespace net_io
