# Ends, clears away, confirms, extends, tells the state of jobs and dead-men. After common.sh. Arguments: mode, name,
# mark, directory, /proc, and one more: the window to clear, or seconds.
mode=$1 name=$2 mark=$3 directory=$4 proc=$5 more=$6

say() { printf '%s\n' "$1"; }

leave() {
    say "$1"
    exit 0
}

settled() { # has it ended, or never begun, or lost its runner?
    ! coded || return 0
    boot
    was=
    { read -r was _ <"$d/boot"; } 2>/dev/null
    [ "$was" = "$booted" ] || return 0
    if begun; then
        ! lives
    else
        { read -r sleeper detail <"$d/sleeper"; } 2>/dev/null || return 1
        ! alive "$sleeper" "$detail"
    fi
}

end() {
    each here || leave 'R gone'
    ! coded || leave 'R over'
    decide 'never it was ended before it began' && leave 'R ended'
    n=0
    begun && lives && kill -TERM "$runner" 2>/dev/null
    while ! coded && begun && lives && [ $n -lt 120 ]; do
        nap 0.1
        n=$((n + 1))
    done
    coded && leave 'R ended'
    leave 'R running'
}

clean() { # the finished jobs of window $more on this host; name is "@HOST"
    left=0
    each sweep
    leave "R $left"
}

sweep() {
    for d in "$place/upgrade-tui.$who/"*"$name"; do
        [ -d "$d" ] && [ -O "$d" ] || continue
        case ${d##*/} in "$more".*) ;; *) continue ;; esac
        if settled; then rm -rf "$d"; else left=$((left + 1)); fi
    done
    return 1
}

confirm() {
    each here || leave 'R gone 0 it is not on the host'
    decide 'confirmed'
    state
}

extend() {
    each here || leave 'R gone 0 it is not on the host'
    if ! begun; then
        uptime
        { printf '%-20s\n' "$((${up%%.*} + more))" 1<>"$d/deadline"; } 2>/dev/null || leave 'R gone 0 its directory cannot be written'
        n=0
        while [ -e "$d/due" ] && ! begun && [ $n -lt 50 ]; do # it was about to fire: wait for what comes of it
            nap 0.1
            n=$((n + 1))
        done
    fi
    state
}

state() {
    each here || leave 'R gone 0 it is not on the host'
    boot
    uptime
    was= deadline=
    { read -r was _ <"$d/boot"; } 2>/dev/null
    { read -r deadline <"$d/deadline"; } 2>/dev/null
    if begun; then
        fired
    elif [ "$was" != "$booted" ]; then
        leave 'R gone 0 the host rebooted: nothing is armed any more'
    elif settled; then
        leave 'R gone 0 what waited on the host was killed: nothing is armed any more'
    fi
    left=$((${deadline:-0} - ${up%%.*}))
    [ $left -gt 0 ] || left=0
    leave "R armed $left"
}

fired() {
    case $runner in
    confirmed) leave 'R confirmed 0' ;;
    never) leave "R gone 0 $detail" ;;
    esac
    if coded; then
        :
    elif [ "$was" != "$booted" ]; then
        code=- why='the host rebooted while it ran'
    elif ! lives; then
        code=- why='what ran it on the host was killed'
    else
        code=+ why=
    fi
    { read -r _ total kept piece _ <"$d/size"; } 2>/dev/null
    say "R fired $code $why"
    tail -c 4096 "$d/out.$piece" 2>/dev/null
    exit 0
}

say "$mark"
case $mode in end | clean | confirm | extend | state) "$mode" ;; esac
