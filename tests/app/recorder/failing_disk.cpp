#include "tests/app/recorder/failing_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

namespace scalebench::test {
namespace {

FailingDisk disk_now;
bool in_force = false;

long write_wrongly(int fd, const char* bytes, std::size_t count) {
  std::vector<char> copy(bytes, bytes + count);
  const long place = disk_now.flipped - disk_now.written;
  if (place >= 0 && place < static_cast<long>(count)) copy[static_cast<std::size_t>(place)] ^= 1;
  return ::syscall(SYS_write, fd, copy.data(), copy.size());
}

}  // namespace

Disk::Disk(FailingDisk disk) {
  disk_now = disk;
  in_force = true;
}

Disk::~Disk() { in_force = false; }

}  // namespace scalebench::test

using scalebench::test::disk_now;
using scalebench::test::in_force;

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
  if (!in_force || fd <= 2) return ::syscall(SYS_write, fd, bytes, count);
  const long room = disk_now.space - disk_now.written;
  if (room <= 0 && count > 0) {
    errno = ENOSPC;
    return -1;
  }
  const long done = scalebench::test::write_wrongly(fd, static_cast<const char*>(bytes),
                                                    std::min<size_t>(count, static_cast<size_t>(room)));
  if (done > 0) disk_now.written += done;
  return done;
}

int fsync(int fd) {
  if (in_force && disk_now.flush_error != 0 && disk_now.skip-- <= 0) {
    errno = disk_now.flush_error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int close(int fd) {
  const int result = static_cast<int>(::syscall(SYS_close, fd));
  if (!in_force || disk_now.close_error == 0) return result;
  errno = disk_now.close_error;
  return -1;
}

int link(const char* from, const char* to) {
  if (!in_force || disk_now.link_error == 0) return static_cast<int>(::syscall(SYS_link, from, to));
  errno = disk_now.link_error;
  return -1;
}

int rename(const char* from, const char* to) {
  if (!in_force || disk_now.rename_error == 0) return static_cast<int>(::syscall(SYS_rename, from, to));
  errno = disk_now.rename_error;
  return -1;
}

ssize_t pread64(int fd, void* bytes, size_t count, off64_t offset) {
  const ssize_t got = ::syscall(SYS_pread64, fd, bytes, count, offset);
  const long place = disk_now.misread - offset;
  if (in_force && disk_now.misread >= 0 && place >= 0 && place < got) static_cast<char*>(bytes)[place] ^= 1;
  return got;
}

ssize_t pread(int fd, void* bytes, size_t count, off_t offset) { return ::pread64(fd, bytes, count, offset); }
}
