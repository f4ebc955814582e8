# Finds hwloc: Hwloc_FOUND, Hwloc_VERSION and the target scalebench::hwloc.
find_path(HWLOC_INCLUDE_DIR hwloc.h)
find_library(HWLOC_LIBRARY hwloc)

# In a folder of the architecture on Debian.
find_path(HWLOC_CONFIG_DIR hwloc/autogen/config.h HINTS "${HWLOC_INCLUDE_DIR}")
if(HWLOC_CONFIG_DIR)
  file(STRINGS "${HWLOC_CONFIG_DIR}/hwloc/autogen/config.h" line REGEX "#define HWLOC_VERSION \"")
  string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" Hwloc_VERSION "${line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Hwloc REQUIRED_VARS HWLOC_LIBRARY HWLOC_INCLUDE_DIR VERSION_VAR Hwloc_VERSION)
mark_as_advanced(HWLOC_CONFIG_DIR HWLOC_INCLUDE_DIR HWLOC_LIBRARY)

if(Hwloc_FOUND AND NOT TARGET scalebench::hwloc)
  add_library(scalebench::hwloc UNKNOWN IMPORTED)
  set_target_properties(scalebench::hwloc PROPERTIES IMPORTED_LOCATION "${HWLOC_LIBRARY}"
                                                     INTERFACE_INCLUDE_DIRECTORIES "${HWLOC_INCLUDE_DIR}")
endif()
