// Which kernel runs, and the hooks by which tests choose another.
#include "../cpu_features.h"
#include "../kernels.h"
#include "calls.h"
#include "pinned_bytes.h"

namespace net_io {
namespace shell {
namespace {

bool Runs(const KernelSet& set) { return (set.needs & MachineFeatures()) == set.needs; }

// activeKernel()
napi_value ActiveKernel(napi_env env, napi_callback_info) {
  napi_value name = nullptr;
  napi_create_string_utf8(env, ActiveKernelSet().name, NAPI_AUTO_LENGTH, &name);
  return name;
}

// availableKernels(): names, slowest first.
napi_value AvailableKernels(napi_env env, napi_callback_info) {
  napi_value names = nullptr;
  napi_create_array(env, &names);
  uint32_t count = 0;
  for (size_t i = 0; i < kKernelSetCount; i++) {
    if (!Runs(kKernelSets[i])) continue;
    napi_value name;
    napi_create_string_utf8(env, kKernelSets[i].name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, names, count++, name);
  }
  return names;
}

// useKernel(name)
napi_value UseKernel(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  ReadArguments(env, info, arguments);
  char name[16];
  size_t length;
  if (napi_get_value_string_utf8(env, arguments[0], name, sizeof name, &length) != napi_ok) {
    ThrowTypeError(env, "name", "must be a string");
    return nullptr;
  }
  const KernelSet* set = FindKernelSet(name);
  if (set == nullptr || !Runs(*set)) {
    ThrowRangeError(env, "name", "is not a kernel this build and this CPU have");
    return nullptr;
  }
  SetActiveKernelSet(*set);
  return nullptr;
}

// machineFeatures(): the bits of cpu_features.h.
napi_value GetMachineFeatures(napi_env env, napi_callback_info) {
  napi_value bits = nullptr;
  napi_create_uint32(env, MachineFeatures(), &bits);
  return bits;
}

// kernelForFeatures(bits): what the dispatcher would choose on a machine with these.
napi_value KernelForFeatures(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  ReadArguments(env, info, arguments);
  uint64_t bits;
  if (!GetInteger(env, arguments[0], "bits", 0, 4294967295.0, &bits)) return nullptr;
  napi_value name = nullptr;
  napi_create_string_utf8(env, BestKernelSet(static_cast<uint32_t>(bits)).name, NAPI_AUTO_LENGTH, &name);
  return name;
}

// holdsMemoryInPlace(): whether jobs work on the caller's memory or on a copy (pinned_bytes.h).
napi_value HoldsMemoryInPlace(napi_env env, napi_callback_info) {
  napi_value held = nullptr;
  napi_get_boolean(env, PinnedBytes::IsHeldInPlace(), &held);
  return held;
}

// forceCopies(force)
napi_value ForceCopies(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  ReadArguments(env, info, arguments);
  bool force = false;
  if (napi_get_value_bool(env, arguments[0], &force) != napi_ok) {
    ThrowTypeError(env, "force", "must be a boolean");
    return nullptr;
  }
  PinnedBytes::ForceCopies(force);
  return nullptr;
}

}  // namespace

bool ExportKernelCalls(napi_env env, napi_value exports) {
  return ExportFunctions(env, exports,
                         {{"activeKernel", ActiveKernel},
                          {"availableKernels", AvailableKernels},
                          {"useKernel", UseKernel},
                          {"machineFeatures", GetMachineFeatures},
                          {"kernelForFeatures", KernelForFeatures},
                          {"holdsMemoryInPlace", HoldsMemoryInPlace},
                          {"forceCopies", ForceCopies}});
}

}  // namespace shell
}  // namespace net_io
