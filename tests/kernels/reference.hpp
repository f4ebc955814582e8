// Every operation as plain loops in double precision: what it means, without any thought of speed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <vector>

namespace scalebench::reference {

using Values = std::vector<double>;
using Size = std::size_t;

// [m, k] [k, n]
inline Values gemm(const Values& a, const Values& b, Size m, Size n, Size k) {
  Values c(m * n);
  for (Size i = 0; i < m; ++i)
    for (Size j = 0; j < n; ++j)
      for (Size l = 0; l < k; ++l) c[i * n + j] += a[i * k + l] * b[l * n + j];
  return c;
}

inline Values rms_norm(const Values& input, const Values& weight, double epsilon) {
  const Size width = weight.size();
  Values output(input.size());
  for (Size row = 0; row < input.size(); row += width) {
    double squares = 0;
    for (Size h = 0; h < width; ++h) squares += input[row + h] * input[row + h];
    const double reciprocal = 1 / std::sqrt(squares / static_cast<double>(width) + epsilon);
    for (Size h = 0; h < width; ++h) output[row + h] = input[row + h] * reciprocal * weight[h];
  }
  return output;
}

inline Values layer_norm(const Values& input, const Values& weight, const Values& bias, double epsilon) {
  const Size width = weight.size();
  Values output(input.size());
  for (Size row = 0; row < input.size(); row += width) {
    double mean = 0, variance = 0;
    for (Size h = 0; h < width; ++h) mean += input[row + h] / static_cast<double>(width);
    for (Size h = 0; h < width; ++h) variance += std::pow(input[row + h] - mean, 2) / static_cast<double>(width);
    const double reciprocal = 1 / std::sqrt(variance + epsilon);
    for (Size h = 0; h < width; ++h) output[row + h] = (input[row + h] - mean) * reciprocal * weight[h] + bias[h];
  }
  return output;
}

inline Values rope(Values heads, const Values& frequencies, Size head_count, Size sequence, double sign) {
  const Size pairs = frequencies.size(), row = head_count * 2 * pairs;
  for (Size i = 0; i < heads.size(); i += 2 * pairs)
    for (Size p = 0; p < pairs; ++p) {
      const double angle = static_cast<double>(i / row % sequence) * frequencies[p] * sign;
      const double x = heads[i + p], y = heads[i + p + pairs];
      heads[i + p] = x * std::cos(angle) - y * std::sin(angle);
      heads[i + p + pairs] = y * std::cos(angle) + x * std::sin(angle);
    }
  return heads;
}

inline Values swiglu(const Values& gate_up, Size width) {
  Values output;
  for (Size row = 0; row < gate_up.size(); row += 2 * width)
    for (Size f = 0; f < width; ++f) {
      const double gate = gate_up[row + f], up = gate_up[row + width + f];
      output.push_back(gate / (1 + std::exp(-gate)) * up);
    }
  return output;
}

inline Values gelu(Values values) {
  for (double& x : values) x = x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  return values;
}

// Row n of `values` plus row n mod period of `rows`.
inline Values add_rows(Values values, const Values& rows, Size width, Size period) {
  for (Size i = 0; i < values.size(); ++i) values[i] += rows[i / width % period * width + i % width];
  return values;
}

// Its gradient in the rows, added to `sums`.
inline Values sum_rows(const Values& values, Values sums, Size width, Size period) {
  for (Size i = 0; i < values.size(); ++i) sums[i / width % period * width + i % width] += values[i];
  return sums;
}

inline double log_sum_exp(const double* values, Size count) {
  const double maximum = *std::max_element(values, values + count);
  double sum = 0;
  for (Size i = 0; i < count; ++i) sum += std::exp(values[i] - maximum);
  return maximum + std::log(sum);
}

inline double cross_entropy(const Values& logits, const Values& targets, double scale) {
  const Size width = logits.size() / targets.size();
  double loss = 0;
  for (Size n = 0; n < targets.size(); ++n)
    loss += log_sum_exp(&logits[n * width], width) - logits[n * width + static_cast<Size>(targets[n])];
  return scale * loss;
}

struct AttentionShape {
  Size sequences, length, heads, kv_heads, head_size, window;  // window 0: none
  double scale() const { return 1 / std::sqrt(static_cast<double>(head_size)); }
  Size query(Size row, Size head) const { return (row * heads + head) * head_size; }
  Size key(Size row, Size head) const { return (row * kv_heads + head / (heads / kv_heads)) * head_size; }
  // The first row that `row` sees; the last is itself.
  Size first(Size row) const {
    const Size begin = row / length * length;
    return window == 0 || row - begin < window ? begin : row - window + 1;
  }
};

struct AttentionValues {
  Values output, log_sum_exp;
};

inline AttentionValues attention(const AttentionShape& shape, const Values& query, const Values& key,
                                 const Values& value) {
  AttentionValues result{Values(query.size()), Values(query.size() / shape.head_size)};
  Values scores(shape.length);
  for (Size row = 0; row < shape.sequences * shape.length; ++row)
    for (Size head = 0; head < shape.heads; ++head) {
      const Size first = shape.first(row), q = shape.query(row, head);
      for (Size other = first; other <= row; ++other) {
        double dot = 0;
        for (Size d = 0; d < shape.head_size; ++d) dot += query[q + d] * key[shape.key(other, head) + d];
        scores[other - first] = dot * shape.scale();
      }
      const double total = log_sum_exp(scores.data(), row - first + 1);
      result.log_sum_exp[row * shape.heads + head] = total;
      for (Size other = first; other <= row; ++other)
        for (Size d = 0; d < shape.head_size; ++d)
          result.output[q + d] += std::exp(scores[other - first] - total) * value[shape.key(other, head) + d];
    }
  return result;
}

struct AttentionGradients {
  Values query, key, value;
};

// The textbook's: dS = P (dP - sum(dO O)); itself held against finite differences of attention().
inline AttentionGradients attention_backward(const AttentionShape& shape, const Values& query, const Values& key,
                                             const Values& value, const Values& d_output) {
  const AttentionValues forward = attention(shape, query, key, value);
  AttentionGradients result{Values(query.size()), Values(key.size()), Values(value.size())};
  for (Size row = 0; row < shape.sequences * shape.length; ++row)
    for (Size head = 0; head < shape.heads; ++head) {
      const Size q = shape.query(row, head);
      double delta = 0;
      for (Size d = 0; d < shape.head_size; ++d) delta += d_output[q + d] * forward.output[q + d];
      for (Size other = shape.first(row); other <= row; ++other) {
        const Size k = shape.key(other, head);
        double dot = 0, d_weight = 0;
        for (Size d = 0; d < shape.head_size; ++d) {
          dot += query[q + d] * key[k + d];
          d_weight += d_output[q + d] * value[k + d];
        }
        const double weight = std::exp(dot * shape.scale() - forward.log_sum_exp[row * shape.heads + head]);
        const double d_score = weight * (d_weight - delta) * shape.scale();
        for (Size d = 0; d < shape.head_size; ++d) {
          result.query[q + d] += d_score * key[k + d];
          result.key[k + d] += d_score * query[q + d];
          result.value[k + d] += weight * d_output[q + d];
        }
      }
    }
  return result;
}

// The gradient of sum(d_output * f(at)) by central differences.
inline Values differences(const std::function<Values(const Values&)>& f, Values at, const Values& d_output,
                          double step = 1e-5) {
  Values gradient;
  const auto weighed = [&] {
    const Values output = f(at);
    double sum = 0;
    for (Size i = 0; i < output.size(); ++i) sum += d_output[i] * output[i];
    return sum;
  };
  for (double& x : at) {
    const double kept = x;
    x = kept + step;
    const double above = weighed();
    x = kept - step;
    const double below = weighed();
    x = kept;
    gradient.push_back((above - below) / (2 * step));
  }
  return gradient;
}

}  // namespace scalebench::reference
