# Ends, clears away, confirms, extends, tells the state of jobs and dead-men. After common.sh. Arguments: mode, name,
# mark, directory, /proc, and one more: the window to clear, or seconds.
mode=$1 name=$2 mark=$3 directory=$4 proc=$5 more=$6

say() { printf '%s\n' "$1"; }

leave() {
    say "$1"
    exit 0
}

settled() { # has it ended, or never begun, or lost its runner?
    coded || [ -e "$d/confirmed" ] || [ -e "$d/ended" ] && return 0
    boot
    was=
    { read -r was _ <"$d/boot"; } 2>/dev/null
    [ "$was" = "$booted" ] || return 0
    if begun; then
        ! lives
    else
        [ -e "$d/sleeper" ] && ! sleeper
    fi
}

end() {
    each here || leave 'R gone'
    ! coded || leave 'R over'
    if [ -e "$d/token" ] || [ -e "$d/due" ]; then
        take ended
        [ ! -e "$d/ended" ] || leave 'R ended'
    fi
    if [ ! -e "$d/sleeper" ]; then
        decide 'never it was ended before it began' && leave 'R ended'
    fi
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

take() { # the token of a dead-man, into $1; who is about to fire has it for a moment
    n=0
    while ! mv "$d/token" "$d/$1" 2>/dev/null && [ -e "$d/due" ] && [ $n -lt 100 ]; do
        nap 0.05
        n=$((n + 1))
    done
}

confirm() {
    each here || leave 'R gone ? its directory is gone from the host'
    take confirmed
    state
}

extend() {
    each here || leave 'R gone ? its directory is gone from the host'
    uptime
    { printf '%-20s\n' "$((${up%%.*} + more))" 1<>"$d/deadline"; } 2>/dev/null ||
        leave 'R unknown its directory cannot be written'
    n=0
    while [ -e "$d/due" ] && [ $n -lt 100 ]; do # it was about to fire: wait for what comes of it
        nap 0.05
        n=$((n + 1))
    done
    state
}

state() {
    each here || leave 'R gone ? its directory is gone from the host'
    boot
    uptime
    was= deadline=
    { read -r was _ <"$d/boot"; } 2>/dev/null
    { read -r deadline <"$d/deadline"; } 2>/dev/null
    [ ! -e "$d/confirmed" ] || leave 'R confirmed 0'
    [ ! -e "$d/ended" ] || leave 'R gone 0 it was ended on request'
    [ ! -e "$d/fired" ] || fired
    [ "$was" = "$booted" ] || leave 'R gone 0 the host rebooted, which killed it'
    sleeper || [ -e "$d/fired" ] || leave 'R gone 0 what waited on the host was killed'
    [ ! -e "$d/fired" ] || fired
    left=$((${deadline:-0} - ${up%%.*}))
    [ $left -gt 0 ] || left=0
    leave "R armed $left"
}

fired() { # how far is it?
    if coded; then
        n=0
        while [ ! -e "$d/drained" ] && [ $n -lt 40 ] && sleeper; do # the last of its output is on the way
            nap 0.05
            n=$((n + 1))
        done
    elif [ "$was" != "$booted" ]; then
        code=- why='the host rebooted while it ran'
    elif ! sleeper && ! coded; then
        code=- why='what ran it on the host was killed'
    else
        coded || code=+ why=
    fi
    { read -r _ total kept piece _ <"$d/size"; } 2>/dev/null
    say "R fired $code $why"
    tail -c 4096 "$d/out.$piece" 2>/dev/null
    exit 0
}

say "$mark"
case $mode in end | clean | confirm | extend | state) "$mode" ;; esac
