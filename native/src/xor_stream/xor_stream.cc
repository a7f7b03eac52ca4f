#include "xor_stream.h"

#include <string.h>

namespace net_io {
namespace xor_stream {
namespace {

constexpr size_t kAlignBytes = 64;
// Below this, repeating the key costs more than aligned loads save.
constexpr size_t kMinAlignedBytes = 4096;

// Fills `pattern` with `bytes` bytes of the stream that begins `phase` bytes into the key.
void FillPattern(uint8_t* pattern, size_t bytes, const uint8_t* key, size_t key_bytes, size_t phase) {
  size_t filled = key_bytes - phase < bytes ? key_bytes - phase : bytes;
  memcpy(pattern, key + phase, filled);
  const size_t wrapped = phase < bytes - filled ? phase : bytes - filled;
  memcpy(pattern + filled, key, wrapped);
  filled += wrapped;
  // One whole key is there: what exists is copied behind itself, doubling each time.
  while (filled < bytes) {
    const size_t now = filled < bytes - filled ? filled : bytes - filled;
    memcpy(pattern + filled, pattern, now);
    filled += now;
  }
}

// How long a repetition of the key the kernel gets. Where it pays and fits, a whole number of cache lines: then every
// load of the pattern is an aligned one (a key of 37 bytes 64 times over; a third faster).
size_t PatternBytes(size_t key_bytes, size_t size) {
  size_t lines_bytes = key_bytes;
  while (lines_bytes % kAlignBytes != 0 && lines_bytes <= kMaxKeyBytes) lines_bytes *= 2;
  if (lines_bytes % kAlignBytes == 0 && lines_bytes <= kMaxKeyBytes && size >= kMinAlignedBytes) {
    while (lines_bytes < kStrideBytes) lines_bytes *= 2;
    return lines_bytes;
  }
  return (kStrideBytes + key_bytes - 1) / key_bytes * key_bytes;
}

}  // namespace

void XorStream(Kernel kernel, const uint8_t* source, uint8_t* target, size_t size, const uint8_t* key,
               size_t key_bytes, uint64_t stream_offset) {
  size_t phase = static_cast<size_t>(stream_offset % key_bytes);
  alignas(kAlignBytes) uint8_t pattern[kMaxKeyBytes + 2 * kStrideBytes];
  // The first bytes in small steps, so that the kernel's stores never straddle two cache lines.
  const size_t misaligned = reinterpret_cast<uintptr_t>(target) % kAlignBytes;
  size_t head = misaligned == 0 ? 0 : kAlignBytes - misaligned;
  if (head > size) head = size;
  if (head > 0) {
    FillPattern(pattern, head, key, key_bytes, phase);
    ApplyPortable(source, target, head, pattern, kStrideBytes);
    phase = (phase + head) % key_bytes;
  }
  const size_t rest = size - head;
  if (rest == 0) return;
  const size_t period = PatternBytes(key_bytes, rest);
  const size_t longest = period < rest ? period : rest;
  FillPattern(pattern, longest + kStrideBytes, key, key_bytes, phase);
  kernel(source + head, target + head, rest, pattern, period);
}

}  // namespace xor_stream
}  // namespace net_io
