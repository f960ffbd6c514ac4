// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace kiln::store {

/// One SQLite statement; a value type's worth of sqlite3_stmt. Parameters and columns count from 0.
class Statement {
 public:
  Statement(Statement&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, std::int64_t number);
  Statement& bind_blob(int index, std::string_view bytes);
  /// True while there is a row.
  Result<bool> step();
  /// For statements that give no rows.
  Result<void> run();
  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}
  sqlite3_stmt* handle_;
};

/// The store's index. Any number of processes may have it open (WAL); calls of one Database may
/// come from any thread (SQLite serialises them). A failure is of kind corrupt, no_space,
/// permission or system.
class Database {
 public:
  /// Creates it or brings its schema up to date; kind unsupported if a newer kiln wrote it.
  static Result<Database> open(const std::string& path);
  /// For a disk that is full or read-only: creates nothing, and transactions fail.
  static Result<Database> open_for_reading(const std::string& path);
  Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Database& operator=(Database&&) = delete;
  ~Database();

  Result<Statement> prepare(std::string_view sql) const;
  Result<void> execute(const char* sql) const;
  /// What SQLite finds wrong in the file, and rows that lead nowhere; reads all of it.
  Result<std::vector<std::string>> problems() const;

  /// Rolls back when destroyed without commit(). Holds the write lock of the database file;
  /// `Database` has one connection, so a process-wide lock keeps its threads' transactions apart.
  class Transaction {
   public:
    explicit Transaction(const Database& database, std::unique_lock<std::mutex> lock)
        : database_(&database), lock_(std::move(lock)) {}
    Transaction(Transaction&& other) noexcept
        : database_(std::exchange(other.database_, nullptr)), lock_(std::move(other.lock_)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    Result<void> commit();

   private:
    const Database* database_;
    std::unique_lock<std::mutex> lock_;
  };
  Result<Transaction> begin() const;

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

}  // namespace kiln::store
