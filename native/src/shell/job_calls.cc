// Hashing of memory on libuv's pool.
#include <string.h>

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

#include "../blake3/tree.h"
#include "buffer_list.h"
#include "calls.h"
#include "job.h"

namespace net_io {
namespace shell {
namespace {

// Below this the work costs less than waking a pool thread and coming back (about 10 us).
constexpr size_t kMinPoolBytes = 64u << 10;
// What one thread of a job over several takes at a time: a complete subtree, so that only its value is kept.
constexpr size_t kSegmentBytes = 1u << 20;
// More threads than this on one input would leave none of the pool for others.
constexpr unsigned kMaxThreadsPerJob = 8;

unsigned ThreadsFor(size_t bytes) { return bytes < kMinPoolBytes ? 0 : 1; }

// A whole input in one array: its segments are hashed by whoever comes, the last to finish merges them.
class HashJob final : public Job {
 public:
  bool Prepare(napi_env env, napi_value input) {
    pinned_.emplace_back();
    if (!pinned_[0].Pin(env, input, "input", PinnedBytes::kRead)) return false;
    data_ = pinned_[0].data();
    size_ = pinned_[0].size();
    segment_count_ = std::max<size_t>(1, (size_ + kSegmentBytes - 1) / kSegmentBytes);
    segments_left_.store(segment_count_);
    segment_values_.reset(new (std::nothrow) uint8_t[segment_count_ * blake3::kValueBytes]);
    if (segment_values_ != nullptr) return true;
    napi_throw_error(env, "ENOMEM", "no memory for the chaining values");
    return false;
  }

  unsigned Threads() const {
    if (size_ < kMinPoolBytes) return 0;
    // A second thread pays from 2 MiB up: two segments.
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    return static_cast<unsigned>(std::min<size_t>(std::min(cores, kMaxThreadsPerJob), segment_count_));
  }

 private:
  void Run() override {
    const blake3::Mode mode = blake3::HashMode();
    if (segment_count_ == 1) {
      blake3::HashRoot(kernel_, mode, data_, size_, value_, sizeof value_);
      return;
    }
    for (;;) {
      const size_t segment = next_segment_.fetch_add(1);
      if (segment >= segment_count_) return;
      const size_t begin = segment * kSegmentBytes;
      blake3::TreeHasher hasher(kernel_, mode, begin / blake3::kLeafBytes);
      hasher.Update(data_ + begin, std::min(kSegmentBytes, size_ - begin));
      hasher.FinishValue(&segment_values_[segment * blake3::kValueBytes]);
      // One thread alone brings this to zero, and sees the values of all others.
      if (segments_left_.fetch_sub(1) == 1) {
        blake3::RootOfValues(kernel_, mode, segment_values_.get(), segment_count_, value_, sizeof value_);
        is_merged_.store(true);
      }
    }
  }

  bool IsDone() const override { return segment_count_ == 1 || is_merged_.load(); }

  // Apart from pinned_, which is let go while threads that came too late may still look whether there is work.
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t segment_count_ = 0;
  std::atomic<size_t> next_segment_{0};
  std::atomic<size_t> segments_left_{0};
  std::atomic<bool> is_merged_{false};
  std::unique_ptr<uint8_t[]> segment_values_;
};

// One chunk in many buffers, to its chaining value or to the root.
class ChunkJob final : public Job {
 public:
  explicit ChunkJob(bool is_root) : is_root_(is_root) {}

  bool Prepare(napi_env env, napi_value buffers) {
    return PinSpans(env, buffers, is_root_ ? 0 : 1, &pinned_, &spans_, &total_);
  }
  bool SetLeafCounter(napi_env env, napi_value value) { return GetLeafCounter(env, value, total_, &leaf_counter_); }
  size_t total() const { return total_; }

 private:
  void Run() override {
    blake3::TreeHasher hasher(kernel_, blake3::HashMode(), leaf_counter_);
    hasher.Update(spans_.data(), spans_.size());
    if (is_root_) {
      hasher.FinishRoot(value_, sizeof value_);
    } else {
      hasher.FinishValue(value_);
    }
  }

  const bool is_root_;
  uint64_t leaf_counter_ = 0;
  size_t total_ = 0;
  std::vector<blake3::Span> spans_;
};

class RootOfValuesJob final : public Job {
 public:
  // Always copied: at most 2 MiB, and the merge overwrites them.
  bool Prepare(napi_env env, napi_value values) {
    Bytes bytes;
    if (!GetBytes(env, values, "values", &bytes)) return false;
    count_ = bytes.size / blake3::kValueBytes;
    if (bytes.size % blake3::kValueBytes != 0 || count_ < 2 || count_ > kMaxChunkValues) {
      ThrowRangeError(env, "values", "must hold 2 to 65536 chaining values of 32 bytes");
      return false;
    }
    values_.reset(new (std::nothrow) uint8_t[bytes.size]);
    if (values_ == nullptr) {
      napi_throw_error(env, "ENOMEM", "no memory for the chaining values");
      return false;
    }
    memcpy(values_.get(), bytes.data, bytes.size);
    return true;
  }
  size_t size() const { return count_ * blake3::kValueBytes; }

 private:
  void Run() override {
    blake3::RootOfValues(kernel_, blake3::HashMode(), values_.get(), count_, value_, sizeof value_);
  }

  size_t count_ = 0;
  std::unique_ptr<uint8_t[]> values_;
};

// hashAsync(input)
napi_value HashAsync(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<HashJob>();
  if (!job->Prepare(env, arguments[0])) return nullptr;
  const unsigned threads = job->Threads();
  return Job::Start(env, std::move(job), threads);
}

// chunkValue(buffers, leafCounter)
napi_value ChunkValue(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<ChunkJob>(false);
  if (!job->Prepare(env, arguments[0]) || !job->SetLeafCounter(env, arguments[1])) return nullptr;
  const unsigned threads = ThreadsFor(job->total());
  return Job::Start(env, std::move(job), threads);
}

// rootOfOnlyChunk(buffers)
napi_value RootOfOnlyChunk(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<ChunkJob>(true);
  if (!job->Prepare(env, arguments[0])) return nullptr;
  const unsigned threads = ThreadsFor(job->total());
  return Job::Start(env, std::move(job), threads);
}

// rootOfChunkValues(values)
napi_value RootOfChunkValues(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<RootOfValuesJob>();
  if (!job->Prepare(env, arguments[0])) return nullptr;
  const unsigned threads = ThreadsFor(job->size());
  return Job::Start(env, std::move(job), threads);
}

}  // namespace

bool ExportJobCalls(napi_env env, napi_value exports) {
  return ExportFunctions(env, exports,
                         {{"hashAsync", HashAsync},
                          {"chunkValue", ChunkValue},
                          {"rootOfOnlyChunk", RootOfOnlyChunk},
                          {"rootOfChunkValues", RootOfChunkValues}});
}

}  // namespace shell
}  // namespace net_io
