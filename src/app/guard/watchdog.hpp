// Ends a job that does not get on, and says who kept the others waiting: a thread in each rank that makes no MPI call
// but the last one. What the other ranks of the node do it reads from the board.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "app/guard/verdict.hpp"
#include "base/check.hpp"
#include "collectives/control/board.hpp"
#include "collectives/mpi/session.hpp"

namespace scalebench {

class Watchdog {
 public:
  // `stem`: the output without .h5. Crashes of this process are reported with what the watchdog knows, too.
  Watchdog(Board& board, MpiSession& session, std::filesystem::path stem);
  ~Watchdog();  // this rank has left as it should
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // All three by the thread that works. Progress is due every `limit` seconds; 0: never (ranks that sit something out).
  void enter(std::string_view phase, int point, double limit);
  void beat(std::int64_t iteration);
  void saw(std::string_view lane, std::string_view operation);  // at every operation: 20 ns

  // For an error of this rank alone while others wait: says it, keeps it in OUT.error.json, ends the job with `code`.
  [[noreturn]] void give_up(Exit code, const std::string& message, int error_number = 0);

 private:
  void watch();
  void look(double passed);
  bool expired(double passed);
  void look_after_neighbour();
  [[noreturn]] void speak(Exit code, const std::string& message, int error_number);
  [[noreturn]] void follow();
  void dump(const std::string& message);
  void dump_for_others(const std::string& message);
  void wait_for_dumps() const;
  std::vector<RankState> states() const;
  void moved();

  Board& board_;
  MpiSession& session_;
  Slot& slot_;
  std::filesystem::path stem_;
  std::atomic<double> limit_{0};  // s
  std::int64_t last_progress_ = 0;
  double idle_ = 0;  // s without progress in which this process ran; time in which it was stopped does not count
  bool stop_ = false;
  std::atomic<bool> speaking_{false};
  std::mutex mutex_{}, dumping_{};
  std::condition_variable wake_{};
  std::thread thread_{};
};

}  // namespace scalebench
