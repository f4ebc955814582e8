# Writes OUTPUT, a C++ source that holds the files below CATALOGUE as text: model_files() and machine_files().
function(catalogue_entries result folder)
  file(GLOB files "${CATALOGUE}/${folder}/*")
  list(SORT files)
  set(entries "")
  foreach(file IN LISTS files)
    get_filename_component(name "${file}" NAME_WLE)
    file(READ "${file}" text)
    string(APPEND entries "    {\"${name}\", R\"catalogue(${text})catalogue\"},\n")
  endforeach()
  set(${result} "${entries}" PARENT_SCOPE)
endfunction()

catalogue_entries(models models)
catalogue_entries(machines machines)
file(WRITE "${OUTPUT}" "#include \"spec/catalogue_data.hpp\"

namespace scalebench {

namespace {

constexpr CatalogueFile kModels[] = {
${models}};

constexpr CatalogueFile kMachines[] = {
${machines}};

}  // namespace

std::span<const CatalogueFile> model_files() { return kModels; }
std::span<const CatalogueFile> machine_files() { return kMachines; }

}  // namespace scalebench
")
