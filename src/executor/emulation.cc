// SPDX-License-Identifier: Apache-2.0
#include "executor/emulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "os/file_io.h"
#include "os/kernel.h"
#include "os/process.h"
#include "os/system.h"

namespace kiln::executor {
namespace {

/// What tells an architecture's programs: fields of the ELF header.
struct Machine {
  std::string_view go_name;
  std::string_view qemu_name;
  bool is_64_bit;
  bool little_endian;
  unsigned elf_machine;
};
constexpr std::array kMachines = {
    Machine{"amd64", "x86_64", true, true, 62},
    Machine{"386", "i386", false, true, 3},
    Machine{"arm64", "aarch64", true, true, 183},
    Machine{"arm", "arm", false, true, 40},
    Machine{"riscv64", "riscv64", true, true, 243},
    Machine{"ppc64le", "ppc64le", true, true, 21},
    Machine{"ppc64", "ppc64", true, false, 21},
    Machine{"ppc", "ppc", false, false, 20},
    Machine{"s390x", "s390x", true, false, 22},
    Machine{"mips", "mips", false, false, 8},
    Machine{"mipsle", "mipsel", false, true, 8},
    Machine{"mips64", "mips64", true, false, 8},
    Machine{"mips64le", "mips64el", true, true, 8},
    Machine{"loong64", "loongarch64", true, true, 258},
};
constexpr unsigned kFirstKernelMajor = 6, kFirstKernelMinor = 7;

const Machine* find_machine(std::string_view go_name) {
  const auto found = std::ranges::find(kMachines, go_name, &Machine::go_name);
  return found == kMachines.end() ? nullptr : &*found;
}

/// A program that needs nothing but itself: in a container there is nothing
/// else of this machine's.
std::string qemu_program(const Machine& machine) {
  return fmt::format("qemu-{}-static", machine.qemu_name);
}

std::string escaped(const std::vector<unsigned>& bytes) {
  std::string out;
  for (const unsigned byte : bytes) out += fmt::format("\\x{:02x}", byte);
  return out;
}

/// Whether the machine's owner has told the kernel about this architecture, for
/// all containers.
bool is_set_up_on_host(const Machine& machine) {
  const auto entry =
      os::read_file(fmt::format("/proc/sys/fs/binfmt_misc/qemu-{}", machine.qemu_name));
  if (!entry || !entry->starts_with("enabled")) return false;
  const auto flags = entry->find("flags: ");
  if (flags == std::string::npos) return false;
  return entry->substr(flags, entry->find('\n', flags) - flags).find('F') != std::string::npos;
}

Error too_old_a_kernel(const Error& cause) {
  const os::KernelVersion kernel = os::kernel_version();
  const bool old =
      std::pair(kernel.major, kernel.minor) < std::pair(kFirstKernelMajor, kFirstKernelMinor);
  return unsupported(old ? fmt::format("this kernel is Linux {}.{}: emulating "
                                       "another architecture "
                                       "without setting up the machine takes "
                                       "Linux 6.7 or later",
                                       kernel.major, kernel.minor)
                         : cause.message())
      .with_hint(
          "the machine's owner can set up emulation for all: register "
          "qemu-user with binfmt_misc, "
          "with the flag F");
}

}  // namespace

std::string binfmt_registration(const std::string& architecture, const std::string& interpreter) {
  const Machine* machine = find_machine(architecture);
  if (machine == nullptr) return {};
  const unsigned low = machine->elf_machine & 0xffU, high = machine->elf_machine >> 8U;
  std::vector<unsigned> magic = {
      0x7f, 'E', 'L', 'F', machine->is_64_bit ? 2U : 1U, machine->little_endian ? 1U : 2U, 1};
  magic.resize(16);
  // Of the identification the system's name doesn't count; of the type,
  // programs that are linked at a place (2) and anywhere (3) do.
  std::vector<unsigned> mask(16, 0xff);
  mask[7] = 0;
  if (machine->little_endian) {
    magic.insert(magic.end(), {2, 0, low, high});
    mask.insert(mask.end(), {0xfe, 0xff, 0xff, 0xff});
  } else {
    magic.insert(magic.end(), {0, 2, high, low});
    mask.insert(mask.end(), {0xff, 0xfe, 0xff, 0xff});
  }
  // P: the program sees its own argv[0]. O and C: it may be unreadable, and
  // setuid counts. F: the interpreter is opened now, here, and not where the
  // program runs.
  return fmt::format(":kiln-{}:M::{}:{}:{}:POCF", machine->qemu_name, escaped(magic), escaped(mask),
                     interpreter);
}

Result<Emulation> Emulation::create(const std::string& architecture) {
  Emulation out;
  std::vector<std::string> registrations;
  for (const Machine& machine : kMachines) {
    const std::string name(machine.go_name);
    if (name == os::go_architecture()) continue;
    const auto program = os::find_program(qemu_program(machine));
    if (!program) continue;
    registrations.push_back(binfmt_registration(name, *program));
    out.emulated_.insert(name);
  }
  const Machine* wanted = find_machine(architecture);
  if (!out.emulated_.contains(architecture)) {
    // check() says what is missing.
    if (wanted == nullptr || !is_set_up_on_host(*wanted)) return out;
    out.emulated_.clear();
    return out;
  }
  auto made = os::BinfmtNamespace::create(registrations);
  if (!made) {
    out.emulated_.clear();
    if (!is_set_up_on_host(*wanted)) return too_old_a_kernel(made.error());
    return out;
  }
  out.namespace_.emplace(*std::move(made));
  return out;
}

Result<void> Emulation::check(const std::string& architecture) const {
  if (emulated_.contains(architecture)) return {};
  const Machine* machine = find_machine(architecture);
  if (machine != nullptr && !namespace_ && is_set_up_on_host(*machine)) return {};
  Error error = unsupported("programs for " + architecture + " can't be run on this machine");
  if (machine == nullptr) return error;
  return unsupported(fmt::format("programs for {} can't be run on this machine without {}",
                                 architecture, qemu_program(*machine)))
      .with_hint(
          "install the package qemu-user-static; steps without RUN need "
          "nothing");
}

}  // namespace kiln::executor
