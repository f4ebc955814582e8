// The parameters of a model from a folder as Hugging Face saves it: model.safetensors, or several files and
// model.safetensors.index.json. Each rank touches the pages of its shard alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/inputs/mapped_file.hpp"
#include "app/inputs/safetensors.hpp"
#include "workloads/blocks/layout.hpp"
#include "workloads/sources.hpp"

namespace scalebench {

class Checkpoint final : public ParameterSource {
 public:
  // Throws Error(bad_input): a file that is not there or is not what it claims, a parameter of `units` that is absent,
  // of another shape or of a dtype other than F32, F16 or BF16, a tensor that no unit has. Names may lack their first
  // word ("transformer."), as those of GPT-2 as it was published.
  Checkpoint(const std::string& folder, const std::vector<Unit>& units);

  void read(const std::string& name, std::int64_t first, std::span<double> to) const override;

 private:
  struct Place {
    std::size_t file{};
    StoredTensor tensor{};
  };

  void open(const std::string& path);
  void open_all(const std::string& folder, const std::map<std::string, std::string>& index);
  void complete_names(const std::vector<Unit>& units);
  void check(const std::string& folder, const std::vector<Unit>& units) const;
  bool repeats_the_embedding(const Place& place) const;
  std::span<const std::byte> bytes_of(const Place& place) const;

  std::vector<MappedFile> files_{};
  std::map<std::string, Place> places_{};
};

}  // namespace scalebench
