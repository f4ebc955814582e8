#include "app/run.hpp"

#include <cstdio>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "app/build.hpp"
#include "app/campaign.hpp"
#include "app/crew.hpp"
#include "app/fingerprint.hpp"
#include "app/guard/first_failure.hpp"
#include "app/guard/launch.hpp"
#include "app/job.hpp"
#include "app/provenance.hpp"
#include "app/report/report.hpp"
#include "app/verify.hpp"
#include "app/warnings.hpp"
#include "collectives/control/board.hpp"
#include "collectives/control/mpi_control.hpp"

namespace scalebench {

namespace {

constexpr double kStartUpTimeout = 120;  // s

// The same on all ranks: cores of rank 0's node, the least memory and the most ranks of any node, the least GPU.
Surroundings surroundings_of(const Host& host, const Hardware& hardware, Control& control) {
  const double available =
      hardware.pair ? memory_of(hardware, control.size()) : memory_for_rank(host, control.ranks_on_node());
  const GpuKind kind = hardware.pair ? hardware.pair->kind() : GpuKind{};
  const std::vector<double> mine = {-available, static_cast<double>(control.ranks_on_node()),
                                    -static_cast<double>(kind.capability), -kind.memory};
  const std::vector<double> worst = control.maximum(mine, control.world());
  const auto cores = static_cast<double>(host.cores);
  std::optional<GpuKind> gpu;
  if (hardware.pair) gpu = {.capability = static_cast<int>(-worst[2]), .memory = -worst[3]};
  return {.ranks = control.size(),
          .ranks_on_node = static_cast<int>(worst[1]),
          .cores = static_cast<int>(control.broadcast({&cores, 1}, control.world())[0]),
          .memory = -worst[0],
          .cpu = hardware.pair == nullptr,
          .gpu = gpu};
}

std::filesystem::path output_of(const Options& o, Control& control) {
  const std::string chosen =
      o.output.value_or(fmt::format("scalebench-{}-{}-{}.h5", o.workload, control.size(), utc_compact()));
  return control.broadcast(chosen, control.world());
}

// Nobody has computed yet: whatever is wrong, all ranks learn of it and leave alike.
void meet(const Options& o, const std::optional<Error>& trouble, Control& control) {
  control.together([&] {
    if (trouble) throw *trouble;
    if (o.ranks && *o.ranks != control.size())
      fail(Exit::bad_input,
           "--ranks {} but {} were started (the two must be equal) leave --ranks out, or use mpirun -np {}", *o.ranks,
           control.size(), *o.ranks);
  });
  control.agree("the program", fmt::format("scalebench {} {}", kVersion, kGitHash), Exit::unfit, control.world());
  // Before any rank acts on it.
  control.agree("what to compute with", where_to_compute(o), Exit::bad_input, control.world());
}

Existing existing(const Options& o) {
  return o.append ? Existing::append : o.force ? Existing::replace : Existing::refuse;
}

void show(const Measurement& m, const Job& job, Format format, const std::filesystem::path& file) {
  std::string text = report(m, job, format);
  if (format == Format::table) text += file.string() + '\n';
  std::fputs(text.c_str(), stdout);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    fmt::print(
        stderr,
        "scalebench: warning: the result could not be printed (standard output is full or closed) it is in the file\n");
  if (format != Format::table) fmt::print(stderr, "{}\n", file.string());
}

struct Services {
  MpiSession& session;
  Control& control;
  Watchdog& watchdog;
  Signals& signals;
  ProgressLine& progress;
};

// A failure is kept where no older result stands.
void verify_first(const Job& job, Crew& crew, Measurement& m, Recorder* recorder) {
  const Verification verification = verify(job, crew, opener_of(crew.hardware));
  m.verification = attributes_of(verification);
  crew.progress.say("scalebench: " + text_of(verification));
  if (verification.passed()) return;
  m.status = "failed";
  crew.control.together([&] {
    if (recorder != nullptr && !std::filesystem::exists(recorder->path())) recorder->save(m);
  });
  crew.control.together([&] { refuse(verification); });
}

Exit work(const Options& o, const std::optional<Error>& trouble, const std::filesystem::path& output, Services& s) {
  s.watchdog.enter("start-up", 0, kStartUpTimeout);
  meet(o, trouble, s.control);
  Hardware hardware = choose_hardware(o, s.control);  // may bind this process
  const Host host = look_at_host();
  const Surroundings surroundings = surroundings_of(host, hardware, s.control);
  std::optional<Injection> injection;
  Job job;
  s.control.together([&] {
    injection.emplace(o.inject, s.control.rank());
    job = resolve(o, surroundings);
  });
  s.control.agree("what to measure", fingerprint(o, job), Exit::bad_input, s.control.world());

  Crew crew{s.session,
            s.control,
            s.watchdog,
            s.signals,
            *injection,
            s.progress,
            clock_offset(s.session, s.control, monotonic_seconds),
            std::move(hardware)};
  Measurement measurement = describe_run(o, job, host, crew);
  std::optional<Recorder> recorder;
  std::optional<DumpFile> dump;
  s.control.together([&] {
    if (s.control.rank() != 0) return;
    recorder.emplace(output, existing(o));
    if (o.dump) dump.emplace(*o.dump, o.force);
    remove_old_failures(std::filesystem::path(output).replace_extension());
    if (o.append) recorder->expect(measurement);
  });
  tell_of_hardware(crew);
  warn_of_bad_measuring(job, host, surroundings, crew);
  if (!job.shrunk.empty()) s.progress.say("scalebench: " + job.shrunk);

  if (o.verify) verify_first(job, crew, measurement, recorder ? &*recorder : nullptr);
  const Exit exit = measure_all(o, job, surroundings, crew, measurement,
                                {.recorder = recorder ? &*recorder : nullptr, .dump = dump ? &*dump : nullptr});
  s.watchdog.enter("reporting", 0, 0);
  s.progress.clear();
  if (recorder) show(measurement, job, o.format, recorder->path());
  if (exit == Exit::wrong) s.progress.say("scalebench: error: " + (recorder ? failure_text(measurement) : ""));
  if (exit == Exit::stopped) s.progress.say("scalebench: stopped; what was finished is in the file");
  return exit;
}

}  // namespace

int run_job(const Options& options, const std::optional<Error>& trouble, int argc, char** argv) {
  MpiSession session(&argc, &argv);
  MpiControl control(session);
  if (!trouble) check_size(session.size());
  Board board(session);
  Signals signals;
  ProgressLine progress = ProgressLine::on_stderr(control.rank() == 0);
  const std::filesystem::path output = output_of(options, control);
  Watchdog watchdog(board, session, std::filesystem::path(output).replace_extension());
  Services services{session, control, watchdog, signals, progress};
  try {
    return static_cast<int>(work(options, trouble, output, services));
  } catch (const AgreedError& error) {
    progress.say(std::string("scalebench: error: ") + error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    watchdog.give_up(Exit::unfit,
                     "out of memory (an allocation was refused) use fewer ranks per node or a smaller model");
  } catch (const Error& error) {
    watchdog.give_up(error.code(), error.what());
  } catch (const std::exception& error) {
    watchdog.give_up(Exit::wrong, error.what());
  }
}

}  // namespace scalebench
