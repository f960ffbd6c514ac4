// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "archive/fd_stream.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/platform_flag.h"
#include "exporter/archive_loader.h"
#include "exporter/archive_writer.h"
#include "frontend/config_changes.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "os/terminal.h"
#include "snapshot/layer_apply.h"

namespace kiln::cli {
namespace {

Result<os::Fd> open_input(const std::string& path) {
  if (path.empty() || path == "-") return os::standard_input();
  return os::open_for_reading(path);
}

std::string input_name(const std::string& path) {
  return path.empty() || path == "-" ? "standard input" : path;
}

TimePoint creation_time() {
  if (const auto epoch = os::environment("SOURCE_DATE_EPOCH")) {
    if (const auto seconds = parse_uint(*epoch)) return {static_cast<std::int64_t>(*seconds), 0};
  }
  return os::wall_clock();
}

}  // namespace

Result<int> import_command(const Session& session, std::vector<std::string> words) {
  std::vector<std::string> changes;
  std::string message, platform;
  FlagSet set(session.command, "[OPTIONS] FILE|- [REPOSITORY[:TAG]]",
              "Make an image of the contents of a tar archive");
  set.list("-c,--change", changes, "an instruction for the image's config, such as CMD [\"sh\"]")
      .option("-m,--message", message, "a comment for the image")
      .option("--platform", platform, "os/architecture of the contents")
      .arguments(1, 2);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  std::vector<oci::Reference> names;
  if (parsed.arguments.size() == 2) {
    oci::Reference name = TRY(oci::Reference::parse(parsed.arguments[1]));
    names.push_back(name.with_default_tag());
  }
  oci::ImageConfig config;
  config.platform = TRY(platform_or_host(platform_or_default(platform)));
  config.config = TRY(frontend::apply_changes(config, changes));
  const std::string& path = parsed.arguments[0];
  if (path.find("://") != std::string::npos)
    return unsupported("import from an address is not supported by this version of kiln: " + path);
  const os::Fd input = TRY(open_input(path));
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  archive::FdSource source(input, input_name(path), interrupts.token());
  const store::LayerInfo layer = TRY(snapshot::import_layer(store, source, interrupts.token())
                                         .context("import " + input_name(path)));
  const TimePoint created = creation_time();
  config.created = format_rfc3339(created.seconds, created.nanoseconds);
  config.diff_ids = {layer.diff_id};
  oci::History entry;
  entry.created = config.created;
  entry.comment =
      message.empty() ? "Imported from " + (path == "-" ? path : std::string("-")) : message;
  config.history = {entry};
  const store::Image image = TRY(store.images().put(config.to_json(), names));
  TRY(print(image.id.str() + "\n"));
  return 0;
}

Result<int> save_command(const Session& session, std::vector<std::string> words) {
  std::string output, format = "docker", platform;
  FlagSet set(session.command, "[OPTIONS] IMAGE [IMAGE...]", "Save images to an archive");
  set.option("-o,--output", output, "the file to write (default standard output)")
      .option("--format", format, "docker (read by everything) or oci (an image layout alone)")
      .option("--platform", platform, "of an image for several: os/architecture[/variant]")
      .arguments(1, FlagSet::kAnyNumber);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (format == "docker-archive") format = "docker";
  if (format == "oci-archive") format = "oci";
  if (format != "docker" && format != "oci")
    return invalid_input("unknown archive format \"" + format + "\": use docker or oci");
  if (output.empty()) {
    const os::Fd out = TRY(os::standard_output());
    if (os::is_terminal(out))
      return invalid_input("cowardly refusing to save to a terminal. Use the -o flag or redirect");
  }
  const auto wanted = TRY(parse_platform(platform));
  store::Store store = TRY(session.open_store(Access::layers));
  std::vector<exporter::ArchiveImage> images;
  for (const auto& text : parsed.arguments) {
    const store::Image image = TRY(get_image(store, text, wanted));
    std::optional<store::StoredIndex> index;
    if (image.index && !wanted) index = TRY(store.indexes().find(*image.index));
    // An index of which one image is here goes as that image, which more tools can read.
    if (index && index->images.size() == 1 && !index->is_complete()) index.reset();
    const auto reference = oci::Reference::parse(text);
    std::vector<std::string> names;
    if (reference) {
      const std::string name = reference->without_digest().with_default_tag().canonical();
      const auto found = TRY(store.images().find(name));
      const bool leads_here = found && (found->id == image.id || found->index == image.index);
      if (leads_here && !reference->digest()) names.push_back(name);
    }
    const auto known = std::ranges::find_if(images, [&](const auto& other) {
      return other.image.id == image.id && other.image.manifest == image.manifest &&
             other.index.has_value() == index.has_value();
    });
    if (known == images.end()) {
      images.push_back({image, std::move(names), std::move(index)});
    } else {
      known->names.insert(known->names.end(), names.begin(), names.end());
    }
  }
  const os::InterruptWatcher interrupts;
  const auto archive_format =
      format == "oci" ? exporter::ArchiveFormat::oci : exporter::ArchiveFormat::docker;
  if (output.empty()) {
    const os::Fd out = TRY(os::standard_output());
    archive::FdSink sink(out, "standard output");
    TRY(exporter::write_image_archive(store, images, archive_format, sink, interrupts.token()));
    return 0;
  }
  TRY(os::write_output_file(output, 0600, [&](const os::Fd& fd) {
    return exporter::write_image_archive(store, images, archive_format, fd, output,
                                         interrupts.token());
  }));
  return 0;
}

Result<int> load_command(const Session& session, std::vector<std::string> words) {
  std::string input, platform;
  bool quiet = false;
  FlagSet set(session.command, "[OPTIONS]", "Load images from an archive");
  set.option("-i,--input", input, "the archive (default standard input)")
      .option("--platform", platform, "load only this platform's: os/architecture[/variant]")
      .flag("-q,--quiet", quiet, "accepted: there is no progress to hide")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  exporter::LoadOptions options;
  options.platform = TRY(parse_platform(platform));
  const os::Fd fd = TRY(open_input(input));
  if (input.empty() && os::is_terminal(fd))
    return invalid_input("requested load from stdin, but stdin is empty");
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  options.stop = interrupts.token();
  const auto images = TRY(exporter::load_image_archive(store, fd, input_name(input), options));
  std::string out;
  for (const auto& loaded : images) {
    for (const auto& text : loaded.names) {
      const oci::Reference name = TRY(oci::Reference::parse(text));
      out += "Loaded image: " + name.familiar() + "\n";
    }
    if (loaded.names.empty())
      out += "Loaded image ID: " + loaded.image.index.value_or(loaded.image.id).str() + "\n";
  }
  TRY(print(out));
  return 0;
}

}  // namespace kiln::cli
