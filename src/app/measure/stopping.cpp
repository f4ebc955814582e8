#include "app/measure/stopping.hpp"

#include <algorithm>
#include <cmath>

#include "app/measure/statistics.hpp"

namespace scalebench {

namespace {
constexpr double kBlockSeconds = 1.0;
constexpr std::ptrdiff_t kWindow = 5;
constexpr double kSteady = 0.02;
}  // namespace

std::string StoppingRule::verdict(const std::vector<double>& samples, double elapsed) const {
  const int n = static_cast<int>(samples.size());
  if (n >= min_iterations && relative_half_width(summarise(samples)) <= target) return "target_ci";
  if (n >= max_iterations) return "max_iterations";
  if (n >= 1 && elapsed >= max_seconds) return "max_seconds";
  return "";
}

int StoppingRule::next_block(const std::vector<double>& samples, double elapsed, double expected) const {
  const int n = static_cast<int>(samples.size());
  const double seconds = std::min(kBlockSeconds, std::max(0.0, max_seconds - elapsed));
  const double affordable = expected > 0 ? seconds / expected : 1.0;
  const int wanted = n < min_iterations ? min_iterations - n : std::max(1, n / 4);
  return std::clamp(static_cast<int>(std::min(affordable, 1e6)), 1, std::max(1, std::min(wanted, max_iterations - n)));
}

bool WarmupRule::steady(const std::vector<double>& samples) const {
  if (std::ssize(samples) < 2 * kWindow) return false;
  const auto middle = samples.end() - kWindow;
  const double now = median({middle, samples.end()}), before = median({middle - kWindow, middle});
  return std::abs(now - before) < kSteady * before;
}

bool WarmupRule::over(const std::vector<double>& samples, double elapsed) const {
  return !samples.empty() && (steady(samples) || std::ssize(samples) >= max_iterations || elapsed >= max_seconds);
}

}  // namespace scalebench
