# upgrade-tui: systemd units at each line it is sent, disk use at each third, changes nothing, ends with its SSH session
# arguments: units (space separated), mounts...
units=$1
shift
set -f
LC_ALL=C
export LC_ALL

usage() {
    table=$(df -kP -- "$@" 2>/dev/null)
    out=
    for mount; do
        value=null
        while read -r fs size used free share at; do
            [ "$at" = "$mount" ] && value="[$size,$used,$free]"
        done <<.
$table
.
        out="$out,$value"
    done
    printf '["D",[%s]]\n' "${out#,}" || exit 0
}

states() {
    table=$(limited systemctl show -p LoadState -p ActiveState -p SubState -p NRestarts \
        -p ExecMainStartTimestampMonotonic -- $units 2>/dev/null)
    out= load= active= sub= restarts=null started=null
    while read -r line; do
        value=${line#*=}
        case $line in
        LoadState=*) load=$value ;;
        ActiveState=*) active=$value ;;
        SubState=auto-restart*) sub=auto-restart ;;
        NRestarts=*[!0-9]* | NRestarts= | *Monotonic=*[!0-9]* | *Monotonic=) ;;
        NRestarts=*) restarts=$value ;;
        *Monotonic=*) started=$value ;;
        '')
            [ "$load" = not-found ] && active=not-found
            [ -n "$active" ] && out="$out,[\"${sub:-$active}\",$restarts,$started]"
            load= active= sub= restarts=null started=null
            ;;
        esac
    done <<.
$table

.
    printf '["U",[%s]]\n' "${out#,}" || exit 0
}

limited() { # a systemd that hangs answers nobody, and disks are still to be told of
    if command -v timeout >/dev/null; then timeout 10 "$@"; else "$@"; fi
}

turn=0
while :; do
    [ $# = 0 ] || [ $((turn % 3)) != 0 ] || usage "$@" # a df costs as much as five samples, and disks fill slowly
    [ -z "$units" ] || states
    turn=$((turn + 1))
    printf '["E"]\n' || exit 0
    read -r line || exit 0
done
