// SPDX-License-Identifier: Apache-2.0
#include "solver/run_environment.h"

#include "os/fd.h"
#include "os/system.h"

namespace kiln::solver {
namespace {

constexpr std::size_t kLargestSecret = 500 * 1024;

}  // namespace

Result<std::optional<std::string>> secret_value(const RunEnvironment& run, const std::string& id) {
  const auto found = run.secrets.find(id);
  if (found == run.secrets.end()) return std::optional<std::string>();
  const SecretSource& source = found->second;
  if (source.kind == SecretSource::Kind::environment)
    return std::optional(os::environment(source.name).value_or(""));
  std::string value = TRY(os::read_file(source.name, kLargestSecret).context("secret " + id));
  return std::optional(std::move(value));
}

}  // namespace kiln::solver
