#include "app/gpu/watch.hpp"

#include <utility>

namespace scalebench {

GpuWatch::GpuWatch(std::unique_ptr<GpuSensors> sensors, double period)
    : sensors_(std::move(sensors)), period_(period) {}

GpuWatch::~GpuWatch() { stop(); }

void GpuWatch::begin() {
  stop();
  over_ = false;
  readings_.clear();
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period_, [this] { return over_; })) take();
  });
}

void GpuWatch::read() {
  const std::lock_guard lock(mutex_);
  take();
}

std::vector<GpuReading> GpuWatch::end() {
  stop();
  return std::exchange(readings_, {});
}

void GpuWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void GpuWatch::take() { readings_.push_back(sensors_->read()); }

}  // namespace scalebench
