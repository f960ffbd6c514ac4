// SPDX-License-Identifier: Apache-2.0
#include "solver/exec_mounts.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "dockerfile/glob.h"
#include "os/file_io.h"
#include "os/process.h"
#include "os/system.h"
#include "snapshot/overlay.h"
#include "solver/copy_selection.h"
#include "solver/step_key.h"

namespace kiln::solver {
namespace {

constexpr std::uint32_t kCacheMode = 0755;
/// BuildKit makes the directory by mkdir(2) under this umask, whatever `mode` says.
constexpr std::uint32_t kCacheUmask = 022;
constexpr std::chrono::minutes kCopyDeadline{30};

store::CacheMountUse use_of(llb::CacheSharing sharing) {
  switch (sharing) {
    case llb::CacheSharing::private_copy:
      return store::CacheMountUse::private_copy;
    case llb::CacheSharing::locked:
      return store::CacheMountUse::locked;
    default:
      return store::CacheMountUse::shared;
  }
}

Result<void> set_owner(const std::string& folder, const std::string& name,
                       const llb::MountOwner& owner, std::uint32_t default_mode) {
  const os::Dir dir = TRY(os::Dir::open(folder));
  TRY(dir.set_owner(name, owner.uid.value_or(0), owner.gid.value_or(0)));
  return dir.set_mode(name, owner.mode.value_or(default_mode) & 07777);
}

}  // namespace

Result<ExecMounts> ExecMounts::prepare(SolveContext& context, const StepInputs& inputs,
                                       const llb::ExecOp& op, const std::string& scratch) {
  ExecMounts out(context, inputs, scratch);
  for (const auto& mount : op.mounts)
    TRY(std::visit([&](const auto& one) { return out.add(one); }, mount));
  if (!op.volumes.empty()) {
    for (const auto& volume : context.run.volumes) out.mounts_.emplace_back(volume);
  }
  return out;
}

void ExecMounts::add_to(executor::ExecSpec& spec) const {
  spec.mounts.insert(spec.mounts.end(), mounts_.begin(), mounts_.end());
  spec.secret_env.insert(spec.secret_env.end(), secret_env_.begin(), secret_env_.end());
}

/// The path of `source` in a mount of an input's layers.
Result<std::string> ExecMounts::mount_input(std::size_t input, const std::string& source) {
  const std::vector<oci::DiffId>& layers = inputs_->results[input]->layers;
  auto view = TRY(snapshot::LayerView::open(context_->store.layers(), layers));
  const LayerTree tree(std::move(view));
  const os::RelPath path = TRY(tree.resolve(source));
  const auto entry = TRY(tree.find(path));
  if (!entry) return absent(tree, os::RelPath::clean(source), path);
  const std::string folder = fmt::format("{}/mount{}", scratch_, next_++);
  for (const char* part : {"/upper", "/work", "/root"}) TRY(os::ensure_directory(folder + part));
  os::Mount mounted =
      TRY(snapshot::mount_layers(context_->store.layers(), layers, folder + "/upper",
                                 folder + "/work", folder + "/root", folder + "/empty"));
  mounted_.push_back(std::move(mounted));
  return path.is_root() ? folder + "/root" : folder + "/root/" + path.str();
}

Result<void> ExecMounts::add(const llb::BindMount& mount) {
  const std::string path = TRY(mount_input(mount.input, mount.source));
  mounts_.emplace_back(
      executor::BindMount{path, mount.target, mount.read_only, /*recursive=*/false, {}});
  return {};
}

Result<void> ExecMounts::add(const llb::CacheMount& mount) {
  const std::string path = TRY(cache_directory(mount));
  mounts_.emplace_back(
      executor::BindMount{path, mount.target, mount.read_only, /*recursive=*/false, {}});
  return {};
}

Result<std::string> ExecMounts::cache_directory(const llb::CacheMount& mount) {
  store::CacheMountRequest request;
  request.id = mount.id;
  request.use = use_of(mount.sharing);
  // An owner or mode makes a directory of its own, which begins empty, as in BuildKit.
  const bool whole = mount.source == "/";
  if (whole && mount.owner.any()) {
    request.variant =
        fmt::format("{}:{}:{:o}", mount.owner.uid.value_or(0), mount.owner.gid.value_or(0),
                    mount.owner.mode.value_or(kCacheMode));
  } else if (mount.input) {
    for (const auto& layer : inputs_->results[*mount.input]->layers)
      request.variant += layer.str() + " ";
    request.variant += mount.source;
  }
  request.fill = [&](const std::string& path) { return fill_cache(mount, path); };
  const auto [known, added] = cache_paths_.try_emplace(request.id + '\n' + request.variant);
  if (added) {
    auto lease = context_->store.cache_mounts().acquire(request, inputs_->stop);
    if (!lease) return std::move(lease).error();
    known->second = lease->path();
    leases_.push_back(*std::move(lease));
  }
  if (whole || mount.input) return known->second;
  // A part of what earlier steps put there.
  const os::Dir root = TRY(os::Dir::open(known->second));
  const os::RelPath part = os::RelPath::clean(mount.source);
  const auto there = TRY(root.find_beneath(part));
  if (!there || there->type == os::FileType::symlink)
    return not_found(llb::absence_of(mount.source));
  return known->second + "/" + part.str();
}

Result<void> ExecMounts::fill_cache(const llb::CacheMount& mount, const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (mount.source == "/" && mount.owner.any()) {
    llb::MountOwner owner = mount.owner;
    owner.mode = owner.mode.value_or(kCacheMode) & 0777 & ~kCacheUmask;
    return set_owner(path.substr(0, slash), path.substr(slash + 1), owner, kCacheMode);
  }
  if (!mount.input) return {};
  const std::string source = TRY(mount_input(*mount.input, mount.source));
  if (!std::filesystem::is_directory(source))
    return unsupported("a cache mount can't begin with the file " + mount.source)
        .with_hint("name a directory as its source");
  const os::Captured copied = TRY(
      os::run_capture({"cp", "-a", "--reflink=auto", "--", source + "/.", path}, kCopyDeadline));
  if (!copied.status.success())
    return Error(ErrorKind::system, "fill the cache mount " + mount.id + ": " + copied.err);
  return {};
}

Result<void> ExecMounts::add(const llb::TmpfsMount& mount) {
  executor::TmpfsMount out{.target = mount.target, .size = mount.size};
  out.read_only = mount.read_only;
  // A directory that is there gives it its mode.
  const auto view =
      TRY(snapshot::LayerView::open(context_->store.layers(), inputs_->results.front()->layers));
  const auto there = TRY(view.find_resolved(mount.target));
  if (there && there->info.type == os::FileType::directory) out.mode = there->info.permissions;
  mounts_.emplace_back(std::move(out));
  return {};
}

Result<std::string> ExecMounts::memory_directory() {
  if (memory_.empty()) {
    const std::string path = scratch_ + "/memory";
    TRY(os::ensure_directory(path, 0700));
    os::Mount mounted = TRY(os::Mount::memory(path, 0711));
    mounted_.push_back(std::move(mounted));
    memory_ = path;
  }
  return memory_;
}

Result<void> ExecMounts::add(const llb::SecretMount& mount) {
  const auto value = TRY(secret_value(context_->run, mount.id));
  if (!value) {
    if (!mount.required) {
      // BuildKit's: the variable is there, and empty.
      if (!mount.env.empty()) secret_env_.push_back(mount.env + "=");
      return {};
    }
    return not_found(llb::absence_of_secret(mount.id))
        .with_hint("kiln build --secret id=" + mount.id + ",src=FILE gives it");
  }
  if (!mount.env.empty()) secret_env_.push_back(mount.env + "=" + *value);
  if (mount.target.empty()) return {};
  const std::string folder = TRY(memory_directory());
  const std::string name = fmt::format("secret{}", next_++);
  {
    const os::Fd file = TRY(os::create_file(folder + "/" + name, 0600));
    TRY(os::write_all(file, *value, name));
  }
  TRY(set_owner(folder, name, mount.owner, llb::kSecretMode));
  std::vector<std::string> options = {"nosuid", "nodev"};
  if ((mount.owner.mode.value_or(llb::kSecretMode) & 0111) == 0) options.emplace_back("noexec");
  mounts_.emplace_back(executor::BindMount{folder + "/" + name, mount.target, /*read_only=*/true,
                                           /*recursive=*/false, std::move(options)});
  return {};
}

Result<void> ExecMounts::add(const llb::SshMount& mount) {
  const auto found = context_->run.ssh.find(mount.id);
  if (found == context_->run.ssh.end()) {
    if (!mount.required) return {};
    return not_found(llb::absence_of_agent(mount.id))
        .with_hint("kiln build --ssh " + mount.id + " forwards the agent of SSH_AUTH_SOCK");
  }
  const std::string folder = TRY(memory_directory());
  const std::string name = fmt::format("agent{}", next_++);
  auto agent =
      TRY(executor::AgentForward::start(folder, name, found->second.socket, found->second.keys));
  agents_.push_back(std::move(agent));
  TRY(set_owner(folder, name, mount.owner, llb::kAgentMode));
  mounts_.emplace_back(executor::BindMount{folder + "/" + name,
                                           mount.target,
                                           /*read_only=*/false,
                                           /*recursive=*/false,
                                           {}});
  return {};
}

void append_mount_layers(const StepInputs& inputs, store::InputList& definition) {
  for (std::size_t i = 1; i < inputs.results.size(); ++i)
    append_layers(fmt::format("mount{}", i), inputs.results[i]->layers, definition);
}

Result<void> append_mount_files(SolveContext& context, const StepInputs& inputs,
                                const llb::ExecOp& op, store::InputList& content) {
  for (std::size_t i = 0; i < op.mounts.size(); ++i) {
    if (const auto* cache = std::get_if<llb::CacheMount>(&op.mounts[i])) {
      if (cache->input)
        append_layers(fmt::format("cache{}", i), inputs.results[*cache->input]->layers, content);
      continue;
    }
    const auto* bind = std::get_if<llb::BindMount>(&op.mounts[i]);
    if (bind == nullptr) continue;
    snapshot::LayerView view =
        TRY(snapshot::LayerView::open(context.store.layers(), inputs.results[bind->input]->layers));
    const os::RelPath path = TRY(view.resolve(bind->source, snapshot::Last::follow));
    const auto top = TRY(view.find(path));
    if (!top) return absent(LayerTree(std::move(view)), os::RelPath::clean(bind->source), path);
    // A directory that is a source counts with its content alone; here it is seen itself.
    const snapshot::Metadata metadata = TRY(view.metadata(*top));
    content.add(fmt::format("bind:{}", i),
                fmt::format("{:o} {}:{}", metadata.mode, metadata.uid, metadata.gid));
    LayerTree tree(std::move(view));
    llb::CopyAction action;
    action.pattern = "/" + dockerfile::escape_glob(path.str());
    std::size_t group = 0;
    Selection selection = TRY(select_files(tree, action, group));
    TRY(recall_facts(tree, selection));
    TRY(read_facts(tree, selection));
    append_inputs(selection, content);
  }
  return {};
}

}  // namespace kiln::solver
