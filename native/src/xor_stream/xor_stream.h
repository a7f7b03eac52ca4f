// Obfuscation by XOR with a repeating key. Not encryption.
#ifndef NET_IO_XOR_STREAM_XOR_STREAM_H_
#define NET_IO_XOR_STREAM_XOR_STREAM_H_

#include "kernel.h"

namespace net_io {
namespace xor_stream {

constexpr size_t kMaxKeyBytes = 4096;

// target[i] = source[i] XOR key[(stream_offset + i) mod key_bytes]. Source and target are the same memory or
// overlap in any way whose result the caller does not care about; key has 1 to kMaxKeyBytes bytes.
void XorStream(Kernel kernel, const uint8_t* source, uint8_t* target, size_t size, const uint8_t* key,
               size_t key_bytes, uint64_t stream_offset);

}  // namespace xor_stream
}  // namespace net_io

#endif  // NET_IO_XOR_STREAM_XOR_STREAM_H_
