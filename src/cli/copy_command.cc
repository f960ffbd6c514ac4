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
       force_format = false, plain_layers = false, ignored = false;
  std::string format, compression, level, platform, os, architecture, variant, digest_file,
      multi_arch, source_blobs, destination_blobs, at_once;
  std::vector<std::string> tags;
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
      .flag("--dest-force-compress-format", flags.force_format,
            "accepted: --dest-compress-format is of all layers in any case")
      .flag("--dest-compress", flags.compress, "compress plain layers, also for dir:")
      .flag("--dest-decompress", flags.decompress, "write plain layers")
      .option("--platform", flags.platform, "of an index, the image for os/architecture[/variant]")
      .option("--override-os", flags.os, "the platform's os")
      .option("--override-arch", flags.architecture, "the platform's architecture")
      .option("--override-variant", flags.variant, "the platform's variant")
      .option("--digestfile", flags.digest_file, "write the digest of what was written to a file")
      .flag("--preserve-digests", flags.preserve_digests, "fail rather than change a digest")
      .flag("--dest-oci-accept-uncompressed-layers", flags.plain_layers,
            "leave plain layers plain in a layout")
      .option("--src-shared-blob-dir", flags.source_blobs,
              "the blobs of the source's layout are in this directory")
      .option("--dest-shared-blob-dir", flags.destination_blobs,
              "put the blobs of the destination's layout into this directory")
      .list("--additional-tag", flags.tags, "a further name for the image in docker's archive")
      .option("--image-parallel-copies", flags.at_once, "how many layers go at once")
      .flag("--dest-precompute-digests", flags.ignored, "accepted: the store remembers digests")
      .flag("--remove-signatures", flags.ignored, "accepted: signatures are not copied")
      .flag("--insecure-policy", flags.ignored, "accepted: there is no policy of signatures")
      .flag("-q,--quiet", flags.quiet, "print nothing")
      .arguments(2, 2);
  add_registry_flags(set, flags.both);
  add_registry_flags_of_side(set, flags.source, "src");
  add_registry_flags_of_side(set, flags.destination, "dest");
  add_retry_flags(set, flags.both, "--retry-times");
  return set;
}

/// What the flags say of the two places.
Result<void> set_places(const CopyFlags& flags, transport::Location& from,
                        transport::Location& to) {
  if (!flags.source_blobs.empty() && from.transport != Transport::oci_layout)
    return invalid_input("--src-shared-blob-dir is for oci: alone");
  if (!flags.destination_blobs.empty() && to.transport != Transport::oci_layout)
    return invalid_input("--dest-shared-blob-dir is for oci: alone");
  from.shared_blobs = flags.source_blobs;
  to.shared_blobs = flags.destination_blobs;
  if (!flags.tags.empty() && to.transport != Transport::docker_archive)
    return invalid_input("--additional-tag is for docker-archive: alone");
  for (const auto& text : flags.tags) {
    const oci::Reference name = TRY(oci::Reference::parse(text));
    to.more_names.push_back(name.with_default_tag());
  }
  return {};
}

/// The side's own flags over those of both.
RegistryFlags merged(RegistryFlags side, const RegistryFlags& both) {
  const bool says_who = side.anonymous || !side.username.empty() || !side.password.empty() ||
                        !side.registry_token.empty();
  if (side.authfile.empty()) side.authfile = both.authfile;
  if (side.credentials.empty() && !says_who) side.credentials = both.credentials;
  side.retries = both.retries;
  side.retry_delay = both.retry_delay;
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
  if (!flags.at_once.empty()) {
    const auto count = parse_uint(flags.at_once);
    if (!count || *count > 100)
      return invalid_input("invalid value \"" + flags.at_once + "\" of --image-parallel-copies");
    if (*count > 0) out.blobs_at_once = static_cast<unsigned>(*count);
  }
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
  auto from = TRY(transport::Location::parse(parsed.arguments[0]));
  auto to = TRY(transport::Location::parse(parsed.arguments[1]));
  TRY(set_places(flags, from, to));
  transport::CopyOptions options = TRY(copy_options(flags));
  if (flags.plain_layers && to.transport == Transport::oci_layout && !options.form.kind)
    options.form.kind = archive::Compression::none;
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

  transport::Access access{&store, source_registries.get(), options.instances};
  if (!flags.platform.empty() || !flags.os.empty() || !flags.architecture.empty())
    access.platform = options.platform;
  const auto source = TRY(transport::open_source(from, access));
  transport::CopiedImage copied;
  const auto copy = [&](transport::ImageDestination& destination) -> Result<void> {
    copied = TRY(transport::copy_image(*source, destination, options));
    return {};
  };
  TRY(transport::with_destination(to, {&store, destination_registries.get(), {}, {}}, copy));
  if (!flags.digest_file.empty()) {
    TRY(os::write_output_file(flags.digest_file, 0644, copied.top.digest.str()));
  }
  if (!flags.quiet && to.path != "-") TRY(print(copied.top.digest.str() + "\n"));
  return 0;
}

}  // namespace kiln::cli
