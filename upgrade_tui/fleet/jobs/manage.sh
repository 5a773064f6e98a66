# Ends, clears away, confirms, extends, tells the state of jobs and dead-men, or says where jobs are. After common.sh.
# What is asked comes in a record on standard input.

settled() { # has it ended, or never begun, or lost its runner?
    if coded; then
        rebooted || ! stays
        return
    fi
    [ ! -e confirmed ] && [ ! -e ended ] || return 0
    rebooted
    [ "$was" = "$booted" ] || return 0
    if begun; then
        ! lives
    else
        [ -e sleeper ] && ! sleeper
    fi
}

found() { # go to the job; $1 is answered where it is not there. One that is not ours to believe is no answer
    open_job ''
    case $? in
    1) leave "R $1" ;;
    2) leave "D nothing on the host can be believed about it: $why" ;;
    esac
}

place() { # where jobs are on this host: made, and proven ours
    { enter make && ours .; } || leave "D no directory of ours for jobs on the host: $why (set job_dir under [ssh] in the plan)"
    say 'R here'
    printf '%s' "$place"
    exit 0
}

end() {
    found gone
    if coded; then
        { rebooted || over; } && leave 'R over'
        running
    fi
    if [ -e token ] || [ -e due ]; then
        claim ended
        [ ! -e ended ] || leave 'R ended'
    fi
    if [ ! -e sleeper ]; then
        decide 'never it was ended before it began' && leave 'R ended'
    fi
    ! rebooted || leave 'R over'
    n=0
    printf '' >asked
    begun && lives && kill -TERM "$runner" 2>/dev/null
    while ! coded && begun && lives && [ $n -lt 120 ]; do
        nap 0.1
        n=$((n + 1))
    done
    coded && over && leave 'R ended'
    [ -n "$still" ] || lives || still='what ran it was killed, and it may still go on'
    running
}

rebooted() { # since the job was made? Then nothing of it runs any more, or ever will
    boot
    was=
    { read -r was _ <boot; } 2>/dev/null
    [ -n "$was" ] && [ -n "$booted" ] && [ "$was" != "$booted" ]
}

running() { # something of it goes on, in `still`
    say 'R running'
    printf '%s' "$still"
    exit 0
}

over() { # does nothing live any more that could not be ended? Else it is tried once more; what stays into `still`
    n=0
    while stays; do
        [ $n -lt 10 ] || return 1
        [ $n -gt 0 ] || kill -KILL $pids 2>/dev/null || sudo -n kill -KILL $pids 2>/dev/null </dev/null
        n=$((n + 1))
        nap 0.1
    done
}

stays() { # does anything live that a timeout could not end? Its pids into `pids`, with user and name into `still`
    still= pids=
    [ -s left ] || return 1
    while read -r pid start named; do
        alive "$pid" "$start" || continue
        pids="$pids $pid" still="$still${still:+, }$pid $named"
    done <left
    [ -n "$pids" ]
}

clean() { # the finished jobs of $window as $host
    left=0
    enter ''
    case $? in
    0) ours . || leave "D nothing was cleared away on the host: $why" ;;
    1) leave 'R 0' ;;
    2) leave "D nothing was cleared away on the host: $why" ;;
    esac
    for id in *; do
        cd -P "$place" && [ -d "$id" ] && [ -O "$id" ] && [ ! -h "$id" ] && cd -P "$id" || continue
        key=
        { read -r key <name; } 2>/dev/null
        case $key in "$window".*"@$host") ;; *) continue ;; esac
        if settled; then cd -P "$place" && rm -rf "$id"; else left=$((left + 1)); fi
    done
    leave "R $left"
}

claim() { # the token of a dead-man, into $1; who is about to fire has it for a moment
    n=0
    while ! mv token "$1" 2>/dev/null && [ -e due ] && [ $n -lt 100 ]; do
        nap 0.05
        n=$((n + 1))
    done
}

confirm() {
    found 'gone ? its directory is gone from the host'
    claim confirmed
    tell
}

extend() {
    found 'gone ? its directory is gone from the host'
    uptime
    { printf '%-20s\n' "$((${up%%.*} + seconds))" 1<>deadline; } 2>/dev/null ||
        leave 'R unknown its directory cannot be written'
    n=0
    while [ -e due ] && [ $n -lt 100 ]; do # it was about to fire: wait for what comes of it
        nap 0.05
        n=$((n + 1))
    done
    tell
}

state() {
    found 'gone ? its directory is gone from the host'
    tell
}

tell() { # the state of a dead-man
    boot
    uptime
    was= deadline=
    { read -r was _ <boot; } 2>/dev/null
    { read -r deadline <deadline; } 2>/dev/null
    [ ! -e confirmed ] || leave 'R confirmed 0'
    [ ! -e ended ] || leave 'R gone 0 it was ended on request'
    [ ! -e fired ] || fired
    [ "$was" = "$booted" ] || leave 'R gone 0 the host rebooted, which killed it'
    sleeper || [ -e fired ] || leave 'R gone 0 what waited on the host was killed'
    [ ! -e fired ] || fired
    left=$((${deadline:-0} - ${up%%.*}))
    [ $left -gt 0 ] || left=0
    leave "R armed $left"
}

fired() { # how far is it?
    if coded; then
        n=0
        while [ ! -e drained ] && [ $n -lt 40 ] && sleeper; do # the last of its output is on the way
            nap 0.05
            n=$((n + 1))
        done
        [ "$was" != "$booted" ] || ! stays || why="left $still"
    elif [ "$was" != "$booted" ]; then
        code=- why='the host rebooted while it ran'
    elif ! sleeper && ! coded; then
        code=- why='what ran it on the host was killed'
    else
        coded || code=+ why=
    fi
    { read -r _ total kept piece _ <size; } 2>/dev/null
    say "R fired $code $why"
    tail -c 4096 "out.$piece" 2>/dev/null
    exit 0
}

still=
take || exit 0
exec </dev/null
case $mode in place | end | clean | confirm | extend | state) "$mode" ;; esac
