# PATH BYTES SHARE WORDS: at least so many bytes, or so many hundredths of a percent
check_free() (
  what="free space on $1"
  said=$(limited 10 df -Pk -- "$1" 2>&1)
  case $? in
    0) ;;
    124 | 137 | 143) dunno "$what: df did not answer within 10 s" ;;
    *) dunno "$what: $(reason "$said")" ;;
  esac
  path=$1 bytes=$2 share=$3 words=$4
  set -- ${said##*"$kit_line"}
  while [ $# -ge 6 ]; do # the device before the figures may have blanks in its name
    if is_number "$2" && is_number "$3" && is_number "$4" && is_number "${5%\%}"; then break; fi
    shift
  done
  [ $# -ge 6 ] && [ $(($3 + $4)) -gt 0 ] || dunno "$what: this is no file system with a size"
  used=$3 free=$4
  shift 5
  where=
  [ "$*" = "$path" ] || where=" (in $*)"
  found=$(size_words $((free * 1024)))$where
  if [ -n "$bytes" ]; then
    [ $((free * 1024)) -ge "$bytes" ] && ok "$what: $found, wanted at least $words"
  else
    all=$((used + free))
    found="$((free * 100 / all)) %, $found"
    [ $((free * 10000)) -ge $((share * all)) ] && ok "$what: $found, wanted at least $words"
  fi
  fail "$what: $found, wanted at least $words"
)
