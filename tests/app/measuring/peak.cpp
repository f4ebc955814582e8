// The measured peak, on a clock that is known.
#include "app/measure/peak.hpp"

#include <boost/test/unit_test.hpp>

#include "kernels/sim/device.hpp"

using namespace scalebench;

namespace {

// One rank: nobody to wait for.
struct Alone final : Control {
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int ranks_on_node() const override { return 1; }
  int rank_on_node() const override { return 0; }
  const std::string& host() const override { return name; }
  std::vector<std::vector<double>> gather(std::span<const double> v, const Group&) override {
    return {{v.begin(), v.end()}};
  }
  std::vector<std::string> gather(std::string_view text, const Group&) override { return {std::string(text)}; }
  std::vector<double> broadcast(std::span<const double> v, const Group&) override { return {v.begin(), v.end()}; }
  std::string broadcast(std::string_view text, const Group&) override { return std::string(text); }
  std::vector<double> maximum(std::span<const double> v, const Group&) override { return {v.begin(), v.end()}; }
  void barrier(const Group&) override {}
  std::string name = "here";
};

}  // namespace

// The clock moves 1 ms at each look, and is looked at once a product: the largest product is the fastest.
BOOST_AUTO_TEST_CASE(the_peak_is_the_flops_of_the_best_product_over_its_time) {
  double time = 0;
  Witness witness([&time] { return time += 1e-3; });
  SimDevice device(witness);
  Alone control;
  BOOST_CHECK_CLOSE(gemm_peak(device, DType::f32, Products::plain, control, control.world()),
                    2.0 * 1024 * 1024 * 1024 / 1e-3, 1e-6);
}
