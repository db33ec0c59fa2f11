#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks the style of tracked files: layout of C++ by clang-format 14, trailing whitespace, tabs, the final newline and the
# SPDX line. With --tidy also clang-tidy, by the list of checks in .clang-tidy.
#
#   bash tests/check_style.sh [--fix] [--tidy | --tidy-all] [FILE...]
#
#   FILE...      check these files only (default: all tracked files)
#   --fix        format the C++ files in place instead of reporting their layout
#   --tidy       clang-tidy on the C++ sources among FILE..., or on those that differ from the branch main
#   --tidy-all   clang-tidy on all C++ sources that were configured; takes hours on few cores
#
# clang-tidy reads the compile commands of build/release or build/default; RONDO_BUILD_DIR names another folder. Versions of
# clang-format differ in their layout. Without version 14 the script prints a line and checks the rest.
# Exit status: 0 no findings, 1 findings, 2 wrong use or a missing tool.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

fail() { echo "tests/check_style.sh: $1" >&2; exit 2; }

fix=0 tidy=none files=()
while [ $# -gt 0 ]; do
  case $1 in
    --fix) fix=1 ;;
    --tidy) tidy=changed ;;
    --tidy-all) tidy=all ;;
    -*) fail "unknown option $1; wanted --fix, --tidy, --tidy-all" ;;
    *) [ -f "$1" ] || fail "there is no file $1"; files+=("$1") ;;
  esac
  shift
done
git rev-parse --is-inside-work-tree > /dev/null 2>&1 || fail "this is not a git checkout"
named=${#files[@]}
if [ "$named" -eq 0 ]; then
  while IFS= read -r file; do [ -f "$file" ] && files+=("$file"); done < <(git ls-files)
fi

findings=0
report() { echo "$1"; findings=$((findings + 1)); }

# ---- text: whitespace, final newline, SPDX line

cpp=() text=() spdx=()
for file in "${files[@]}"; do
  grep -qI . "$file" || continue  # empty or binary
  case $file in tests/fuzz/corpus/*) continue ;; esac  # inputs of readers, as they are
  text+=("$file")
  case $file in
    *.cpp | *.hpp | *.cu | *.cuh | *.inl | *.h) cpp+=("$file"); spdx+=("$file") ;;
    *.py | *.js | *.css) spdx+=("$file") ;;
  esac
done
if [ ${#text[@]} -gt 0 ]; then
  while IFS= read -r line; do report "$line: trailing whitespace"; done < <(grep -HnoE '[[:blank:]]+$' "${text[@]}" | cut -d : -f 1,2)
  while IFS= read -r line; do report "$line: tab"; done < <(grep -HnoP '\t' "${text[@]}" | cut -d : -f 1,2 | uniq)
  for file in "${text[@]}"; do
    [ -z "$(tail -c 1 "$file")" ] || report "$file: no newline at the end"
  done
fi
for file in ${spdx[@]+"${spdx[@]}"}; do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || report "$file: no line 'SPDX-License-Identifier: MIT' at the top"
done

# ---- layout

format=
for name in clang-format-14 clang-format; do
  if command -v $name > /dev/null && $name --version | grep -q ' version 14\.'; then format=$name; break; fi
done
if [ ${#cpp[@]} -gt 0 ]; then
  if [ -z "$format" ]; then
    found=$(clang-format --version 2> /dev/null || echo "no clang-format")
    echo "clang-format 14 is not installed (found: $found): layout is not checked"
  elif [ $fix -eq 1 ]; then
    "$format" -i "${cpp[@]}"
  else
    while IFS= read -r file; do
      report "$file: layout differs from .clang-format; run bash tests/check_style.sh --fix $file"
    done < <("$format" --dry-run -Werror "${cpp[@]}" 2>&1 | sed -nE 's/^([^: ]+):[0-9]+:[0-9]+: error: .*/\1/p' | sort -u)
  fi
fi

# ---- clang-tidy

if [ $tidy != none ]; then
  build=${RONDO_BUILD_DIR:-}
  for folder in build/release build/default; do
    [ -n "$build" ] || [ ! -f $folder/compile_commands.json ] || build=$folder
  done
  [ -f "${build:-.}/compile_commands.json" ] || fail "no compile_commands.json: configure first, with cmake --preset default"
  tool=
  for name in clang-tidy-14 clang-tidy; do command -v $name > /dev/null && tool=$name && break; done
  [ -n "$tool" ] || fail "clang-tidy is not installed"
  sources=()
  if [ $tidy = changed ] && [ "$named" -eq 0 ]; then
    base=$(git merge-base HEAD origin/main 2> /dev/null || git merge-base HEAD main 2> /dev/null || git rev-parse HEAD)
    while IFS= read -r file; do [ -f "$file" ] && sources+=("$file"); done < <(git diff --name-only "$base" -- '*.cpp')
  else
    for file in ${cpp[@]+"${cpp[@]}"}; do [[ $file != *.cpp ]] || sources+=("$file"); done
  fi
  configured=()  # sources without a compile command belong to a part that was not configured
  if [ ${#sources[@]} -gt 0 ]; then
    mapfile -t configured < <(python3 - "$build" "${sources[@]}" << 'PY'
import json, os, sys
commands = json.load(open(os.path.join(sys.argv[1], "compile_commands.json"), encoding="utf-8"))
known = {os.path.realpath(os.path.join(c["directory"], c["file"])) for c in commands}
print("\n".join(f for f in sys.argv[2:] if os.path.realpath(f) in known))
PY
    )
  fi
  for file in ${configured[@]+"${configured[@]}"}; do
    [ -n "$file" ] || continue
    echo "-- $tool $file"
    "$tool" -p "$build" --quiet --warnings-as-errors='*' --extra-arg=-fno-openmp "$file" 2> /dev/null || report "$file: clang-tidy has findings, see above"
  done
fi

[ $findings -eq 0 ] || { echo "$findings findings"; exit 1; }
echo "style: ${#text[@]} files, no findings"
