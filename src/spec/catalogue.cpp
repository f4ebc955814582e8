#include "spec/catalogue.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/text_file.hpp"
#include "spec/catalogue_data.hpp"

namespace scalebench {

namespace {

// DIR/config.json is called DIR, DIR/other.json is called other.
std::string model_name(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path().filename();
  return path.stem() == "config" && !folder.empty() ? folder.string() : path.stem().string();
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const CatalogueFile& file : model_files()) names.emplace_back(file.name);
  return names;
}

ModelSpec find_model(const std::string& name_or_path) {
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".json"))
    return parse_hugging_face_config(read_text_file(name_or_path, "--model"), name_or_path, model_name(name_or_path));
  for (const CatalogueFile& file : model_files())
    if (file.name == name_or_path) return parse_hugging_face_config(file.text, file.name, std::string(file.name));
  const std::vector<std::string> names = model_names();
  fail(Exit::bad_input, "unknown model '{}' (there are: {}) did you mean {}, or the path of a config.json?",
       printable(name_or_path), fmt::join(names, ", "), fmt::join(nearest(name_or_path, names), " or "));
}

}  // namespace scalebench
