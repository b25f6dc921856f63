keep() { head -c 262144; tail -c 262144; }
command -v "$1" >/dev/null || { echo "netboot: program not found" >&2; exit 127; }
trap '' TERM
exec 5>&1 6>&2
status=$({ { { (trap - TERM; exec 2>&7 3>&- 4>&- 5>&- 6>&- 7>&-; exec "$@"); echo $? >&3; } 7>&1 2>/dev/null >&4 | keep >&6; } 4>&1 | keep >&5; } 3>&1)
exit "$status"
