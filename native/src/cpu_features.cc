#include "cpu_features.h"

#if defined(NET_IO_X86)
#if defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace net_io {

#if defined(NET_IO_X86)

namespace {

struct Registers {
  uint32_t a, b, c, d;
};

Registers CpuId(uint32_t leaf, uint32_t subleaf) {
  Registers r = {0, 0, 0, 0};
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(out[0]), static_cast<uint32_t>(out[1]), static_cast<uint32_t>(out[2]),
       static_cast<uint32_t>(out[3])};
#else
  __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
#endif
  return r;
}

// Which register files the operating system saves and restores (extended control register 0).
uint64_t SavedRegisterFiles() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  // The mnemonic needs -mxsave, which this file, run on every CPU, is not compiled with.
  __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

constexpr bool Has(uint32_t reg, int bit) { return (reg >> bit) & 1; }

}  // namespace

uint32_t DetectCpuFeatures() {
  // Bits as in Intel's manual, volume 2A, CPUID; XCR0 as in volume 1, section 13.3.
  constexpr uint64_t kYmmState = 0x06;  // SSE and AVX registers.
  constexpr uint64_t kZmmState = 0xe6;  // Those, mask registers, and both halves of the 512-bit file.
  const uint32_t max_leaf = CpuId(0, 0).a;
  if (max_leaf < 1) return 0;
  uint32_t features = 0;
  const Registers basic = CpuId(1, 0);
  if (Has(basic.c, 19)) features |= kSse41;
  const bool has_xgetbv = Has(basic.c, 27);
  if (!has_xgetbv || max_leaf < 7) return features;
  const uint64_t saved = SavedRegisterFiles();
  const Registers extended = CpuId(7, 0);
  const bool has_avx = Has(basic.c, 28);
  if (has_avx && Has(extended.b, 5) && (saved & kYmmState) == kYmmState) features |= kAvx2;
  // The kernel is written with F and VL. MSVC knows one flag, which lets it also use CD, BW and DQ (clang-cl does, for
  // the counters). Every CPU with VL has those three; a virtual machine may be told otherwise.
  const bool has_f_and_vl = Has(extended.b, 16) && Has(extended.b, 31);
  const bool has_cd_bw_and_dq = Has(extended.b, 28) && Has(extended.b, 30) && Has(extended.b, 17);
  if ((features & kAvx2) && has_f_and_vl && has_cd_bw_and_dq && (saved & kZmmState) == kZmmState) features |= kAvx512;
  return features;
}

#elif defined(NET_IO_ARM64)

// Advanced SIMD is part of every ARMv8-A CPU that runs a 64-bit operating system.
uint32_t DetectCpuFeatures() { return kNeon; }

#else

uint32_t DetectCpuFeatures() { return 0; }

#endif

}  // namespace net_io
