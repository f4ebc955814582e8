// A seeded synthetic language that a model learns within some ten steps, so that a training loss is seen to fall.
//
// Only W = min(V, 64) ids are used, spread over the vocabulary. The next id is the successor of the last one (a seeded
// table) with probability 3/4, else it is drawn by Zipf's law, p(rank r) ~ 1 / r. So ids carry at most H(1/4) +
// H(Zipf)/4 = 1.5 nats each, beside ln V of a model that knows nothing and ln W = 4.2 of one that knows only which ids
// are used.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/random.hpp"

namespace scalebench {

class SyntheticLanguage {
 public:
  static constexpr double kFollows = 0.75;  // probability that the successor follows

  SyntheticLanguage(std::uint64_t seed, std::int64_t vocabulary)
      : key_(random_bits(seed, 0)), vocabulary_(vocabulary), words_(std::clamp<std::int64_t>(vocabulary, 1, kWords)) {
    double sum = 0;
    for (std::size_t w = 0; w < words(); ++w) cumulative_[w] = sum += 1.0 / static_cast<double>(w + 1);
    for (std::size_t w = 0; w < words(); ++w) cumulative_[w] /= sum;
    const std::uint64_t table_key = random_bits(seed, 1);
    for (std::size_t w = 0; w < words(); ++w) {
      successor_[w] = draw(random_uniform(table_key, w));
      if (successor_[w] == w) successor_[w] = (w + 1) % words();  // no word for ever
    }
    shift_ = static_cast<std::int64_t>(random_bits(seed, 2) % static_cast<std::uint64_t>(words_));
  }

  // The tokens of a sequence from its first: a pure function of seed, vocabulary, sequence number and position.
  constexpr void write(std::uint64_t sequence, std::span<std::int32_t> tokens) const {
    const std::uint64_t key = random_bits(key_, sequence);
    std::size_t word = 0;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      word = follows(key, t) ? successor_[word] : draw(random_uniform(key, 2 * t + 1));
      tokens[t] = id(word);
    }
  }

  // One of these tokens alone: it depends on those before it no further back than to the last that was drawn.
  constexpr std::int32_t at(std::uint64_t sequence, std::size_t t) const {
    const std::uint64_t key = random_bits(key_, sequence);
    std::size_t drawn = t;
    while (follows(key, drawn)) --drawn;
    std::size_t word = draw(random_uniform(key, 2 * drawn + 1));
    for (; drawn < t; ++drawn) word = successor_[word];
    return id(word);
  }

 private:
  static constexpr std::int64_t kWords = 64;

  constexpr std::size_t words() const { return static_cast<std::size_t>(words_); }
  static constexpr bool follows(std::uint64_t key, std::size_t t) {
    return t > 0 && random_uniform(key, 2 * t) < kFollows;
  }
  constexpr std::size_t draw(double uniform) const {
    const auto* const end = cumulative_.data() + words();
    const auto* const found = std::upper_bound(cumulative_.data(), end, uniform);
    return std::min(static_cast<std::size_t>(found - cumulative_.data()), words() - 1);
  }
  // Which ids are frequent depends on the seed.
  constexpr std::int32_t id(std::size_t word) const {
    const std::int64_t place = (static_cast<std::int64_t>(word) + shift_) % words_;
    return static_cast<std::int32_t>(place * vocabulary_ / words_);
  }

  std::uint64_t key_;
  std::int64_t vocabulary_, words_, shift_{};
  std::array<double, kWords> cumulative_{};
  std::array<std::size_t, kWords> successor_{};
};

}  // namespace scalebench
