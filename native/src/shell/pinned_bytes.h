// Memory of a Uint8Array that a pool thread may touch, whatever JavaScript does to the array meanwhile.
//
// Node-API has no call for this: a reference keeps the JavaScript object alive, but a transfer (postMessage,
// structuredClone, ArrayBuffer.transfer) moves the memory to another object, which may be collected while the
// job still reads. V8 itself counts references to that memory ("backing store"), so we take one of those, by
// looking the one exported C++ function up at load. Where it is not there, or is not what we know, or the
// buffer is resizable (its pages can be taken away under any reference), the bytes are copied instead: slower,
// never unsafe. docs/NATIVE.md weighs this against linking to V8.
#ifndef NET_IO_SHELL_PINNED_BYTES_H_
#define NET_IO_SHELL_PINNED_BYTES_H_

#include <node_api.h>

#include <memory>

#include "arguments.h"

namespace net_io {
namespace shell {

class PinnedBytes {
 public:
  enum Use { kRead, kWrite };

  PinnedBytes() = default;
  PinnedBytes(PinnedBytes&& other) noexcept;
  PinnedBytes& operator=(PinnedBytes&&) = delete;
  // On the JavaScript thread: dropping the last reference to memory may run a finalizer there.
  ~PinnedBytes();

  // Checks `value` as GetBytes does and holds its memory. False with an exception pending.
  bool Pin(napi_env env, napi_value value, const char* name, Use use);
  // The same with what TryGetBytes found.
  bool Hold(napi_env env, napi_value value, const Bytes& bytes, napi_value array_buffer, Use use);
  // Only for kWrite and only when a copy was made: puts the bytes back. False when the array has lost its
  // memory since, which the caller reports.
  bool WriteBack(napi_env env);

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  // Whether memory is held in place on this runtime. Asked once for each environment, before any Pin.
  static bool ProbeRuntime(napi_env env);
  static bool IsHeldInPlace();
  // Test hook: copy although it could be held.
  static void ForceCopies(bool force);

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<void> backing_store_;
  std::unique_ptr<uint8_t[]> copy_;
  napi_env env_ = nullptr;
  napi_ref array_ = nullptr;  // Only with a copy that must be written back.
};

}  // namespace shell
}  // namespace net_io

#endif  // NET_IO_SHELL_PINNED_BYTES_H_
