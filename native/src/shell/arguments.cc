#include "arguments.h"

#include <math.h>
#include <stdio.h>

namespace net_io {
namespace shell {

void ThrowTypeError(napi_env env, const char* name, const char* wanted) {
  char message[256];
  snprintf(message, sizeof message, "%s %s", name, wanted);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
}

void ThrowRangeError(napi_env env, const char* name, const char* found_and_wanted) {
  char message[256];
  snprintf(message, sizeof message, "%s %s", name, found_and_wanted);
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message);
}

namespace {

constexpr napi_typedarray_type kNoKnownType = napi_bigint64_array;  // Any but napi_uint8_array.

// An empty array is well; one whose memory went away looks just the same and is a mistake of the caller.
bool IsDetached(napi_env env, napi_value array) {
  napi_value array_buffer;
  bool is_detached = false;
  return napi_get_typedarray_info(env, array, nullptr, nullptr, nullptr, &array_buffer, nullptr) == napi_ok &&
         napi_is_detached_arraybuffer(env, array_buffer, &is_detached) == napi_ok && is_detached;
}

}  // namespace

bool TryGetBytes(napi_env env, napi_value value, Bytes* out, napi_value* array_buffer) {
  // Set beforehand: a runtime leaves it as it is for a kind of array that its Node-API does not know (Float16Array).
  napi_typedarray_type type = kNoKnownType;
  size_t size;
  void* data;
  if (napi_get_typedarray_info(env, value, &type, &size, &data, array_buffer, nullptr) != napi_ok ||
      type != napi_uint8_array || (size == 0 && IsDetached(env, value))) {
    return false;
  }
  out->data = size == 0 ? nullptr : static_cast<uint8_t*>(data);
  out->size = size;
  return true;
}

bool GetBytes(napi_env env, napi_value value, const char* name, Bytes* out) {
  if (TryGetBytes(env, value, out)) return true;
  napi_typedarray_type type = kNoKnownType;
  const bool is_bytes =
      napi_get_typedarray_info(env, value, &type, nullptr, nullptr, nullptr, nullptr) == napi_ok &&
      type == napi_uint8_array;
  ThrowTypeError(env, name,
                 is_bytes ? "is detached: its memory was transferred away" : "must be a Uint8Array or Buffer");
  return false;
}

bool GetBytesUpTo(napi_env env, napi_value value, const char* name, size_t max_bytes, Bytes* out) {
  if (!GetBytes(env, value, name, out)) return false;
  if (out->size <= max_bytes) return true;
  char text[96];
  snprintf(text, sizeof text, "has %zu bytes, at most %zu are allowed", out->size, max_bytes);
  ThrowRangeError(env, name, text);
  return false;
}

bool GetInteger(napi_env env, napi_value value, const char* name, double min, double max, uint64_t* out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    ThrowTypeError(env, name, "must be a number");
    return false;
  }
  // Written so that NaN fails it.
  if (!(number >= min && number <= max) || number != floor(number)) {
    // As JavaScript writes it, at most 24 characters; of a number this runs nothing of the caller's.
    char found[32] = "";
    napi_value found_text;
    if (napi_coerce_to_string(env, value, &found_text) == napi_ok) {
      napi_get_value_string_utf8(env, found_text, found, sizeof found, nullptr);
    }
    char text[128];
    snprintf(text, sizeof text, "is %s, a whole number from %.0f to %.0f is wanted", found, min, max);
    ThrowRangeError(env, name, text);
    return false;
  }
  *out = static_cast<uint64_t>(number);
  return true;
}

bool GetFileDescriptor(napi_env env, napi_value value, int* out) {
  uint64_t number;
  if (!GetInteger(env, value, "fd", 0, 2147483647.0, &number)) return false;
  *out = static_cast<int>(number);
  return true;
}

napi_value Undefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

}  // namespace shell
}  // namespace net_io
