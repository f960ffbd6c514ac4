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
  put_limit(out, exec.max_mtime);
  return out.text();
}

std::string encode_action(const CopyAction& copy) {
  Encoder out;
  out.field("action", "copy").field("source", static_cast<std::int64_t>(copy.source));
  out.field("pattern", copy.pattern).field("destination", copy.destination);
  out.field("unpack", copy.unpack ? 1 : 0).field("chown", copy.chown);
  out.field("chmod", copy.chmod).list("exclude", copy.exclude);
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
  return out.text();
}

}  // namespace

std::string encode(const Op& op) {
  return std::visit([](const auto& o) { return encode_op(o); }, op);
}

}  // namespace kiln::llb
