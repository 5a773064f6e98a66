# Whether an installed update waits for a reboot. Three things can tell: the marker of Debian and Ubuntu,
# needs-restarting of Fedora and RHEL, and an installed kernel that is newer than the one that runs.
check_no_reboot_pending() (
  what='pending reboot'
  root=${kit_proc%/proc}
  [ "$root" != "$kit_proc" ] || root=
  for marker in "$root/run/reboot-required" "$root/var/run/reboot-required"; do
    if [ -e "$marker" ]; then
      names=
      [ -r "$marker.pkgs" ] && while read -r name; do names="$names${names:+, }$name"; done <"$marker.pkgs"
      names=$(printf '%.80s' "$names")
      fail "$what: yes${names:+, for $names}, says $marker"
    fi
  done
  running=
  [ -r "$kit_proc/sys/kernel/osrelease" ] && read -r running <"$kit_proc/sys/kernel/osrelease"
  newest=$(newest_kernel "$root" "$running")
  if [ -n "$newest" ] && [ "$newest" != "$running" ]; then
    fail "$what: yes, $newest is installed and $running runs"
  fi
  if [ -z "$root" ] && has needs-restarting; then
    limited 60 needs-restarting -r >/dev/null 2>&1
    case $? in
      0) ok "$what: none, says needs-restarting" ;;
      1) fail "$what: yes, says needs-restarting -r" ;;
    esac
  fi
  [ -n "$newest" ] && ok "$what: none, $running runs and is the newest installed"
  dunno "$what: no marker, no needs-restarting, and the running kernel ($running) is not among the installed ones"
)

# ROOT RUNNING: the newest installed kernel of the same flavour; nothing if the running one is not among them
newest_kernel() (
  flavour=$(flavour_of "$2") known='' newest=$2
  set +f
  for file in "$1"/boot/vmlinuz-* "$1"/lib/modules/*/modules.dep; do
    [ -e "$file" ] || continue
    case $file in
      */modules.dep) file=${file%/modules.dep} version=${file##*/} ;;
      *) version=${file##*/vmlinuz-} ;;
    esac
    [ "$version" = "$2" ] && known=yes
    [ "$(flavour_of "$version")" = "$flavour" ] || continue
    is_newer "$version" "$newest" && newest=$version
  done
  [ -n "$known" ] && printf '%s' "$newest"
)

# amd64 of 6.1.0-18-amd64; nothing for 5.14.0-427.el9.x86_64
flavour_of() (
  last=${1##*[0-9]-}
  case $last in
    [!0-9]*) [ "$last" != "$1" ] && printf '%s' "$last" ;;
  esac
)

# A B: true if A is the newer version, number by number; what is no number does not count
is_newer() (
  b=$2
  IFS=.-_+~
  set -f
  set -- $1
  for right in $b; do
    number_of "$right" >/dev/null || continue
    while [ $# -gt 0 ] && ! number_of "$1" >/dev/null; do shift; done
    [ $# -gt 0 ] || exit 1
    [ "$(number_of "$1")" -gt "$(number_of "$right")" ] && exit 0
    [ "$(number_of "$1")" -lt "$(number_of "$right")" ] && exit 1
    shift
  done
  while [ $# -gt 0 ]; do
    number_of "$1" >/dev/null && exit 0
    shift
  done
  exit 1
)

number_of() {
  is_number "$1" && [ "${#1}" -le 15 ] && printf '%s' "$1"
}
