#!/usr/bin/env bash
# Builds the fuzz targets with the stable compiler, without cargo-fuzz, coverage included.
#
#   fuzz/stable.sh build              builds all targets and prints the folder they are in
#   fuzz/stable.sh run TARGET [ARGS]  builds, then runs one with libFuzzer's arguments
set -euo pipefail
cd "$(dirname "$0")"

host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz passes, as far as stable knows it: edge coverage with comparison tracing, and
# debug assertions, so that the document checks its invariants after every change. The target is
# named so that build scripts and procedural macros are not instrumented.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on"

cargo build --release --bins --target "$host" >&2
folder=$PWD/target/$host/release
case ${1-} in
  build) echo "$folder" ;;
  run) target=$2; shift 2; cd ..; exec "$folder/$target" "$@" ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
