// scalebench as a user starts it: from mpirun to the first step, and many more ranks than cores.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.hpp"
#include "tests/bench/parts.hpp"
#include "tests/bench/row.hpp"
#include "tests/bench/timing.hpp"

namespace scalebench::bench {

namespace {

namespace fs = std::filesystem;

constexpr double kStartBar = 5, kManyBar = 180;  // s
constexpr int kStarts = 3;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "scalebench-bench-XXXXXX").string();
    ensure(mkdtemp(name.data()) != nullptr, "no folder can be made in {}", fs::temp_directory_path().string());
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_{};
};

// mpirun and all that it starts, what they say kept in a file.
class Job {
 public:
  Job(int ranks, const fs::path& output, const fs::path& log) {
    std::vector<std::string> words = {SCALEBENCH_MPIEXEC,
                                      "--oversubscribe",
                                      "--bind-to",
                                      "none",
                                      "-np",
                                      std::to_string(ranks),
                                      SCALEBENCH_PROGRAM,
                                      "--workload",
                                      "fsdp70b",
                                      "--max-iterations",
                                      "3",
                                      "--output",
                                      output.string()};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = fork();
    ensure(process_ >= 0, "no process can be made");
    if (process_ > 0) return;
    if (std::freopen(log.c_str(), "w", stdout) != nullptr && dup2(STDOUT_FILENO, STDERR_FILENO) >= 0)
      execv(arguments[0], arguments.data());
    _exit(127);
  }
  ~Job() {
    if (process_ > 0) stop();
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  bool running() { return process_ > 0 && look(WNOHANG) == 0; }
  int wait() {
    while (process_ > 0) look(0);
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }
  void stop() {
    kill(process_, SIGTERM);
    wait();
  }

 private:
  pid_t look(int options) {
    const pid_t ended = waitpid(process_, &status_, options);
    if (ended != 0) process_ = -1;
    return ended;
  }
  pid_t process_ = -1;
  int status_ = 0;
};

// The file stands there from the first iteration on.
double start_up(int ranks) {
  const Folder folder;
  const fs::path output = folder / "start.h5";
  const double begin = monotonic_seconds();
  Job job(ranks, output, folder / "log");
  while (!fs::exists(output)) {
    ensure(job.running(), "scalebench on {} ranks ended before its first step", ranks);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return monotonic_seconds() - begin;
}

}  // namespace

void measure_starting() {
  std::vector<double> times;
  for (int i = 0; i < kStarts; ++i) times.push_back(start_up(16));
  put({.name = "mpirun to the first step, 16 ranks",
       .value = median(times),
       .unit = "s",
       .bar = kStartBar,
       .sense = Bar::at_most,
       .remark = fmt::format("fsdp70b, n={}", kStarts)});
}

void measure_many() {
  const Folder folder;
  const double begin = monotonic_seconds();
  const int code = Job(64, folder / "many.h5", folder / "log").wait();
  const double seconds = monotonic_seconds() - begin;
  ensure(code == 0 && fs::exists(folder / "many.h5"), "scalebench on 64 ranks left with {}", code);
  put({.name = "fsdp70b on 64 ranks, 3 iterations, whole run",
       .value = seconds,
       .unit = "s",
       .bar = kManyBar,
       .sense = Bar::at_most,
       .remark = fmt::format("exit 0, a file of {} bytes", fs::file_size(folder / "many.h5"))});
}

}  // namespace scalebench::bench
