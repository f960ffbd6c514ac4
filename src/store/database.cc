// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <thread>
#include <utility>

#include "os/file_io.h"

namespace kiln::store {
namespace {

constexpr int kBusyTimeoutMilliseconds = 60'000;

constexpr const char* kSchema = R"sql(
CREATE TABLE images (
  id TEXT PRIMARY KEY,              -- digest of the config
  manifest TEXT NOT NULL,           -- digest of the manifest
  size INTEGER NOT NULL,            -- bytes in its layers' files
  created INTEGER NOT NULL,         -- seconds; from the config
  parent TEXT NOT NULL DEFAULT ''   -- image that it was built from, if that is known
) WITHOUT ROWID;
CREATE TABLE image_layers (
  image TEXT NOT NULL, position INTEGER NOT NULL, diff_id TEXT NOT NULL,
  PRIMARY KEY (image, position)
) WITHOUT ROWID;
CREATE INDEX image_layers_by_diff_id ON image_layers (diff_id);
CREATE TABLE names (
  reference TEXT PRIMARY KEY,       -- canonical, with its tag
  image TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX names_by_image ON names (image);
CREATE TABLE layers (
  diff_id TEXT PRIMARY KEY,
  tar_size INTEGER NOT NULL,        -- bytes of its uncompressed tar stream
  content_size INTEGER NOT NULL,    -- bytes in its files
  disk_size INTEGER NOT NULL,       -- bytes that its files take
  blob TEXT NOT NULL DEFAULT '',    -- digest of the blob it came as; '' if its tar stream can be made from it
  blob_media_type TEXT NOT NULL DEFAULT '',
  blob_size INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE records (
  key TEXT PRIMARY KEY,
  instruction TEXT NOT NULL,
  operation TEXT NOT NULL,          -- the op's canonical encoding
  inputs TEXT NOT NULL,             -- digest of its input list
  layer TEXT NOT NULL,              -- diff ID of the result, '' if it is none
  created INTEGER NOT NULL, created_ns INTEGER NOT NULL,
  used INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX records_by_instruction ON records (instruction);
CREATE INDEX records_by_layer ON records (layer);
CREATE TABLE inputs (
  digest TEXT PRIMARY KEY,
  list BLOB NOT NULL
);
CREATE TABLE tree_digests (
  key TEXT PRIMARY KEY,             -- of the layers and the selection
  digest TEXT NOT NULL
) WITHOUT ROWID;
)sql";

/// Each brings a store of the version before it up to date; a new store goes through all of them.
constexpr const char* kUpgrades[] = {
    kSchema,
    // 2: where a step stands; what each build did; how much the layers take.
    R"sql(
ALTER TABLE records ADD COLUMN place TEXT NOT NULL DEFAULT '';  -- build, stage and step
ALTER TABLE records ADD COLUMN uses INTEGER NOT NULL DEFAULT 1;
DROP INDEX records_by_instruction;
CREATE INDEX records_by_instruction ON records (instruction, place, created);
CREATE INDEX records_by_place ON records (place);
CREATE INDEX records_by_used ON records (used);
CREATE TABLE builds (
  id TEXT PRIMARY KEY,
  created INTEGER NOT NULL, created_ns INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL,
  status TEXT NOT NULL,             -- completed, error or canceled
  name TEXT NOT NULL,               -- of its context
  details TEXT NOT NULL,            -- JSON: options, steps, result
  log_size INTEGER NOT NULL         -- bytes of its log file; 0 if it has none
) WITHOUT ROWID;
CREATE INDEX builds_by_created ON builds (created, created_ns);
CREATE TABLE usage (                -- one row
  layer_bytes INTEGER NOT NULL,     -- what the layers take on disk
  collected INTEGER NOT NULL,       -- when the size policy was last applied, seconds
  settled INTEGER NOT NULL          -- layer_bytes after that
);
INSERT INTO usage SELECT coalesce(sum(disk_size + blob_size), 0), strftime('%s', 'now'), 0 FROM layers;
CREATE TRIGGER layer_added AFTER INSERT ON layers BEGIN
  UPDATE usage SET layer_bytes = layer_bytes + NEW.disk_size + NEW.blob_size;
END;
CREATE TRIGGER layer_removed AFTER DELETE ON layers BEGIN
  UPDATE usage SET layer_bytes = layer_bytes - OLD.disk_size - OLD.blob_size;
END;
)sql",
    // 3: layers that a power cut may still damage.
    R"sql(
DROP TABLE tree_digests;
CREATE TABLE unsettled_layers (
  diff_id TEXT PRIMARY KEY,
  tree TEXT NOT NULL,               -- digest of its directory's canonical tar stream
  boot TEXT NOT NULL,               -- the machine's boot ID when it was made
  made INTEGER NOT NULL             -- seconds
) WITHOUT ROWID;
)sql",
    // 4: where images and layers came from and went to.
    R"sql(
CREATE TABLE layer_blobs (          -- compressed forms of layers, whether or not the bytes are here
  diff_id TEXT NOT NULL, digest TEXT NOT NULL,
  media_type TEXT NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (diff_id, digest)
) WITHOUT ROWID;
CREATE TABLE blob_places (          -- repositories that were seen to have a blob
  digest TEXT NOT NULL, domain TEXT NOT NULL, path TEXT NOT NULL,
  PRIMARY KEY (digest, domain, path)
) WITHOUT ROWID;
CREATE TABLE image_digests (        -- manifests and indexes that stand for an image in a repository
  repository TEXT NOT NULL, digest TEXT NOT NULL,
  image TEXT NOT NULL,
  PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX image_digests_by_image ON image_digests (image);
)sql",
    // 5: layers that share files with the layer that an earlier run of their step made.
    R"sql(
ALTER TABLE layers ADD COLUMN linked_from TEXT NOT NULL DEFAULT '';  -- diff ID, '' for none
CREATE INDEX layers_by_linked_from ON layers (linked_from);
CREATE TRIGGER layer_resized AFTER UPDATE OF disk_size ON layers BEGIN
  UPDATE usage SET layer_bytes = layer_bytes + NEW.disk_size - OLD.disk_size;
END;
)sql",
    // 6: images for several platforms.
    R"sql(
ALTER TABLE names ADD COLUMN index_digest TEXT NOT NULL DEFAULT '';  -- '' or the index it names
CREATE INDEX names_by_index ON names (index_digest);
CREATE TABLE index_images (         -- images of indexes that are here
  index_digest TEXT NOT NULL, manifest TEXT NOT NULL,
  image TEXT NOT NULL,
  position INTEGER NOT NULL,        -- in the index
  PRIMARY KEY (index_digest, manifest)
) WITHOUT ROWID;
CREATE INDEX index_images_by_image ON index_images (image);
CREATE INDEX index_images_by_manifest ON index_images (manifest);
CREATE TABLE index_blobs (          -- what goes with an index and is no image: attestations
  index_digest TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (index_digest, digest)
) WITHOUT ROWID;
CREATE INDEX index_blobs_by_digest ON index_blobs (digest);
)sql",
    // 7: lists of manifests that are being put together.
    R"sql(
CREATE TABLE manifest_lists (
  list TEXT NOT NULL,               -- its name
  reference TEXT NOT NULL,          -- of the manifest, as it was named
  position TEXT NOT NULL,           -- orders a list
  entry TEXT NOT NULL,              -- in the index that it will be
  content TEXT NOT NULL,            -- of the manifest
  PRIMARY KEY (list, reference)
) WITHOUT ROWID;
)sql",
    // 8: when an image was last given a name; images by their manifests.
    R"sql(
ALTER TABLE images ADD COLUMN tagged INTEGER NOT NULL DEFAULT 0;  -- milliseconds; 0 if unknown
CREATE TRIGGER name_given AFTER INSERT ON names BEGIN
  UPDATE images SET tagged = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    WHERE id = NEW.image;
END;
CREATE INDEX images_by_manifest ON images (manifest);
)sql",
    // 9: names and digests that lead to different manifests of one config.
    R"sql(
ALTER TABLE names ADD COLUMN manifest TEXT NOT NULL DEFAULT '';  -- '' if it names an index
UPDATE names SET manifest = coalesce((SELECT manifest FROM images WHERE id = image), '')
  WHERE index_digest = '';
CREATE INDEX names_by_manifest ON names (manifest);
ALTER TABLE image_digests ADD COLUMN manifest TEXT NOT NULL DEFAULT '';  -- '' if it is that of an index, or unknown
ALTER TABLE image_digests ADD COLUMN pulled INTEGER NOT NULL DEFAULT 0;  -- 1 if it was pulled by itself
UPDATE image_digests SET manifest = digest
  WHERE digest = (SELECT manifest FROM images WHERE id = image);
CREATE INDEX image_digests_by_manifest ON image_digests (manifest);
)sql",
};
constexpr auto kSchemaVersion = static_cast<std::int64_t>(std::size(kUpgrades));

/// SQLite tells a full disk as such only where it writes the database itself.
bool is_disk_full(sqlite3* handle) {
  const int extended = sqlite3_extended_errcode(handle);
  if ((extended & 0xff) == SQLITE_FULL || extended == SQLITE_IOERR_SHMSIZE) return true;
  if ((extended & 0xff) != SQLITE_IOERR && (extended & 0xff) != SQLITE_CANTOPEN) return false;
  const int cause = sqlite3_system_errno(handle);
  return cause == ENOSPC || cause == EDQUOT;
}

Error database_error(sqlite3* handle, std::string_view what) {
  if (is_disk_full(handle)) {
    return {ErrorKind::no_space,
            "store index: " + std::string(what) + ": " + std::strerror(ENOSPC)};
  }
  const int code = sqlite3_errcode(handle) & 0xff;
  ErrorKind kind = ErrorKind::system;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = ErrorKind::corrupt;
  if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_CANTOPEN)
    kind = ErrorKind::permission;
  std::string message = "store index: " + std::string(what) + ": " + sqlite3_errmsg(handle);
  if (code == SQLITE_IOERR || code == SQLITE_CANTOPEN) {
    if (const int cause = sqlite3_system_errno(handle); cause != 0)
      message.append(": ").append(std::strerror(cause));
  }
  return {kind, std::move(message)};
}

Result<std::int64_t> schema_version(const Database& database) {
  auto query = TRY(database.prepare("PRAGMA user_version"));
  TRY(query.step());
  return query.number(0);
}

Result<void> ensure_schema(const Database& database) {
  std::int64_t version = TRY(schema_version(database));
  if (version == kSchemaVersion) return {};
  if (version >= 0 && version < kSchemaVersion) {
    auto transaction = TRY(database.begin());
    version = TRY(schema_version(database));  // another process may have been first
    if (version == kSchemaVersion) return {};
    for (; version < kSchemaVersion; ++version) TRY(database.execute(kUpgrades[version]));
    TRY(database.execute(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str()));
    return transaction.commit();
  }
  return unsupported("this store was written by a newer kiln (schema " + std::to_string(version) +
                     ", this one knows " + std::to_string(kSchemaVersion) + ")")
      .with_hint("use that version, or another store with --root");
}

/// `path` as a URI of SQLite, with what follows it.
std::string uri_of(const std::string& path, std::string_view parameters) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      uri += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    } else {
      uri += c;
    }
  }
  return uri.append("?").append(parameters);
}

/// Turns WAL on. Where several do that to a new database at once, SQLite tells all but one that it
/// is locked without waiting: for that one, the busy timeout does not count.
Result<void> log_ahead(sqlite3* handle) {
  const auto patience = std::chrono::milliseconds(kBusyTimeoutMilliseconds);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (sqlite3_exec(handle, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr) == SQLITE_OK)
      return {};
    const bool is_busy = (sqlite3_errcode(handle) & 0xff) == SQLITE_BUSY;
    if (!is_busy || std::chrono::steady_clock::now() >= end)
      return database_error(handle, "execute");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(handle_); }

Statement& Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(handle_, index + 1, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int index, std::int64_t number) {
  sqlite3_bind_int64(handle_, index + 1, number);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(handle_, index + 1, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_error(sqlite3_db_handle(handle_), "query");
}

Result<void> Statement::run() {
  TRY(step());
  return {};
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(handle_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(handle_, column); }

Result<Database> Database::open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) return database_error(handle, "open " + path);
  sqlite3_busy_timeout(handle, kBusyTimeoutMilliseconds);
  TRY(log_ahead(handle));
  // NORMAL: a power cut can undo the last transactions, never tear one.
  TRY(database.execute("PRAGMA synchronous = NORMAL"));
  TRY(ensure_schema(database));
  return database;
}

Result<Database> Database::open_for_reading(const std::string& path) {
  // Without the files that WAL needs beside the database, which can't be made here. They are there
  // if another process writes to the index, or died doing so.
  const auto log_size = os::file_size(path + "-wal");
  const bool has_log = log_size && *log_size > 0;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      uri_of(path, has_log ? "mode=ro&readonly_shm=1" : "mode=ro&immutable=1").c_str(), &handle,
      SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_URI, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) return database_error(handle, "open " + path);
  sqlite3_busy_timeout(handle, kBusyTimeoutMilliseconds);
  const std::int64_t version = TRY(schema_version(database));
  if (version != kSchemaVersion) {
    return unsupported(
        "this store was written by another kiln, and can't be brought up to date "
        "because it can't be written to");
  }
  return database;
}

Database::~Database() { sqlite3_close(handle_); }

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK)
    return database_error(handle_, "prepare");
  return Statement(statement);
}

Result<void> Database::execute(const char* sql) const {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return database_error(handle_, "execute");
  return {};
}

Result<std::vector<std::string>> Database::problems() const {
  std::vector<std::string> out;
  for (const char* sql :
       {"PRAGMA integrity_check(10)",
        "SELECT 'the name ' || reference || ' is of an image that is not there' FROM names WHERE "
        "image NOT IN (SELECT id FROM images)",
        "SELECT 'layers of an image that is not there: sha256:' || image FROM image_layers WHERE "
        "image NOT IN (SELECT id FROM images) GROUP BY image"}) {
    auto query = TRY(prepare(sql));
    for (;;) {
      const bool more = TRY(query.step());
      if (!more) break;
      if (query.text(0) != "ok") out.push_back(query.text(0));
    }
  }
  return out;
}

Result<Database::Transaction> Database::begin() const {
  std::unique_lock lock(*mutex_);
  TRY(execute("BEGIN IMMEDIATE"));
  return Transaction(*this, std::move(lock));
}

Database::Transaction::~Transaction() {
  if (database_ != nullptr) sqlite3_exec(database_->handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Database::Transaction::commit() {
  TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  lock_.unlock();
  return {};
}

}  // namespace kiln::store
