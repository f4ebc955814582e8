// Numbers of few bits by the definition of their formats, against the conversions of CUDA's own headers.
#include <boost/test/unit_test.hpp>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp8.h>

#include "tests/base/small_float.hpp"

using namespace scalebench;
using namespace scalebench::test;

BOOST_AUTO_TEST_CASE(conversions_are_cudas) {
  for (const float probe : probes_of(kE4m3))
    BOOST_CHECK_EQUAL(__nv_cvt_float_to_fp8(probe, __NV_SATFINITE, __NV_E4M3), encode(kE4m3, probe));
  for (const float probe : probes_of(kE5m2))
    BOOST_CHECK_EQUAL(__nv_cvt_float_to_fp8(probe, __NV_SATFINITE, __NV_E5M2), encode(kE5m2, probe));
  for (const float probe : probes_of(kE2m1))
    BOOST_CHECK_EQUAL(__nv_cvt_float_to_fp4(probe, __NV_E2M1, cudaRoundNearest), encode(kE2m1, probe));
  BOOST_TEST(__nv_cvt_float_to_fp4(std::nanf(""), __NV_E2M1, cudaRoundNearest) == encode(kE2m1, std::nan("")));
  for (std::uint32_t code = 0; code < 256; ++code) {
    const auto byte = static_cast<__nv_fp8_storage_t>(code);
    const auto number = [](__half_raw raw) { return static_cast<double>(__half2float(__half(raw))); };
    BOOST_CHECK(same(number(__nv_cvt_fp8_to_halfraw(byte, __NV_E4M3)), decode(kE4m3, code)));
    BOOST_CHECK(same(number(__nv_cvt_fp8_to_halfraw(byte, __NV_E5M2)), decode(kE5m2, code)));
    if (code < 16) BOOST_CHECK(same(number(__nv_cvt_fp4_to_halfraw(byte, __NV_E2M1)), decode(kE2m1, code)));
    if (code < kE8m0Nan) {
      const float power = number_of_e8m0(code);
      for (const float probe : {power, std::nextafter(power, 0.0F), std::nextafter(power, 1e38F), 1.5F * power})
        if (code < 254 || probe <= power)
          BOOST_CHECK_EQUAL(__nv_cvt_float_to_e8m0(probe, __NV_SATFINITE, cudaRoundPosInf), e8m0_not_below(probe));
    }
  }
  for (std::uint32_t code = 0; code < 65536; ++code) {
    __half_raw raw;
    raw.x = static_cast<unsigned short>(code);
    BOOST_CHECK(same(__half2float(__half(raw)), decode(kFp16, code)));
  }
  for (const float probe : probes_of(kFp16))
    BOOST_CHECK_EQUAL(static_cast<__half_raw>(__float2half_rn(probe)).x, encode(kFp16, probe));
}
