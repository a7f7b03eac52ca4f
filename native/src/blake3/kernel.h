// The seam between the BLAKE3 tree (tree.cc) and the instruction sets that do the work.
// Names follow the BLAKE3 paper: a block is 64 bytes, a leaf ("chunk" in the paper) 1024.
#ifndef NET_IO_BLAKE3_KERNEL_H_
#define NET_IO_BLAKE3_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

namespace net_io {
namespace blake3 {

constexpr size_t kBlockBytes = 64;
constexpr size_t kLeafBytes = 1024;
constexpr size_t kLeafBlocks = kLeafBytes / kBlockBytes;
constexpr size_t kValueBytes = 32;  // A chaining value or a default-length digest.
constexpr size_t kKeyWords = 8;

// Domain flags of the compression function (paper, section 2.2, table 3).
enum Flag : uint32_t {
  kLeafStart = 1u << 0,
  kLeafEnd = 1u << 1,
  kParent = 1u << 2,
  kRoot = 1u << 3,
  kKeyedHash = 1u << 4,
  kDeriveKeyContext = 1u << 5,
  kDeriveKeyMaterial = 1u << 6,
};

// One batch of equally long inputs: leaves (16 blocks each, counters rising by one) or parents (one block
// each, counter always 0). The inputs may lie anywhere and need no alignment.
struct Batch {
  const uint8_t* const* inputs;
  size_t count;
  size_t blocks_per_input;
  const uint32_t* key;     // kKeyWords words.
  uint64_t counter;        // Of the first input.
  uint64_t counter_step;   // 1 for leaves, 0 for parents, nothing else.
  uint32_t flags;          // On every block.
  uint32_t flags_first;    // Added on the first block of each input.
  uint32_t flags_last;     // Added on the last block of each input.
};

// What one instruction set offers. Every function is re-entrant and touches nothing but its arguments.
struct Kernel {
  // Compresses one block into `cv`, in place.
  void (*compress)(uint32_t cv[8], const uint8_t* block, uint32_t block_bytes, uint64_t counter, uint32_t flags);
  // Compresses one block to the full 64 output bytes that roots and extended outputs are cut from.
  void (*compress_wide)(const uint32_t cv[8], const uint8_t* block, uint32_t block_bytes, uint64_t counter,
                        uint32_t flags, uint8_t out[64]);
  // Hashes each input of the batch to its 32-byte chaining value; values are written one behind the other.
  // `out` may be the memory the inputs lie in as long as value i starts at or before input i.
  void (*hash_many)(const Batch& batch, uint8_t* out);
};

extern const Kernel kPortableKernel;
#if defined(NET_IO_X86)
extern const Kernel kSse41Kernel;
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512Kernel;
#elif defined(NET_IO_ARM64)
extern const Kernel kNeonKernel;
#endif

}  // namespace blake3
}  // namespace net_io

#endif  // NET_IO_BLAKE3_KERNEL_H_
