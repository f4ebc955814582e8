// Which products of scaled matrices are refused, and in which words.
#include "kernels/cuda/scaled_products.hpp"

#include <boost/test/unit_test.hpp>

using namespace scalebench;
using namespace scalebench::cuda;

namespace {

using Scalings = std::vector<Scaling>;

ScaledProduct product_of(Scaling a, Scaling b) {
  return {.a = a, .b = b, .type_of_a = DType::e4m3, .type_of_b = DType::e4m3, .m = 16, .n = 32, .k = 64};
}
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(scaled_products)

BOOST_AUTO_TEST_CASE(each_generation_has_its_scalings) {
  BOOST_TEST((scaled_products_of(8, 0) == Scalings{}));
  BOOST_TEST((scaled_products_of(8, 9) == Scalings{Scaling::tensor}));
  BOOST_TEST((scaled_products_of(9, 0) == Scalings{Scaling::tensor, Scaling::rows, Scaling::blocks}));
  for (const int major : {10, 11, 12})
    BOOST_TEST((scaled_products_of(major, 0) == Scalings{Scaling::tensor, Scaling::mx, Scaling::nv}));
}

BOOST_AUTO_TEST_CASE(a_refusal_names_the_gpu_and_what_it_has) {
  BOOST_TEST(refusal_of(product_of(Scaling::rows, Scaling::blocks), 9, 0).empty());
  BOOST_TEST(says(refusal_of(product_of(Scaling::mx, Scaling::mx), 9, 0), "9.0, has tensor, rows, blocks"));
  BOOST_TEST(says(refusal_of(product_of(Scaling::rows, Scaling::rows), 12, 0), "12.0, has tensor, mx, nv"));
  BOOST_TEST(says(refusal_of(product_of(Scaling::tensor, Scaling::tensor), 8, 0), "8.0, has none of few bits"));
}

BOOST_AUTO_TEST_CASE(what_no_gpu_multiplies_is_refused) {
  BOOST_TEST(says(refusal_of(product_of(Scaling::blocks, Scaling::blocks), 9, 0), "128 x 128"));
  ScaledProduct product = product_of(Scaling::tensor, Scaling::tensor);
  product.type_of_a = product.type_of_b = DType::e5m2;
  BOOST_TEST(says(refusal_of(product, 9, 0), "e5m2"));
  product = product_of(Scaling::tensor, Scaling::tensor);
  product.m = 3;
  BOOST_TEST(refusal_of(product, 9, 0).empty());
  product.k = 24;
  BOOST_TEST(says(refusal_of(product, 9, 0), "[3, 24] and [32, 24]"));
  product = product_of(Scaling::rows, Scaling::rows);
  product.m = 3;
  BOOST_TEST(!refusal_of(product, 9, 0).empty());
}

BOOST_AUTO_TEST_SUITE_END()
