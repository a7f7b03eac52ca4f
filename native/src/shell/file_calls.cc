// Jobs that read or write a file and hash what passes, a piece at a time while it is in the cache.
#include <string.h>
#include <uv.h>

#include <algorithm>
#include <new>
#include <utility>

#include "../blake3/tree.h"
#include "../file_io.h"
#include "../xor_stream/xor_stream.h"
#include "buffer_list.h"
#include "calls.h"
#include "job.h"

namespace net_io {
namespace shell {
namespace {

// Small enough to stay in a core's second-level cache between the system call and the hash, large enough that
// the system call's own cost (about 1 us) does not show.
constexpr size_t kPieceBytes = 256u << 10;

class FileJob : public Job {
 protected:
  void Fail(const char* operation, const IoResult& result, uint64_t piece_offset, uint64_t wanted) {
    failure_.error = result.error;
    failure_.operation = operation;
    failure_.offset = piece_offset;
    failure_.bytes = result.bytes;
    failure_.wanted = wanted;
  }

  int fd_ = -1;
  uint64_t offset_ = 0;
  size_t length_ = 0;
  uint64_t leaf_counter_ = 0;

 public:
  // The arguments every file job has, `offset` and the chunk's length known.
  bool SetFile(napi_env env, napi_value fd, napi_value offset) {
    return GetFileDescriptor(env, fd, &fd_) && GetInteger(env, offset, "offset", 0, kMaxSafeInteger, &offset_);
  }
  bool SetLength(napi_env env, napi_value length) {
    uint64_t bytes;
    if (!GetInteger(env, length, "length", 1, static_cast<double>(kMaxChunkBytes), &bytes)) return false;
    length_ = static_cast<size_t>(bytes);
    return true;
  }
  bool SetLeafCounter(napi_env env, napi_value value) { return GetLeafCounter(env, value, length_, &leaf_counter_); }
};

// Into the caller's buffer, or through a piece of our own that is overwritten again and again.
class ReadJob final : public FileJob {
 public:
  bool SetBuffer(napi_env env, napi_value buffer) {
    Bytes bytes;
    napi_value array_buffer;
    if (!TryGetBytes(env, buffer, &bytes, &array_buffer)) return GetBytes(env, buffer, "buffer", &bytes);  // Throws.
    if (bytes.size < length_) {
      ThrowRangeError(env, "length", "is larger than buffer");
      return false;
    }
    // What lies behind stays the caller's, who may write there meanwhile: a copy goes back as a whole.
    bytes.size = length_;
    pinned_.emplace_back();
    return pinned_[0].Hold(env, buffer, bytes, array_buffer, PinnedBytes::kWrite);
  }
  // What is read is obfuscated in the buffer once it was hashed.
  bool SetKey(napi_env env, napi_value key, napi_value stream_offset) {
    Bytes bytes;
    if (!GetBytesUpTo(env, key, "key", xor_stream::kMaxKeyBytes, &bytes)) return false;
    if (bytes.size == 0) {
      ThrowRangeError(env, "key", "must have at least one byte");
      return false;
    }
    key_.assign(bytes.data, bytes.data + bytes.size);
    return GetInteger(env, stream_offset, "streamOffset", 0, kMaxSafeInteger, &stream_offset_);
  }

 private:
  void Run() override {
    uint8_t* target = pinned_.empty() ? nullptr : pinned_[0].data();
    std::unique_ptr<uint8_t[]> own;
    if (target == nullptr) {
      own.reset(new (std::nothrow) uint8_t[std::min(kPieceBytes, length_)]);
      if (own == nullptr) return Fail("read", {UV_ENOMEM, 0}, offset_, length_);
    }
    blake3::TreeHasher hasher(kernel_, blake3::HashMode(), leaf_counter_);
    for (size_t done = 0; done < length_;) {
      const size_t now = std::min(kPieceBytes, length_ - done);
      uint8_t* piece = own != nullptr ? own.get() : target + done;
      IoResult result = ReadAt(fd_, piece, now, offset_ + done);
      if (result.error != 0) {
        result.bytes += done;
        return Fail("read", result, offset_, length_);
      }
      hasher.Update(piece, now);
      if (!key_.empty()) {
        xor_stream::XorStream(xor_kernel_, piece, piece, now, key_.data(), key_.size(), stream_offset_ + done);
      }
      done += now;
    }
    hasher.FinishValue(value_);
  }

  // Empty: what is read stays as it is.
  std::vector<uint8_t> key_;
  uint64_t stream_offset_ = 0;
  // Chosen with the hash's on the JavaScript thread.
  const xor_stream::Kernel xor_kernel_ = ActiveKernelSet().xor_stream;
};

class WriteJob final : public FileJob {
 public:
  bool SetBuffers(napi_env env, napi_value buffers) { return PinSpans(env, buffers, 1, &pinned_, &spans_, &length_); }
  // Where the value is written once all bytes are.
  bool SetRecord(napi_env env, napi_value values_fd, napi_value value_offset) {
    return GetFileDescriptor(env, values_fd, &values_fd_) &&
           GetInteger(env, value_offset, "valueOffset", 0, kMaxSafeInteger, &value_offset_);
  }
  // Bytes of another value leave the record as it is. `undefined`: whatever they are.
  bool SetExpectedValue(napi_env env, napi_value value) {
    napi_valuetype type = napi_undefined;
    napi_typeof(env, value, &type);
    if (type == napi_undefined) return true;
    Bytes bytes;
    if (!GetBytes(env, value, "expectedValue", &bytes)) return false;
    if (bytes.size != sizeof(value_)) {
      ThrowRangeError(env, "expectedValue", "must have 32 bytes");
      return false;
    }
    expected_value_.assign(bytes.data, bytes.data + bytes.size);
    return true;
  }

 private:
  void Run() override {
    blake3::TreeHasher hasher(kernel_, blake3::HashMode(), leaf_counter_);
    std::vector<blake3::Span> piece;
    uint64_t written = 0;
    size_t piece_bytes = 0;
    for (size_t i = 0; i < spans_.size(); i++) {
      for (size_t taken = 0; taken < spans_[i].size;) {
        const size_t now = std::min(kPieceBytes - piece_bytes, spans_[i].size - taken);
        piece.push_back({spans_[i].data + taken, now});
        piece_bytes += now;
        taken += now;
        const bool is_last = i + 1 == spans_.size() && taken == spans_[i].size;
        if (piece_bytes < kPieceBytes && !is_last) continue;
        IoResult result = WriteAt(fd_, piece.data(), piece.size(), offset_ + written);
        if (result.error != 0) {
          result.bytes += written;
          return Fail("write", result, offset_, length_);
        }
        hasher.Update(piece.data(), piece.size());
        written += piece_bytes;
        piece_bytes = 0;
        piece.clear();
      }
    }
    hasher.FinishValue(value_);
    if (values_fd_ < 0) return;
    if (!expected_value_.empty() && memcmp(expected_value_.data(), value_, sizeof(value_)) != 0) return;
    const blake3::Span value = {value_, sizeof(value_)};
    const IoResult result = WriteAt(values_fd_, &value, 1, value_offset_);
    if (result.error != 0) Fail("write", result, value_offset_, sizeof(value_));
  }

  std::vector<blake3::Span> spans_;
  int values_fd_ = -1;
  uint64_t value_offset_ = 0;
  // Empty: any value is recorded.
  std::vector<uint8_t> expected_value_;
};

// readAndVerify(fd, buffer, offset, length, leafCounter)
napi_value ReadAndVerify(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<ReadJob>();
  if (!job->SetFile(env, arguments[0], arguments[2]) || !job->SetLength(env, arguments[3]) ||
      !job->SetLeafCounter(env, arguments[4]) || !job->SetBuffer(env, arguments[1])) {
    return nullptr;
  }
  return Job::Start(env, std::move(job), 1);
}

// readVerifyAndHide(fd, buffer, offset, length, leafCounter, key, streamOffset)
napi_value ReadVerifyAndHide(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<ReadJob>();
  if (!job->SetFile(env, arguments[0], arguments[2]) || !job->SetLength(env, arguments[3]) ||
      !job->SetLeafCounter(env, arguments[4]) || !job->SetKey(env, arguments[5], arguments[6]) ||
      !job->SetBuffer(env, arguments[1])) {
    return nullptr;
  }
  return Job::Start(env, std::move(job), 1);
}

// hashFileRange(fd, offset, length, leafCounter)
napi_value HashFileRange(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<ReadJob>();
  if (!job->SetFile(env, arguments[0], arguments[1]) || !job->SetLength(env, arguments[2]) ||
      !job->SetLeafCounter(env, arguments[3])) {
    return nullptr;
  }
  return Job::Start(env, std::move(job), 1);
}

// writeAndHash(fd, buffers, offset, leafCounter)
napi_value WriteAndHash(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<WriteJob>();
  if (!job->SetFile(env, arguments[0], arguments[2]) || !job->SetBuffers(env, arguments[1]) ||
      !job->SetLeafCounter(env, arguments[3])) {
    return nullptr;
  }
  return Job::Start(env, std::move(job), 1);
}

// writeHashAndRecord(fd, buffers, offset, leafCounter, valuesFd, valueOffset, expectedValue?)
napi_value WriteHashAndRecord(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  ReadArguments(env, info, arguments);
  auto job = std::make_unique<WriteJob>();
  if (!job->SetFile(env, arguments[0], arguments[2]) || !job->SetBuffers(env, arguments[1]) ||
      !job->SetLeafCounter(env, arguments[3]) || !job->SetRecord(env, arguments[4], arguments[5]) ||
      !job->SetExpectedValue(env, arguments[6])) {
    return nullptr;
  }
  return Job::Start(env, std::move(job), 1);
}

// lockFile(fd): whether the lock was taken.
napi_value LockFile(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  ReadArguments(env, info, arguments);
  int fd;
  if (!GetFileDescriptor(env, arguments[0], &fd)) return nullptr;
  int error = 0;
  const LockOutcome outcome = LockExclusively(fd, &error);
  if (outcome == LockOutcome::kFailed) {
    napi_throw_error(env, uv_err_name(error), uv_strerror(error));
    return nullptr;
  }
  napi_value taken = nullptr;
  napi_get_boolean(env, outcome == LockOutcome::kTaken, &taken);
  return taken;
}

}  // namespace

bool ExportFileCalls(napi_env env, napi_value exports) {
  return ExportFunctions(env, exports,
                         {{"readAndVerify", ReadAndVerify},
                          {"readVerifyAndHide", ReadVerifyAndHide},
                          {"hashFileRange", HashFileRange},
                          {"writeAndHash", WriteAndHash},
                          {"writeHashAndRecord", WriteHashAndRecord},
                          {"lockFile", LockFile}});
}

}  // namespace shell
}  // namespace net_io
