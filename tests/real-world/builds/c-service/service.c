/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static int print(void *unused, int count, char **values, char **names) {
  (void)unused, (void)count, (void)names;
  printf("%s of %d\n", values[0], (int)getuid());
  return 0;
}

int main(void) {
  sqlite3 *db;
  if (sqlite3_open("data.db", &db) != SQLITE_OK) return 1;
  return sqlite3_exec(db, "SELECT 'answered'", print, NULL, NULL) != SQLITE_OK;
}
