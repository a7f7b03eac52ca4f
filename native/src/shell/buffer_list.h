// The argument `buffers`: a list of Uint8Arrays that together are one chunk.
#ifndef NET_IO_SHELL_BUFFER_LIST_H_
#define NET_IO_SHELL_BUFFER_LIST_H_

#include <node_api.h>

#include <vector>

#include "../blake3/tree.h"
#include "pinned_bytes.h"

namespace net_io {
namespace shell {

// The elements, read once. Reading one may run JavaScript (an accessor, a proxy) that takes another's memory
// away: so all are read before any memory is looked at, and none after.
bool GetElements(napi_env env, napi_value list, std::vector<napi_value>* out);

// As memory for this call only, and as memory held for a job. `total` is at least `min_bytes`, and at most
// `max_bytes` or kMaxChunkBytes. Empty buffers are left out.
bool GetSpans(napi_env env, napi_value list, size_t min_bytes, size_t max_bytes, std::vector<blake3::Span>* spans,
              size_t* total);
bool PinSpans(napi_env env, napi_value list, size_t min_bytes, std::vector<PinnedBytes>* pinned,
              std::vector<blake3::Span>* spans, size_t* total);

// The argument `leafCounter` for a chunk of `size` bytes: a multiple of the chunk's leaves rounded up to a power
// of two, because anything else is no subtree of a BLAKE3 tree.
bool GetLeafCounter(napi_env env, napi_value value, size_t size, uint64_t* out);

}  // namespace shell
}  // namespace net_io

#endif  // NET_IO_SHELL_BUFFER_LIST_H_
