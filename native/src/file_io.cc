#include "file_io.h"

#include <errno.h>
#include <uv.h>

#if defined(_WIN32)
#include <io.h>
#include <windows.h>
#else
#include <limits.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>
#endif

namespace net_io {

#if defined(_WIN32)

namespace {
OVERLAPPED At(uint64_t offset) {
  OVERLAPPED position = {};
  position.Offset = static_cast<DWORD>(offset);
  position.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return position;
}
int LastError() { return uv_translate_sys_error(static_cast<int>(GetLastError())); }
DWORD OneCall(size_t size) { return static_cast<DWORD>(size < (1u << 30) ? size : (1u << 30)); }
}  // namespace

IoResult ReadAt(int fd, uint8_t* buffer, size_t size, uint64_t offset) {
  HANDLE file = reinterpret_cast<HANDLE>(uv_get_osfhandle(fd));
  if (file == INVALID_HANDLE_VALUE) return {UV_EBADF, 0};
  uint64_t done = 0;
  while (done < size) {
    OVERLAPPED position = At(offset + done);
    DWORD now = 0;
    if (!ReadFile(file, buffer + done, OneCall(size - done), &now, &position)) {
      if (GetLastError() == ERROR_HANDLE_EOF) return {kShortRead, done};
      return {LastError(), done};
    }
    if (now == 0) return {kShortRead, done};
    done += now;
  }
  return {0, done};
}

IoResult WriteAt(int fd, const blake3::Span* spans, size_t count, uint64_t offset) {
  HANDLE file = reinterpret_cast<HANDLE>(uv_get_osfhandle(fd));
  if (file == INVALID_HANDLE_VALUE) return {UV_EBADF, 0};
  uint64_t done = 0;
  for (size_t i = 0; i < count; i++) {
    for (size_t part = 0; part < spans[i].size;) {
      OVERLAPPED position = At(offset + done);
      DWORD now = 0;
      if (!WriteFile(file, spans[i].data + part, OneCall(spans[i].size - part), &now, &position)) {
        return {LastError(), done};
      }
      part += now;
      done += now;
    }
  }
  return {0, done};
}

LockOutcome LockExclusively(int fd, int* error) {
  HANDLE file = reinterpret_cast<HANDLE>(uv_get_osfhandle(fd));
  OVERLAPPED position = At(0);
  if (file != INVALID_HANDLE_VALUE &&
      LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, MAXDWORD, MAXDWORD, &position)) {
    return LockOutcome::kTaken;
  }
  if (file != INVALID_HANDLE_VALUE && GetLastError() == ERROR_LOCK_VIOLATION) return LockOutcome::kHeldElsewhere;
  *error = file == INVALID_HANDLE_VALUE ? UV_EBADF : LastError();
  return LockOutcome::kFailed;
}

#else

IoResult ReadAt(int fd, uint8_t* buffer, size_t size, uint64_t offset) {
  uint64_t done = 0;
  while (done < size) {
    const ssize_t now = pread(fd, buffer + done, size - done, static_cast<off_t>(offset + done));
    if (now == 0) return {kShortRead, done};
    if (now < 0) {
      if (errno == EINTR) continue;
      return {uv_translate_sys_error(errno), done};
    }
    done += static_cast<uint64_t>(now);
  }
  return {0, done};
}

IoResult WriteAt(int fd, const blake3::Span* spans, size_t count, uint64_t offset) {
  // Fewer than the system allows (IOV_MAX, 1024 on Linux): they lie on a pool thread's stack.
  constexpr size_t kMaxParts = 64;
  iovec parts[kMaxParts];
  uint64_t done = 0;
  size_t span = 0;
  size_t skip = 0;  // Bytes of spans[span] already written.
  while (span < count) {
    size_t part_count = 0;
    for (size_t i = span; i < count && part_count < kMaxParts; i++) {
      const size_t skipped = i == span ? skip : 0;
      if (spans[i].size == skipped) continue;
      parts[part_count++] = {const_cast<uint8_t*>(spans[i].data) + skipped, spans[i].size - skipped};
    }
    if (part_count == 0) break;
    const ssize_t now = pwritev(fd, parts, static_cast<int>(part_count), static_cast<off_t>(offset + done));
    if (now < 0) {
      if (errno == EINTR) continue;
      return {uv_translate_sys_error(errno), done};
    }
    if (now == 0) return {UV_EIO, done};  // No system does this; a loop that cannot end is worse than an error.
    done += static_cast<uint64_t>(now);
    skip += static_cast<size_t>(now);
    while (span < count && skip >= spans[span].size) skip -= spans[span++].size;
  }
  return {0, done};
}

LockOutcome LockExclusively(int fd, int* error) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return LockOutcome::kHeldElsewhere;
    *error = uv_translate_sys_error(errno);
    return LockOutcome::kFailed;
  }
  return LockOutcome::kTaken;
}

#endif

}  // namespace net_io
