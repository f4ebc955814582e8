// Which rate of requests is tried next, so that the highest one is found that meets the limits: arithmetic alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace scalebench {

// Share of the requests that must meet every limit, so that their rate counts as served.
inline constexpr double kGoodShare = 0.99;

struct TriedRate {
  double rate{};        // requests/s
  double good_share{};  // of the requests
  bool cut{};           // by --max-seconds: what it would have come to is not known
  bool served() const { return !cut && good_share >= kGoodShare; }
};

class RateSearch {
 public:
  // Tried first; `least`: no lower rate is tried. Rates have three digits, so that they can be said again.
  RateSearch(double first, double least);

  // Doubled until one fails (halved until one is served), then the middle, until the two differ by less than a tenth or
  // enough rates were tried: then nothing.
  std::optional<double> next() const;
  void learn(const TriedRate& tried) { tried_.push_back(tried); }

  // requests/s; NaN: no rate was served.
  double found() const;
  // "3.4 requests/s; 3.8 fails: 91 % good"
  std::string text() const;

 private:
  const TriedRate* served() const;  // the highest one that was; null: none
  const TriedRate* failed() const;  // the lowest one that was not; likewise

  double first_, least_;
  std::vector<TriedRate> tried_{};
};

}  // namespace scalebench
