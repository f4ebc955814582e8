#include "app/inputs/mapped_file.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.hpp"

namespace scalebench {

namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : id_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (id_ >= 0) close(id_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int id() const { return id_; }

 private:
  int id_;
};

[[noreturn]] void refuse(const char* what, const std::string& path) {
  fail(Exit::bad_input, "{} '{}' can't be read ({}) check path and permissions", what, path,
       std::generic_category().message(errno));
}

}  // namespace

MappedFile::MappedFile(const std::string& path, const char* what) : path_(path) {
  const Descriptor file(path);
  struct stat status {};
  if (file.id() < 0 || fstat(file.id(), &status) != 0) refuse(what, path);
  if (!S_ISREG(status.st_mode))
    fail(Exit::bad_input, "{} '{}' is no regular file (a file is needed) name one", what, path);
  if (status.st_size == 0) fail(Exit::bad_input, "{} '{}' is empty (nothing is in it) name another", what, path);
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.id(), 0);
  if (memory == MAP_FAILED) refuse(what, path);
  bytes_ = {static_cast<const std::byte*>(memory), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());  // NOLINT: its interface
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

}  // namespace scalebench
