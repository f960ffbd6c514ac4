// SPDX-License-Identifier: Apache-2.0
#include "store/cache_records.h"

#include "base/sha256.h"

namespace kiln::store {

std::string inputs_digest(std::string_view list) { return to_hex(sha256(list)); }

Result<std::optional<CacheRecord>> CacheRecords::find(std::string_view key) const {
  auto query =
      TRY(database_->prepare("SELECT instruction, operation, layer, created, created_ns, "
                             "milliseconds FROM records WHERE key = ?"));
  const bool found = TRY(query.bind(0, key).step());
  if (!found) return std::optional<CacheRecord>();
  CacheRecord record;
  record.key = key;
  record.instruction = query.text(0);
  record.operation = query.text(1);
  const std::string layer = query.text(2);
  if (!layer.empty()) record.layer = TRY(oci::DiffId::parse("sha256:" + layer));
  record.created = {query.number(3), static_cast<std::uint32_t>(query.number(4))};
  record.milliseconds = query.number(5);
  return std::optional(std::move(record));
}

Result<std::string> CacheRecords::input_list(std::string_view inputs_digest) const {
  auto query = TRY(database_->prepare("SELECT list FROM inputs WHERE digest = ?"));
  const bool found = TRY(query.bind(0, inputs_digest).step());
  if (!found) return not_found("input list " + std::string(inputs_digest) + " is not in the store");
  return query.text(0);
}

Result<std::vector<EarlierRecord>> CacheRecords::earlier(std::string_view instruction,
                                                         std::string_view place,
                                                         std::string_view keyword,
                                                         std::size_t limit) const {
  std::vector<EarlierRecord> out;
  const auto ask = [&](std::string_view condition) -> Result<void> {
    // A step may stand under two keys with the same content.
    auto query = TRY(database_->prepare(
        "SELECT instruction, operation, inputs, max(created), created_ns, max(milliseconds), layer "
        "FROM records WHERE " +
        std::string(condition) +
        " GROUP BY inputs, operation ORDER BY max(created) DESC, created_ns DESC, max(used) DESC "
        "LIMIT ?4"));
    query.bind(0, instruction).bind(1, place).bind(2, std::string(keyword) + " ");
    query.bind(3, static_cast<std::int64_t>(limit));
    for (;;) {
      const bool more = TRY(query.step());
      if (!more) return {};
      out.push_back({query.text(0),
                     query.text(1),
                     query.text(2),
                     {query.number(3), static_cast<std::uint32_t>(query.number(4))},
                     query.number(5),
                     {}});
      const std::string layer = query.text(6);
      if (!layer.empty()) out.back().layer = TRY(oci::DiffId::parse("sha256:" + layer));
    }
  };
  TRY(ask("instruction = ?1 AND place = ?2"));
  if (out.empty()) TRY(ask("instruction = ?1"));
  if (out.empty() && !place.empty())
    TRY(ask("place = ?2 AND upper(substr(instruction, 1, length(?3))) = ?3"));
  return out;
}

Result<std::vector<RecordSummary>> CacheRecords::list() const {
  auto query = TRY(database_->prepare("SELECT key, instruction, inputs, layer FROM records"));
  std::vector<RecordSummary> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    RecordSummary record{query.text(0), query.text(1), query.text(2), {}};
    const std::string layer = query.text(3);
    if (!layer.empty()) record.layer = TRY(oci::DiffId::parse("sha256:" + layer));
    out.push_back(std::move(record));
  }
}

Result<std::vector<std::string>> CacheRecords::keys_of_same_run(std::string_view key) const {
  auto query = TRY(database_->prepare(
      "SELECT o.key FROM records r JOIN records o ON o.layer = r.layer AND o.created = r.created "
      "AND o.created_ns = r.created_ns AND o.operation = r.operation "
      "WHERE r.key = ?1 AND o.key <> ?1 AND substr(o.key, 1, length(?2)) <> ?2"));
  query.bind(0, key).bind(1, kImportedPrefix);
  std::vector<std::string> out;
  for (;;) {
    const bool more = TRY(query.step());
    if (!more) return out;
    out.push_back(query.text(0));
  }
}

Result<void> CacheRecords::remove(const std::vector<std::string>& keys) {
  if (keys.empty()) return {};
  auto transaction = TRY(database_->begin());
  for (const auto& key : keys) {
    auto statement = TRY(database_->prepare("DELETE FROM records WHERE key = ?"));
    TRY(statement.bind(0, key).run());
  }
  return transaction.commit();
}

Result<void> CacheRecords::forget_runs_with(const oci::DiffId& layer) {
  auto transaction = TRY(database_->begin());
  auto statement = TRY(database_->prepare(
      "DELETE FROM records WHERE layer = ?1 OR inputs IN (SELECT digest FROM inputs WHERE "
      "instr(list, ?2) > 0)"));
  TRY(statement.bind(0, layer.hex()).bind_blob(1, layer.hex()).run());
  return transaction.commit();
}

Result<void> CacheRecords::put(const CacheRecord& record,
                               const std::vector<std::string>& other_keys) {
  const std::string digest = inputs_digest(record.inputs.text);
  auto transaction = TRY(database_->begin());
  auto insert = TRY(
      database_->prepare("INSERT INTO inputs (digest, list) VALUES (?, ?) ON CONFLICT DO NOTHING"));
  TRY(insert.bind(0, digest).bind_blob(1, record.inputs.text).run());
  TRY(put_row(record.key, record, digest));
  for (const auto& key : other_keys) TRY(put_row(key, record, digest));
  return transaction.commit();
}

Result<void> CacheRecords::put_row(const std::string& key, const CacheRecord& record,
                                   const std::string& digest) {
  auto statement =
      TRY(database_->prepare("INSERT OR REPLACE INTO records (key, instruction, operation, inputs, "
                             "layer, created, created_ns, "
                             "used, milliseconds, place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, "
                             "?8, ?9)"));
  return statement.bind(0, key)
      .bind(1, record.instruction)
      .bind(2, record.operation)
      .bind(3, digest)
      .bind(4, record.layer ? record.layer->hex() : "")
      .bind(5, record.created.seconds)
      .bind(6, record.created.nanoseconds)
      .bind(7, record.milliseconds)
      .bind(8, record.place)
      .run();
}

Result<void> CacheRecords::touch(const std::vector<std::string>& keys, std::int64_t now) {
  if (keys.empty()) return {};
  // A day's grain: a rebuild with nothing to do shall not have to write.
  constexpr std::int64_t kGrainSeconds = 24 * 3600;
  std::vector<std::string> stale;
  for (const auto& key : keys) {
    auto query = TRY(database_->prepare("SELECT 1 FROM records WHERE key = ? AND used < ?"));
    const bool old = TRY(query.bind(0, key).bind(1, now - kGrainSeconds).step());
    if (old) stale.push_back(key);
  }
  if (stale.empty()) return {};
  auto transaction = TRY(database_->begin());
  for (const auto& key : stale) {
    auto statement = TRY(database_->prepare("UPDATE records SET used = ?2 WHERE key = ?1"));
    TRY(statement.bind(0, key).bind(1, now).run());
  }
  return transaction.commit();
}

}  // namespace kiln::store
