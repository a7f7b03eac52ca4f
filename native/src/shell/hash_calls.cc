// Hashing on the calling thread. The caller brings the array the result is written to: a Buffer from Node's
// pool costs JavaScript 30 ns, one made here ten times that.
#include <new>

#include "../blake3/tree.h"
#include "../kernels.h"
#include "buffer_list.h"
#include "calls.h"

namespace net_io {
namespace shell {
namespace {

bool GetOutput(napi_env env, napi_value value, Bytes* out) {
  return GetBytesUpTo(env, value, "output", kMaxOutputBytes, out);
}

bool GetKey(napi_env env, napi_value value, Bytes* out) {
  if (!GetBytes(env, value, "key", out)) return false;
  if (out->size == blake3::kValueBytes) return true;
  ThrowRangeError(env, "key", "must have 32 bytes");
  return false;
}

// hash(input, output)
napi_value Hash(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  ReadArguments(env, info, arguments);
  Bytes input, output;
  if (!GetBytesUpTo(env, arguments[0], "input", kMaxSyncHashBytes, &input)) return nullptr;
  if (!GetOutput(env, arguments[1], &output)) return nullptr;
  blake3::HashRoot(*ActiveKernelSet().blake3, blake3::HashMode(), input.data, input.size, output.data, output.size);
  return nullptr;
}

// keyedHash(key, input, output)
napi_value KeyedHash(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  ReadArguments(env, info, arguments);
  Bytes key, input, output;
  if (!GetKey(env, arguments[0], &key)) return nullptr;
  if (!GetBytesUpTo(env, arguments[1], "input", kMaxSyncHashBytes, &input)) return nullptr;
  if (!GetOutput(env, arguments[2], &output)) return nullptr;
  blake3::HashRoot(*ActiveKernelSet().blake3, blake3::KeyedMode(key.data), input.data, input.size, output.data,
                   output.size);
  return nullptr;
}

// deriveKey(contextUtf8, keyMaterial, output)
napi_value DeriveKey(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  ReadArguments(env, info, arguments);
  Bytes context, material, output;
  if (!GetBytesUpTo(env, arguments[0], "context", kMaxContextBytes, &context)) return nullptr;
  if (!GetBytesUpTo(env, arguments[1], "keyMaterial", kMaxSyncHashBytes, &material)) return nullptr;
  if (!GetOutput(env, arguments[2], &output)) return nullptr;
  const blake3::Kernel& kernel = *ActiveKernelSet().blake3;
  blake3::HashRoot(kernel, blake3::DeriveKeyMode(kernel, context.data, context.size), material.data, material.size,
                   output.data, output.size);
  return nullptr;
}

// chunkValueSync(buffers, leafCounter, output)
napi_value ChunkValueSync(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  ReadArguments(env, info, arguments);
  std::vector<blake3::Span> spans;
  size_t total;
  if (!GetSpans(env, arguments[0], 1, kMaxSyncListBytes, &spans, &total)) return nullptr;
  uint64_t leaf_counter;
  Bytes output;
  if (!GetLeafCounter(env, arguments[1], total, &leaf_counter)) return nullptr;
  if (!GetOutput(env, arguments[2], &output)) return nullptr;
  if (output.size != blake3::kValueBytes) {
    ThrowRangeError(env, "output", "must have 32 bytes");
    return nullptr;
  }
  blake3::TreeHasher hasher(*ActiveKernelSet().blake3, blake3::HashMode(), leaf_counter);
  hasher.Update(spans.data(), spans.size());
  hasher.FinishValue(output.data);
  return nullptr;
}

// new Hasher(mode, keyOrContext): mode 0 hash, 1 keyed hash, 2 key derivation.
napi_value NewHasher(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], self, target;
  napi_get_cb_info(env, info, &count, arguments, &self, nullptr);
  if (napi_get_new_target(env, info, &target) != napi_ok || target == nullptr) {
    ThrowTypeError(env, "Hasher", "must be called with new");
    return nullptr;
  }
  const blake3::Kernel& kernel = *ActiveKernelSet().blake3;
  uint64_t mode_number;
  if (!GetInteger(env, arguments[0], "mode", 0, 2, &mode_number)) return nullptr;
  blake3::Mode mode = blake3::HashMode();
  Bytes bytes;
  if (mode_number == 1) {
    if (!GetKey(env, arguments[1], &bytes)) return nullptr;
    mode = blake3::KeyedMode(bytes.data);
  } else if (mode_number == 2) {
    if (!GetBytesUpTo(env, arguments[1], "context", kMaxContextBytes, &bytes)) return nullptr;
    mode = blake3::DeriveKeyMode(kernel, bytes.data, bytes.size);
  }
  auto* hasher = new (std::nothrow) blake3::TreeHasher(kernel, mode, 0);
  if (hasher == nullptr) {
    napi_throw_error(env, "ENOMEM", "no memory for a hasher");
    return nullptr;
  }
  const auto free_hasher = [](napi_env, void* data, void*) { delete static_cast<blake3::TreeHasher*>(data); };
  if (napi_wrap(env, self, hasher, free_hasher, nullptr, nullptr) != napi_ok) {
    delete hasher;
    napi_throw_error(env, nullptr, "the hasher could not be bound to its object");
    return nullptr;
  }
  return self;
}

blake3::TreeHasher* Unwrap(napi_env env, napi_value self) {
  void* hasher = nullptr;
  if (napi_unwrap(env, self, &hasher) == napi_ok) return static_cast<blake3::TreeHasher*>(hasher);
  ThrowTypeError(env, "this", "must be a Hasher");
  return nullptr;
}

// update(input)
napi_value UpdateHasher(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1], self;
  napi_get_cb_info(env, info, &count, arguments, &self, nullptr);
  blake3::TreeHasher* hasher = Unwrap(env, self);
  Bytes input;
  if (hasher == nullptr || !GetBytesUpTo(env, arguments[0], "input", kMaxSyncHashBytes, &input)) return nullptr;
  hasher->Update(input.data, input.size);
  return nullptr;
}

// digest(output)
napi_value DigestHasher(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1], self;
  napi_get_cb_info(env, info, &count, arguments, &self, nullptr);
  const blake3::TreeHasher* hasher = Unwrap(env, self);
  Bytes output;
  if (hasher == nullptr || !GetOutput(env, arguments[0], &output)) return nullptr;
  hasher->FinishRoot(output.data, output.size);
  return nullptr;
}

}  // namespace

bool ExportHashCalls(napi_env env, napi_value exports) {
  return ExportFunctions(env, exports,
                         {{"hash", Hash},
                          {"keyedHash", KeyedHash},
                          {"deriveKey", DeriveKey},
                          {"chunkValueSync", ChunkValueSync}});
}

bool ExportHasherClass(napi_env env, napi_value exports) {
  // Methods of a class made this way check by themselves that `this` is an instance of it.
  const napi_property_descriptor methods[] = {
      {"update", nullptr, UpdateHasher, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"digest", nullptr, DigestHasher, nullptr, nullptr, nullptr, napi_default_method, nullptr},
  };
  napi_value constructor;
  return napi_define_class(env, "Hasher", NAPI_AUTO_LENGTH, NewHasher, nullptr, 2, methods, &constructor) == napi_ok &&
         napi_set_named_property(env, exports, "Hasher", constructor) == napi_ok;
}

}  // namespace shell
}  // namespace net_io
