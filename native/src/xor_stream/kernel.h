// The seam between the XOR stream and the instruction sets. Obfuscation, not encryption: whoever sees two
// streams under one key has the XOR of both texts.
#ifndef NET_IO_XOR_STREAM_KERNEL_H_
#define NET_IO_XOR_STREAM_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

namespace net_io {
namespace xor_stream {

// Bytes an inner loop handles at once, whatever its vectors are.
constexpr size_t kStrideBytes = 256;

// Writes source XOR pattern to target; they are the same memory or do not overlap. `pattern` is the key
// repeated to `period` bytes (a multiple of the key's length, at least kStrideBytes), 64-byte aligned, and
// followed by kStrideBytes more of the same stream, so that a stride may start anywhere in it.
using Kernel = void (*)(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period);

void ApplyPortable(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period);
#if defined(NET_IO_X86)
void ApplySse2(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period);
void ApplyAvx2(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period);
void ApplyAvx512(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period);
#elif defined(NET_IO_ARM64)
void ApplyNeon(const uint8_t* source, uint8_t* target, size_t size, const uint8_t* pattern, size_t period);
#endif

}  // namespace xor_stream
}  // namespace net_io

#endif  // NET_IO_XOR_STREAM_KERNEL_H_
