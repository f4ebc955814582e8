// Reads a GPU's sensors while a point is measured: at the borders of its blocks of iterations, where no clock of ours
// runs, and between them each 100 ms from a thread of its own. A reading takes some 10 us to 1 ms of the host and none
// of the GPU; the counter of energy moves each 20 to 100 ms, so that more would tell no more.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "app/gpu/nvml.hpp"

namespace scalebench {

class GpuWatch {
 public:
  explicit GpuWatch(std::unique_ptr<GpuSensors> sensors, double period = 0.1);  // s
  ~GpuWatch();
  GpuWatch(const GpuWatch&) = delete;
  GpuWatch& operator=(const GpuWatch&) = delete;

  void begin();                   // forgets what was read, and starts the thread
  void read();                    // now
  std::vector<GpuReading> end();  // stops the thread; what was read, in order of time
  std::string version() const { return sensors_->version(); }

 private:
  void stop();
  void take();  // the lock is held

  std::unique_ptr<GpuSensors> sensors_;
  std::chrono::duration<double> period_;
  std::mutex mutex_{};
  std::condition_variable wake_{};
  bool over_ = false;
  std::vector<GpuReading> readings_{};
  std::thread thread_{};
};

}  // namespace scalebench
