// Positioned file access that either does all of what was asked or says what stopped it.
#ifndef NET_IO_FILE_IO_H_
#define NET_IO_FILE_IO_H_

#include <stddef.h>
#include <stdint.h>

#include "blake3/tree.h"

namespace net_io {

// Outcome of a file operation. `error` is a libuv error number (negative), kShortRead, or 0.
struct IoResult {
  int error;
  uint64_t bytes;  // Read or written before it stopped.
};
constexpr int kShortRead = 1;

IoResult ReadAt(int fd, uint8_t* buffer, size_t size, uint64_t offset);
IoResult WriteAt(int fd, const blake3::Span* spans, size_t count, uint64_t offset);

enum class LockOutcome { kTaken, kHeldElsewhere, kFailed };
// An exclusive lock on the open file, without waiting; it goes when the last descriptor of it is closed.
LockOutcome LockExclusively(int fd, int* error);

}  // namespace net_io

#endif  // NET_IO_FILE_IO_H_
