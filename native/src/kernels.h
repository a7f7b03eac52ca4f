// The one table of kernels, and the one that runs.
#ifndef NET_IO_KERNELS_H_
#define NET_IO_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

#include "blake3/kernel.h"
#include "xor_stream/kernel.h"

namespace net_io {

struct KernelSet {
  const char* name;
  uint32_t needs;  // CpuFeature bits, all of them.
  const blake3::Kernel* blake3;
  xor_stream::Kernel xor_stream;
};

// Every kernel this build holds, slowest first. The first needs nothing.
extern const KernelSet kKernelSets[];
extern const size_t kKernelSetCount;

// The fastest kernel that `features` allow.
const KernelSet& BestKernelSet(uint32_t features);
// By name, null when this build has none of that name.
const KernelSet* FindKernelSet(const char* name);

// The features of this machine, asked for once.
uint32_t MachineFeatures();

// What runs now, in every thread of the process; a job keeps the one it began with.
const KernelSet& ActiveKernelSet();
void SetActiveKernelSet(const KernelSet& set);

}  // namespace net_io

#endif  // NET_IO_KERNELS_H_
