#!/bin/sh
# Process 1 of the container: runs the command that it is given. A process 1 receives no signal that it does not handle, and Node
# handles none before it has loaded its first module. This shell does from its first line, and the command is not process 1.
stopped=
command=
stop() {
  stopped=yes
  if [ -n "$command" ]; then kill -TERM "$command" 2>/dev/null; fi
}
trap stop TERM INT

# In a session of its own, where Ctrl-C on a terminal does not reach it a second time.
setsid "$@" &
command=$!
if [ -n "$stopped" ]; then kill -TERM "$command" 2>/dev/null; fi

# A signal interrupts `wait`, which also writes how the command ended.
wait "$command" 2>/dev/null
code=$?
while kill -0 "$command" 2>/dev/null; do
  wait "$command" 2>/dev/null
  code=$?
done

# Stopped before Node handled signals: 128 + 15.
if [ -n "$stopped" ] && [ "$code" -eq 143 ]; then code=0; fi
exit "$code"
