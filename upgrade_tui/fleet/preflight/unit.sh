# UNIT: active, by systemd, and not only for the moment
check_unit() (
  has systemctl || dunno "unit $1: no systemctl here"
  said=$(limited 10 systemctl show -p LoadState -p ActiveState -p SubState -p NRestarts -p ActiveEnterTimestampMonotonic \
    -- "$1" 2>/dev/null)
  load= active= sub= restarts= since=
  while IFS='=' read -r name value; do
    case $name in
      LoadState) load=$value ;;
      ActiveState) active=$value ;;
      SubState) sub=$value ;;
      NRestarts) is_number "$value" && restarts=${value#0} ;;
      ActiveEnterTimestampMonotonic) is_number "$value" && since=${value%??????} ;;
    esac
  done <<.
$said
.
  case $load in
    '' | loaded | merged) ;;
    not-found) fail "unit $1: there is no such unit here, wanted active" ;;
    *) fail "unit $1: $load, wanted active" ;;
  esac
  again=${restarts:+, started again by systemd $restarts times}
  case $sub in auto-restart*) fail "unit $1: down, systemd is about to start it again$again" ;; esac
  case $active in
    active) lasting "$1" "$restarts" "$since" || fail "unit $1: active for ${age} s only$again" ;;
    reloading) ok "unit $1: active, and reloading" ;;
    inactive | failed | activating | deactivating | maintenance) fail "unit $1: $active, wanted active" ;;
    *) dunno "unit $1: systemd does not tell${active:+ ($active)}" ;;
  esac
  ok "unit $1: active$again"
)

# whether a unit that systemd started again ($2 times) has been up for a minute since ($3: when, monotonic seconds)
lasting() {
  [ -n "$2" ] && [ -n "$3" ] || return 0
  read -r now rest </proc/uptime || return 0
  age=$((${now%%.*} - $3))
  [ "$age" -ge 60 ]
}
