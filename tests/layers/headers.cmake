# scalebench_header_self_containment(LINK targets...)
#
# Compiles every header alone, so that none leans on what a neighbour included before it: where a source of the same name
# includes it first, that is done anyway. One OBJECT library, `header_self_containment`, holds a generated one-line
# source for each of the others; its include folders and flags are those of the
# targets given (the two roots, the warnings and the libraries). CUDA's headers are left out unless CUDA is enabled.
function(scalebench_header_self_containment)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "LINK")

  set(roots src kernels collectives workloads)
  list(TRANSFORM roots PREPEND "${PROJECT_SOURCE_DIR}/")
  list(TRANSFORM roots APPEND "/*.hpp" OUTPUT_VARIABLE patterns)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" ${patterns})
  if(NOT CMAKE_CUDA_COMPILER)
    list(FILTER headers EXCLUDE REGEX "^(src/base/cuda|kernels/cuda|collectives/(nccl|staged))/")
  endif()
  if(NOT headers)
    return()
  endif()

  set(sources)
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "^src/" "" spelling "${header}")
    string(REGEX REPLACE "\\.hpp$" ".cpp" twin "${PROJECT_SOURCE_DIR}/${header}")
    set(first "")
    if(EXISTS "${twin}")
      file(STRINGS "${twin}" first REGEX "^#include" LIMIT_COUNT 1)
    endif()
    if(first STREQUAL "#include \"${spelling}\"")
      continue()
    endif()
    string(REGEX REPLACE "\\.hpp$" ".cpp" source "${CMAKE_CURRENT_BINARY_DIR}/headers/${spelling}")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${spelling}\"\n")
    list(APPEND sources "${source}")
  endforeach()

  add_library(header_self_containment OBJECT ${sources})
  target_link_libraries(header_self_containment PRIVATE ${arg_LINK})
endfunction()
