// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <mutex>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/output_flag.h"
#include "cli/platform_flag.h"
#include "cli/registry_session.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "transport/image_copy.h"
#include "transport/location.h"

namespace kiln::cli {
namespace {

using Transport = transport::Location::Transport;

struct CopyFlags {
  bool all = false, quiet = false, preserve_digests = false, compress = false, decompress = false,
       no_creds = false;
  std::string format, compression, level, platform, os, architecture, variant, digest_file,
      multi_arch;
  RegistryFlags both, source, destination;
};

FlagSet copy_flag_set(const Session& session, CopyFlags& flags) {
  FlagSet set(session.command, "[OPTIONS] SOURCE DESTINATION",
              "Copy an image between registries, archives, directories and the store");
  set.flag("-a,--all", flags.all, "of an index, all images and the index itself")
      .option("--multi-arch", flags.multi_arch, "all, system or index-only")
      .option("-f,--format", flags.format, "the manifest's: oci or v2s2 (default: as it is)")
      .option("--dest-compress-format", flags.compression,
              "compress all layers so: gzip, zstd or uncompressed")
      .option("--dest-compress-level", flags.level, "0-9 for gzip, 0-22 for zstd")
      .flag("--dest-compress", flags.compress, "compress plain layers, also for dir:")
      .flag("--dest-decompress", flags.decompress, "write plain layers")
      .option("--platform", flags.platform, "of an index, the image for os/architecture[/variant]")
      .option("--override-os", flags.os, "the platform's os")
      .option("--override-arch", flags.architecture, "the platform's architecture")
      .option("--override-variant", flags.variant, "the platform's variant")
      .option("--digestfile", flags.digest_file, "write the digest of what was written to a file")
      .flag("--preserve-digests", flags.preserve_digests, "fail rather than change a digest")
      .flag("--src-no-creds", flags.no_creds, "accepted: what asks for none gets none")
      .flag("-q,--quiet", flags.quiet, "print nothing")
      .arguments(2, 2);
  add_registry_flags(set, flags.both);
  add_registry_flags(set, flags.source, "src-");
  add_registry_flags(set, flags.destination, "dest-");
  return set;
}

/// The side's own flags over those of both.
RegistryFlags merged(RegistryFlags side, const RegistryFlags& both) {
  if (side.authfile.empty()) side.authfile = both.authfile;
  if (side.credentials.empty()) side.credentials = both.credentials;
  if (side.certificate_folder.empty()) side.certificate_folder = both.certificate_folder;
  if (side.tls_verify.empty()) side.tls_verify = both.tls_verify;
  return side;
}

Result<oci::Platform> wanted_platform(const CopyFlags& flags) {
  oci::Platform out = TRY(platform_or_host(flags.platform));
  if (!flags.os.empty()) out.os = flags.os;
  if (!flags.architecture.empty()) {
    out.architecture = flags.architecture;
    out.variant = flags.variant;
  }
  return out;
}

Result<transport::CopyOptions> copy_options(const CopyFlags& flags) {
  transport::CopyOptions out;
  out.form = TRY(parse_layer_form(flags.compression, flags.level, !flags.compression.empty()));
  if (flags.decompress) {
    if (flags.compress || !flags.compression.empty())
      return invalid_input("--dest-decompress and a compression exclude each other");
    out.form.kind = archive::Compression::none;
    out.form.force = true;
  } else if (flags.compress && !out.form.kind) {
    out.form.kind = archive::Compression::gzip;
  }
  out.format = TRY(parse_manifest_format(flags.format));
  out.platform = TRY(wanted_platform(flags));
  if (flags.all || flags.multi_arch == "all") {
    out.instances = transport::Instances::all;
  } else if (flags.multi_arch == "index-only") {
    out.instances = transport::Instances::none;
  } else if (!flags.multi_arch.empty() && flags.multi_arch != "system") {
    return invalid_input("unknown --multi-arch \"" + flags.multi_arch +
                         "\": all, system or index-only");
  }
  out.preserve_digests = flags.preserve_digests;
  out.threads = os::processor_count();
  return out;
}

/// `Copying layer 0123456789ab: Pushed`, a line each.
class CopyLines final : public exporter::TransferProgress {
 public:
  explicit CopyLines(bool quiet) : quiet_(quiet) {}
  void layer(std::string_view layer, std::string_view status) override {
    if (quiet_ || status == "Preparing") return;
    const std::scoped_lock lock(mutex_);
    print_error(fmt::format("Copying layer {}: {}", layer, status));
  }

 private:
  bool quiet_;
  std::mutex mutex_;
};

}  // namespace

Result<int> copy_command(const Session& session, std::vector<std::string> words) {
  CopyFlags flags;
  FlagSet set = copy_flag_set(session, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const auto from = TRY(transport::Location::parse(parsed.arguments[0]));
  const auto to = TRY(transport::Location::parse(parsed.arguments[1]));
  transport::CopyOptions options = TRY(copy_options(flags));
  std::unique_ptr<registry::Registries> source_registries, destination_registries;
  if (from.transport == Transport::registry)
    source_registries = TRY(open_registries(merged(flags.source, flags.both)));
  if (to.transport == Transport::registry)
    destination_registries = TRY(open_registries(merged(flags.destination, flags.both)));
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  CopyLines lines(flags.quiet || to.path == "-");
  options.stop = interrupts.token();
  options.progress = &lines;
  options.index = &store.distribution();

  const auto source = TRY(transport::open_source(from, {&store, source_registries.get()}));
  transport::CopiedImage copied;
  const auto copy = [&](transport::ImageDestination& destination) -> Result<void> {
    copied = TRY(transport::copy_image(*source, destination, options));
    return {};
  };
  TRY(transport::with_destination(to, {&store, destination_registries.get()}, copy));
  if (!flags.digest_file.empty()) {
    TRY(os::write_output_file(flags.digest_file, 0644, copied.top.digest.str()));
  }
  if (!flags.quiet && to.path != "-") TRY(print(copied.top.digest.str() + "\n"));
  return 0;
}

}  // namespace kiln::cli
