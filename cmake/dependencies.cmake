# Finds every library that scalebench needs, and says all that is absent in one message.
#
# To link against:
#   MPI::MPI_C  scalebench::hdf5 (C and HL)  scalebench::hwloc  scalebench::dnnl  fmt::fmt  nlohmann_json::nlohmann_json
#   tomlplusplus::tomlplusplus  Boost::headers  Boost::program_options  OpenMP::OpenMP_CXX
#   and where SCALEBENCH_TESTS is on: Boost::unit_test_framework (shared)
# Variables:
#   MPIEXEC_EXECUTABLE  the launcher of the MPI that was found
#   SCALEBENCH_PYTHON   where SCALEBENCH_TESTS is on: a Python that sees h5py, numpy and matplotlib
#
# Libraries in unusual places are found through CMAKE_PREFIX_PATH or <package>_ROOT.

include_guard(GLOBAL)
list(PREPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")

get_property(scalebench_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if(NOT "C" IN_LIST scalebench_languages OR NOT "CXX" IN_LIST scalebench_languages)
  message(FATAL_ERROR "The languages C and CXX are not both enabled (MPI and HDF5 are found as C libraries); "
                      "write project(scalebench LANGUAGES C CXX).")
endif()

# Remembers what is absent: `why` is what scalebench does with it, `package` the name in Debian.
function(scalebench_absent found what why package)
  if(NOT found)
    string(REPLACE ";" " " names "${package}")
    set_property(GLOBAL APPEND_STRING PROPERTY SCALEBENCH_ABSENT "\n  ${what} is not found (${why}), install ${names}")
    set_property(GLOBAL APPEND PROPERTY SCALEBENCH_ABSENT_PACKAGES ${package})
  endif()
endfunction()

# MPI, through its C interface: the C++ bindings that mpi.h would pull in are gone from the standard.
find_package(MPI QUIET COMPONENTS C)
scalebench_absent("${MPI_C_FOUND}" "MPI" "ranks are started and talk through it" "libopenmpi-dev")
if(MPI_C_FOUND)
  target_compile_definitions(MPI::MPI_C INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)
  if(NOT MPIEXEC_EXECUTABLE)
    scalebench_absent(FALSE "mpirun" "it starts the ranks" "openmpi-bin")
  endif()
  if(SCALEBENCH_SANITIZE MATCHES "address")
    add_library(scalebench_keep_loaded SHARED "${PROJECT_SOURCE_DIR}/tests/sanitizers/keep_loaded.c")
    target_link_options(scalebench_keep_loaded INTERFACE "LINKER:--no-as-needed")
    target_link_libraries(MPI::MPI_C INTERFACE scalebench_keep_loaded)
  endif()
endif()

# HDF5: the serial one where both are installed, for rank 0 alone writes.
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 1.10 QUIET COMPONENTS C HL)
scalebench_absent("${HDF5_FOUND}" "HDF5 (C and HL)" "results are written as HDF5" "libhdf5-dev")
if(HDF5_FOUND AND NOT TARGET scalebench::hdf5)
  add_library(scalebench::hdf5 INTERFACE IMPORTED)
  target_include_directories(scalebench::hdf5 INTERFACE ${HDF5_C_INCLUDE_DIRS})
  target_link_libraries(scalebench::hdf5 INTERFACE ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES})
  if(HDF5_IS_PARALLEL AND MPI_C_FOUND)
    target_link_libraries(scalebench::hdf5 INTERFACE MPI::MPI_C)  # its header includes mpi.h
  endif()
endif()

# Boost as its own configuration files describe it (CMake 3.30 took its own module away).
if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW)
endif()
find_package(Boost 1.74 QUIET COMPONENTS program_options)
scalebench_absent("${Boost_PROGRAM_OPTIONS_FOUND}" "Boost.Program_options" "it reads the command line"
                  "libboost-program-options-dev")
if(SCALEBENCH_TESTS)
  find_package(Boost 1.74 QUIET COMPONENTS context)
  scalebench_absent("${Boost_CONTEXT_FOUND}" "Boost.Context" "CUDA's kernels are tested in its fibers: \
-DSCALEBENCH_TESTS=OFF leaves them out" "libboost-context-dev")
  find_package(Boost 1.74 QUIET COMPONENTS unit_test_framework)
  scalebench_absent("${Boost_UNIT_TEST_FRAMEWORK_FOUND}" "Boost.Test"
                    "the tests are written with it: -DSCALEBENCH_TESTS=OFF leaves them out" "libboost-test-dev")
  if(TARGET Boost::unit_test_framework)
    get_target_property(kind Boost::unit_test_framework TYPE)
    if(kind STREQUAL "SHARED_LIBRARY")
      target_compile_definitions(Boost::unit_test_framework INTERFACE BOOST_TEST_DYN_LINK)
    endif()
  endif()
endif()

find_package(fmt 9 QUIET)
scalebench_absent("${fmt_FOUND}" "fmt" "messages and reports are formatted by it" "libfmt-dev")

find_package(nlohmann_json 3.10 QUIET)
scalebench_absent("${nlohmann_json_FOUND}" "nlohmann_json" "models are described in JSON" "nlohmann-json3-dev")

find_package(tomlplusplus 3 QUIET)
scalebench_absent("${tomlplusplus_FOUND}" "toml++" "machines and stacks are described in TOML" "libtomlplusplus-dev")

find_package(OpenMP QUIET COMPONENTS CXX)
scalebench_absent("${OpenMP_CXX_FOUND}" "OpenMP" "kernels on the CPU run on several threads by it" "g++")

find_package(Hwloc 2 QUIET)
scalebench_absent("${Hwloc_FOUND}" "hwloc" "cores and their binding are read through it" "libhwloc-dev")

# Not by dnnl's own configuration file: Debian's insists on OpenCL, which the CPU does not need.
find_package(DNNL 2.6 QUIET MODULE)
scalebench_absent("${DNNL_FOUND}" "oneDNN" "matrix products on the CPU are computed by it" "libdnnl-dev")

# Debian's Python comes first: another one that is first on PATH does not see the packages that apt installs.
if(SCALEBENCH_TESTS AND NOT SCALEBENCH_PYTHON)
  find_program(scalebench_first_python NAMES python3 NO_CACHE)
  foreach(candidate IN ITEMS /usr/bin/python3 ${scalebench_first_python})
    execute_process(COMMAND "${candidate}" -c "import h5py, numpy, matplotlib"
                    RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(status EQUAL 0)
      set(SCALEBENCH_PYTHON "${candidate}" CACHE FILEPATH "A Python that sees h5py, numpy and matplotlib")
      break()
    endif()
  endforeach()
  if(NOT SCALEBENCH_PYTHON)
    scalebench_absent(FALSE "A Python with h5py, numpy and matplotlib"
                      "the tests read results back by it: -DSCALEBENCH_PYTHON=... names one"
                      "python3-h5py;python3-numpy;python3-matplotlib")
  endif()
endif()

get_property(scalebench_absent GLOBAL PROPERTY SCALEBENCH_ABSENT)
if(scalebench_absent)
  get_property(scalebench_packages GLOBAL PROPERTY SCALEBENCH_ABSENT_PACKAGES)
  list(REMOVE_DUPLICATES scalebench_packages)
  list(JOIN scalebench_packages " " scalebench_packages)
  message(FATAL_ERROR "Libraries are absent (scalebench cannot be built without them):${scalebench_absent}\n"
                      "On Debian and Ubuntu: apt-get install ${scalebench_packages}\n"
                      "If they are installed elsewhere, name their folders: -DCMAKE_PREFIX_PATH=/where/it/is")
endif()

message(STATUS "MPI ${MPI_C_VERSION}, HDF5 ${HDF5_VERSION}, Boost ${Boost_VERSION_STRING}, fmt ${fmt_VERSION}, "
               "hwloc ${Hwloc_VERSION}, oneDNN ${DNNL_VERSION}, OpenMP ${OpenMP_CXX_VERSION}")
