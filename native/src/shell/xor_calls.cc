// The XOR stream. Obfuscation, not encryption.
#include "../xor_stream/xor_stream.h"

#include "../kernels.h"
#include "calls.h"

namespace net_io {
namespace shell {
namespace {

bool GetKeyAndOffset(napi_env env, napi_value key, napi_value stream_offset, Bytes* key_bytes, uint64_t* offset) {
  if (!GetBytesUpTo(env, key, "key", xor_stream::kMaxKeyBytes, key_bytes)) return false;
  if (key_bytes->size == 0) {
    ThrowRangeError(env, "key", "must have at least one byte");
    return false;
  }
  return GetInteger(env, stream_offset, "streamOffset", 0, kMaxSafeInteger, offset);
}

// Whether the two share some bytes without being the same ones; the stream would then read what it has written.
bool OverlapInPart(const uint8_t* source, const uint8_t* target, size_t size) {
  const uintptr_t a = reinterpret_cast<uintptr_t>(source);
  const uintptr_t b = reinterpret_cast<uintptr_t>(target);
  return a != b && a < b + size && b < a + size;
}

// xorInPlace(buffer, key, streamOffset)
napi_value XorInPlace(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  ReadArguments(env, info, arguments);
  Bytes buffer, key;
  uint64_t offset;
  if (!GetBytesUpTo(env, arguments[0], "buffer", kMaxSyncXorBytes, &buffer)) return nullptr;
  if (!GetKeyAndOffset(env, arguments[1], arguments[2], &key, &offset)) return nullptr;
  xor_stream::XorStream(ActiveKernelSet().xor_stream, buffer.data, buffer.data, buffer.size, key.data, key.size,
                        offset);
  return nullptr;
}

// xorCopy(source, target, key, streamOffset)
napi_value XorCopy(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  ReadArguments(env, info, arguments);
  Bytes source, target, key;
  uint64_t offset;
  if (!GetBytesUpTo(env, arguments[0], "source", kMaxSyncXorBytes, &source)) return nullptr;
  if (!GetBytes(env, arguments[1], "target", &target)) return nullptr;
  if (!GetKeyAndOffset(env, arguments[2], arguments[3], &key, &offset)) return nullptr;
  if (target.size < source.size) {
    ThrowRangeError(env, "target", "is shorter than source");
    return nullptr;
  }
  if (OverlapInPart(source.data, target.data, source.size)) {
    ThrowRangeError(env, "target", "overlaps source in part");
    return nullptr;
  }
  xor_stream::XorStream(ActiveKernelSet().xor_stream, source.data, target.data, source.size, key.data, key.size,
                        offset);
  return nullptr;
}

}  // namespace

bool ExportXorCalls(napi_env env, napi_value exports) {
  return ExportFunctions(env, exports, {{"xorInPlace", XorInPlace}, {"xorCopy", XorCopy}});
}

}  // namespace shell
}  // namespace net_io
