#!/bin/sh
# Process 1 of the container: runs the command that it is given. A process 1 receives no signal that it does not handle, and Node
# handles none before it has loaded its first module. This shell does from its first line, and the command is not process 1.
stopped=
command=
stop() {
  stopped=yes
  interrupted=yes
  if [ -n "$command" ]; then kill -TERM "$command" 2>/dev/null; fi
}
trap stop TERM INT

# In a session of its own, where Ctrl-C on a terminal does not reach it a second time.
setsid "$@" &
command=$!
if [ -n "$stopped" ]; then kill -TERM "$command" 2>/dev/null; fi

# A signal interrupts `wait`. It is then called again, even if the command has ended meanwhile: only that returns the command's exit
# code. It returns 127 if it has returned that code before.
code=127
interrupted=yes
while [ -n "$interrupted" ]; do
  interrupted=
  wait "$command" 2>/dev/null
  status=$?
  if [ "$status" -ne 127 ]; then code=$status; fi
done

# Stopped before Node handled signals: 128 + 15.
if [ -n "$stopped" ] && [ "$code" -eq 143 ]; then code=0; fi
exit "$code"
