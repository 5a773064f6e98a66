# The ground every check stands on. For dash, bash, ksh and busybox sh; no root, no python, nothing installed.
# Each check is a function with a body in ( ), so that its variables are its own; ok, fail and dunno end it.
set -f
LC_ALL=C
export LC_ALL
PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
kit_proc=${UPGRADE_PROC:-$kit_default_proc}
kit_passed=0 kit_failed=0 kit_unknown=0
kit_line='
'

ok() {
  printf 'ok    %s\n' "$1"
  exit 0
}

fail() {
  printf 'FAIL  %s\n' "$1"
  exit 1
}

dunno() {
  printf '?     %s\n' "$1"
  exit 3
}

# the exit code of a check
count() {
  case $1 in
    0) kit_passed=$((kit_passed + 1)) ;;
    1) kit_failed=$((kit_failed + 1)) ;;
    *) kit_unknown=$((kit_unknown + 1)) ;;
  esac
}

is_number() {
  case $1 in
    '' | *[!0-9]*) return 1 ;;
  esac
}

# COMMAND: true if it can be started from PATH
has() {
  command -v "$1" >/dev/null 2>&1
}

kit_limit=
timeout 5 true >/dev/null 2>&1 && kit_limit=yes

# SECONDS COMMAND...: ended with 124, 137 or 143 where it takes longer, if this host can do that
limited() {
  if [ -n "$kit_limit" ]; then
    timeout "$@" </dev/null
  else
    shift
    "$@" </dev/null
  fi
}

# bytes in words, cut off rather than rounded: 41.2 GiB
size_words() (
  n=$1 tenth=0 unit=B
  for larger in KiB MiB GiB TiB; do
    [ "$n" -lt 1000 ] && break
    tenth=$((n % 1024 * 10 / 1024)) n=$((n / 1024)) unit=$larger
  done
  if [ "$tenth" -gt 0 ] && [ "$n" -lt 100 ]; then n=$n.$tenth; fi
  printf '%s %s' "$n" "$unit"
)

# seconds in words: 31 h
age_words() (
  if [ "$1" -lt 120 ]; then
    printf '%s s' "$1"
  elif [ "$1" -lt 7200 ]; then
    printf '%s m' $(($1 / 60))
  elif [ "$1" -lt 259200 ]; then
    printf '%s h' $(($1 / 3600))
  else
    printf '%s d' $(($1 / 86400))
  fi
)

# FOUND WANTED: the same version, or one that goes on from it (1.28: 1.28.3-1, 1:1.28p1; not 1.280, 1.28~rc1)
is_version() (
  for found in "$1" "${1#*:}"; do
    case $found in
      "$2"rc* | "$2"[-._]rc*) ;;
      "$2" | "$2"[!0-9~]*) exit 0 ;;
    esac
  done
  exit 1
)

# what a failed command said, in as many words as a line has room for: its last line, from the last ": " on
reason() (
  said=${1##*"$kit_line"}
  printf '%.100s' "${said##*: }"
)
