// Argument checks. Every function exported to JavaScript reads its arguments through these and nothing below
// the shell checks them again. Each returns false with a JavaScript exception pending that names the argument.
#ifndef NET_IO_SHELL_ARGUMENTS_H_
#define NET_IO_SHELL_ARGUMENTS_H_

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

namespace net_io {
namespace shell {

// The memory of a Uint8Array while nothing but this call runs on its thread.
struct Bytes {
  uint8_t* data;
  size_t size;
};

constexpr double kMaxSafeInteger = 9007199254740991.0;  // 2^53 - 1

// The call's arguments; missing ones are `undefined`.
template <size_t kCount>
inline void ReadArguments(napi_env env, napi_callback_info info, napi_value (&arguments)[kCount]) {
  size_t count = kCount;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
}

// Reads without throwing; what is wrong is left for GetBytes to say.
bool TryGetBytes(napi_env env, napi_value value, Bytes* out, napi_value* array_buffer = nullptr);
bool GetBytes(napi_env env, napi_value value, const char* name, Bytes* out);
// The same, refusing more than `max_bytes` (RangeError).
bool GetBytesUpTo(napi_env env, napi_value value, const char* name, size_t max_bytes, Bytes* out);
// A whole number from `min` to `max` inclusive.
bool GetInteger(napi_env env, napi_value value, const char* name, double min, double max, uint64_t* out);
bool GetFileDescriptor(napi_env env, napi_value value, int* out);

void ThrowTypeError(napi_env env, const char* name, const char* wanted);
void ThrowRangeError(napi_env env, const char* name, const char* found_and_wanted);

napi_value Undefined(napi_env env);

}  // namespace shell
}  // namespace net_io

#endif  // NET_IO_SHELL_ARGUMENTS_H_
