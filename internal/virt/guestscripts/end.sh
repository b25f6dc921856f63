add_children() {
  processes=
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    set -- ${line##*) }
    processes="$processes ${line%% *}:$2"
  done
  found=yes
  while [ "$found" ]; do
    found=
    for process in $processes; do
      case $pids in *" ${process%:*} "*) continue ;; esac
      case $pids in *" ${process#*:} "*) pids="$pids${process%:*} " found=yes ;; esac
    done
  done
}
pids=" $1 "
add_children
kill -s TERM $pids 2>/dev/null
sleep 1
add_children
kill -s KILL $pids 2>/dev/null
exit 0
