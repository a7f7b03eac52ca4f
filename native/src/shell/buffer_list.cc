#include "buffer_list.h"

#include <inttypes.h>
#include <stdio.h>

#include <utility>

#include "calls.h"

namespace net_io {
namespace shell {
namespace {

bool CheckTotal(napi_env env, uint64_t total, size_t min_bytes, size_t max_bytes) {
  if (total >= min_bytes && total <= max_bytes) return true;
  char text[96];
  snprintf(text, sizeof text, "hold %" PRIu64 " bytes, %zu to %zu are wanted", total, min_bytes, max_bytes);
  ThrowRangeError(env, "buffers", text);
  return false;
}

// Throws what is wrong with an element, by its index. Names are made only then: there may be thousands of elements.
bool ThrowBadElement(napi_env env, napi_value element, size_t index) {
  char name[32];
  snprintf(name, sizeof name, "buffers[%zu]", index);
  Bytes bytes;
  return GetBytes(env, element, name, &bytes);
}

}  // namespace

bool GetElements(napi_env env, napi_value list, std::vector<napi_value>* out) {
  bool is_array = false;
  if (napi_is_array(env, list, &is_array) != napi_ok || !is_array) {
    ThrowTypeError(env, "buffers", "must be an array of Uint8Arrays");
    return false;
  }
  uint32_t count = 0;
  if (napi_get_array_length(env, list, &count) != napi_ok) return false;
  if (count > kMaxBuffers) {
    char text[96];
    snprintf(text, sizeof text, "has %u elements, at most %u are allowed", count, kMaxBuffers);
    ThrowRangeError(env, "buffers", text);
    return false;
  }
  out->resize(count);
  for (uint32_t i = 0; i < count; i++) {
    if (napi_get_element(env, list, i, &(*out)[i]) != napi_ok) {
      bool is_pending = false;
      napi_is_exception_pending(env, &is_pending);
      if (!is_pending) ThrowTypeError(env, "buffers", "has an element that cannot be read");
      return false;
    }
  }
  return true;
}

// Both go on to the end of a list that holds too much, with nothing taken of it any more: the refusal names the sum.
// It cannot wrap, though elements may be one huge array many times over: 16,384 times all that a process can address is
// less than 2^64.
bool GetSpans(napi_env env, napi_value list, size_t min_bytes, size_t max_bytes, std::vector<blake3::Span>* spans,
              size_t* total) {
  std::vector<napi_value> elements;
  if (!GetElements(env, list, &elements)) return false;
  spans->reserve(elements.size());
  uint64_t sum = 0;
  for (size_t i = 0; i < elements.size(); i++) {
    Bytes bytes;
    if (!TryGetBytes(env, elements[i], &bytes)) return ThrowBadElement(env, elements[i], i);
    sum += bytes.size;
    if (bytes.size > 0 && sum <= max_bytes) spans->push_back({bytes.data, bytes.size});
  }
  *total = static_cast<size_t>(sum);
  return CheckTotal(env, sum, min_bytes, max_bytes);
}

bool PinSpans(napi_env env, napi_value list, size_t min_bytes, std::vector<PinnedBytes>* pinned,
              std::vector<blake3::Span>* spans, size_t* total) {
  std::vector<napi_value> elements;
  if (!GetElements(env, list, &elements)) return false;
  spans->reserve(elements.size());
  pinned->reserve(elements.size());
  uint64_t sum = 0;
  for (size_t i = 0; i < elements.size(); i++) {
    // The size is known before the memory is held, which may mean copying it.
    Bytes bytes;
    napi_value array_buffer;
    if (!TryGetBytes(env, elements[i], &bytes, &array_buffer)) return ThrowBadElement(env, elements[i], i);
    sum += bytes.size;
    if (bytes.size == 0 || sum > kMaxChunkBytes) continue;
    PinnedBytes held;
    if (!held.Hold(env, elements[i], bytes, array_buffer, PinnedBytes::kRead)) return false;
    spans->push_back({held.data(), held.size()});
    pinned->push_back(std::move(held));
  }
  *total = static_cast<size_t>(sum);
  return CheckTotal(env, sum, min_bytes, kMaxChunkBytes);
}

bool GetLeafCounter(napi_env env, napi_value value, size_t size, uint64_t* out) {
  if (!GetInteger(env, value, "leafCounter", 0, kMaxSafeInteger, out)) return false;
  const size_t leaves = (size + blake3::kLeafBytes - 1) / blake3::kLeafBytes;
  uint64_t span = 1;
  while (span < leaves) span *= 2;
  if (*out % span == 0) return true;
  char text[128];
  snprintf(text, sizeof text, "is %" PRIu64 ", a multiple of %" PRIu64 " is wanted for %zu leaves", *out, span, leaves);
  ThrowRangeError(env, "leafCounter", text);
  return false;
}

}  // namespace shell
}  // namespace net_io
