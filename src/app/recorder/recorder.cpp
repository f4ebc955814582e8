#include "app/recorder/recorder.hpp"

#include <optional>
#include <utility>

#include "app/recorder/file.hpp"
#include "app/recorder/join.hpp"
#include "app/recorder/output_file.hpp"
#include "base/check.hpp"

namespace scalebench {
namespace {

// The run whose points are to be added to, if there is one.
std::optional<Measurement> existing_run(const OutputFile& output, Existing existing) try {
  if (existing == Existing::replace) output.refuse_what_is_no_result();
  if (!output.exists() || existing == Existing::replace) return std::nullopt;
  if (existing == Existing::append) return read_measurement(output.path());
  fail(Exit::output, "{} exists (a result is never lost by accident) --append adds points to it, --force replaces it",
       output.path().string());
} catch (const Error&) {
  throw;
} catch (const std::exception& error) {
  fail(Exit::output, "{} cannot be appended to ({}) give another --output, or --force to replace it",
       output.path().string(), error.what());
}

void refuse_difference(const std::filesystem::path& path, const Measurement& found, const Measurement& added) {
  const std::string difference = first_difference(found, added);
  if (!difference.empty())
    fail(Exit::output, "the points don't belong in {}: {}, or another --output", path.string(), difference);
}

}  // namespace

struct Recorder::State {
  State(std::filesystem::path given_, Existing existing)
      : given(std::move(given_)), output(given), found(existing_run(output, existing)) {}

  std::filesystem::path given;
  OutputFile output;
  std::optional<Measurement> found;
};

Recorder::Recorder(std::filesystem::path output, Existing existing)
    : state_(std::make_unique<State>(std::move(output), existing)) {}

Recorder::~Recorder() = default;

const std::filesystem::path& Recorder::path() const { return state_->given; }

void Recorder::expect(const Measurement& planned) const {
  if (state_->found) refuse_difference(path(), *state_->found, planned);
}

void Recorder::save(const Measurement& measurement) {
  std::optional<Measurement> added;  // where it is not the measurement as it is
  std::vector<const Point*> points;
  if (state_->found) {
    expect(measurement);
    added = joined(*state_->found, measurement);
    points = addresses(state_->found->points);
  }
  const Measurement& run = added ? *added : measurement;
  std::ranges::copy(addresses(run.points), std::back_inserter(points));
  try {
    state_->output.replace(encode(run, points), [&](const std::filesystem::path& temporary) {
      if (digest(addresses(read_measurement(temporary).points)) != digest(points))
        throw hdf5::Fault("the points read back are not those that were written");
    });
  } catch (const hdf5::Fault& fault) {
    fail(Exit::output, "{} was not written ({}) what was there before is unchanged; check disk and memory",
         path().string(), fault.what());
  }
}

std::string stored_rung(const std::filesystem::path& file) try {
  const hdf5::File opened = hdf5::File::open(file);
  const hdf5::Group root = opened.root();
  check_schema(root);
  return std::get<std::string>(root.group("model").attribute("rung"));
} catch (const std::exception& error) {
  fail(Exit::bad_input, "--shrink {} gives no rung ({}) name the result of a run of a model", file.string(),
       error.what());
}

}  // namespace scalebench
