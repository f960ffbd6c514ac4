// SPDX-License-Identifier: Apache-2.0
#include "store/build_history.h"

#include "os/fd.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::store {
namespace {

constexpr const char* kColumns =
    "SELECT id, created, created_ns, milliseconds, status, name, details, log_size FROM builds ";
constexpr const char* kLatestFirst = "ORDER BY created DESC, created_ns DESC";
/// Of a log that is read back.
constexpr std::size_t kMaxLog = std::size_t{1} << 30;

BuildRecord record_of(const Statement& row) {
  return {row.text(0),
          {row.number(1), static_cast<std::uint32_t>(row.number(2))},
          row.number(3),
          row.text(4),
          row.text(5),
          row.text(6),
          static_cast<std::uint64_t>(row.number(7))};
}

}  // namespace

std::string BuildHistory::new_id() {
  // Letters first and last, as nobody takes them for a number then.
  constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t kLength = 25;
  const std::string random = os::random_id() + os::random_id();
  std::string out;
  for (std::size_t i = 0; i < kLength; ++i) {
    const auto byte = parse_uint(random.substr(2 * i, 2), 16).value_or(0);
    out += kDigits[byte % kDigits.size()];
  }
  return out;
}

Result<void> BuildHistory::add(const BuildRecord& record, const std::string& log_path,
                               const std::vector<std::string>& used_keys,
                               const HistoryLimits& limits) {
  if (!log_path.empty()) TRY(os::rename_file(log_path, paths_.build_log(record.id)));
  std::vector<std::string> gone;
  {
    auto transaction = TRY(database_->begin());
    auto insert = TRY(database_->prepare(
        "INSERT INTO builds (id, created, created_ns, milliseconds, status, name, details, "
        "log_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    TRY(insert.bind(0, record.id)
            .bind(1, record.created.seconds)
            .bind(2, record.created.nanoseconds)
            .bind(3, record.milliseconds)
            .bind(4, record.status)
            .bind(5, record.name)
            .bind(6, record.details)
            .bind(7, static_cast<std::int64_t>(record.log_size))
            .run());
    for (const auto& key : used_keys) {
      auto use =
          TRY(database_->prepare("UPDATE records SET used = ?2, uses = uses + 1 WHERE key = ?1"));
      TRY(use.bind(0, key).bind(1, record.created.seconds).run());
    }
    gone = TRY(delete_rows_beyond(limits, record.created.seconds));
    TRY(transaction.commit());
  }
  remove_logs(gone);
  return {};
}

Result<void> BuildHistory::apply(const HistoryLimits& limits, std::int64_t now) {
  auto transaction = TRY(database_->begin());
  const std::vector<std::string> gone = TRY(delete_rows_beyond(limits, now));
  TRY(transaction.commit());
  remove_logs(gone);
  return {};
}

/// Their IDs; within a transaction of the caller's.
Result<std::vector<std::string>> BuildHistory::delete_rows_beyond(const HistoryLimits& limits,
                                                                  std::int64_t now) {
  auto old = TRY(database_->prepare(
      "DELETE FROM builds WHERE created < ?1 OR id IN (SELECT id FROM builds ORDER BY created "
      "DESC, created_ns DESC LIMIT -1 OFFSET ?2) RETURNING id"));
  old.bind(0, now - limits.max_age);
  old.bind(1, static_cast<std::int64_t>(limits.max_entries));
  std::vector<std::string> gone;
  for (;;) {
    const bool more = TRY(old.step());
    if (!more) return gone;
    gone.push_back(old.text(0));
  }
}

void BuildHistory::remove_logs(const std::vector<std::string>& ids) const {
  for (const auto& id : ids) os::remove_file(paths_.build_log(id));
}

Result<std::vector<BuildRecord>> BuildHistory::list() const {
  auto query = TRY(database_->prepare(std::string(kColumns) + kLatestFirst));
  std::vector<BuildRecord> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    out.push_back(record_of(query));
  }
}

Result<BuildRecord> BuildHistory::get(std::string_view reference) const {
  // docker's full form names the builder too.
  const auto slash = reference.find_last_of('/');
  const std::string_view id =
      slash == std::string_view::npos ? reference : reference.substr(slash + 1);
  std::size_t number = 0;
  if (id.starts_with('^')) {
    const auto parsed = parse_uint(id.substr(1));
    if (!parsed) return invalid_input("invalid offset \"" + std::string(id) + "\"");
    number = static_cast<std::size_t>(*parsed);
  }
  if (id.empty() || id.starts_with('^')) {
    auto query =
        TRY(database_->prepare(std::string(kColumns) + kLatestFirst + " LIMIT 1 OFFSET ?"));
    const bool found = TRY(query.bind(0, static_cast<std::int64_t>(number)).step());
    if (!found)
      return id.empty() ? not_found("no records found")
                        : not_found("no record found for ref \"" + std::string(reference) + "\"");
    return record_of(query);
  }
  auto query = TRY(database_->prepare(
      std::string(kColumns) + "WHERE substr(id, 1, length(?1)) = ?1 " + kLatestFirst + " LIMIT 2"));
  const bool found = TRY(query.bind(0, id).step());
  if (!found) return not_found("no record found for ref \"" + std::string(reference) + "\"");
  BuildRecord out = record_of(query);
  const bool another = TRY(query.step());
  if (another && out.id != id)
    return invalid_input("build ID prefix " + std::string(id) + " is ambiguous");
  return out;
}

Result<std::string> BuildHistory::log(const BuildRecord& record) const {
  if (record.log_size == 0) return std::string();
  return os::read_file(paths_.build_log(record.id), kMaxLog).context("log of build " + record.id);
}

Result<void> BuildHistory::remove(const BuildRecord& record) {
  {
    auto transaction = TRY(database_->begin());
    auto statement = TRY(database_->prepare("DELETE FROM builds WHERE id = ?"));
    TRY(statement.bind(0, record.id).run());
    TRY(transaction.commit());
  }
  os::remove_file(paths_.build_log(record.id));
  return {};
}

}  // namespace kiln::store
