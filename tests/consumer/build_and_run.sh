#!/usr/bin/env bash
# Installs the build tree into a scratch prefix, builds tests/consumer against it and runs the program.
# Usage: build_and_run.sh BUILD_DIR SOURCE_DIR
set -euo pipefail
build=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" >"$scratch/install.log" || { cat "$scratch/install.log"; exit 1; }
flags=()
sanitize=$(sed -n 's/^BRIGADA_SANITIZE:STRING=//p' "$build/CMakeCache.txt")
[ -z "$sanitize" ] || flags+=("-DCMAKE_CXX_FLAGS=-fsanitize=$sanitize")
# As the library itself: cmake/BrigadaToolchain.cmake says why.
[ "$sanitize" != thread ] || flags=("-DCMAKE_CXX_FLAGS=-fsanitize=thread -U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1")
cmake -S "$source/tests/consumer" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/prefix" "${flags[@]}" >"$scratch/configure.log" ||
  { cat "$scratch/configure.log"; exit 1; }
# A second time: what the first left in the cache must not be in the way.
cmake "$scratch/build" >/dev/null
cmake --build "$scratch/build"
# What README.md shows is this program, lines broken otherwise.
program=$(tr -d '[:space:]' <"$source/tests/consumer/example.cc")
while read -r line; do
  [[ $line = 'options.path = "field.brigada";' || $program = *"$(tr -d '[:space:]' <<<"$line")"* ]] ||
    { echo "README.md shows a line that the example does not have: $line"; exit 1; }
done < <(sed -n '/^```cpp$/,/^```$/{/^```/d;p}' "$source/README.md")
output=$("$scratch/build/example" "$scratch/replica")
echo "$output"
[ "$output" = "1 people, 2 change sets to send" ] || { echo "unexpected output"; exit 1; }
