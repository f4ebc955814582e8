#include "app/recorder/dump_file.hpp"

#include <array>

#include "app/recorder/hdf5.hpp"
#include "base/check.hpp"

namespace scalebench {

namespace {

using hdf5::Group;
using hdf5::Type;

std::vector<std::byte> encode(const Dump& dump) {
  const hdf5::File file = hdf5::File::in_memory();
  Group root = file.root();
  root.set("schema", std::string("scalebench-dump"));
  const auto put = [](Group& group, const hdf5::Label& label, Type type, std::span<const std::size_t> extents,
                      std::span<const double> values) { group.create(label, type, extents).write(values); };
  const std::array rows{dump.sequences, dump.length};
  put(root, {"tokens", "1", "input ids"}, Type::integer32, rows, dump.tokens);
  put(root, {"targets", "1", "ids that the logits are compared with"}, Type::integer32, rows, dump.targets);
  put(root, {"logits", "1", "of each position"}, Type::real32, std::array{dump.sequences, dump.length, dump.vocabulary},
      dump.logits);
  put(root, {"loss", "1", "mean cross entropy over all positions, nats"}, Type::real, {}, {&dump.loss, 1});
  put(root, {"gradient_norm", "1", "L2 norm of all gradients"}, Type::real, {}, {&dump.gradient_norm, 1});
  Group gradients = root.create_group("gradients");
  for (const Dump::Named& g : dump.gradients)
    put(gradients, {g.name, "1", "gradient of the loss, before clipping"}, Type::real32, g.shape, g.values);
  return file.image();
}

}  // namespace

DumpFile::DumpFile(const std::filesystem::path& path, bool replace) : output_(path) {
  if (output_.exists() && !replace)
    fail(Exit::output, "{} exists (a result is never lost by accident) --force replaces it", path.string());
  output_.refuse_what_is_no_result();
}

void DumpFile::write(const Dump& dump) const try {
  output_.replace(encode(dump), [&](const std::filesystem::path& temporary) {
    if (hdf5::File::open(temporary).root().dataset("logits").reals().size() != dump.logits.size())
      throw hdf5::Fault("what is read back is not what was written");
  });
} catch (const hdf5::Fault& fault) {
  fail(Exit::output, "{} was not written ({}) check disk and memory", path().string(), fault.what());
}

}  // namespace scalebench
