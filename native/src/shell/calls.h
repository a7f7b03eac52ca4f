// The functions JavaScript sees, by file. Types and meaning: native/binding.ts, native/types.ts.
#ifndef NET_IO_SHELL_CALLS_H_
#define NET_IO_SHELL_CALLS_H_

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

#include "arguments.h"

namespace net_io {
namespace shell {

// As INTERFACE_NUMBER of native/binding.ts, which says when to raise it.
constexpr uint32_t kInterfaceNumber = 1;

// Synchronous calls stay below 5 ms at these sizes on every kernel, the portable one included.
constexpr size_t kMaxSyncHashBytes = 4u << 20;
// Less for a list, whose buffers cost time of their own.
constexpr size_t kMaxSyncListBytes = 2u << 20;
constexpr size_t kMaxSyncXorBytes = 16u << 20;
constexpr size_t kMaxOutputBytes = 65536;
constexpr size_t kMaxContextBytes = 65536;
// A chunk, in all its buffers.
constexpr size_t kMaxChunkBytes = 64u << 20;
// Each buffer of a list costs about 0.2 us on the JavaScript thread.
constexpr uint32_t kMaxBuffers = 16384;
constexpr size_t kMaxChunkValues = 65536;

// Each adds its functions to `exports`; false with an exception pending.
bool ExportHashCalls(napi_env env, napi_value exports);
bool ExportHasherClass(napi_env env, napi_value exports);
bool ExportJobCalls(napi_env env, napi_value exports);
bool ExportFileCalls(napi_env env, napi_value exports);
bool ExportXorCalls(napi_env env, napi_value exports);
bool ExportKernelCalls(napi_env env, napi_value exports);

struct NamedFunction {
  const char* name;
  napi_callback function;
};

template <size_t kCount>
inline bool ExportFunctions(napi_env env, napi_value exports, const NamedFunction (&functions)[kCount]) {
  for (const NamedFunction& entry : functions) {
    napi_value function;
    if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.function, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, entry.name, function) != napi_ok) {
      return false;
    }
  }
  return true;
}

}  // namespace shell
}  // namespace net_io

#endif  // NET_IO_SHELL_CALLS_H_
