#include "job.h"

#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

#include <new>

#include "../file_io.h"
#include "arguments.h"

namespace net_io {
namespace shell {
namespace {

// With no error where not even one can be made: a job that failed never resolves, and no promise is left pending.
void Reject(napi_env env, napi_deferred deferred, const char* code, const char* message) {
  napi_value ignored;
  napi_get_and_clear_last_exception(env, &ignored);  // With one pending nothing can be rejected.
  napi_value code_value, text, error;
  if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) != napi_ok ||
      napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) != napi_ok ||
      napi_create_error(env, code_value, text, &error) != napi_ok) {
    error = Undefined(env);
  }
  napi_reject_deferred(env, deferred, error);
}

}  // namespace

Job::Job() : kernel_(*ActiveKernelSet().blake3) {}

napi_value Job::Start(napi_env env, std::unique_ptr<Job> job, unsigned threads) {
  napi_value promise;
  if (napi_create_promise(env, &job->deferred_, &promise) != napi_ok) return nullptr;
  if (threads == 0) {
    job->Run();
    job->Settle(env, napi_ok);
    return promise;
  }
  napi_value name = nullptr;
  napi_create_string_utf8(env, "net_io", NAPI_AUTO_LENGTH, &name);
  Job* shared = job.release();  // Owned by its workers from here on; the last one frees it.
  for (unsigned i = 0; i < threads; i++) {
    Worker* worker = new (std::nothrow) Worker{shared, nullptr};
    if (worker != nullptr &&
        napi_create_async_work(env, nullptr, name, Execute, Complete, worker, &worker->work) == napi_ok) {
      if (napi_queue_async_work(env, worker->work) == napi_ok) {
        shared->workers_left_++;
        continue;
      }
      napi_delete_async_work(env, worker->work);
    }
    delete worker;
    break;
  }
  if (shared->workers_left_ == 0) {
    shared->Settle(env, napi_generic_failure);
    delete shared;
  }
  return promise;
}

void Job::Execute(napi_env, void* data) { static_cast<Worker*>(data)->job->Run(); }

// The worker that finished the last part may not be the first to come back here, and workers that found nothing
// left to do may still be waiting for a pool thread: the promise waits for the parts, the memory for the workers.
void Job::Complete(napi_env env, napi_status status, void* data) {
  Worker* worker = static_cast<Worker*>(data);
  Job* job = worker->job;
  napi_delete_async_work(env, worker->work);
  delete worker;
  job->workers_left_--;
  if (job->deferred_ != nullptr && (job->IsDone() || job->workers_left_ == 0)) job->Settle(env, status);
  if (job->workers_left_ == 0) delete job;
}

// When the environment is being torn down every call here fails; the job is freed all the same.
void Job::Settle(napi_env env, napi_status status) {
  napi_deferred deferred = deferred_;
  deferred_ = nullptr;
  bool written_back = true;
  for (PinnedBytes& bytes : pinned_) written_back = bytes.WriteBack(env) && written_back;
  pinned_.clear();
  char message[200];
  if (status != napi_ok) {
    Reject(env, deferred, "ECANCELED", "the job was cancelled before it ran");
  } else if (failure_.error == kShortRead) {
    snprintf(message, sizeof message, "%s at byte %" PRIu64 ": the file ends after %" PRIu64 " of %" PRIu64 " bytes",
             failure_.operation, failure_.offset, failure_.bytes, failure_.wanted);
    Reject(env, deferred, "SHORT_READ", message);
  } else if (failure_.error != 0) {
    snprintf(message, sizeof message, "%s: %s at byte %" PRIu64 ": %s", uv_err_name(failure_.error),
             failure_.operation, failure_.offset + failure_.bytes, uv_strerror(failure_.error));
    Reject(env, deferred, uv_err_name(failure_.error), message);
  } else if (!written_back) {
    Reject(env, deferred, "ERR_INVALID_STATE", "buffer lost its memory while the job ran");
  } else {
    napi_value result;
    void* copied;
    if (napi_create_buffer_copy(env, sizeof value_, value_, &copied, &result) == napi_ok) {
      napi_resolve_deferred(env, deferred, result);
    } else {
      Reject(env, deferred, "ENOMEM", "no memory for the value");
    }
  }
}

}  // namespace shell
}  // namespace net_io
