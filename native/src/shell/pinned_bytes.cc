#include "pinned_bytes.h"

#include <string.h>

#include <atomic>
#include <new>
#include <utility>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace net_io {
namespace shell {
namespace {

// std::shared_ptr<v8::BackingStore> v8::ArrayBuffer::GetBackingStore(). A member function takes its object as
// first argument, and the object is what a napi_value points to (js_native_api_v8.h: a napi_value is the bits of
// a v8::Local). A shared_ptr is laid out alike for every type it points to, and frees what it holds through the
// control block, which the runtime made.
using GetBackingStore = std::shared_ptr<void> (*)(napi_value array_buffer);
// void* v8::BackingStore::Data() const; bool v8::BackingStore::IsResizableByUserJavaScript() const
using BackingStoreData = void* (*)(const void* store);
using BackingStoreIsResizable = bool (*)(const void* store);

struct Runtime {
  GetBackingStore get;
  BackingStoreData data;
  BackingStoreIsResizable is_resizable;
};

#if !defined(_WIN32)
void* Find(const char* symbol) { return dlsym(RTLD_DEFAULT, symbol); }
#else
void* Find(const char*) { return nullptr; }
#endif

Runtime FindRuntime() {
  // A function that *takes* such a shared_ptr has its library's name in its own: proof that Node was built with
  // the C++ library this file is compiled with, and that the layouts agree.
#if defined(_LIBCPP_VERSION)
  const char* proof = "_ZN2v811ArrayBuffer3NewEPNS_7IsolateENSt3__110shared_ptrINS_12BackingStoreEEE";
#else
  const char* proof = "_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE";
#endif
  if (Find(proof) == nullptr) return {};
  return {reinterpret_cast<GetBackingStore>(Find("_ZN2v811ArrayBuffer15GetBackingStoreEv")),
          reinterpret_cast<BackingStoreData>(Find("_ZNK2v812BackingStore4DataEv")),
          reinterpret_cast<BackingStoreIsResizable>(Find("_ZNK2v812BackingStore27IsResizableByUserJavaScriptEv"))};
}

const Runtime& TheRuntime() {
  static const Runtime runtime = FindRuntime();
  return runtime;
}

enum Verdict { kUnknown, kHeld, kCopied };
std::atomic<int> verdict{kUnknown};
std::atomic<bool> copies_forced{false};

// Whether it works, tried out: the store of a fresh buffer must be the memory Node-API names, shared with the
// buffer, and not resizable.
bool HoldsInPractice(napi_env env, const Runtime& runtime) {
  if (runtime.get == nullptr || runtime.data == nullptr || runtime.is_resizable == nullptr) return false;
  napi_value buffer;
  void* memory = nullptr;
  if (napi_create_arraybuffer(env, 64, &memory, &buffer) != napi_ok || memory == nullptr) return false;
  const std::shared_ptr<void> store = runtime.get(buffer);
  return store != nullptr && store.use_count() >= 2 && store.use_count() < 16 &&
         runtime.data(store.get()) == memory && !runtime.is_resizable(store.get());
}

}  // namespace

PinnedBytes::PinnedBytes(PinnedBytes&& other) noexcept
    : data_(other.data_),
      size_(other.size_),
      backing_store_(std::move(other.backing_store_)),
      copy_(std::move(other.copy_)),
      env_(other.env_),
      array_(other.array_) {
  other.array_ = nullptr;
}

PinnedBytes::~PinnedBytes() {
  if (array_ != nullptr) napi_delete_reference(env_, array_);
}

bool PinnedBytes::ProbeRuntime(napi_env env) {
  if (verdict.load() == kUnknown) {
    napi_handle_scope scope;
    napi_open_handle_scope(env, &scope);
    verdict.store(HoldsInPractice(env, TheRuntime()) ? kHeld : kCopied);
    napi_close_handle_scope(env, scope);
  }
  return IsHeldInPlace();
}

bool PinnedBytes::IsHeldInPlace() { return verdict.load() == kHeld && !copies_forced.load(); }

void PinnedBytes::ForceCopies(bool force) { copies_forced.store(force); }

bool PinnedBytes::Pin(napi_env env, napi_value value, const char* name, Use use) {
  Bytes bytes;
  napi_value array_buffer;
  if (TryGetBytes(env, value, &bytes, &array_buffer)) return Hold(env, value, bytes, array_buffer, use);
  return GetBytes(env, value, name, &bytes);  // Throws.
}

bool PinnedBytes::Hold(napi_env env, napi_value value, const Bytes& bytes, napi_value array_buffer, Use use) {
  data_ = bytes.data;
  size_ = bytes.size;
  if (size_ == 0) return true;
  if (IsHeldInPlace()) {
    backing_store_ = TheRuntime().get(array_buffer);
    if (backing_store_ != nullptr && !TheRuntime().is_resizable(backing_store_.get())) return true;
    backing_store_.reset();
  }
  copy_.reset(new (std::nothrow) uint8_t[size_]);
  if (copy_ == nullptr) {
    napi_throw_error(env, "ENOMEM", "no memory to copy a buffer into");
    return false;
  }
  // Also for a job that writes: what it leaves alone goes back as it was.
  memcpy(copy_.get(), data_, size_);
  if (use == kWrite && napi_create_reference(env, value, 1, &array_) != napi_ok) {
    napi_throw_error(env, nullptr, "no reference to the buffer could be made");
    return false;
  }
  env_ = env;
  data_ = copy_.get();
  return true;
}

bool PinnedBytes::WriteBack(napi_env env) {
  if (array_ == nullptr) return true;
  napi_value array;
  void* memory = nullptr;
  size_t size = 0;
  const bool found = napi_get_reference_value(env, array_, &array) == napi_ok && array != nullptr &&
                     napi_get_typedarray_info(env, array, nullptr, &size, &memory, nullptr, nullptr) == napi_ok;
  napi_delete_reference(env, array_);
  array_ = nullptr;
  if (!found || size < size_) return false;
  memcpy(memory, copy_.get(), size_);
  return true;
}

}  // namespace shell
}  // namespace net_io
