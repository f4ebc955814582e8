// A disk that fails when told to: this program's own write, fsync, close, link, rename and pread stand before those of
// the C library.
#pragma once

#include <limits>

namespace scalebench::test {

struct FailingDisk {
  long space = std::numeric_limits<long>::max();  // bytes until the disk is full
  int flush_error = 0, close_error = 0;           // errno, 0 for none
  int link_error = 0, rename_error = 0;
  long misread = -1;  // what HDF5 reads from this place of a file is wrong
  long flipped = -1;  // write this byte wrong, and say nothing
  long written = 0;   // bytes so far
  int skip = 0;       // calls of fsync that succeed before the one that fails
};

// In force while it lives.
class Disk {
 public:
  explicit Disk(FailingDisk disk);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
};

}  // namespace scalebench::test
