# Starts a job at most once, and follows it: prints frames for ``frames.py`` until it ended. After common.sh.
# Arguments: see `Call` in scripts.py.
mode=$1 name=$2 mark=$3 directory=$4 proc=$5 systemd=$6 at=$7 timeout=$8 keep=$9
shift 9
secrets=$1 armed=$2 prelude=$3 command=$4 runner_text=$5

say() { printf '%s\n' "$1"; }

leave() { # the last frame
    say "$1"
    exit 0
}

# -- starting ---------------------------------------------------------------------------------------------------------

begin() { # the directory is ours alone: fill it, start the runner
    boot
    uptime
    [ "$armed" = 0 ] || perils "$armed"
    {
        printf '%s %s %s\n' "$booted" "$up" "$armed" >"$d/boot" &&
            printf '%s' "$command" >"$d/command" &&
            printf '%-60s\n' '' >"$d/code" &&
            printf '%-100s\n' '0 0 0 0 0' >"$d/size" && [ -s "$d/size" ] &&
            { [ "$armed" = 0 ] || printf 'armed\n' >"$d/token"; } &&
            { [ "$armed" = 0 ] || printf '%-20s\n' "$((${up%%.*} + armed))" >"$d/deadline"; }
    } 2>/dev/null || give_up "cannot write to $d: is the disk of the host full?"
    say "$mark new $$ $d"
    if usable_systemd && in_unit; then
        poll
    else
        [ "$armed" = 0 ] || ! doomed || { rm -rf "$d" && leave "N $why"; }
        { detach 3>&1 >/dev/null 2>&1 & } | heed
    fi
}

give_up() { # nothing was started and nothing will be
    rm -rf "$d"
    say "$mark new $$ $d"
    leave "N $1"
}

detach() {
    exec setsid sh -c "$runner_text" upgrade-tui-job "$d" "$proc" "$timeout" "$keep" "$secrets" "$armed" \
        "$prelude" "$command"
}

usable_systemd() { # for root, or for a user whose manager stays when he logs out
    [ -d "$systemd/system" ] && command -v systemd-run >/dev/null 2>&1 || return 1
    scope=
    [ -w "$systemd/system" ] && return 0
    scope=--user
    [ -n "${XDG_RUNTIME_DIR:-}" ] && [ -e "/var/lib/systemd/linger/$who" ]
}

in_unit() { # start the runner as a unit of its own, so that the end of this session does not end it
    { printf '%s' "$runner_text" >"$d/run" && printf '%s' "$prelude" >"$d/exports"; } 2>/dev/null || return 1
    if [ "$secrets" != 0 ]; then
        mkfifo -m 600 "$d/in" 2>/dev/null && exec 5<>"$d/in" || return 1
        n=0
        while [ $n -lt "$secrets" ] && IFS= read -r line <&4; do
            printf '%s\n' "$line" >&5
            n=$((n + 1))
        done
        [ $n = "$secrets" ] || give_up 'the link broke before its secrets arrived'
    fi
    systemd-run $scope --quiet --collect --unit="upgrade-tui-$name.service" --description="upgrade-tui job $name" \
        -p KillMode=process -p WorkingDirectory="$PWD" --setenv=PATH="$PATH" --setenv=HOME="${HOME:-/}" \
        --setenv=USER="$who" --setenv=LOGNAME="$who" --setenv=SHELL="${SHELL:-/bin/sh}" \
        ${LANG:+--setenv=LANG="$LANG"} ${LC_ALL:+--setenv=LC_ALL="$LC_ALL"} ${TZ:+--setenv=TZ="$TZ"} \
        sh "$d/run" "$d" "$proc" "$timeout" "$keep" "$secrets" "$armed" >/dev/null 2>&1 && return 0
    [ "$secrets" = 0 ] && return 1
    decide 'never systemd-run failed'
    leave 'N systemd-run failed on the host'
}

# -- following --------------------------------------------------------------------------------------------------------

sizes() { # the shell reads byte by byte, while the runner writes: the number at both ends tells whether it was one state
    while :; do
        { read -r before total kept piece after <"$d/size"; } 2>/dev/null || return 1
        [ "$before" != "${after%% *}" ] || return 0
    done
}

find_piece() { # the piece of output that has byte `at`, or the next that is still there: open as 6, ends at `until`
    opened= until= first=
    sizes
    while read -r a b; do
        if [ "$at" -lt "$b" ] && [ -r "$d/out.$a" ]; then
            first=$a until=$b
            break
        fi
    done 2>/dev/null <"$d/pieces"
    if [ -z "$first" ]; then
        first=$piece
    fi
    [ -r "$d/out.$first" ] || return 1
    exec 6<"$d/out.$first"
    if [ "$at" -lt "$first" ]; then
        say "G $at $first"
        at=$first
    elif [ "$at" -gt "$first" ]; then
        dd bs=$((at - first)) skip=1 count=0 <&6 2>/dev/null
    fi
    opened=1
}

emit() { # the output up to what is on the disk
    while [ "$at" -lt "$kept" ]; do
        if [ -z "$opened" ] || { [ -n "$until" ] && [ "$at" -ge "$until" ]; }; then
            find_piece || return
        fi
        if [ -z "$until" ] && [ "$piece" -gt "$first" ]; then # it is no longer the last piece
            until=$piece
            while read -r a b; do
                [ "$a" != "$first" ] || until=$b
            done <"$d/pieces"
            [ "$at" -lt "$until" ] || continue
        fi
        n=$((${until:-$kept} - at))
        [ $n -lt 262144 ] || n=262144
        say "O $n"
        dd bs=$n count=1 <&6 2>/dev/null
        at=$((at + n))
    done
}

finish() { # the job ended thus: $1
    if sizes; then emit; else total=$at; fi
    [ "$at" -ge "$total" ] || say "G $at $total"
    leave "X $1 $total"
}

heed() { # follow by the runner's news: nothing to do, on either side, while nothing happens
    exec 4<&-
    while read -r word news; do
        case $word in
        W) sizes && emit ;;
        C) finish "$news" ;;
        N) leave "N $news" ;;
        A) leave "A $risk" ;;
        *) break ;;
        esac
    done
    poll
}

ended() { # is there a result, with all of its output?
    coded || return 1
    [ -e "$d/drained" ] || { begun && ! lives; }
}

poll() { # follow by looking: for those who came later
    exec 4<&-
    self=$mark turn=0 pause=0.02
    printf '%s\n' "$self" 2>/dev/null >"$d/follower"
    while :; do
        ! ended || finish "$result"
        sizes && emit
        if [ $((turn % 8)) = 0 ]; then look; fi
        read -r newest 2>/dev/null <"$d/follower" && [ "$newest" != "$self" ] && exit 0
        turn=$((turn + 1))
        case $turn in 4) pause=0.1 ;; 8) pause=0.25 ;; esac
        [ $((turn % 40)) != 0 ] || say K
        nap $pause
    done 2>/dev/null
}

look() { # does it still run?
    [ -d "$d" ] || leave "U its job directory is gone from the host ($d): somebody removed it"
    boot
    was=
    read -r was _ <"$d/boot"
    if [ -n "$was" ] && [ "$was" != "$booted" ]; then
        ended && return
        begun || leave 'N the host rebooted before it was started'
        [ "$runner" = never ] || leave 'U the host rebooted while it ran'
    fi
    if ! begun; then
        undecided
    elif [ "$runner" = never ]; then
        leave "N ${detail:-it was never started}"
    elif ! lives && ! coded; then
        nap 0.1
        coded || leave "U what ran it on the host was killed (process $runner): it may still go on there"
    fi
}

undecided() { # made, not begun: whoever made it is at it right now, or was ended and will never begin it
    if [ "$armed" != 0 ]; then
        sleeper && { [ -e "$d/token" ] || [ -e "$d/due" ]; } && leave "A $risk"
        [ ! -e "$d/confirmed" ] || leave 'N it was confirmed before'
    fi
    waited=$((${waited:-0} + 1))
    [ $waited -lt 4 ] || [ -e "$d/fired" ] || decide 'never it was never started: the link broke as it was sent'
}

# -- the beginning ----------------------------------------------------------------------------------------------------

exec 4<&0
opened= there= risk=
if each here; then
    say "$mark there $$ $d"
    poll
fi
if [ "$mode" = attach ]; then
    say "$mark there $$ -"
    leave 'U its job directory is gone from the host: somebody removed it'
fi
command -v setsid >/dev/null 2>&1 || {
    say "$mark new $$ -"
    leave 'N the host has no setsid (it comes with util-linux and with busybox)'
}
if ! each make; then
    say "$mark new $$ -"
    why="no directory for it can be made on the host: ${why:-no place to try}"
    [ "$mode" = start ] && leave "N $why"
    leave "U it is not on the host, but nothing keeps it from starting late: $why"
elif [ -n "$there" ]; then
    say "$mark there $$ $d"
    poll
elif [ "$mode" = start ]; then
    begin
else
    say "$mark there $$ $d"
    decide 'never it was never started' || poll
    leave 'N it was never started'
fi
