# SHARE WORDS: one-minute load, at most so many hundredths of a percent of the CPUs
check_load() (
  one='' cores=0
  [ -r "$kit_proc/loadavg" ] && read -r one rest <"$kit_proc/loadavg"
  whole=${one%%.*} part=${one#*.}
  if ! is_number "$whole" || ! is_number "$part" || [ "${#part}" -ne 2 ]; then
    dunno "load: $kit_proc/loadavg does not tell"
  fi
  while read -r name rest; do
    case $name in
      cpu[0-9]*) cores=$((cores + 1)) ;;
    esac
  done <"$kit_proc/stat"
  [ "$cores" -gt 0 ] || dunno "load: $one; $kit_proc/stat does not tell of how many CPUs"
  load=$((whole * 100 + 1$part - 100))
  found="load: $one on $cores CPUs is $((load / cores)) %, wanted at most $2"
  [ $((load * 100)) -le $(($1 * cores)) ] && ok "$found"
  fail "$found"
)
