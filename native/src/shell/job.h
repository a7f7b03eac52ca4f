// Work on libuv's pool behind one Promise.
#ifndef NET_IO_SHELL_JOB_H_
#define NET_IO_SHELL_JOB_H_

#include <node_api.h>
#include <stdint.h>

#include <atomic>
#include <memory>
#include <vector>

#include "../blake3/kernel.h"
#include "../kernels.h"
#include "pinned_bytes.h"

namespace net_io {
namespace shell {

class Job {
 public:
  Job();
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Starts the job on up to `threads` pool threads and returns the promise of its 32-byte value; with 0 threads
  // runs it here and now, for inputs so small that a trip to the pool costs more than the work.
  static napi_value Start(napi_env env, std::unique_ptr<Job> job, unsigned threads);

 protected:
  // On a pool thread, or on several at once when Start was told so. No Node-API in here.
  virtual void Run() = 0;
  // Whether the whole job is done: true after Run unless other threads still work on parts of it.
  virtual bool IsDone() const { return true; }

  // Why there is no value: a libuv error number or kShortRead (file_io.h), and at which byte of the file.
  struct Failure {
    int error = 0;
    const char* operation = "";
    uint64_t offset = 0;
    uint64_t bytes = 0;
    uint64_t wanted = 0;
  };

  const blake3::Kernel& kernel_;
  std::vector<PinnedBytes> pinned_;
  uint8_t value_[blake3::kValueBytes];
  Failure failure_;

 private:
  // One per pool thread asked for.
  struct Worker {
    Job* job;
    napi_async_work work;
  };

  static void Execute(napi_env env, void* worker);
  static void Complete(napi_env env, napi_status status, void* worker);
  void Settle(napi_env env, napi_status status);

  napi_deferred deferred_ = nullptr;  // Null once settled.
  unsigned workers_left_ = 0;         // JavaScript thread only.
};

}  // namespace shell
}  // namespace net_io

#endif  // NET_IO_SHELL_JOB_H_
