#!/usr/bin/env bash
# beside.sh LOG COMMAND BEHIND: run COMMAND where it is seen and BEHIND beside it into LOG, which is shown at the end.
# Both are lines for the shell. Fails when one of them fails; a signal ends both.
set -um  # m: each in a process group of its own
log=$1
mkdir -p "$(dirname "$log")"
bash -c "$3" >"$log" 2>&1 </dev/null &
behind=$!
bash -c "$2" </dev/null &
seen=$!
trap 'kill -TERM -- "-$behind" "-$seen" 2>/dev/null; wait; exit 130' INT TERM
wait "$seen"
first=$?
echo "--- meanwhile: $3"
wait "$behind"
second=$?
cat "$log"
[ "$first" -eq 0 ] && [ "$second" -eq 0 ]
