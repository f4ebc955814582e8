// The files of catalogue/, compiled into the binary: no path is needed at run time.
#pragma once

#include <span>
#include <string_view>

namespace scalebench {

struct CatalogueFile {
  std::string_view name;  // without its ending
  std::string_view text;
};

std::span<const CatalogueFile> model_files();    // config.json of Hugging Face
std::span<const CatalogueFile> machine_files();  // TOML

}  // namespace scalebench
