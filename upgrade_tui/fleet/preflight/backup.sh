# FILE BYTES WORDS AGE WORDS SUMS: there, not empty, so large, so fresh, and with the checksum in the file SUMS
check_backup() (
  what="backup $1"
  is_there "$1"
  facts=$(stat -L -c '%s %Y' -- "$1" 2>/dev/null) || facts=$(stat -L -f '%z %m' -- "$1" 2>/dev/null)
  size=${facts%% *} written=${facts##* }
  if ! is_number "$size" || ! is_number "$written"; then
    dunno "$what: its size and age cannot be read (stat)"
  fi
  age=$(($(date +%s) - written))
  [ "$age" -ge -60 ] || dunno "$what: written $(age_words $((-age))) in the future, by this clock"
  [ "$age" -ge 0 ] || age=0
  found="$(size_words "$size"), $(age_words "$age") old"
  [ "$size" -gt 0 ] || fail "$what: is empty"
  if [ -n "$2" ] && [ "$size" -lt "$2" ]; then fail "$what: $found, wanted at least $3"; fi
  if [ -n "$4" ] && [ "$age" -gt "$4" ]; then fail "$what: $found, wanted at most $5"; fi
  if [ -n "$6" ]; then
    checksum "$1" "$6"
    found="$found, checksum verified"
  fi
  wants=${2:+at least $3}
  [ -z "$4" ] || wants="$wants${wants:+ and }at most $5 old"
  ok "$what: $found${wants:+, wanted $wants}"
)

# FILE: ends the check if it is not a file, or cannot be seen
is_there() {
  [ -f "$1" ] && return
  [ -e "$1" ] && fail "$what: is not a file"
  [ -L "$1" ] && fail "$what: is a link that points to nothing"
  above=$1
  while [ "$above" != / ] && [ ! -e "$above" ]; do
    above=${above%/*}
    above=${above:-/}
  done
  [ -d "$above" ] && [ ! -x "$above" ] && dunno "$what: $above is closed to this user"
  fail "$what: is not there"
}

# FILE SUMS: ends the check unless the file has the checksum that stands in SUMS for it
checksum() {
  case $2 in
    /*) sums=$2 ;;
    *) sums=${1%/*}/$2 ;;
  esac
  [ -e "$sums" ] || fail "$what: $found; $sums is not there"
  [ -r "$sums" ] || dunno "$what: $found; $sums may not be read by this user"
  [ -r "$1" ] || dunno "$what: $found; may not be read by this user, so the checksum is not verified"
  wanted=$(recorded "${1##*/}" "$sums")
  [ -n "$wanted" ] || fail "$what: $found; no SHA-256 for it in $sums"
  actual=$(sha256_of "$1")
  [ -n "$actual" ] || dunno "$what: $found; nothing here can make a SHA-256 (sha256sum, shasum, openssl)"
  [ "$actual" = "$wanted" ] || fail "$what: $found; checksum is $actual, wanted $wanted"
}

# NAME SUMS: the checksum of that name; formats: "HEX  NAME", "HEX *NAME", "SHA256 (NAME) = HEX", only "HEX"
recorded() (
  alone=
  while read -r line || [ -n "$line" ]; do
    case $line in
      'SHA256 ('*') = '*) name=${line#SHA256 (} hex=${line##* } name=${name%) = *} ;;
      *' '*) name=${line#* } hex=${line%% *} name=${name# } name=${name#\*} ;;
      *) name='' hex=$line ;;
    esac
    hex=$(printf '%s' "$hex" | tr A-F a-f)
    case $hex in
      *[!0-9a-f]*) continue ;;
    esac
    [ "${#hex}" -eq 64 ] || continue
    [ -n "$name" ] || alone=$hex
    if [ "${name##*/}" = "$1" ]; then
      printf '%s' "$hex"
      exit
    fi
  done <"$2"
  printf '%s' "$alone"
)

sha256_of() (
  said=
  if has sha256sum; then
    said=$(sha256sum <"$1")
  elif has shasum; then
    said=$(shasum -a 256 <"$1")
  elif has openssl; then
    said=$(openssl dgst -sha256 -r <"$1")
  fi
  [ "${#said}" -ge 64 ] && printf '%s' "${said%% *}"
)
