// The loop all XOR kernels share, over a vector V with Load, Store and Xor. V lives in an unnamed namespace of
// its kernel's file, for the reason given in blake3/rounds.h.
#ifndef NET_IO_XOR_STREAM_LOOP_H_
#define NET_IO_XOR_STREAM_LOOP_H_

#include "kernel.h"

namespace net_io {
namespace xor_stream {
namespace {

template <class V>
inline void Apply(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period) {
  constexpr size_t kVectors = kStrideBytes / sizeof(V);
  size_t at = 0;
  size_t phase = 0;
  for (; size - at >= kStrideBytes; at += kStrideBytes) {
    V bytes[kVectors];
    for (size_t i = 0; i < kVectors; i++) {
      bytes[i] = V::Xor(V::Load(source + at + i * sizeof(V)), V::Load(pattern + phase + i * sizeof(V)));
    }
    for (size_t i = 0; i < kVectors; i++) V::Store(target + at + i * sizeof(V), bytes[i]);
    phase += kStrideBytes;
    if (phase >= period) phase -= period;
  }
  for (; size - at >= sizeof(V); at += sizeof(V), phase += sizeof(V)) {
    V::Store(target + at, V::Xor(V::Load(source + at), V::Load(pattern + phase)));
  }
  for (; at < size; at++, phase++) target[at] = source[at] ^ pattern[phase];
}

}  // namespace
}  // namespace xor_stream
}  // namespace net_io

#endif  // NET_IO_XOR_STREAM_LOOP_H_
