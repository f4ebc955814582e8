#include "app/recorder/output_lock.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <system_error>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/recorder/descriptor.hpp"
#include "app/recorder/temporary.hpp"
#include "base/check.hpp"

namespace scalebench {
namespace {

constexpr std::size_t kMostText = 4096;  // bytes of a lock that are read

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string process_space() {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/ns/pid", none).string();
}

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The value in the line "name=value".
std::string field(const std::string& text, const std::string& name) {
  const auto begin = ("\n" + text).find("\n" + name + "=");
  if (begin == std::string::npos) return "";
  const auto value = begin + name.size() + 1;
  return text.substr(value, text.find('\n', value) - value);
}

// Dead, though nobody has asked how it ended: a launcher that was killed cannot.
bool is_zombie(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto name_end = text.rfind(") ");
  return name_end != std::string::npos && text.compare(name_end + 2, 1, "Z") == 0;
}

bool is_at(const Descriptor& lock, const std::filesystem::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(lock.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

// The lock of another run, as it is now.
LockHolder holder_of(const std::filesystem::path& lock) {
  const auto bytes = Descriptor(lock, O_RDONLY | O_NOFOLLOW).read(kMostText);
  return LockHolder::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// False if there is a lock already. It comes with its content: one killed in between would leave a lock of nobody.
bool made(const std::filesystem::path& lock, const Temporary& ours, std::span<const std::byte> text) {
  if (::link(ours.path().c_str(), lock.c_str()) == 0) return true;
  if (errno == EEXIST || errno == ENOENT) return false;  // ENOENT: whoever has the lock tidied up
  if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS) throw std::system_error(errno, std::generic_category());
  try {  // a file system without links
    Descriptor file(lock, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    file.write(text);
    file.close();
  } catch (const std::system_error& error) {
    if (error.code().value() == EEXIST) return false;
    ::unlink(lock.c_str());
    throw;
  }
  return true;
}

[[noreturn]] void refuse(const std::filesystem::path& output, const std::filesystem::path& lock,
                         const LockHolder& holder) {
  if (holder.host.empty())
    fail(Exit::output,
         "{} is locked (another run is just starting to write it, or a run died at that moment) wait; if "
         "no run is using it, remove {}",
         output.string(), lock.string());
  const std::string job = holder.job.empty() ? "" : ", job " + holder.job;
  fail(Exit::output,
       "{} is in use by another run (process {} on {}{}) give another --output, or wait for its end; if "
       "that run is gone, remove {}",
       output.string(), holder.pid, holder.host, job, lock.string());
}

}  // namespace

LockHolder LockHolder::self() {
  return {.host = host_name(),
          .space = process_space(),
          .pid = ::getpid(),
          .job = environment("SLURM_JOB_ID"),
          .restart = number(environment("SLURM_RESTART_COUNT"))};
}

LockHolder LockHolder::parse(const std::string& text) {
  return {.host = field(text, "host"),
          .space = field(text, "space"),
          .pid = number(field(text, "pid")),
          .job = field(text, "job"),
          .restart = number(field(text, "restart"))};
}

std::string LockHolder::text() const {
  return fmt::format("host={}\nspace={}\npid={}\njob={}\nrestart={}\n", host, space, pid, job, restart);
}

bool LockHolder::gone() const {
  const LockHolder us = self();
  if (!job.empty() && job == us.job && restart < us.restart) return true;
  if (host.empty() || host != us.host || space != us.space || pid <= 0) return false;
  return (::kill(pid, 0) != 0 && errno == ESRCH) || is_zombie(pid);
}

OutputLock::OutputLock(const std::filesystem::path& output)
    : output_(output), path_(output.string() + ".lock"), holder_(LockHolder::self()) {
  const std::string text = holder_.text();
  const Temporary ours(path_);
  try {
    ours.write(std::as_bytes(std::span(text)));
    if (!made(path_, ours, std::as_bytes(std::span(text)))) take_over(ours);
  } catch (const std::system_error& error) {
    fail(Exit::output, "{} cannot be made ({}) give an --output in a folder that can be written", path_.string(),
         error.code().message());
  }
  remove_temporaries_of(path_);
}

// Of two that find the same dead run, only one gets flock while its lock is still there.
void OutputLock::take_over(const Temporary& ours) const {
  Descriptor lock(path_, O_RDWR | O_NOFOLLOW);
  const bool alone = ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0 && is_at(lock, path_);
  if (!alone || !holder_of(path_).gone()) refuse(output_, path_, holder_of(path_));
  ours.rename_to(path_);
}

OutputLock::~OutputLock() {
  if (::getpid() != holder_.pid) return;  // a forked child
  try {
    if (holder_of(path_).text() == holder_.text()) ::unlink(path_.c_str());
  } catch (const std::system_error&) {  // gone already: nothing to remove
  }
}

}  // namespace scalebench
