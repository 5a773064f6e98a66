# BYTES WORDS: so much memory available, by the kernel's own estimate (kernels before 3.14: free + buffers + cached)
check_memory() (
  available='' spare=0
  [ -r "$kit_proc/meminfo" ] || dunno "memory: $kit_proc/meminfo cannot be read"
  while read -r name value rest; do
    is_number "$value" || continue
    case $name in
      MemAvailable:) available=$value ;;
      MemFree: | Buffers: | Cached:) spare=$((spare + value)) ;;
    esac
  done <"$kit_proc/meminfo"
  available=${available:-$spare}
  [ "$available" -gt 0 ] || dunno "memory: $kit_proc/meminfo says nothing of it"
  found="memory: $(size_words $((available * 1024))) available, wanted at least $2"
  [ $((available * 1024)) -ge "$1" ] && ok "$found"
  fail "$found"
)
