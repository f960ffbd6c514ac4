# SPDX-License-Identifier: Apache-2.0
# What scripts/test and .ci/run have in common; sourced in the project's folder, with `set -eu`.

all_passed=0 all_failed=0 all_skipped=0
suites_work=$(mktemp -d)
trap 'rm -rf "$suites_work"' EXIT
chmod 755 "$suites_work"
failures=$suites_work/failures
: >"$failures"
jobs=$(nproc)

# Whose parts are packages, and whose launcher is ccache where that is installed.
scripts/deps
if [ -z "${KILN_COMPILER_LAUNCHER-}" ] && command -v ccache >/dev/null; then
  KILN_COMPILER_LAUNCHER=ccache
fi
export KILN_COMPILER_LAUNCHER="${KILN_COMPILER_LAUNCHER-}"

heading() { printf '\n==> %s\n' "$*"; }

# build_preset PRESET [CMAKE-BUILD-OPTION...]: false, and counted as a failure, if it does not build.
build_preset() {
  preset=$1 name="build: $1"
  shift
  heading "$name"
  started=$(date +%s)
  if (cmake --preset "$preset" --log-level=WARNING && cmake --build --preset "$preset" "$@") >"$suites_work/log" 2>&1; then
    echo "($(($(date +%s) - started)) s)"
    return 0
  fi
  grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$suites_work/log" || true
  add_counts 0 1 0
  return 1
}

# suite NAME COMMAND...: runs it and adds up the counts in its last line.
suite() {
  name=$1
  shift
  heading "$name"
  started=$(date +%s)
  "$@" >"$suites_work/log" 2>&1 || true
  # What passed is counted, not listed.
  grep -v '^ok  ' "$suites_work/log" || true
  counts=$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$suites_work/log")
  echo "($(($(date +%s) - started)) s)"
  if [ -z "$counts" ]; then
    echo "$name: ended before its last line" | tee -a "$failures"
    all_failed=$((all_failed + 1))
    return
  fi
  # shellcheck disable=SC2086
  add_counts $counts
}

add_counts() {
  all_passed=$((all_passed + $1)) all_failed=$((all_failed + $2)) all_skipped=$((all_skipped + $3))
  [ "$2" = 0 ] || echo "$name: $2 failed" >>"$failures"
}

# gate NAME COMMAND...: one check, passed if the command says so.
gate() {
  name=$1
  shift
  heading "$name"
  if "$@"; then add_counts 1 0 0; else add_counts 0 1 0; fi
}

# ctest_suite BUILD-FOLDER [CTEST-OPTION...]: CTest, with its counts in the last line.
ctest_suite() {
  folder=$1
  shift
  rm -f "$suites_work/junit.xml"
  ctest --test-dir "$folder" -j "$jobs" --output-on-failure --progress --output-junit "$suites_work/junit.xml" "$@" 2>&1 |
    grep -vE '^Test project|^ *Start |^ *[0-9]+/[0-9]+ .*(Passed|Skipped)'
  python3 - "$suites_work/junit.xml" <<'END'
import sys, xml.etree.ElementTree as tree
cases = list(tree.parse(sys.argv[1]).getroot().iter("testcase"))
count = {"run": 0, "fail": 0, "notrun": 0, "disabled": 0}
for case in cases:
    # What CTest could not start has a status of its own, and no reason of ours.
    skipped = case.find("skipped")
    missing = skipped is not None and "SKIP" not in skipped.get("message", "")
    count["fail" if missing else case.get("status")] += 1
print(f"{count['run']} passed, {count['fail'] + (not cases)} failed, {count['notrun'] + count['disabled']} skipped")
END
}

# copy_for_ordinary_user BUILD-FOLDER: what kiln-test needs, where it can read it; adds that user if it is missing.
copy_for_ordinary_user() {
  id -u kiln-test >/dev/null 2>&1 || useradd --no-create-home --home-dir /nonexistent --shell /bin/sh kiln-test
  for kind in uid gid; do
    grep -q '^kiln-test:' "/etc/sub$kind" 2>/dev/null && continue
    next=$(cat "/etc/sub$kind" 2>/dev/null | awk -F: 'BEGIN { n = 100000 } $2 + $3 > n { n = $2 + $3 } END { print n }')
    usermod "--add-sub${kind}s" "$next-$((next + 65535))" kiln-test
  done
  ordinary=$suites_work/ordinary
  mkdir -p "$ordinary/$1/src" "$ordinary/home" "$ordinary/tmp"
  cp -r docs scripts tests "$ordinary/"
  cp "$1/kiln" "$ordinary/$1/"
  cp "$1"/src/*_test "$ordinary/$1/src/"
  chmod -R a+rX "$ordinary"
  chown kiln-test: "$ordinary/home" "$ordinary/tmp"
}

as_ordinary_user() {
  (cd "$ordinary" && setpriv --reuid kiln-test --regid kiln-test --init-groups -- \
    env -i PATH="$PATH" HOME="$ordinary/home" TMPDIR="$ordinary/tmp" LANG=C.UTF-8 \
    KILN_TEST_ROWS="$ordinary/tests/rows" "$@")
}

# The closing lines, and the exit code.
finish() {
  heading "result"
  cat "$failures"
  echo "$all_passed passed, $all_failed failed, $all_skipped skipped"
  [ "$all_failed" = 0 ]
}
