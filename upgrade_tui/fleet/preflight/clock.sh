kit_clock=$(date +%s.%N 2>/dev/null) kit_clock_note=
case $kit_clock in
  '' | *[!0-9.]* | *.) kit_clock=$(date +%s).500 kit_clock_note=', to half a second' ;; # a date without fractions
esac

# MILLISECONDS WORDS: this clock at most so far from the conductor's, which gave what it measured over the connection
# as $UPGRADE_SKEW (seconds, negative: behind), or else its own time as $UPGRADE_NOW
check_clock() (
  measured=$(milliseconds "${UPGRADE_SKEW#-}")
  if [ -n "$measured" ]; then
    side=ahead
    case $UPGRADE_SKEW in -*) side=behind ;; esac
    words="$((measured / 1000)).$(((measured % 1000) / 100)) s"
    [ "$measured" -le "$1" ] && ok "clock: $words $side, wanted at most $2"
    fail "clock: $words $side, wanted at most $2"
  fi
  there=$(milliseconds "${UPGRADE_NOW:-}")
  here=$(milliseconds "$kit_clock")
  [ -n "$there" ] || dunno "clock: the conductor's time was not given (UPGRADE_NOW)"
  [ -n "$here" ] || dunno "clock: date does not tell the time"
  apart=$((here - there)) side=ahead note=
  if [ "$apart" -lt 0 ]; then
    apart=$((-apart)) side=behind
  else
    note=', the time to start this check included'
  fi
  if [ "$apart" -lt 100000 ]; then
    words=$((apart / 1000)).$(printf '%03d' $((apart % 1000)))
    words="${words%?} s"
  else
    words=$(age_words $((apart / 1000)))
  fi
  [ "$apart" -le "$1" ] && ok "clock: $words $side$kit_clock_note, wanted at most $2"
  fail "clock: $words $side$kit_clock_note$note, wanted at most $2"
)

# epoch seconds with or without a fraction; nothing where they are not
milliseconds() (
  whole=${1%%.*} part=0
  case $1 in
    *.*) part=${1#*.} ;;
  esac
  is_number "$whole" && is_number "$part" && [ "${#whole}" -le 12 ] || exit 0
  part=${part}000
  printf '%s' $((whole * 1000 + 1${part%"${part#???}"} - 1000))
)
