// How Node sees the addon: one module, loadable in any number of threads of a process, with no state of its own but the
// choice of kernel (kernels.cc) and what is known of the runtime (pinned_bytes.cc), both the same for all of them.
//
// node-addon-api registers the module. The calls themselves are plain Node-API: a thin call costs 0.05 to 0.1 us, and
// at 64 bytes the wrappers would cost as much as the hash.
#include <napi.h>

#include "shell/calls.h"
#include "shell/pinned_bytes.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  using namespace net_io::shell;
  PinnedBytes::ProbeRuntime(env);
  exports.Set("interfaceNumber", Napi::Number::New(env, kInterfaceNumber));
  const bool is_complete = ExportHashCalls(env, exports) && ExportHasherClass(env, exports) &&
                           ExportJobCalls(env, exports) && ExportFileCalls(env, exports) &&
                           ExportXorCalls(env, exports) && ExportKernelCalls(env, exports);
  if (!is_complete) Napi::Error::New(env, "net_io could not set up its exports").ThrowAsJavaScriptException();
  return exports;
}

}  // namespace

NODE_API_MODULE(net_io, Init)
