#!/bin/sh
# docs/configuration.md says what the schema's comments say, and a change of
# either is found.
set -eu

reference=$1 config=$2 plugin=$3 common=$4 event=$5 page=$6

"$reference" --check "$config" "$plugin" "$common" "$event" "$page"

changed=$TEST_TMPDIR/config.proto
sed 's/Default 15 s/Default 16 s/' "$config" > "$changed"
if "$reference" --check "$changed" "$plugin" "$common" "$event" "$page"; then
  echo "a changed default was not found" >&2
  exit 1
fi

# What is written follows the schema.
"$reference" "$changed" "$plugin" "$common" "$event" "$TEST_TMPDIR/page.md"
grep -q '^| `shutdown_timeout` | duration | .*Default 16 s' "$TEST_TMPDIR/page.md"
