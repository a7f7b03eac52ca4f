// What this CPU and this operating system can run, as a set of bits.
#ifndef NET_IO_CPU_FEATURES_H_
#define NET_IO_CPU_FEATURES_H_

#include <stdint.h>

namespace net_io {

enum CpuFeature : uint32_t {
  kSse41 = 1u << 0,
  kAvx2 = 1u << 1,
  kAvx512 = 1u << 2,  // F and VL, and CD, BW and DQ, which all go together.
  kNeon = 1u << 3,
};

// Asks the CPU and, for registers the operating system must save on a task switch, the operating system.
uint32_t DetectCpuFeatures();

}  // namespace net_io

#endif  // NET_IO_CPU_FEATURES_H_
