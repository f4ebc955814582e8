# CUDA, NCCL and the flag that CMake lacks for C++20 in nvcc. To link against: CUDA::cudart_static, CUDA::cublasLt,
# scalebench::nccl. Elsewhere installed: CUDAToolkit_ROOT, NCCL_ROOT or CMAKE_PREFIX_PATH.
include_guard(GLOBAL)

set(CMAKE_CUDA_ARCHITECTURES ${SCALEBENCH_CUDA_ARCHITECTURES})
enable_language(CUDA)
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
find_package(CUDAToolkit 12.8 REQUIRED)

find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR})
if(NOT NCCL_INCLUDE_DIR OR NOT NCCL_LIBRARY)
  message(FATAL_ERROR "NCCL is not found (it carries the collectives between GPUs), install libnccl-dev, or set NCCL_ROOT.")
endif()
add_library(scalebench::nccl UNKNOWN IMPORTED)
set_target_properties(scalebench::nccl PROPERTIES IMPORTED_LOCATION "${NCCL_LIBRARY}"
  INTERFACE_INCLUDE_DIRECTORIES "${NCCL_INCLUDE_DIR}")
