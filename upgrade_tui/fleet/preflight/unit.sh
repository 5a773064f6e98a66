# UNIT: active, by systemd
check_unit() (
  has systemctl || dunno "unit $1: no systemctl here"
  said=$(limited 10 systemctl is-active -- "$1" 2>/dev/null)
  case $said in
    active) ok "unit $1: active" ;;
    reloading) ok "unit $1: active, and reloading" ;;
    inactive | failed | activating | deactivating | maintenance) fail "unit $1: $said, wanted active" ;;
  esac
  dunno "unit $1: systemd does not tell${said:+ ($said)}"
)
