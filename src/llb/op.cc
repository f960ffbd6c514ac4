// SPDX-License-Identifier: Apache-2.0
#include "llb/op.h"

#include "llb/encoder.h"

namespace kiln::llb {
namespace {

void put_limit(Encoder& out, const std::optional<std::int64_t>& max_mtime) {
  if (max_mtime) out.field("max-mtime", *max_mtime);
}

std::string encode_op(const ImageSource& source) {
  Encoder out;
  out.field("op", "image");
  for (const auto& layer : source.layers) out.field("layer", layer.hex());
  return out.text();
}

std::string encode_op(const LocalSource& source) {
  return Encoder()
      .field("op", "local")
      .field("name", source.name)
      .list("ignore", source.ignore)
      .text();
}

void put_owner(Encoder& out, const MountOwner& owner) {
  if (owner.mode) out.field("mode", *owner.mode);
  if (owner.uid) out.field("uid", *owner.uid);
  if (owner.gid) out.field("gid", *owner.gid);
}

std::string encode_mount(const BindMount& mount) {
  Encoder out;
  out.field("type", "bind").field("input", static_cast<std::int64_t>(mount.input));
  out.field("source", mount.source).field("target", mount.target);
  return out.field("read-only", mount.read_only ? 1 : 0).text();
}

std::string encode_mount(const CacheMount& mount) {
  Encoder out;
  out.field("type", "cache").field("id", mount.id).field("target", mount.target);
  out.field("read-only", mount.read_only ? 1 : 0).field("source", mount.source);
  if (mount.input) out.field("input", static_cast<std::int64_t>(*mount.input));
  put_owner(out, mount.owner);
  return out.text();
}

std::string encode_mount(const TmpfsMount& mount) {
  Encoder out;
  out.field("type", "tmpfs").field("target", mount.target);
  out.field("size", static_cast<std::int64_t>(mount.size));
  return out.field("read-only", mount.read_only ? 1 : 0).text();
}

std::string encode_mount(const SecretMount& mount) {
  Encoder out;
  out.field("type", "secret").field("id", mount.id).field("target", mount.target);
  out.field("env", mount.env).field("required", mount.required ? 1 : 0);
  put_owner(out, mount.owner);
  return out.text();
}

std::string encode_mount(const SshMount& mount) {
  Encoder out;
  out.field("type", "ssh").field("id", mount.id).field("target", mount.target);
  out.field("required", mount.required ? 1 : 0);
  put_owner(out, mount.owner);
  return out.text();
}

/// What only some steps have is encoded only there.
void put_extras(Encoder& out, const ExecOp& exec) {
  if (!exec.architecture.empty()) out.field("architecture", exec.architecture);
  if (!exec.hostname.empty()) out.field("hostname", exec.hostname);
  if (exec.security == SecurityMode::insecure) out.field("security", "insecure");
  for (const auto& mount : exec.mounts)
    out.field("mount", std::visit([](const auto& m) { return encode_mount(m); }, mount));
  for (const auto& device : exec.devices) out.field("device", device);
  if (exec.shm_size != 0) out.field("shm-size", static_cast<std::int64_t>(exec.shm_size));
  for (const auto& limit : exec.ulimits) {
    Encoder item;
    item.field("name", limit.name).field("soft", std::to_string(limit.soft));
    out.field("ulimit", item.field("hard", std::to_string(limit.hard)).text());
  }
  if (!exec.host_names.empty()) out.list("host-names", exec.host_names);
  if (!exec.volumes.empty()) out.list("volumes", exec.volumes);
}

std::string encode_op(const HttpSource& source) {
  Encoder out;
  out.field("op", "http").field("url", source.url).field("name", source.name);
  if (source.checksum) out.field("checksum", source.checksum->str());
  return out.field("unpack", source.unpack ? 1 : 0).text();
}

std::string encode_op(const GitSource& source) {
  return Encoder()
      .field("op", "git")
      .field("remote", source.remote)
      .field("ref", source.ref)
      .field("checksum", source.checksum)
      .field("subdir", source.subdir)
      .field("keep-git-dir", source.keep_git_dir ? 1 : 0)
      .field("submodules", source.submodules ? 1 : 0)
      .field("commit-mtime", source.commit_mtime ? 1 : 0)
      .field("fetch-by-commit", source.fetch_by_commit ? 1 : 0)
      .text();
}

std::string encode_op(const ExecOp& exec) {
  Encoder out;
  out.field("op", "exec").list("argv", exec.argv).list("env", exec.env);
  out.field("cwd", exec.cwd).field("user", exec.user);
  out.field("network", exec.network == NetworkMode::host ? "host" : "none");
  for (const auto& mount : exec.inline_mounts) {
    Encoder item;
    item.field("path", mount.path).field("content", mount.content).field("mode", mount.mode);
    out.field("inline-mount", item.text());
  }
  put_extras(out, exec);
  put_limit(out, exec.max_mtime);
  if (exec.all_mtimes) out.field("all-mtimes", 1);
  return out.text();
}

std::string encode_action(const CopyAction& copy) {
  Encoder out;
  out.field("action", "copy").field("source", static_cast<std::int64_t>(copy.source));
  out.field("pattern", copy.pattern).field("destination", copy.destination);
  out.field("unpack", copy.unpack ? 1 : 0).field("chown", copy.chown);
  out.field("chmod", copy.chmod).list("exclude", copy.exclude);
  if (copy.with_directory) out.field("with-directory", 1);
  if (copy.below) out.field("below", *copy.below);
  return out.text();
}

std::string encode_action(const MkdirAction& mkdir) {
  return Encoder()
      .field("action", "mkdir")
      .field("path", mkdir.path)
      .field("mode", mkdir.mode)
      .field("owner", mkdir.owner)
      .text();
}

std::string encode_action(const InlineFileAction& file) {
  Encoder out;
  out.field("action", "inline").field("name", file.name).field("content", file.content);
  out.field("destination", file.destination).field("chown", file.chown);
  out.field("chmod", file.chmod);
  return out.text();
}

std::string encode_op(const FileOp& file) {
  Encoder out;
  out.field("op", "file");
  for (const auto& action : file.actions)
    out.field("do", std::visit([](const auto& a) { return encode_action(a); }, action));
  if (file.mtime) out.field("mtime", *file.mtime);
  if (file.all_mtimes) out.field("all-mtimes", 1);
  return out.text();
}

std::string encode_op(const MergeOp&) { return Encoder().field("op", "merge").text(); }

std::string encode_op(const SquashOp& squash) {
  return Encoder()
      .field("op", "squash")
      .field("keep", static_cast<std::int64_t>(squash.keep))
      .text();
}

}  // namespace

std::string encode(const Op& op) {
  return std::visit([](const auto& o) { return encode_op(o); }, op);
}

std::string absence_of(const std::string& path) { return "\"" + path + "\": not found"; }
std::string absence_of_secret(const std::string& id) { return "secret " + id + ": not found"; }
std::string absence_of_agent(const std::string& id) { return "unset ssh forward key " + id; }

}  // namespace kiln::llb
