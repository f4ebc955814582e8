#include "app/guard/launch.hpp"

#include <map>

#include <boost/test/unit_test.hpp>

#include "base/check.hpp"

using namespace scalebench;

namespace {

Environment with(std::map<std::string, std::string> variables) {
  return [variables](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

bool is_unfit(const Error& error) { return error.code() == Exit::unfit; }

bool names_the_fix(const Error& error) {
  const std::string text = error.what();
  return is_unfit(error) && text.find("started 4 times as rank 0 of 1") != std::string::npos &&
         text.find("srun --mpi=pmix") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(launch)

BOOST_AUTO_TEST_CASE(slurm_tasks_without_a_pmi_are_refused_with_the_fix) {
  BOOST_CHECK_EXCEPTION(guard_launch(with({{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "2"}})), Error,
                        names_the_fix);
}

BOOST_AUTO_TEST_CASE(slurm_tasks_with_a_pmi_may_start) {
  for (const char* pmi : {"PMIX_RANK", "PMI_RANK"})
    BOOST_CHECK_NO_THROW(guard_launch(with({{"SLURM_STEP_NUM_TASKS", "4"}, {pmi, "0"}})));
}

BOOST_AUTO_TEST_CASE(mpirun_inside_an_allocation_may_start) {
  BOOST_CHECK_NO_THROW(guard_launch(with({{"SLURM_NTASKS", "4"}})));
  BOOST_CHECK_NO_THROW(guard_launch(with({{"SLURM_STEP_NUM_TASKS", "4"}, {"OMPI_COMM_WORLD_SIZE", "1"}})));
}

BOOST_AUTO_TEST_CASE(one_process_by_hand_may_start) {
  BOOST_CHECK_NO_THROW(guard_launch(with({})));
  BOOST_CHECK_NO_THROW(check_size(1, with({})));
}

BOOST_AUTO_TEST_CASE(the_size_of_mpirun_is_the_size_that_must_come_out) {
  const auto environment = with({{"OMPI_COMM_WORLD_SIZE", "4"}});
  BOOST_CHECK_NO_THROW(check_size(4, environment));
  BOOST_CHECK_EXCEPTION(check_size(1, environment), Error, is_unfit);
  BOOST_CHECK_EXCEPTION(check_size(1, with({{"PMI_SIZE", "2"}})), Error, is_unfit);
}

BOOST_AUTO_TEST_CASE(mpirun_of_one_inside_a_step_of_four_is_one) {
  BOOST_CHECK_NO_THROW(
      check_size(1, with({{"OMPI_COMM_WORLD_SIZE", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"PMI_SIZE", "4"}})));
}

BOOST_AUTO_TEST_CASE(a_pmi_that_mpi_did_not_understand_is_found_after_mpi_init) {
  BOOST_CHECK_EXCEPTION(check_size(1, with({{"SLURM_STEP_NUM_TASKS", "4"}, {"PMIX_RANK", "0"}})), Error, names_the_fix);
}

BOOST_AUTO_TEST_CASE(exactly_the_first_process_speaks) {
  BOOST_CHECK(speaks_before_mpi(with({})));
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    BOOST_CHECK(speaks_before_mpi(with({{name, "0"}})));
    BOOST_CHECK(!speaks_before_mpi(with({{name, "3"}})));
  }
  // mpirun's daemon may itself be a task of a step: then the rank is what counts.
  BOOST_CHECK(!speaks_before_mpi(with({{"OMPI_COMM_WORLD_RANK", "1"}, {"SLURM_PROCID", "0"}})));
  BOOST_CHECK(speaks_before_mpi(with({{"OMPI_COMM_WORLD_RANK", "0"}, {"SLURM_PROCID", "3"}})));
}

BOOST_AUTO_TEST_CASE(a_launcher_is_known_by_what_it_sets) {
  BOOST_CHECK(!started_by_launcher(with({})));
  BOOST_CHECK(!started_by_launcher(with({{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}})));
  BOOST_CHECK(started_by_launcher(with({{"OMPI_COMM_WORLD_RANK", "0"}})));
  BOOST_CHECK(started_by_launcher(with({{"SLURM_STEP_NUM_TASKS", "2"}})));
}

BOOST_AUTO_TEST_CASE(the_launcher_says_how_many_ranks_it_started) {
  BOOST_CHECK_EQUAL(ranks_of_launcher(with({})), 1);
  BOOST_CHECK_EQUAL(ranks_of_launcher(with({{"SLURM_NTASKS", "4"}})), 1);
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    BOOST_CHECK_EQUAL(ranks_of_launcher(with({{name, "6"}})), 6);
  // mpirun in a step of one task
  BOOST_CHECK_EQUAL(ranks_of_launcher(with({{"OMPI_COMM_WORLD_SIZE", "4"}, {"SLURM_STEP_NUM_TASKS", "1"}})), 4);
  BOOST_CHECK_EQUAL(ranks_of_launcher(with({{"OMPI_COMM_WORLD_SIZE", "many"}})), 1);
}

BOOST_AUTO_TEST_CASE(rubbish_in_the_environment_is_as_if_it_were_not_there) {
  BOOST_CHECK_NO_THROW(guard_launch(with({{"SLURM_STEP_NUM_TASKS", "many"}})));
  BOOST_CHECK_NO_THROW(check_size(2, with({{"OMPI_COMM_WORLD_SIZE", ""}})));
}

BOOST_AUTO_TEST_SUITE_END()
