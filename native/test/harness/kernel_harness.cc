// Runs every kernel this machine has against expected values, without Node: so it can be cross-compiled and run
// under an emulator, and under the sanitizers with nothing else in the process.
//
//   kernel_harness <file>     lines "hash|keyed|derive <input bytes> <262 hex digits>", made by an independent
//                             implementation (harness.mjs); input byte i is i mod 251
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <string>
#include <vector>

#include "blake3/tree.h"
#include "cpu_features.h"
#include "kernels.h"
#include "xor_stream/xor_stream.h"

namespace {

using net_io::KernelSet;
namespace blake3 = net_io::blake3;
namespace xor_stream = net_io::xor_stream;

constexpr size_t kOutputBytes = 131;
constexpr char kContext[] = "net_io kernel harness 2026 context";

size_t checks = 0;
size_t failures = 0;

void Check(bool holds, const KernelSet& set, const char* what, size_t a, size_t b) {
  checks++;
  if (holds) return;
  failures++;
  if (failures <= 20) fprintf(stderr, "FAILED on %s: %s (%zu, %zu)\n", set.name, what, a, b);
}

// Memory of exactly `size` bytes that begins `start` bytes into an allocation and ends with it: a sanitizer sees
// every byte read or written outside.
class Region {
 public:
  Region(size_t size, size_t start) : memory_(new uint8_t[start + size]), start_(start) {
    for (size_t i = 0; i < size; i++) data()[i] = static_cast<uint8_t>(i % 251);
  }
  uint8_t* data() { return memory_.get() + start_; }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  size_t start_;
};

struct Expected {
  std::string mode;
  size_t size;
  std::vector<uint8_t> output;
};

std::vector<Expected> ReadExpected(const char* path) {
  std::vector<Expected> all;
  FILE* file = fopen(path, "r");
  if (file == nullptr) return all;
  char mode[16];
  size_t size;
  char hex[2 * kOutputBytes + 1];
  while (fscanf(file, "%15s %zu %262s", mode, &size, hex) == 3) {
    Expected one = {mode, size, {}};
    for (size_t i = 0; i < kOutputBytes; i++) {
      const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
      one.output.push_back(static_cast<uint8_t>(strtoul(digits, nullptr, 16)));
    }
    all.push_back(one);
  }
  fclose(file);
  return all;
}

blake3::Mode ModeNamed(const KernelSet& set, const std::string& name) {
  if (name == "hash") return blake3::HashMode();
  if (name == "derive") {
    return blake3::DeriveKeyMode(*set.blake3, reinterpret_cast<const uint8_t*>(kContext), sizeof kContext - 1);
  }
  Region key(blake3::kValueBytes, 1);
  return blake3::KeyedMode(key.data());
}

void CheckOneShot(const KernelSet& set, const Expected& expected) {
  const blake3::Mode mode = ModeNamed(set, expected.mode);
  for (size_t start : {0, 1, 3, 17, 63}) {
    Region input(expected.size, start);
    for (size_t output_bytes : {1, 32, 64, 65, 131}) {
      Region output(output_bytes, start);
      blake3::HashRoot(*set.blake3, mode, input.data(), expected.size, output.data(), output_bytes);
      Check(memcmp(output.data(), expected.output.data(), output_bytes) == 0, set, "one shot", expected.size, start);
    }
  }
}

// The same bytes in pieces: of one size again and again, and as a list of spans in one call.
void CheckPieces(const KernelSet& set, const Expected& expected) {
  const blake3::Mode mode = ModeNamed(set, expected.mode);
  Region input(expected.size, 5);
  for (size_t piece : {1, 64, 1000, 1024, 1025, 4096, 65537}) {
    if (expected.size / piece > 3000) continue;
    std::vector<blake3::Span> spans;
    for (size_t at = 0; at < expected.size; at += piece) {
      spans.push_back({input.data() + at, piece < expected.size - at ? piece : expected.size - at});
    }
    uint8_t output[kOutputBytes];
    auto by_list = std::make_unique<blake3::TreeHasher>(*set.blake3, mode, 0);
    by_list->Update(spans.data(), spans.size());
    by_list->FinishRoot(output, sizeof output);
    Check(memcmp(output, expected.output.data(), sizeof output) == 0, set, "list of spans", expected.size, piece);
    auto by_call = std::make_unique<blake3::TreeHasher>(*set.blake3, mode, 0);
    for (const blake3::Span& span : spans) {
      by_call->Update(span.data, span.size);
      if (spans.size() < 50) by_call->FinishRoot(output, sizeof output);  // Looking must not change anything.
    }
    by_call->FinishRoot(output, sizeof output);
    Check(memcmp(output, expected.output.data(), sizeof output) == 0, set, "one by one", expected.size, piece);
  }
}

// Chunks hashed alone, last first, merged: the root of the whole.
void CheckChunks(const KernelSet& set, const Expected& expected) {
  const blake3::Mode mode = ModeNamed(set, expected.mode);
  Region input(expected.size, 7);
  for (size_t chunk = blake3::kLeafBytes; chunk < expected.size; chunk *= 2) {
    const size_t count = (expected.size + chunk - 1) / chunk;
    std::vector<uint8_t> values(count * blake3::kValueBytes);
    for (size_t i = count; i-- > 0;) {
      const size_t at = i * chunk;
      auto hasher = std::make_unique<blake3::TreeHasher>(*set.blake3, mode, at / blake3::kLeafBytes);
      hasher->Update(input.data() + at, chunk < expected.size - at ? chunk : expected.size - at);
      hasher->FinishValue(&values[i * blake3::kValueBytes]);
    }
    uint8_t output[kOutputBytes];
    blake3::RootOfValues(*set.blake3, mode, values.data(), count, output, sizeof output);
    Check(memcmp(output, expected.output.data(), sizeof output) == 0, set, "merge of chunks", expected.size, chunk);
  }
}

// Leaf counters that carry into the upper word inside one batch of lanes, against the portable kernel.
void CheckCounters(const KernelSet& set) {
  const size_t leaves = 64;
  Region input(leaves * blake3::kLeafBytes, 0);
  const uint64_t counters[] = {0, (1ull << 32) - 64, (1ull << 32) - 128, (1ull << 33), (1ull << 53) - 64};
  for (uint64_t counter : counters) {
    std::vector<const uint8_t*> inputs;
    for (size_t i = 0; i < leaves; i++) inputs.push_back(input.data() + i * blake3::kLeafBytes);
    const blake3::Mode mode = blake3::HashMode();
    for (size_t shift : {0, 1, 13, 33}) {
      const blake3::Batch batch = {inputs.data(),      leaves - shift,     blake3::kLeafBlocks, mode.key,
                                   counter + 50 - shift, 1, 0, blake3::kLeafStart, blake3::kLeafEnd};
      std::vector<uint8_t> wanted(leaves * blake3::kValueBytes), found(leaves * blake3::kValueBytes);
      blake3::kPortableKernel.hash_many(batch, wanted.data());
      set.blake3->hash_many(batch, found.data());
      Check(wanted == found, set, "leaf counters", static_cast<size_t>(counter), shift);
    }
  }
}

void CheckXor(const KernelSet& set) {
  const size_t sizes[] = {0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 255, 256, 257, 511, 513, 1000, 4096, 9999};
  const size_t keys[] = {1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257, 1000, 4095, 4096};
  const uint64_t offsets[] = {0, 1, 255, 4097, (1ull << 53) - 1};
  for (size_t size : sizes) {
    for (size_t key_bytes : keys) {
      for (uint64_t offset : offsets) {
        const size_t start = (size + key_bytes + static_cast<size_t>(offset)) % 65;
        Region source(size, start), target(size, (start * 7) % 64), key(key_bytes, start % 3);
        xor_stream::XorStream(set.xor_stream, source.data(), target.data(), size, key.data(), key_bytes, offset);
        bool same = true;
        for (size_t i = 0; i < size; i++) {
          same = same && target.data()[i] == (source.data()[i] ^ key.data()[(offset % key_bytes + i) % key_bytes]);
        }
        Check(same, set, "xor while copying", size, key_bytes);
        xor_stream::XorStream(set.xor_stream, source.data(), source.data(), size, key.data(), key_bytes, offset);
        Check(size == 0 || memcmp(source.data(), target.data(), size) == 0, set, "xor in place", size, key_bytes);
      }
    }
  }
}

// The dispatcher: for every set of features, the last kernel whose needs are all in it.
void CheckDispatch() {
  for (uint32_t features = 0; features < 16; features++) {
    const KernelSet& best = net_io::BestKernelSet(features);
    Check((best.needs & features) == best.needs, best, "needs more than there is", features, 0);
    for (size_t i = 0; i < net_io::kKernelSetCount; i++) {
      const KernelSet& set = net_io::kKernelSets[i];
      if (&set > &best) Check((set.needs & features) != set.needs, set, "faster, but not chosen", features, 0);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Expected> expected = ReadExpected(argc > 1 ? argv[1] : "");
  if (expected.empty()) {
    fprintf(stderr, "usage: kernel_harness <file of expected values>\n");
    return 2;
  }
  CheckDispatch();
  std::string names;
  for (size_t i = 0; i < net_io::kKernelSetCount; i++) {
    const KernelSet& set = net_io::kKernelSets[i];
    if ((set.needs & net_io::MachineFeatures()) != set.needs) continue;
    names += std::string(names.empty() ? "" : ", ") + set.name;
    for (const Expected& one : expected) {
      CheckOneShot(set, one);
      CheckPieces(set, one);
      CheckChunks(set, one);
    }
    CheckCounters(set);
    CheckXor(set);
  }
  printf("kernels %s: %zu checks, %zu failed\n", names.c_str(), checks, failures);
  return failures == 0 ? 0 : 1;
}
