# NAME VERSION: on the PATH (or the directories for administrators); with a version, what it says of itself
check_program() (
  last='' path=$(path_of "$1")
  [ -n "$path" ] || fail "program $1: not found, neither in this login's PATH nor in /usr/local/sbin, /usr/sbin, /sbin"
  [ -n "$2" ] || ok "program $1: $path"
  options='--version -V' # few know none of the two; any other could start something
  case ${path##*/} in
    java) options=-version ;;
    openssl | go) options=version ;;
  esac
  for option in $options; do
    said=$(limited 10 "$path" "$option" 2>&1)
    line=$(version_line "$said")
    [ -n "$line" ] || continue
    says_version "$line" "$2" && ok "program $1: $line, wanted $2"
    last=$line
  done
  [ -n "$last" ] && fail "program $1: $last, wanted $2"
  dunno "program $1: $path says no version (asked with $options)"
)

path_of() (
  case $1 in
    */*)
      [ -f "$1" ] && [ -x "$1" ] && printf '%s' "$1"
      exit
      ;;
  esac
  IFS=:
  for folder in $PATH; do
    if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then
      printf '%s' "$folder/$1"
      exit
    fi
  done
)

# the first line with a number such as 1.2, else the first with any digit, of what a program said
version_line() (
  second=
  while read -r line; do
    case $line in
      *[0-9].[0-9]*)
        printf '%.120s' "$line"
        exit
        ;;
      *[0-9]*) second=${second:-$line} ;;
    esac
  done <<END
$1
END
  printf '%.120s' "$second"
)

# LINE VERSION: any word of the line is that version; "nginx/1.28.0", "v1.28" and "OpenSSH_9.2p1" are words, too
says_version() (
  IFS=" 	,;()[]\"'/="
  for word in $1; do
    while :; do
      case $word in
        [!0-9]*) word=${word#?} ;;
        *) break ;;
      esac
    done
    [ -n "$word" ] && is_version "$word" "$2" && exit 0
  done
  exit 1
)
