#include "kernels.h"

#include <string.h>

#include <atomic>

#include "cpu_features.h"

namespace net_io {

const KernelSet kKernelSets[] = {
    {"portable", 0, &blake3::kPortableKernel, xor_stream::ApplyPortable},
#if defined(NET_IO_X86)
    {"sse41", kSse41, &blake3::kSse41Kernel, xor_stream::ApplySse2},
    {"avx2", kAvx2, &blake3::kAvx2Kernel, xor_stream::ApplyAvx2},
    {"avx512", kAvx512 | kAvx2, &blake3::kAvx512Kernel, xor_stream::ApplyAvx512},
#elif defined(NET_IO_ARM64)
    {"neon", kNeon, &blake3::kNeonKernel, xor_stream::ApplyNeon},
#endif
};
const size_t kKernelSetCount = sizeof kKernelSets / sizeof kKernelSets[0];

namespace {
// Null until first asked for. Two threads may both find out; they find the same.
std::atomic<const KernelSet*> active_set{nullptr};
}  // namespace

const KernelSet& BestKernelSet(uint32_t features) {
  const KernelSet* best = &kKernelSets[0];
  for (const KernelSet& set : kKernelSets) {
    if ((set.needs & features) == set.needs) best = &set;
  }
  return *best;
}

const KernelSet* FindKernelSet(const char* name) {
  for (const KernelSet& set : kKernelSets) {
    if (strcmp(set.name, name) == 0) return &set;
  }
  return nullptr;
}

uint32_t MachineFeatures() {
  static const uint32_t features = DetectCpuFeatures();
  return features;
}

const KernelSet& ActiveKernelSet() {
  const KernelSet* set = active_set.load(std::memory_order_relaxed);
  if (set != nullptr) return *set;
  const KernelSet& best = BestKernelSet(MachineFeatures());
  active_set.store(&best, std::memory_order_relaxed);
  return best;
}

void SetActiveKernelSet(const KernelSet& set) { active_set.store(&set, std::memory_order_relaxed); }

}  // namespace net_io
