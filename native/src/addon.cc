// The door: one module, loadable in any number of threads of a process, with no state of its own but the choice
// of kernel (kernels.cc) and what is known of the runtime (pinned_bytes.cc), both the same for all of them.
#include <node_api.h>

#include "shell/calls.h"
#include "shell/pinned_bytes.h"

NAPI_MODULE_INIT() {
  using namespace net_io::shell;
  PinnedBytes::ProbeRuntime(env);
  const bool is_complete = ExportHashCalls(env, exports) && ExportHasherClass(env, exports) &&
                           ExportJobCalls(env, exports) && ExportFileCalls(env, exports) &&
                           ExportXorCalls(env, exports) && ExportKernelCalls(env, exports);
  if (!is_complete) napi_throw_error(env, nullptr, "net_io could not set up its exports");
  return exports;
}
