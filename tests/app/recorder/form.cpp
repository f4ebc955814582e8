// Other tools can read the file: scales on every axis, units, and what h5dump and ncdump say.
#include <functional>

#include <boost/test/unit_test.hpp>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdio.h>

#include "app/recorder/recorder.hpp"
#include "tests/app/recorder/samples.hpp"

using namespace scalebench;
using namespace scalebench::test;

namespace {

// Calls `see` with each dataset below `group`.
int walk(hid_t group, const std::string& path, const std::function<void(hid_t, const std::string&)>& see) {
  H5G_info_t info;
  BOOST_REQUIRE(H5Gget_info(group, &info) >= 0);
  int seen = 0;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    char name[256];
    BOOST_REQUIRE(H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT) > 0);
    const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    BOOST_REQUIRE(object >= 0);
    const std::string full = path + "/" + name;
    if (H5Iget_type(object) == H5I_GROUP)
      seen += walk(object, full, see);
    else
      see(object, full), ++seen;
    H5Oclose(object);
  }
  return seen;
}

int axes_of(hid_t dataset) {
  const hid_t space = H5Dget_space(dataset);
  const int axes = H5Sget_simple_extent_ndims(space);
  H5Sclose(space);
  return axes;
}

struct Output {
  int status;
  std::string text;
};

Output output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  BOOST_REQUIRE(pipe != nullptr);
  std::string text;
  char part[4096];
  for (std::size_t got = 0; (got = ::fread(part, 1, sizeof part, pipe)) > 0;) text.append(part, got);
  return {::pclose(pipe), text};
}

bool absent(const std::string& tool) {
  if (output_of("command -v " + tool).status == 0) return false;
  BOOST_TEST_MESSAGE(tool << " is not installed: not tried");
  return true;
}

struct Saved {
  explicit Saved(const Measurement& run) { Recorder(folder / "a.h5", Existing::refuse).save(run); }
  Folder folder{};
  std::string path() const { return (folder / "a.h5").string(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recorder_form)

BOOST_AUTO_TEST_CASE(every_axis_of_every_dataset_has_a_dimension_scale) {
  for (const Measurement& run : {training_run(), collective_run(), training_run(0)}) {
    const Saved saved(run);
    const hid_t file = H5Fopen(saved.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    BOOST_REQUIRE(file >= 0);
    const int seen = walk(file, "", [](hid_t dataset, const std::string& name) {
      BOOST_TEST(axes_of(dataset) >= 1, name << " is a scalar");
      if (H5DSis_scale(dataset) > 0) return;
      for (int axis = 0; axis < axes_of(dataset); ++axis)
        BOOST_TEST(H5DSget_num_scales(dataset, static_cast<unsigned>(axis)) == 1,
                   name << " lacks a scale on axis " << axis);
    });
    BOOST_TEST(seen > 30);
    H5Fclose(file);
  }
}

BOOST_AUTO_TEST_CASE(every_dataset_has_a_meaning_and_every_number_a_unit) {
  const Saved saved(training_run());
  const hid_t file = H5Fopen(saved.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  walk(file, "", [](hid_t dataset, const std::string& name) {
    const hid_t type = H5Dget_type(dataset);
    BOOST_TEST(H5Aexists(dataset, "long_name") > 0, name);
    BOOST_TEST((H5Aexists(dataset, "units") > 0) == (H5Tget_class(type) != H5T_STRING), name);
    if (H5Tget_class(type) == H5T_STRING) {
      BOOST_TEST(H5Tis_variable_str(type) > 0, name);
      BOOST_TEST(H5Tget_cset(type) == H5T_CSET_UTF8, name);
    }
    H5Tclose(type);
  });
  H5Fclose(file);
}

BOOST_AUTO_TEST_CASE(two_dimensional_data_are_compressed_and_small_columns_contiguous) {
  const Saved saved(training_run());
  const hid_t file = H5Fopen(saved.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  walk(file, "", [](hid_t dataset, const std::string& name) {
    const hid_t layout = H5Dget_create_plist(dataset);
    const bool flat = axes_of(dataset) == 1;
    BOOST_TEST(H5Pget_layout(layout) == (flat ? H5D_CONTIGUOUS : H5D_CHUNKED), name);
    BOOST_TEST(H5Pget_nfilters(layout) == (flat ? 0 : 2), name);
    hsize_t chunk[3] = {};
    if (name.find("/phases") != std::string::npos) {  // unmarked rows take no space
      BOOST_TEST(H5Pget_chunk(layout, 3, chunk) > 0);
      BOOST_TEST(chunk[0] == 1U);
    }
    H5Pclose(layout);
  });
  H5Fclose(file);
}

BOOST_AUTO_TEST_CASE(h5dump_reads_all_of_it) {
  if (absent("h5dump")) return;
  const Saved saved(training_run());
  const Output output = output_of("h5dump " + saved.path());
  BOOST_TEST(output.status == 0);
  for (const char* part : {"DATASET \"phases_total\"", "ATTRIBUTE \"shrunk\"", "\"all_gather\"", "CSET H5T_CSET_UTF8"})
    BOOST_TEST(holds(output.text, part), part);
}

BOOST_AUTO_TEST_CASE(ncdump_finds_dimensions_variables_and_units) {
  if (absent("ncdump")) return;
  const Saved saved(training_run());
  const Output output = output_of("ncdump -h " + saved.path());
  BOOST_TEST(output.status == 0, output.text);
  for (const char* part : {"point = 2", "double samples(iteration, rank)", "double phases(iteration, rank, phase)",
                           "string lane(span)", "step_time:units = \"s\"", "string phase(phase)"})
    BOOST_TEST(holds(output.text, part), part);
  BOOST_TEST(output_of("ncdump " + saved.path()).status == 0);
}

BOOST_AUTO_TEST_SUITE_END()
