// Models and machines by name: data files in catalogue/, compiled into the binary; or the user's own file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/model.hpp"

namespace scalebench {

// A catalogue name, or the path of a Hugging Face config.json (it holds a '/' or ends in .json).
// Throws Error(bad_input): unknown name (with the nearest), unreadable or malformed file, a field that changes the
// mathematics and is not understood.
ModelSpec find_model(const std::string& name_or_path);
std::vector<std::string> model_names();
// `where` names the text in messages.
ModelSpec parse_hugging_face_config(std::string_view json, std::string_view where, std::string name);

struct Machine {
  std::string name{};
  double memory{};  // bytes of one device
  int devices_per_node{};
  // FLOP/s of one device in dense matrix products, by precision ("bf16", "fp8"), where its datasheet says; never with
  // sparsity.
  std::map<std::string, double, std::less<>> peaks{};
  // What the driver calls such a device ("NVIDIA H200"), and which of --fp8-scaling's its matrix units have.
  std::string device{};
  std::vector<std::string> fp8_scaling{};
  int capability = 0;  // its compute capability, 90 for 9.0; 0: unknown, or no GPU
};
Machine find_machine(const std::string& name_or_path);              // catalogue name or a .toml file
std::optional<Machine> machine_of_device(std::string_view device);  // of the catalogue, by what its driver calls it
std::vector<std::string> machine_names();

}  // namespace scalebench
