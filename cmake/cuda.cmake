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

# cuDNN's attention, where its headers and those of its frontend are found: scalebench::cudnn, opened at run time.
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDNN_ROOT} ${CUDAToolkit_INCLUDE_DIRS})
find_library(CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 HINTS ${CUDNN_ROOT} ${CUDAToolkit_LIBRARY_DIR})
find_path(CUDNN_FRONTEND_INCLUDE_DIR cudnn_frontend.h
  HINTS ${CUDNN_FRONTEND_ROOT} ${PROJECT_SOURCE_DIR}/build/wheels PATH_SUFFIXES include)
if(CUDNN_FRONTEND_INCLUDE_DIR)
  file(STRINGS ${CUDNN_FRONTEND_INCLUDE_DIR}/cudnn_frontend_version.h version REGEX "define CUDNN_FRONTEND_M[A-Z]*_VERSION [0-9]")
  string(REGEX REPLACE ".*MAJOR_VERSION ([0-9]+).*MINOR_VERSION ([0-9]+).*" "\\1.\\2" CUDNN_FRONTEND_VERSION "${version}")
endif()
if(CUDNN_INCLUDE_DIR AND CUDNN_LIBRARY AND CUDNN_FRONTEND_VERSION VERSION_GREATER_EQUAL 1.19)
  message(STATUS "Attention: cuDNN's beside our own (frontend ${CUDNN_FRONTEND_VERSION})")
  get_filename_component(cudnn_folder ${CUDNN_LIBRARY} DIRECTORY)
  add_library(scalebench::cudnn INTERFACE IMPORTED)
  target_include_directories(scalebench::cudnn SYSTEM INTERFACE ${CUDNN_FRONTEND_INCLUDE_DIR} ${CUDNN_INCLUDE_DIR}
    ${CUDAToolkit_INCLUDE_DIRS})
  target_compile_definitions(scalebench::cudnn INTERFACE NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
    CUDNN_FRONTEND_SKIP_JSON_LIB)
  target_link_options(scalebench::cudnn INTERFACE LINKER:-rpath,${cudnn_folder} LINKER:-rpath,${CUDAToolkit_LIBRARY_DIR})
  target_link_libraries(scalebench::cudnn INTERFACE ${CMAKE_DL_LIBS})
else()
  message(STATUS "Attention: our own alone, without cuDNN's (it needs cudnn.h, libcudnn and cudnn_frontend.h from 1.19 "
    "on: the wheel nvidia-cudnn-frontend unpacked in build/wheels, or CUDNN_ROOT and CUDNN_FRONTEND_ROOT)")
endif()
