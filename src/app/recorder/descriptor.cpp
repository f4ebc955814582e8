#include "app/recorder/descriptor.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace scalebench {
namespace {

template <class Code>
Code check(Code code) {
  if (code < 0) throw std::system_error(errno, std::generic_category());
  return code;
}

// `call` again as long as a signal interrupts it.
auto uninterrupted(auto call) {
  auto code = call();
  while (code < 0 && errno == EINTR) code = call();
  return check(code);
}

}  // namespace

Descriptor::Descriptor(const std::filesystem::path& path, int flags, mode_t mode)
    : fd_(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); })) {}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

void Descriptor::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = uninterrupted([&] { return ::write(fd_, bytes.data(), bytes.size()); });
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void Descriptor::write(const std::string& text) { write(std::as_bytes(std::span(text))); }

std::vector<std::byte> Descriptor::read(std::size_t most) {
  std::vector<std::byte> bytes(most);
  std::size_t have = 0;
  while (have < most) {
    const ssize_t got = uninterrupted([&] { return ::read(fd_, bytes.data() + have, most - have); });
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

void Descriptor::flush() {
  uninterrupted([&] { return ::fsync(fd_); });
}

void Descriptor::close() { check(::close(std::exchange(fd_, -1))); }

}  // namespace scalebench
