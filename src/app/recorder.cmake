# The result file: what the recorder needs, apart from the rest of the application.
add_library(scalebench_recorder STATIC
  ${CMAKE_CURRENT_LIST_DIR}/descriptor.cpp
  ${CMAKE_CURRENT_LIST_DIR}/hdf5.cpp
  ${CMAKE_CURRENT_LIST_DIR}/hdf5_attribute.cpp
  ${CMAKE_CURRENT_LIST_DIR}/hdf5_dataset.cpp
  ${CMAKE_CURRENT_LIST_DIR}/hdf5_group.cpp
  ${CMAKE_CURRENT_LIST_DIR}/output_file.cpp
  ${CMAKE_CURRENT_LIST_DIR}/output_lock.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recorder.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recorder_columns.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recorder_join.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recorder_read.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recorder_read_point.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recorder_write.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recorder_write_point.cpp
  ${CMAKE_CURRENT_LIST_DIR}/temporary.cpp)
target_link_libraries(scalebench_recorder PUBLIC scalebench_options scalebench_base fmt::fmt PRIVATE scalebench::hdf5)
